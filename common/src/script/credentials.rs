//! The client certificate and its key of who sends.

use crate::plan::Plan;
use crate::template::{NotRendered, Place, Resources, Scene, Template};

/// A certificate and its key, as PEM texts.
#[derive(Clone, Debug)]
pub(super) struct Credentials {
    cert: Template,
    key: Template,
}

impl Credentials {
    /// What the plan's target says, for the visitors of a scenario; `None` when it says nothing.
    pub(super) fn compile(plan: &Plan, number: usize, resources: &Resources) -> Result<Option<Self>, String> {
        let Some((cert, key)) = &plan.target.tls.identity else { return Ok(None) };
        let compile = |text, field| {
            let scenario = &plan.scenarios[number].name;
            let place = Place { seed: plan.seed, scenario, number, step: 0, field, json: false };
            Template::compile(text, &place, resources).map_err(|why| format!("`{field}`: {why}"))
        };
        Ok(Some(Self { cert: compile(cert, "tls.cert")?, key: compile(key, "tls.key")? }))
    }

    /// Both, when they are the same for everybody.
    pub(super) fn fixed(&self) -> Option<(String, String)> {
        self.cert.constant().zip(self.key.constant())
    }

    pub(super) fn write(&self, scene: &Scene<'_>) -> Result<(String, String), NotRendered> {
        let (mut cert, mut key) = (String::new(), String::new());
        self.cert.render(scene, &mut cert)?;
        self.key.render(scene, &mut key)?;
        Ok((cert, key))
    }
}
