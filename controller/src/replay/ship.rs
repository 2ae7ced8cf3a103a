//! A plan with its logs read: what agents get of it.

use super::{Summary, index, open, shelf};
use common::plan::{Plan, Reel};
use std::path::Path;
use std::sync::Arc;
use toml::{Table, Value};

/// A plan whose logs were read.
#[derive(Debug)]
pub struct Shipped {
    /// The plan with the series and the hash of every tape written into it.
    pub text: String,
    /// The plan with its tapes.
    pub plan: Plan,
    /// By replay: the scenario's name and what its log was like.
    pub logs: Vec<(String, Summary)>,
}

/// Reads the logs of a plan, relative to `folder`, and writes their tapes into `tapes`.
///
/// # Errors
/// What cannot be read, and where: every problem at once.
pub fn ship(text: String, plan: Plan, folder: &Path, tapes: &Path) -> Result<Shipped, Vec<String>> {
    if plan.replays().next().is_none() {
        return Ok(Shipped { text, plan, logs: vec![] });
    }
    // Until they are open: the run that needs them is on record later.
    let _held = shelf::hold(tapes).map_err(|why| vec![why])?;
    let (mut logs, mut wrong) = (Vec::new(), Vec::new());
    let mut written = None;
    for (scenario, load) in plan.replays() {
        let name = &plan.scenarios[scenario].name;
        let indexed = match index(load, folder, tapes) {
            Ok(indexed) => indexed,
            Err(why) => {
                wrong.push(format!("scenario {name}: {why}"));
                continue;
            }
        };
        let tree = match &mut written {
            Some(tree) => tree,
            None => written.insert(text.parse::<Table>().map_err(|error| vec![error.to_string()])?),
        };
        let series = indexed.summary.series.iter().map(|(name, _)| Value::from(name.as_str()));
        let keys =
            replay(tree, scenario).ok_or_else(|| vec!["the plan's replay is not where it was".to_owned()])?;
        keys.insert("series".to_owned(), Value::Array(series.collect()));
        keys.insert("tape".to_owned(), Value::from(Reel::hex(&indexed.hash)));
        logs.push((name.clone(), indexed.summary));
    }
    if !wrong.is_empty() {
        return Err(wrong);
    }
    let Some(written) = written else { return Ok(Shipped { text, plan, logs }) };
    let text = toml::to_string(&written).map_err(|error| vec![error.to_string()])?;
    let plan = Plan::parse("the plan with its logs", &text);
    let mut plan = plan.map_err(|problems| vec![problems.to_string()])?;
    reopen(&mut plan, tapes).map_err(|why| vec![why])?;
    Ok(Shipped { text, plan, logs })
}

/// Gives a shipped plan its tapes again.
///
/// # Errors
/// Which of them cannot be read.
pub fn reopen(plan: &mut Plan, tapes: &Path) -> Result<(), String> {
    let hashes: Vec<_> = plan.replays().map(|(scenario, load)| (scenario, load.tape.hash)).collect();
    for (scenario, hash) in hashes {
        let Some(hash) = hash else { continue };
        let path = tapes.join(format!("{}.tape", Reel::hex(&hash)));
        let path = std::path::absolute(&path).unwrap_or(path);
        plan.attach(scenario, Arc::new(open(&path)?), path.display().to_string());
    }
    Ok(())
}

fn replay(plan: &mut Table, scenario: usize) -> Option<&mut Table> {
    let scenarios = plan.get_mut("scenario")?.as_array_mut()?;
    let load = scenarios.get_mut(scenario)?.get_mut("load")?;
    load.get_mut("replay")?.as_table_mut()
}

impl Shipped {
    /// What the report should say of the logs.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        let told = |(name, summary): &(String, Summary)| {
            summary
                .warnings()
                .into_iter()
                .map(|note| format!("log of {name}: {}", note.trim()))
                .collect::<Vec<_>>()
        };
        self.logs.iter().flat_map(told).collect()
    }
}
