//! What a watcher makes of a run for its viewers: at most once a second, and in a twentieth of the coordinator's time.

use super::planned::Ahead;
use super::{Board, Edition};
use crate::books::{Books, Stands};
use crate::conduct::{Label, account_until};
use crate::coordinator::{Progress, Watcher};
use common::live::{Live, LiveAgent, LiveRun, LiveThreshold, LogLine, Standing};
use common::report::{Report, StretchRows, Unit};
use common::run::{Ending, State};
use common::time::RunTime;
use common::watch::State as Judged;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Watches a run and writes what there is to see on a board.
#[derive(Debug)]
pub struct Publisher {
    board: Arc<Board>,
    created_at: String,
    /// Nothing is published before.
    next: Option<Instant>,
    state: Option<State>,
    /// The last beat that was published.
    beat_s: Option<u64>,
    ahead: Vec<Ahead>,
    /// How wide the rows of everybody are that were published.
    widths: Vec<u64>,
    pulse_width_s: u64,
    faults: usize,
    run_time_s: Option<f64>,
}

impl Publisher {
    /// Writes on `board`; `created_at` (RFC 3339) labels reports of the run while it is on.
    #[must_use]
    pub fn new(board: Arc<Board>, created_at: String) -> Self {
        Self {
            board,
            created_at,
            next: None,
            state: None,
            beat_s: None,
            ahead: Vec::new(),
            widths: Vec::new(),
            pulse_width_s: 1,
            faults: 0,
            run_time_s: None,
        }
    }

    fn is_due(&mut self, progress: &Progress<'_>, now: Instant) -> bool {
        let state = progress.run.state();
        let beat_s = progress.books.pulses().rows().len().gt(&0).then(|| progress.books.pulses().last().t_s);
        // The last beat comes when everything else is over.
        if self.state != Some(state) || (state == State::Over && beat_s != self.beat_s) {
            return true;
        }
        // While there is a pulse, every beat is an edition.
        let waits =
            matches!(state, State::Running | State::Draining) && beat_s == self.beat_s && beat_s.is_some();
        !waits && self.next.is_none_or(|next| now >= next)
    }

    fn publish(&mut self, progress: &mut Progress<'_>) {
        // Nobody has any rows yet that could be void.
        let first = self.ahead.is_empty();
        let rows = self.rows(progress);
        let pulses = progress.books.pulses();
        let reset = !first && (self.pulse_width_s != pulses.width_s() || rows.is_none());
        self.pulse_width_s = pulses.width_s();
        let since = self.beat_s.filter(|_| !reset).map(|beat_s| beat_s - beat_s % self.pulse_width_s);
        let pulse = pulses.rows().filter(|row| since.is_none_or(|since| row.t_s >= since)).cloned().collect();
        self.beat_s = (pulses.rows().len() > 0).then(|| pulses.last().t_s);
        let rows = match rows {
            Some(rows) => rows,
            None => self.all_rows(progress),
        };
        let report = self.board.takes_report().then(|| self.report(progress));
        let live = self.live(progress);
        self.run_time_s = (live.run.run_time_s > 0.0).then_some(live.run.run_time_s);
        self.board.publish(Edition { live, rows, pulse, reset }, report);
    }

    /// What has changed; `None`: everything is to be shown anew, as rows are wider than they were.
    fn rows(&mut self, progress: &mut Progress<'_>) -> Option<Vec<StretchRows>> {
        let scenarios = progress.books.plan().scenarios.len();
        if self.ahead.is_empty() {
            self.ahead = (0..scenarios).map(|number| Ahead::new(progress.books, number)).collect();
        }
        let widths: Vec<u64> = (0..scenarios).map(|number| progress.books.width_of(number)).collect();
        // A fault can reach back into what was shown.
        let reset = std::mem::replace(&mut self.widths, widths.clone()) != widths
            || std::mem::replace(&mut self.faults, progress.books.faults().len()) != self.faults;
        let mut all = Some(Vec::new());
        for (number, width_s) in widths.into_iter().enumerate() {
            let counted = self.ahead[number].rows();
            self.ahead[number].count(progress.books, number, progress.now);
            let touched = progress.books.take_touched(number);
            let (Some(touched), Some(rows), false) = (touched, all.as_mut(), reset) else {
                all = None;
                continue;
            };
            let mut starts: BTreeSet<u64> = touched.into_iter().map(|t_s| t_s - t_s % width_s).collect();
            starts.extend((counted..=self.ahead[number].rows()).map(|row| row * width_s));
            rows.extend(self.rows_at(progress, number, starts));
        }
        all
    }

    fn all_rows(&self, progress: &Progress<'_>) -> Vec<StretchRows> {
        let last = progress.books.last_told().max(progress.now).min(progress.books.end()).second();
        let row = |(number, ahead): (usize, &Ahead)| {
            let starts = (0..=last / ahead.width_s()).map(|row| row * ahead.width_s()).collect();
            self.rows_at(progress, number, starts)
        };
        self.ahead.iter().enumerate().flat_map(row).collect()
    }

    fn rows_at(&self, progress: &Progress<'_>, number: usize, starts: BTreeSet<u64>) -> Vec<StretchRows> {
        // Before the start nothing is due, and after the end nothing is shown that nobody was asked for.
        let began = progress.now > RunTime::ZERO;
        let end = progress.books.end_of(number).second();
        let row = |t_s: u64| {
            let planned = self.ahead[number].in_row(t_s);
            let rows = progress.books.rows_of(number, t_s, planned)?;
            (began && (t_s <= end || rows.timeline.started > 0)).then_some(rows)
        };
        starts.into_iter().filter_map(row).collect()
    }

    fn live(&self, progress: &Progress<'_>) -> Live {
        let (run, books) = (progress.run, &*progress.books);
        let stands = |number: usize| Stands {
            now: progress.now,
            planned: self.ahead.get(number).and_then(Ahead::so_far),
        };
        let agents = progress.sessions.iter().filter(|(session, _)| run.knows(*session));
        let agent = |(session, own): (u64, &crate::sessions::Session)| {
            let seen = LiveAgent {
                name: own.name.clone(),
                state: run.standing(session).into(),
                lanes: u32::from(run.owners().lanes(session)),
                silent_ms: millis(run.silence(session, progress.at)),
                lease_left_ms: millis(own.grant.left(progress.at)),
                ..LiveAgent::default()
            };
            books.live_agent(session, seen)
        };
        Live {
            run: LiveRun {
                id: progress.run_id.to_owned(),
                name: books.plan().name.clone(),
                state: run.state().name().into(),
                run_time_s: seconds(progress.now),
                load_end_s: seconds(books.end()),
                waiting_for: waiting_for(progress),
                joined: run.joined().into_iter().map(str::to_owned).collect(),
                paused: progress.books.is_paused(),
            },
            now: books.pulses().last().clone(),
            scenarios: (0..books.plan().scenarios.len()).map(|n| books.live_scenario(n, stands(n))).collect(),
            series: books.live_series(),
            agents: agents.map(agent).collect(),
            thresholds: thresholds(books),
            failures: books.live_failures(FAILURES),
            ledger_ok: books.is_sound(),
            warnings: books.faults().iter().map(|fault| fault.text.clone()).collect(),
        }
    }

    /// The report of the run as it stands: as if nothing more were asked for.
    fn report(&self, progress: &Progress<'_>) -> Report {
        let books = &*progress.books;
        let (plan, run_id, started_at) = (books.plan(), progress.run_id, self.created_at.as_str());
        let duration = progress.now.min(books.end()).since(RunTime::ZERO);
        let label = Label { plan, run_id, started_at, duration };
        let mut report =
            account_until(label, books, progress.run.owners(), Ending::Stopped, Some(books.last_told()));
        report.verdict.reasons = vec!["the run is on: this is how it stands".into()];
        report
    }
}

impl Watcher for Publisher {
    fn on_progress(&mut self, progress: &mut Progress<'_>) {
        let began = Instant::now();
        if !self.is_due(progress, began) {
            return;
        }
        self.state = Some(progress.run.state());
        self.publish(progress);
        self.next = Some(began + EVERY.max(began.elapsed() * SHARE));
    }

    fn on_line(&mut self, line: &str) {
        let at = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string();
        self.board.tell(LogLine { t_s: self.run_time_s, at, text: line.to_owned() });
    }
}

fn thresholds(books: &Books) -> Vec<LiveThreshold> {
    let row = |standing: common::watch::Standing| {
        let (metric, terms) = (standing.rule.metric(), standing.rule.terms());
        LiveThreshold {
            metric: metric.to_string(),
            limit: standing.rule.limit().to_string(),
            scope: terms.to_string(),
            value: standing.value,
            unit: Unit::of(metric.measure.kind()).name().to_owned(),
            state: match standing.state {
                Judged::Ok => Standing::Ok,
                Judged::Broken => Standing::Broken,
                Judged::Waiting => Standing::Waiting,
            },
            abort: terms.abort.is_some(),
        }
    };
    books.standings().into_iter().map(row).collect()
}

fn waiting_for(progress: &Progress<'_>) -> Vec<String> {
    let run = progress.run;
    match run.state() {
        State::Gathering if run.missing() > 0 => {
            vec![format!("{} of {} agents", run.missing(), run.expect())]
        }
        State::Preparing | State::Draining => run.waiting_for().into_iter().map(str::to_owned).collect(),
        _ => vec![],
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn seconds(time: RunTime) -> f64 {
    time.nanos() as f64 / 1e9
}

/// No oftener than this …
const EVERY: Duration = Duration::from_secs(1);
/// … and so that making it takes at most one part in so many.
const SHARE: u32 = 20;
/// Failing exchanges that are shown.
const FAILURES: usize = 50;
