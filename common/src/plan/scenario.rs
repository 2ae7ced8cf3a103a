//! Scenarios: their names, loads and steps, from written to valid.

use std::collections::HashSet;
use std::time::Duration;

use toml::Spanned;

use super::faults::Faults;
use super::problem::quoted;
use super::step::{Inherited, step};
use super::{Load, Pick, RateLoad, Scenario, Stage, Step, written};
use crate::rate::Rate;

/// All scenarios, or `None` when one of them is not valid.
pub(super) fn scenarios(
    written: &[Spanned<written::Scenario>],
    inherited: &Inherited<'_>,
    faults: &mut Faults,
) -> Option<Vec<Scenario>> {
    let mut names = HashSet::new();
    let scenarios: Vec<Option<Scenario>> = written
        .iter()
        .map(|written| {
            let written = written.get_ref();
            if let Some(name) = &written.name
                && !names.insert(name.get_ref().as_str())
            {
                let message = format!("a second scenario named {}", quoted(name.get_ref()));
                faults.add(name.span(), message, "names are unique: thresholds and reports refer to them");
            }
            scenario(written, inherited, faults)
        })
        .collect();
    scenarios.into_iter().collect()
}

fn scenario(written: &written::Scenario, inherited: &Inherited<'_>, faults: &mut Faults) -> Option<Scenario> {
    let name =
        written.name.as_ref().and_then(|name| faults.take("name", name.span(), dottable(name.get_ref())));
    let load = written.load.as_ref().and_then(|written| load(written, faults));
    let written_steps = written.step.as_deref().unwrap_or_default();
    let steps: Vec<Option<Step>> =
        written_steps.iter().map(|written| step(written.get_ref(), inherited, faults)).collect();
    let pick = written.pick.unwrap_or_default();
    for weight in written_steps.iter().filter_map(|step| step.get_ref().weight.as_ref()) {
        if pick == Pick::Sequence {
            let help = "write pick = \"weighted\" in the scenario, or leave the weight out";
            faults.add(weight.span(), "`weight` means nothing where every step is sent", help);
        }
    }
    Some(Scenario {
        name: name?,
        load: load?,
        max_in_flight: written.max_in_flight.unwrap_or(DEFAULT_MAX_IN_FLIGHT),
        overload: written.overload.unwrap_or_default(),
        steps: steps.into_iter().collect::<Option<Vec<_>>>().filter(|steps| !steps.is_empty())?,
        pick,
        cookies: written.cookies.unwrap_or_default(),
    })
}

/// A name that can stand in a dotted metric.
fn dottable(name: &str) -> Result<String, (&'static str, &'static str)> {
    let is_legal = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if (1..=LONGEST_NAME).contains(&name.len()) && name.bytes().all(is_legal) {
        Ok(name.to_owned())
    } else {
        Err(("not a scenario's name", "1 to 64 letters A-Z a-z, digits, `_` and `-`"))
    }
}

fn load(written: &written::Load, faults: &mut Faults) -> Option<Load> {
    let list = written.rate.as_ref()?;
    let stages: Vec<Option<Stage>> = list.get_ref().iter().map(|written| stage(written, faults)).collect();
    let stages = stages.into_iter().collect::<Option<Vec<_>>>().filter(|stages| !stages.is_empty())?;
    // Each stage is bounded and the text is, so that the sum cannot overflow.
    let total: Duration = stages.iter().map(|stage| stage.duration).sum();
    if total > LONGEST_RUN {
        faults.add(list.span(), "the stages last longer than 30 days together", "at most 30days for a run");
        return None;
    }
    if stages.iter().all(|stage| stage.from == Rate::ZERO && stage.to == Rate::ZERO) {
        faults.add(list.span(), "a load without a single arrival", "at least one rate above 0/s");
        return None;
    }
    Some(Load::Rate(RateLoad { stages, arrivals: written.arrivals.unwrap_or_default() }))
}

fn stage(written: &Spanned<written::Stage>, faults: &mut Faults) -> Option<Stage> {
    let stage = written.get_ref();
    let mut rate = |key: &str, written: &Option<Spanned<String>>| {
        let written = written.as_ref()?;
        let read = written.get_ref().parse::<Rate>().map_err(|error| (error.to_string(), error.remedy()));
        faults.take(key, written.span(), read)
    };
    let (at, from, to) = (rate("at", &stage.at), rate("from", &stage.from), rate("to", &stage.to));
    let most = if stage.at.is_some() { LONGEST_RUN } else { LONGEST_RAMP };
    let duration = stage.duration.as_ref();
    let duration = duration.and_then(|written| faults.duration("for", Some(written), Duration::ZERO, most));
    match (&stage.at, &stage.from, &stage.to) {
        (Some(_), None, None) => Some(Stage { from: at?, to: at?, duration: duration? }),
        (None, Some(_), Some(_)) => Some(Stage { from: from?, to: to?, duration: duration? }),
        (Some(_), Some(other), _) | (Some(_), None, Some(other)) => {
            faults.add(other.span(), "a stage with `at` and a ramp at once", STAGE_FORMS);
            None
        }
        (None, Some(half), None) | (None, None, Some(half)) => {
            faults.add(half.span(), "half a ramp", STAGE_FORMS);
            None
        }
        (None, None, None) => {
            faults.add(written.span(), "a stage without a rate", STAGE_FORMS);
            None
        }
    }
}

const DEFAULT_MAX_IN_FLIGHT: u32 = 2_000;
/// Characters of a scenario's name.
const LONGEST_NAME: usize = 64;
/// The schedule's arithmetic is proven for ramps up to here.
const LONGEST_RAMP: Duration = Duration::from_secs(24 * 3_600);
const LONGEST_RUN: Duration = Duration::from_secs(30 * 24 * 3_600);
const STAGE_FORMS: &str =
    "write { at = \"200/s\", for = \"1m\" } or { from = \"0/s\", to = \"200/s\", for = \"1m\" }";
