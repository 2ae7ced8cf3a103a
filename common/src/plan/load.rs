//! Loads: how much, from written to valid.

use std::ops::Range;
use std::time::Duration;

use toml::Spanned;

use super::faults::Faults;
use super::{Arrivals, Change, Load, RateLoad, Stage, Swell, TriesLoad, UsersLoad, replay, written};
use crate::rate::Rate;

/// The one load of a scenario; `span` is where it is written, `window` the length of its phases.
pub(super) fn load(
    written: &Spanned<written::Load>,
    (span, window): (Range<usize>, Option<Duration>),
    faults: &mut Faults,
) -> Option<Load> {
    let written = written.get_ref();
    let spans = [
        written.rate.as_ref().map(Spanned::span),
        written.users.as_ref().map(Spanned::span),
        written.tries.as_ref().map(Spanned::span),
        written.replay.as_ref().map(Spanned::span),
    ];
    let mut spans = spans.into_iter().flatten();
    if spans.next().is_none() {
        faults.add(span, "a scenario without a load", LOAD_FORMS);
        return None;
    }
    if let Some(second) = spans.next() {
        faults.add(second, "two loads in one scenario", "keep one of them, or write a scenario for each");
        return None;
    }
    let closed = written.users.as_ref().map(Spanned::span).or(written.tries.as_ref().map(Spanned::span));
    if let (Some(span), Some(_)) = (closed, written.arrivals) {
        let help = "leave it out: users begin when they have rested";
        faults.add(span, "`arrivals` means nothing to users", help);
    }
    if let Some(log) = &written.replay {
        if written.arrivals.is_some() {
            let help = "leave it out: a log has distances of its own";
            faults.add(log.span(), "`arrivals` has no meaning beside a replay", help);
        }
        return replay::read(log, faults).map(Box::new).map(Load::Replay);
    }
    match (&written.rate, &written.users, &written.tries) {
        (Some(list), ..) => rate(list, written.arrivals.unwrap_or_default(), faults),
        (_, Some(list), _) => users(list, faults),
        (.., Some(written)) => tries(written.get_ref(), window, faults),
        (None, None, None) => None,
    }
}

fn users(list: &Spanned<Vec<Spanned<written::Swell>>>, faults: &mut Faults) -> Option<Load> {
    let mut before = Some(0);
    let swell = |written| {
        let read = swell(written, before, faults);
        before = read.map(|read| read.users);
        read
    };
    let swells: Vec<Option<Swell>> = list.get_ref().iter().map(swell).collect();
    let swells = swells.into_iter().collect::<Option<Vec<_>>>().filter(|swells| !swells.is_empty())?;
    is_bearable(list.span(), swells.iter().map(|swell| swell.duration).sum(), faults)?;
    if swells.iter().all(|swell| swell.users == 0) {
        faults.add(list.span(), "a load without a single user", "at least one piece with users");
        return None;
    }
    Some(Load::Users(UsersLoad { swells }))
}

/// A piece of a curve that has so many users `before` it, if that is known.
fn swell(written: &Spanned<written::Swell>, before: Option<u32>, faults: &mut Faults) -> Option<Swell> {
    let swell = written.get_ref();
    let duration = swell.duration.as_ref();
    let duration = duration.and_then(|own| faults.duration("for", Some(own), Duration::ZERO, LONGEST_RUN));
    let rate = swell.spawn.as_ref().and_then(|written| {
        let read = written.get_ref().parse::<Rate>().map_err(|error| (error.to_string(), error.remedy()));
        let zero = ("nobody is spawned at 0/s".to_owned(), "write a rate above zero".to_owned());
        let read = read.and_then(|rate| if rate == Rate::ZERO { Err(zero) } else { Ok(rate) });
        faults.take("spawn", written.span(), read)
    });
    let (users, change) = match (&swell.at, &swell.to, &swell.spawn) {
        (Some(at), None, None) => (at, Change::AtOnce),
        (None, Some(to), None) => (to, Change::Line),
        (Some(at), None, Some(_)) => (at, Change::Spawn(rate?)),
        (None, None, _) => {
            faults.add(written.span(), "a piece without users", SWELL_FORMS);
            return None;
        }
        (Some(_), Some(to), _) => {
            faults.add(to.span(), "a piece with `at` and `to` at once", SWELL_FORMS);
            return None;
        }
        (None, Some(to), Some(_)) => {
            faults.add(to.span(), "a line with a spawn rate", SWELL_FORMS);
            return None;
        }
    };
    let (users, duration) = (*users.get_ref(), duration?);
    if let (Change::Spawn(rate), Some(before)) = (change, before) {
        let takes = Swell::spawning(before.abs_diff(users), rate.milli());
        if takes >= duration {
            let takes = humantime::format_duration(Duration::from_secs(takes.as_secs() + 1));
            let help = format!("that takes {takes}: write a longer `for` or a higher rate");
            faults.add(written.span(), "the piece is over before all users are spawned", help);
            return None;
        }
    }
    Some(Swell { users, duration, change })
}

fn tries(written: &written::Tries, window: Option<Duration>, faults: &mut Faults) -> Option<Load> {
    let default = window.unwrap_or(DEFAULT_WITHIN);
    let within = faults.duration("within", written.within.as_ref(), default, LONGEST_RUN)?;
    Some(Load::Tries(TriesLoad { count: written.count?, users: written.users?, within }))
}

fn is_bearable(span: Range<usize>, total: Duration, faults: &mut Faults) -> Option<()> {
    if total > LONGEST_RUN {
        faults.add(span, "the stages last longer than 30 days together", "at most 30days for a run");
        return None;
    }
    Some(())
}

fn rate(
    list: &Spanned<Vec<Spanned<written::Stage>>>,
    arrivals: Arrivals,
    faults: &mut Faults,
) -> Option<Load> {
    let stages: Vec<Option<Stage>> = list.get_ref().iter().map(|written| stage(written, faults)).collect();
    let stages = stages.into_iter().collect::<Option<Vec<_>>>().filter(|stages| !stages.is_empty())?;
    // Each stage is bounded and the text is, so that the sum cannot overflow.
    is_bearable(list.span(), stages.iter().map(|stage| stage.duration).sum(), faults)?;
    if stages.iter().all(|stage| stage.from == Rate::ZERO && stage.to == Rate::ZERO) {
        faults.add(list.span(), "a load without a single arrival", "at least one rate above 0/s");
        return None;
    }
    Some(Load::Rate(RateLoad { stages, arrivals }))
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

const DEFAULT_WITHIN: Duration = Duration::from_secs(3_600);
/// The schedule's arithmetic is proven for ramps up to here.
const LONGEST_RAMP: Duration = Duration::from_secs(24 * 3_600);
pub(super) const LONGEST_RUN: Duration = Duration::from_secs(30 * 24 * 3_600);
const STAGE_FORMS: &str =
    "write { at = \"200/s\", for = \"1m\" } or { from = \"0/s\", to = \"200/s\", for = \"1m\" }";
const SWELL_FORMS: &str = "write { at = 5, for = \"1m\" }, { to = 5, for = \"10s\" } or { at = 100, spawn = \"10/s\", for = \"5m\" }";
const LOAD_FORMS: &str = "write load.rate = [{ at = \"50/s\", for = \"20s\" }], load.users = [{ at = 5, for = \"1m\" }] or \
                          load.tries = { count = 100, users = 5 }";
