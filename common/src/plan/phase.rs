//! Phases, and when the loads begin that belong to them.

use std::time::Duration;

use toml::Spanned;

use super::faults::Faults;
use super::load::LONGEST_RUN;
use super::problem::quoted;
use super::scenario::dottable;
use super::{Load, Phase, written};
use crate::nearest::nearest;

/// When a load may be on.
#[derive(Clone, Copy, Default)]
pub(super) struct Window {
    /// When it begins.
    pub(super) start: Duration,
    /// How long it may last; `None`: as long as it likes.
    pub(super) length: Option<Duration>,
}

/// All phases, one after the other; `None` when one of them is not valid.
pub(super) fn phases(written: &[Spanned<written::Phase>], faults: &mut Faults) -> Option<Vec<Phase>> {
    let (mut phases, mut start, mut whole) = (Vec::<Phase>::new(), Duration::ZERO, true);
    for written in written {
        let phase = written.get_ref();
        let name = phase.name.as_ref().and_then(|name| {
            let name_read = faults.take("name", name.span(), dottable("phase", name.get_ref()))?;
            if phases.iter().any(|other| other.name == name_read) {
                let message = format!("a second phase named {}", quoted(&name_read));
                faults.add(name.span(), message, "names are unique: scenarios refer to them");
                return None;
            }
            Some(name_read)
        });
        let length = phase.duration.as_ref();
        let length = length.and_then(|own| faults.duration("for", Some(own), Duration::ZERO, LONGEST_RUN));
        let (Some(name), Some(length)) = (name, length) else {
            whole = false;
            continue;
        };
        phases.push(Phase { name, start, length });
        start += length;
    }
    whole.then_some(phases)
}

/// When the load of a scenario may be on: from its `start`, or within its phases.
pub(super) fn window(
    written: &written::Scenario,
    phases: Option<&[Phase]>,
    faults: &mut Faults,
) -> Option<Window> {
    let start = faults.duration("start", written.start.as_ref(), Duration::ZERO, LONGEST_RUN)?;
    let Some(names) = &written.phases else { return Some(Window { start, length: None }) };
    if let Some(start) = &written.start {
        faults.add(
            start.span(),
            "`start` and `phases` at once",
            "keep one: the load begins with its first phase",
        );
        return None;
    }
    let phases = phases?;
    let number = |name: &Spanned<String>| {
        let found = phases.iter().position(|phase| phase.name == *name.get_ref());
        if found.is_none() {
            let known = phases.iter().map(|phase| phase.name.as_str());
            let meant = nearest(name.get_ref(), known).map(|name| format!("did you mean {}?", quoted(name)));
            let help = meant.unwrap_or_else(|| "write its [[phase]] with a name and `for`".to_owned());
            faults.add(name.span(), format!("no phase is named {}", quoted(name.get_ref())), help);
        }
        found
    };
    let numbers: Option<Vec<usize>> = names.get_ref().iter().map(number).collect();
    let numbers = numbers?;
    let first = phases.get(*numbers.first()?)?;
    if numbers.windows(2).any(|pair| pair[1] != pair[0] + 1) {
        let help = "name phases that follow each other, in their order; write a scenario for each stretch";
        faults.add(names.span(), "the phases do not follow each other", help);
        return None;
    }
    let length = numbers.iter().filter_map(|number| phases.get(*number)).map(|phase| phase.length).sum();
    Some(Window { start: first.start, length: Some(length) })
}

/// The load, if it fits into its phases.
pub(super) fn fitting(
    load: Load,
    window: Window,
    written: &written::Scenario,
    faults: &mut Faults,
) -> Option<Load> {
    let (Some(length), Some(names)) = (window.length, &written.phases) else { return Some(load) };
    if load.duration() > length {
        let told = humantime::format_duration;
        let message = format!("the load lasts {}, its phases {}", told(load.duration()), told(length));
        faults.add(names.span(), message, "shorten the load, or name more phases");
        return None;
    }
    Some(load)
}
