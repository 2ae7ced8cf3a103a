//! Thresholds: of what they hold, and what can be judged at all.

use std::collections::HashSet;
use std::time::Duration;

use toml::Spanned;

use super::faults::Faults;
use super::load::LONGEST_RUN;
use super::problem::quoted;
use super::{Load, Phase, Scenario, written};
use crate::nearest::nearest;
use crate::threshold::{Limit, Measure, Metric, Status, Terms, Threshold, Window};

/// What rules may refer to.
pub(super) struct Known<'a> {
    names: HashSet<&'a str>,
    /// `None`: one of them is not valid.
    scenarios: Option<&'a [Scenario]>,
    phases: Option<&'a [Phase]>,
}

impl<'a> Known<'a> {
    pub(super) fn of(
        written: &'a written::Plan,
        scenarios: Option<&'a [Scenario]>,
        phases: Option<&'a [Phase]>,
    ) -> Self {
        let names = written.scenario.iter().flatten().filter_map(|own| own.get_ref().name.as_ref());
        Self { names: names.map(|name| name.get_ref().as_str()).collect(), scenarios, phases }
    }

    /// The scenarios that a metric means.
    fn meant(&self, metric: &Metric) -> impl Iterator<Item = &'a Scenario> {
        let named = metric.scenario.clone();
        let all = self.scenarios.unwrap_or_default().iter();
        all.filter(move |own| named.as_ref().is_none_or(|name| own.name == *name))
    }
}

/// The rule, if everything about it is right.
pub(super) fn threshold(
    written: &written::Threshold,
    known: &Known<'_>,
    faults: &mut Faults,
) -> Option<Threshold> {
    let metric = written.metric.as_ref().and_then(|written| {
        let read = written.get_ref().parse::<Metric>().map_err(|error| (error.to_string(), error.remedy()));
        let metric = faults.take("metric", written.span(), read)?;
        let scenario =
            metric.scenario.as_deref().map_or(Ok(()), |name| listed("scenario", name, &known.names));
        faults.take("metric", written.span(), scenario).map(|()| metric)
    });
    let limit = written.limit.as_ref();
    let read = limit.and_then(|written| {
        let read = written.get_ref().parse::<Limit>().map_err(|error| (error.to_string(), error.remedy()));
        faults.take("limit", written.span(), read)
    });
    let window = window(written, faults);
    let abort = abort(written, faults);
    let status = status(written, metric.as_ref(), faults);
    let phase = phase(written, known, faults);
    let (metric, read) = (metric?, read?);
    let both = Threshold::new(metric.clone(), read).map_err(|error| (error.to_string(), error.remedy()));
    let rule = faults.take("limit", limit?.span(), both);
    let step = step(written, &metric, known, faults);
    by_second(written, &metric, faults)?;
    let (window, phase) = (window?, phase?);
    fits(written, &metric, (window, phase), known, faults)?;
    let terms = Terms {
        step: step?,
        phase: phase.map(|phase| phase.name.clone()),
        status: status?,
        window,
        abort: abort?,
        min_samples: written.min_samples.unwrap_or_default(),
    };
    Some(rule?.under(terms))
}

/// Whether `name` is one of those.
fn listed(what: &str, name: &str, names: &HashSet<&str>) -> Result<(), (String, String)> {
    if names.contains(name) {
        return Ok(());
    }
    let mut names: Vec<&str> = names.iter().copied().collect();
    names.sort_unstable();
    let meant = nearest(name, names.iter().copied()).map(|name| format!("did you mean {}? ", quoted(name)));
    let more = if names.len() > MOST_LISTED { ", …" } else { "" };
    let listed: Vec<String> = names.iter().take(MOST_LISTED).map(|name| quoted(name)).collect();
    let help = format!("{}{what}s: {}{more}", meant.unwrap_or_default(), listed.join(", "));
    Err((format!("no {what} is named {}", quoted(name)), help))
}

/// Windows of whole seconds: what is measured is kept by the second in which it was due.
fn window(written: &written::Threshold, faults: &mut Faults) -> Option<Option<Window>> {
    let Some(window) = &written.window else {
        return match &written.every {
            None => Some(None),
            Some(every) => {
                let help = "write window = \"10s\" too, or leave `every` out: the whole run is judged once";
                faults.add(every.span(), "`every` means nothing without `window`", help);
                None
            }
        };
    };
    let length_s = seconds("window", window, faults);
    let every_s = written.every.as_ref().map_or(Some(1), |every| seconds("every", every, faults));
    let (length_s, every_s) = (length_s?, every_s?);
    if let Some(every) = written.every.as_ref().filter(|_| every_s > length_s) {
        let help = format!("at most the window, \"{length_s}s\": then each request is judged once");
        faults.add(every.span(), "`every` leaves out what is due between two windows", help);
        return None;
    }
    Some(Some(Window { length_s, every_s }))
}

fn seconds(key: &str, written: &Spanned<String>, faults: &mut Faults) -> Option<u64> {
    let length = faults.duration(key, Some(written), Duration::ZERO, LONGEST_WINDOW)?;
    if length.subsec_nanos() != 0 {
        let help = format!("write \"{}s\"", length.as_secs() + 1);
        faults.add(written.span(), format!("`{key}` is not a number of whole seconds"), help);
        return None;
    }
    Some(length.as_secs())
}

/// From which run time on the rule may stop the run.
fn abort(written: &written::Threshold, faults: &mut Faults) -> Option<Option<Duration>> {
    let grace = faults.duration("grace", written.grace.as_ref(), Duration::ZERO, LONGEST_RUN)?;
    let aborts = written.abort.as_ref().is_some_and(|abort| *abort.get_ref());
    if let Some(grace) = written.grace.as_ref().filter(|_| !aborts) {
        let help = "write abort = true too, or leave `grace` out";
        faults.add(grace.span(), "`grace` means nothing without `abort`", help);
        return None;
    }
    Some(aborts.then_some(grace))
}

fn status(
    written: &written::Threshold,
    metric: Option<&Metric>,
    faults: &mut Faults,
) -> Option<Option<Status>> {
    let Some(status) = &written.status else {
        let (Some(metric), Some(key)) = (metric, &written.metric) else { return Some(None) };
        if metric.measure != Measure::Share {
            return Some(None);
        }
        let help = "write status = \"5xx\", for example; the share of errors is `error_rate`";
        faults.add(key.span(), "`share` needs a `status`: the share of which answers?", help);
        return None;
    };
    let read = status.get_ref().parse::<Status>().map_err(|error| (error.to_string(), error.remedy()));
    let read = faults.take("status", status.span(), read)?;
    if let Some(metric) = metric.filter(|metric| !metric.measure.takes_status()) {
        let message = format!("`status` means nothing for `{}`", metric.measure);
        faults.add(status.span(), message, "`share`, `rate` and `requests` count answers by their status");
        return None;
    }
    Some(Some(read))
}

fn phase<'a>(
    written: &written::Threshold,
    known: &Known<'a>,
    faults: &mut Faults,
) -> Option<Option<&'a Phase>> {
    let Some(name) = &written.phase else { return Some(None) };
    // What is wrong with the phases themselves is told already.
    let phases = known.phases?;
    if phases.is_empty() {
        let help = "write its [[phase]] with a name and `for`";
        faults.add(name.span(), format!("`phase`: no phase is named {}", quoted(name.get_ref())), help);
        return None;
    }
    let names = phases.iter().map(|phase| phase.name.as_str()).collect();
    faults.take("phase", name.span(), listed("phase", name.get_ref(), &names))?;
    phases.iter().find(|phase| phase.name == *name.get_ref()).map(Some)
}

fn step(
    written: &written::Threshold,
    metric: &Metric,
    known: &Known<'_>,
    faults: &mut Faults,
) -> Option<Option<String>> {
    let Some(step) = &written.step else { return Some(None) };
    if metric.measure == Measure::Delivered {
        let help =
            "leave `step` out: what is delivered are arrivals, each of which begins with the first step";
        faults.add(step.span(), "`step` means nothing for `delivered`", help);
        return None;
    }
    let meant: Vec<&Scenario> = known.meant(metric).collect();
    // The steps of a replay are known with its log.
    let replays = meant.iter().any(|own| matches!(own.load, Load::Replay(_)));
    if known.scenarios.is_some() && !replays {
        let names = meant.iter().flat_map(|own| &own.steps).map(|step| step.name.as_str()).collect();
        faults.take("step", step.span(), listed("step", step.get_ref(), &names))?;
    }
    Some(Some(step.get_ref().clone()))
}

/// Only what is known second by second can be judged in parts.
fn by_second(written: &written::Threshold, metric: &Metric, faults: &mut Faults) -> Option<()> {
    let delivered = metric.measure == Measure::Delivered;
    let abort =
        written.abort.as_ref().filter(|abort| delivered && *abort.get_ref()).map(|own| ("abort", own.span()));
    let window = written.window.as_ref().map(|window| ("window", window.span()));
    let phase = written.phase.as_ref().map(|phase| ("phase", phase.span()));
    let Some((key, span)) = window.or(phase).or(abort).filter(|_| !metric.measure.is_by_second()) else {
        return Some(());
    };
    let name = metric.measure.to_string();
    let (name, help) = match metric.measure {
        Measure::Delivered => {
            (name, format!("leave `{key}` out: what was delivered is known when the books are closed"))
        }
        _ => (name, format!("judge the whole run, or `{}`", Metric::response(metric))),
    };
    faults.add(span, format!("`{key}`: `{name}` is not known second by second"), help);
    None
}

/// Whether there will be anything to judge: the load is on in the phase, and for a whole window.
fn fits(
    written: &written::Threshold,
    metric: &Metric,
    (window, phase): (Option<Window>, Option<&Phase>),
    known: &Known<'_>,
    faults: &mut Faults,
) -> Option<()> {
    let meant: Vec<&Scenario> = known.meant(metric).collect();
    if meant.is_empty() || meant.iter().any(|own| matches!(own.load, Load::Replay(_))) {
        return Some(());
    }
    let (start, end) = span(meant.into_iter(), phase, Duration::MAX);
    let key = written.window.as_ref().or(written.phase.as_ref());
    let Some(key) = key else { return Some(()) };
    if start >= end {
        let help = "name a phase in which its load is on";
        faults.add(key.span(), format!("`phase`: nothing that `{metric}` means is due in it"), help);
        return None;
    }
    let seconds = end.as_secs().saturating_sub(whole_s(start));
    if window.is_some_and(|window| window.length_s > seconds) {
        let help = format!("at most {seconds}s, or leave it out: the whole run is judged");
        faults.add(key.span(), "`window` is longer than what it is to look at", help);
        return None;
    }
    Some(())
}

/// From when to when the loads of `scenarios` are on, in `phase` and before `until`.
pub(super) fn span<'a>(
    scenarios: impl Iterator<Item = &'a Scenario>,
    phase: Option<&Phase>,
    until: Duration,
) -> (Duration, Duration) {
    let loads = scenarios.map(|own| (own.start, own.start.saturating_add(own.load.duration())));
    let both =
        |one: (Duration, Duration), other: (Duration, Duration)| (one.0.min(other.0), one.1.max(other.1));
    let (start, end) = loads.reduce(both).unwrap_or_default();
    let (from, to) = phase.map_or((Duration::ZERO, until), |own| (own.start, own.start + own.length));
    (start.max(from), end.min(to).min(until))
}

/// The first whole second at or after `time`.
const fn whole_s(time: Duration) -> u64 {
    time.as_secs() + (time.subsec_nanos() > 0) as u64
}

/// Names in a message.
const MOST_LISTED: usize = 20;
/// The seconds of a window are kept, each with its histogram.
const LONGEST_WINDOW: Duration = Duration::from_secs(3_600);
