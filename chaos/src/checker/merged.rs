//! Rules over what was measured: deltas, their sum, the report that is made of it.

use super::case::{Books, Case, Session};
use super::finding::Finding;
use crate::evidence::told::{SeriesTold, Told};
use common::delta::Delta;
use common::histogram::Histogram;
use common::measured::{Measured, Series, Tally};
use common::outcome::Outcome;
use common::random::Random;
use common::report::Summary;
use common::series::series_of;
use prost::Message;
use proto::delta::{Origin, to_wire};

/// Every session's deltas are numbered without a gap and add up to their own running sums.
pub(super) fn deltas(case: &Case<'_>) -> Finding {
    let Some(store) = &case.store else { return Finding::missing("deltas", "the store") };
    let mut finding = Finding::of("deltas");
    for (number, session) in &store.sessions {
        chain(&mut finding, &session.told(*number), session);
        if let Some(why) = &session.broken {
            finding.look(false, || format!("the controller does not trust {}: {why}", session.told(*number)));
        }
    }
    finding
}

fn chain(finding: &mut Finding, whose: &str, session: &Session) {
    let (mut last, mut sums) = (0, Vec::<Tally>::new());
    for (seq, merged, delta) in &session.deltas {
        finding.equal(format_args!("{whose}: the delta after {last}"), *seq, last + merged);
        finding.equal(format_args!("{whose}: delta {seq} calls itself"), delta.seq, *seq);
        last = *seq;
        sums.resize(delta.measured.tallies.len(), Tally::default());
        for (sum, new) in sums.iter_mut().zip(&delta.measured.tallies) {
            // A sum that does not fit is no sum: it shows in the comparison.
            *sum = sum.plus(new).unwrap_or_default();
        }
        finding.equal(format_args!("{whose}: running sums in delta {seq}"), &delta.cumulative, &sums);
    }
    let fins = session.deltas.iter().rev().skip(1).filter(|(.., delta)| delta.fin).count();
    finding.equal(format_args!("{whose}: deltas after the last one"), fins, 0);
}

/// Merged in any order, the deltas give the same bytes.
pub(super) fn order(case: &Case<'_>) -> Finding {
    let Some(store) = &case.store else { return Finding::missing("order", "the store") };
    let mut finding = Finding::of("order");
    let mut deltas: Vec<&Delta> = all(store).collect();
    let in_order = merge(case, deltas.iter().copied());
    for seed in 0..ORDERS {
        shuffle(&mut deltas, seed);
        let right = merge(case, deltas.iter().copied()).map(|sum| bytes(&sum))
            == in_order.as_ref().map(bytes).map_err(Clone::clone);
        finding.look(right && in_order.is_ok(), || {
            let why = in_order.as_ref().err();
            format!("{} deltas in the random order {seed} give another sum: {why:?}", deltas.len())
        });
    }
    finding
}

/// The report's series and books are those of the deltas.
pub(super) fn report(case: &Case<'_>) -> Finding {
    let Some(store) = &case.store else { return Finding::missing("report", "the store") };
    let Some(report) = &case.evidence.report else { return Finding::missing("report", "the report") };
    let mut finding = Finding::of("report");
    let totals = match merge(case, all(store)) {
        Ok(totals) => totals,
        Err(why) => return Finding::broken("report", why),
    };
    books(case, store, report, &totals, &mut finding);
    let plan = &case.evidence.plan;
    let places = series_of(plan);
    finding.equal("series", report.series.len(), places.len());
    for ((place, series), told) in places.into_iter().zip(&totals.series).zip(&report.series) {
        let (scenario, step) = (&plan.scenarios[place.scenario].name, place.name(plan));
        let name = format!("{scenario} / {step}");
        let expected = row(scenario, step, series);
        finding.equal(format_args!("{name}: requests"), told.requests, expected.requests);
        finding.equal(format_args!("{name}: status"), &told.status, &expected.status);
        let histograms = [
            ("response time", &told.response_time, &expected.response_time),
            ("service time", &told.service_time, &expected.service_time),
            ("send lag", &told.send_lag, &expected.send_lag),
            ("ttfb", &told.ttfb, &expected.ttfb),
            ("connect time", &told.connect_time, &expected.connect_time),
            ("size", &told.size, &expected.size),
        ];
        for (what, told, expected) in histograms {
            finding.look(told.hdr == expected.hdr, || {
                format!("{name}: {what}: other bytes, {} values, expected {}", told.count, expected.count)
            });
        }
        finding.look(*told == expected, || format!("{name}: the row differs: {told:?}"));
    }
    finding
}

/// The stored report is the written one.
pub(super) fn stored(case: &Case<'_>) -> Finding {
    let Some(store) = &case.evidence.store else { return Finding::missing("stored", "the store") };
    let Some(report) = &case.evidence.report else { return Finding::missing("stored", "the report") };
    let mut finding = Finding::of("stored");
    finding.equal("the run of the report", &report.run.id, &store.run_id);
    match store.report.as_deref().map(Told::parse) {
        None => finding.look(false, || "the store has no report".into()),
        Some(Err(error)) => finding.look(false, || format!("the stored report cannot be read: {error}")),
        Some(Ok(stored)) => finding.look(stored == *report, || "the stored report is another one".into()),
    }
    finding
}

/// What the report says of every scenario is what the deltas say, and nobody's arrivals.
fn books(case: &Case<'_>, store: &Books, report: &Told, totals: &Measured, finding: &mut Finding) {
    for (scenario, tally) in totals.tallies.iter().enumerate() {
        let name = case.scenario(scenario);
        let Some(entry) = report.ledger.get(name) else { continue };
        let untold: u64 = store.sessions.values().map(|session| session.without_lease(scenario)).sum();
        let skipped = |reason: &str| entry.skipped.get(reason).copied().unwrap_or_default();
        for (what, told, expected) in [
            ("started", entry.started, tally.started),
            ("finished", entry.finished, tally.finished),
            ("abandoned", entry.abandoned, tally.abandoned),
            ("skipped as late", skipped("late"), tally.late),
            ("skipped by overload", skipped("overload"), tally.overload),
            ("skipped without a lease", skipped("no_lease"), tally.no_lease + untold),
            (
                "skipped by a stop or nobody's",
                skipped("stopped") + skipped("unowned"),
                tally.stopped + store.unowned[scenario],
            ),
        ] {
            finding.equal(format_args!("{name}: {what}"), told, expected);
        }
    }
}

fn row(scenario: &str, step: &str, series: &Series) -> SeriesTold {
    let named = |wanted: &dyn Fn(Outcome) -> bool| {
        let counts = Outcome::ALL.into_iter().map(|outcome| (outcome, series.outcomes[outcome.index()]));
        let counts = counts.filter(|(outcome, n)| *n > 0 && wanted(*outcome));
        counts.map(|(outcome, n)| (outcome.name().to_owned(), n)).collect()
    };
    let mut response_time = Histogram::new();
    for (_, bucket) in series.timeline.iter() {
        // A sum that does not fit shows in the comparison.
        response_time.add(&bucket.response_time).unwrap_or_default();
    }
    SeriesTold {
        scenario: scenario.to_owned(),
        step: step.to_owned(),
        requests: series.outcomes.iter().sum(),
        errors: Outcome::ALL
            .iter()
            .filter(|own| own.is_error())
            .map(|own| series.outcomes[own.index()])
            .sum(),
        status: series.status.clone(),
        outcomes: named(&|outcome| !outcome.is_generators_own()),
        generator_faults: named(&Outcome::is_generators_own),
        bytes_in: series.bytes_in,
        bytes_out: series.bytes_out,
        response_time: Summary::of(&response_time),
        service_time: Summary::of(&series.service_time),
        send_lag: Summary::of(&series.send_lag),
        ttfb: Summary::of(&series.ttfb),
        connect_time: Summary::of(&series.connect_time),
        size: Summary::of(&series.size),
    }
}

fn all(store: &Books) -> impl Iterator<Item = &Delta> {
    store.sessions.values().flat_map(|session| session.deltas.iter().map(|(.., delta)| delta))
}

fn merge<'a>(case: &Case<'_>, deltas: impl Iterator<Item = &'a Delta>) -> Result<Measured, String> {
    deltas.into_iter().try_fold(Measured::for_plan(&case.evidence.plan), |mut sum, delta| {
        sum.add(&delta.measured).map_err(|error| format!("merge the deltas: {error}"))?;
        Ok(sum)
    })
}

/// What was measured as bytes of the wire.
fn bytes(measured: &Measured) -> Vec<u8> {
    let scenarios = measured.tallies.len();
    let delta = Delta {
        seq: 0,
        share_epoch: 0,
        cursors: vec![common::time::RunTime::ZERO; scenarios],
        measured: measured.clone(),
        cumulative: vec![Tally::default(); scenarios],
        told: common::time::RunTime::ZERO,
        fin: false,
    };
    to_wire(&Origin::default(), &delta).encode_to_vec()
}

/// Fisher and Yates, with draws of the project's own randomness.
fn shuffle<T>(things: &mut [T], seed: u64) {
    let random = Random::new(seed, "order of merging");
    for last in (1..things.len()).rev() {
        let other = random.draw(0, last as u64) % (last as u64 + 1);
        things.swap(last, usize::try_from(other).unwrap_or_default());
    }
}

/// So many random orders are tried.
const ORDERS: u64 = 3;
