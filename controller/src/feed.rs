//! The feed of a run: what its viewers see while it is on.
//!
//! The coordinator's watcher ([`Publisher`]) writes an edition on the [`Board`] at most once a second. Viewers take from
//! the board what has changed since they looked last, each at its own pace: nobody waits for a viewer, and a viewer
//! holds no more than what it takes at a time. What the board holds is bounded like the report's timelines.

use common::live::{Feed, Live, LogLine, Pulse};
use common::report::{Heat, HeatRow, Report, Stretch, StretchRows, TimelineRow, Verdict};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

mod planned;
mod publisher;

pub use publisher::Publisher;

/// What is to be seen of one run.
#[derive(Debug)]
pub struct Board {
    page: Mutex<Page>,
    /// The number of the newest edition.
    newest: watch::Sender<u64>,
    /// Whether somebody wants the report of the run while it is on.
    wants_report: AtomicBool,
}

/// Rows carry the number of the edition with which they came or changed.
#[derive(Debug, Default)]
struct Page {
    edition: u64,
    /// Older viewers begin anew.
    reset_at: u64,
    live: Arc<Live>,
    timeline: BTreeMap<(String, u64), (u64, Arc<TimelineRow>)>,
    heat: BTreeMap<(String, u64), (u64, Arc<HeatRow>)>,
    pulse: BTreeMap<u64, (u64, Arc<Pulse>)>,
    log: VecDeque<(u64, LogLine)>,
    /// The report as it stood, and with which edition.
    report: Option<(u64, Arc<Report>)>,
    over: Option<Arc<Over>>,
}

/// How a run ended.
#[derive(Clone, Debug)]
pub struct Over {
    /// What is to be thought of it; `None`: it never began.
    pub verdict: Option<Verdict>,
    /// Its report; `None`: it never began.
    pub report: Option<Arc<Report>>,
    /// Why it never began.
    pub failure: Option<String>,
    /// The exit code of `controller start` for such a run.
    pub exit: u8,
}

/// What is new.
#[derive(Debug)]
pub(crate) struct Edition {
    live: Live,
    rows: Vec<StretchRows>,
    pulse: Vec<Pulse>,
    /// Whether the rows are all there are.
    reset: bool,
}

/// What a viewer takes.
#[derive(Debug)]
pub struct Taken {
    /// What has changed.
    pub feed: Feed,
    /// The number of the edition: what comes next is asked for with it.
    pub edition: u64,
    /// How the run ended, if it has.
    pub over: Option<Arc<Over>>,
}

impl Board {
    /// The board of a run that did not begin.
    #[must_use]
    pub fn new(live: Live) -> Self {
        // Edition 0 is what a viewer has that has nothing.
        let page = Page { edition: 1, live: Arc::new(live), ..Page::default() };
        Self { page: Mutex::new(page), newest: watch::Sender::new(1), wants_report: AtomicBool::new(false) }
    }

    /// How the run stands.
    #[must_use]
    pub fn live(&self) -> Arc<Live> {
        Arc::clone(&self.lock().live)
    }

    /// How the run ended, if it has.
    #[must_use]
    pub fn over(&self) -> Option<Arc<Over>> {
        self.lock().over.clone()
    }

    /// The number of the newest edition, to be waited for.
    #[must_use]
    pub fn newest(&self) -> watch::Receiver<u64> {
        self.newest.subscribe()
    }

    /// What has changed since edition `since`; everything for 0 and for what is older than the last reset.
    #[must_use]
    pub fn take(&self, since: u64) -> Taken {
        let page = self.lock();
        let reset = since < page.reset_at.max(1) || since > page.edition;
        let since = if reset { 0 } else { since };
        fn newer<K, T>(rows: &BTreeMap<K, (u64, Arc<T>)>, since: u64) -> Vec<Arc<T>> {
            rows.values().filter(|(at, _)| *at > since).map(|(_, row)| Arc::clone(row)).collect()
        }
        let (live, edition, over) = (Arc::clone(&page.live), page.edition, page.over.clone());
        let (timeline, pulse) = (newer(&page.timeline, since), newer(&page.pulse, since));
        // A stretch is told anew with all its scenarios, as viewers get their sum.
        let changed: BTreeSet<u64> = newer(&page.heat, since).iter().map(|row| row.t_s).collect();
        let heat = page.heat.values().filter(|(_, row)| changed.contains(&row.t_s));
        let heat: Vec<Arc<HeatRow>> = heat.map(|(_, row)| Arc::clone(row)).collect();
        let log = page.log.iter().filter(|(at, _)| *at > since).map(|(_, line)| line.clone()).collect();
        // Rows are copied without the board: the coordinator does not wait for it.
        drop(page);
        let heat_edges_us = Stretch::heat_edges_us();
        let heat = Heat {
            edges_us: heat_edges_us.clone(),
            rows: heat.iter().map(|row| HeatRow::clone(row)).collect(),
        };
        let feed = Feed {
            reset,
            live: Live::clone(&live),
            timeline: timeline.iter().map(|row| TimelineRow::clone(row)).collect(),
            pulse: pulse.iter().map(|row| Pulse::clone(row)).collect(),
            heat: heat.together().rows,
            heat_edges_us,
            log,
        };
        Taken { feed, edition, over }
    }

    /// The report: the last one of a run that is over; of one that is on as it stands, made on demand. `None` when the
    /// run has none, or none came in time.
    pub async fn report(&self) -> Option<Arc<Report>> {
        let before = {
            let page = self.lock();
            if let Some(over) = &page.over {
                return over.report.clone();
            }
            page.edition
        };
        self.wants_report.store(true, Ordering::Relaxed);
        let mut newest = self.newest();
        let made = async {
            loop {
                {
                    let page = self.lock();
                    if let Some(over) = &page.over {
                        return over.report.clone();
                    }
                    if let Some((_, report)) = page.report.as_ref().filter(|(at, _)| *at > before) {
                        return Some(Arc::clone(report));
                    }
                }
                newest.changed().await.ok()?;
            }
        };
        tokio::time::timeout(REPORT_WITHIN, made).await.ok().flatten()
    }

    /// Something happened.
    pub fn tell(&self, line: LogLine) {
        let mut page = self.lock();
        let edition = page.edition + 1;
        page.log.push_back((edition, line));
        while page.log.len() > LOG_MAX {
            page.log.pop_front();
        }
    }

    /// Whether the next edition is to bring the report.
    pub(crate) fn takes_report(&self) -> bool {
        self.wants_report.swap(false, Ordering::Relaxed)
    }

    pub(crate) fn publish(&self, edition: Edition, report: Option<Report>) {
        let mut page = self.lock();
        page.edition += 1;
        let at = page.edition;
        if edition.reset {
            page.reset_at = at;
            (page.timeline, page.heat, page.pulse) = Default::default();
        }
        page.live = Arc::new(edition.live);
        for rows in edition.rows {
            let key = (rows.timeline.scenario.clone(), rows.timeline.t_s);
            if let Some(heat) = rows.heat {
                page.heat.insert(key.clone(), (at, Arc::new(heat)));
            }
            page.timeline.insert(key, (at, Arc::new(rows.timeline)));
        }
        for row in edition.pulse {
            page.pulse.insert(row.t_s, (at, Arc::new(row)));
        }
        if let Some(report) = report {
            page.report = Some((at, Arc::new(report)));
        }
        drop(page);
        self.newest.send_replace(at);
    }

    /// The run is over: viewers get the last edition, and no more comes.
    pub fn end(&self, over: Over) {
        let mut page = self.lock();
        page.edition += 1;
        let at = page.edition;
        let mut live = Live::clone(&page.live);
        live.run.state = "over".into();
        page.live = Arc::new(live);
        page.over = Some(Arc::new(over));
        drop(page);
        self.newest.send_replace(at);
    }

    fn lock(&self) -> MutexGuard<'_, Page> {
        self.page.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Lines that are kept.
const LOG_MAX: usize = 1000;
/// A viewer waits no longer for the report of a run that is on.
const REPORT_WITHIN: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests;
