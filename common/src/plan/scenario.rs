//! Scenarios: their names, loads and steps, from written to valid.

use std::collections::{BTreeSet, HashSet};
use std::ops::Range;
use std::time::Duration;

use toml::Spanned;

use super::faults::{Faults, LONGEST_WAIT};
use super::load::load;
use super::phase;
use super::problem::quoted;
use super::step::{Inherited, step};
use super::{Load, Pick, Scenario, Step, replay, written};
use crate::think::Think;

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
            let (span, written) = (written.span(), written.get_ref());
            if let Some(name) = &written.name
                && !names.insert(name.get_ref().as_str())
            {
                let message = format!("a second scenario named {}", quoted(name.get_ref()));
                faults.add(name.span(), message, "names are unique: thresholds and reports refer to them");
            }
            scenario(written, span, inherited, faults)
        })
        .collect();
    scenarios.into_iter().collect()
}

fn scenario(
    written: &written::Scenario,
    span: Range<usize>,
    inherited: &Inherited<'_>,
    faults: &mut Faults,
) -> Option<Scenario> {
    let name = written
        .name
        .as_ref()
        .and_then(|name| faults.take("name", name.span(), dottable("scenario", name.get_ref())));
    let window = phase::window(written, inherited.phases, faults);
    let length = window.and_then(|window| window.length);
    let load = written.load.as_ref().and_then(|own| load(own, (load_span(written, own), length), faults));
    let load = load.and_then(|load| phase::fitting(load, window.unwrap_or_default(), written, faults));
    let (think, pacing) = rests(written, load.as_ref(), faults);
    let written_steps = written.step.as_deref().unwrap_or_default();
    faults.variables = variables(written_steps);
    let steps: Vec<Option<Step>> =
        written_steps.iter().map(|written| step(written.get_ref(), inherited, faults)).collect();
    // Every entry of a log is one request, counted under a step of its own.
    let replayed = written.load.as_ref().is_some_and(|load| load.get_ref().replay.is_some());
    let pick = if replayed { Pick::Weighted } else { written.pick.unwrap_or_default() };
    for weight in written_steps.iter().filter_map(|step| step.get_ref().weight.as_ref()) {
        if pick == Pick::Sequence {
            let help = "write pick = \"weighted\" in the scenario, or leave the weight out";
            faults.add(weight.span(), "`weight` means nothing where every step is sent", help);
        }
    }
    let steps = match (&load, &written.step) {
        (Some(Load::Replay(_)), Some(steps)) => {
            let place = steps.first().map_or(span, Spanned::span);
            let help = "leave it out: headers and timeout come from [target]";
            faults.add(place, "a step beside a replay, whose requests are the log's", help);
            None
        }
        (Some(Load::Replay(load)), None) => replay::steps(load, inherited, faults),
        (_, None) if replayed => None,
        (_, None) => {
            faults.add(span, "missing `step` in [[scenario]]", "add a section [[scenario.step]]");
            None
        }
        (_, Some(_)) => steps.into_iter().collect(),
    };
    Some(Scenario {
        name: name?,
        start: window?.start,
        load: load?,
        think,
        pacing,
        on_error: written.on_error.unwrap_or_default(),
        max_in_flight: written.max_in_flight.unwrap_or(DEFAULT_MAX_IN_FLIGHT),
        overload: written.overload.unwrap_or_default(),
        steps: steps.filter(|steps: &Vec<Step>| !steps.is_empty())?,
        pick,
        cookies: written.cookies.unwrap_or_default(),
    })
}

/// Where a load is written: up to the steps behind it, because its own span may be its key's alone, and a problem within
/// it makes that it is missing no problem.
fn load_span(written: &written::Scenario, load: &Spanned<written::Load>) -> Range<usize> {
    let own = load.span();
    let steps = written.step.iter().flatten().map(|step| step.span().start);
    let end = steps.filter(|start| *start > own.end).min();
    own.start..end.unwrap_or(own.end)
}

/// How users rest between two iterations.
fn rests(
    written: &written::Scenario,
    load: Option<&Load>,
    faults: &mut Faults,
) -> (Option<Think>, Option<Duration>) {
    let think = written.think.as_ref().and_then(|written| faults.think(written));
    let pacing = written.pacing.as_ref();
    let pacing_read =
        pacing.and_then(|own| faults.duration("pacing", Some(own), Duration::ZERO, LONGEST_WAIT));
    if let (Some(_), Some(pacing)) = (&written.think, pacing) {
        let help =
            "keep `pacing` for a steady beat, `think` for rests; steps may have a `think` of their own";
        faults.add(pacing.span(), "`think` and `pacing` at once", help);
    }
    let open = load.is_some_and(|load| !load.is_closed());
    for (key, written) in [("think", &written.think), ("pacing", &written.pacing)] {
        if let Some(written) = written.as_ref().filter(|_| open) {
            let message = format!("`{key}` means nothing where arrivals come by themselves");
            faults.add(written.span(), message, "leave it out, or write load.users or load.tries");
        }
    }
    let closed = load.is_some_and(Load::is_closed);
    if let (Some(name), true) = (&written.name, closed && written.max_in_flight.is_some()) {
        let help = "leave it out: every user has one iteration under way";
        faults.add(name.span(), "`max_in_flight` means nothing to users", help);
    }
    if let (Some(name), true) = (&written.name, closed && written.overload.is_some()) {
        let help = "leave it out: every user has one iteration under way";
        faults.add(name.span(), "`overload` means nothing to users", help);
    }
    (think, pacing_read)
}

/// What the steps take from answers: any step may use it, and is not sent when it is not there yet.
pub(super) fn variables(steps: &[Spanned<written::Step>]) -> Vec<String> {
    let extracts = steps.iter().filter_map(|step| step.get_ref().extract.as_ref());
    let names: BTreeSet<&str> =
        extracts.flat_map(|extracts| extracts.keys()).map(|name| name.get_ref().as_str()).collect();
    names.into_iter().map(str::to_owned).collect()
}

/// A name that can stand in a dotted metric.
pub(super) fn dottable(what: &str, name: &str) -> Result<String, (String, &'static str)> {
    let is_legal = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if (1..=LONGEST_NAME).contains(&name.len()) && name.bytes().all(is_legal) {
        Ok(name.to_owned())
    } else {
        Err((format!("not a {what}'s name"), "1 to 64 letters A-Z a-z, digits, `_` and `-`"))
    }
}

const DEFAULT_MAX_IN_FLIGHT: u32 = 2_000;
/// Characters of a scenario's name.
const LONGEST_NAME: usize = 64;
