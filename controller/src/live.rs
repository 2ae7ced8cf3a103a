//! The live view in plain lines, for any terminal, file or pipe.

use crate::books::{Books, Recent};
use crate::coordinator::{Progress, Watcher};
use common::human;
use common::run::State;
use common::time::RunTime;
use std::io::Write;
use std::sync::{Mutex, PoisonError, mpsc};
use std::time::{Duration, Instant};

/// Writes a line about the run to stderr every so often, and everything that happens.
#[derive(Debug)]
pub struct Lines {
    /// `None`: only what happens.
    every: Option<Duration>,
    last: Option<Instant>,
    state: Option<State>,
    waited_for: String,
}

impl Lines {
    /// Every five seconds.
    #[must_use]
    pub fn new() -> Self {
        Self { every: Some(EVERY), ..Self::events() }
    }

    /// What happens alone: somebody else shows how the run stands.
    #[must_use]
    pub fn events() -> Self {
        Self { every: None, last: None, state: None, waited_for: String::new() }
    }

    /// Whether it is time for the next line.
    fn is_due(&mut self) -> bool {
        let Some(every) = self.every else { return false };
        let due = self.last.is_none_or(|last| last.elapsed() >= every);
        if due {
            self.last = Some(Instant::now());
        }
        due
    }

    fn on_waiting(&mut self, progress: &Progress<'_>) {
        let run = progress.run;
        let text = match run.state() {
            State::Gathering if run.missing() > 0 => {
                let here = match run.joined() {
                    names if names.is_empty() => String::new(),
                    names => format!(" (here: {})", names.join(", ")),
                };
                format!("waiting for {} of {} agents to join{here}", run.missing(), run.expect())
            }
            State::Preparing => format!("waiting until ready: {}", run.waiting_for().join(", ")),
            _ => return,
        };
        // The same wait is told again only now and then.
        if text != self.waited_for || self.last.is_none_or(|last| last.elapsed() >= REMIND) {
            self.last = Some(Instant::now());
            say(&text);
            self.waited_for = text;
        }
    }
}

impl Default for Lines {
    fn default() -> Self {
        Self::new()
    }
}

impl Watcher for Lines {
    fn on_progress(&mut self, progress: &mut Progress<'_>) {
        let state = progress.run.state();
        if !matches!(state, State::Running | State::Draining) {
            return self.on_waiting(progress);
        }
        if self.state != Some(state) {
            (self.state, self.last) = (Some(state), Some(Instant::now()));
            // What came in before the first line belongs to it: nothing is taken here.
            return say(match state {
                State::Running if progress.now == RunTime::ZERO => "all agents are ready: the run begins",
                State::Running => "the run goes on",
                _ => "draining",
            });
        }
        if self.is_due() {
            let recent = progress.books.take_recent();
            say(&line(progress, &recent));
        }
    }

    fn on_line(&mut self, line: &str) {
        say(line);
    }
}

/// One line: where the run is, what was asked and done since the last line, how fast the answers came.
fn line(progress: &Progress<'_>, recent: &Recent) -> String {
    let books = &progress.books;
    let Recent { response, requests, errors, started, seconds } = recent;
    let (now, end) = (progress.now.nanos() as f64 / 1e9, books.end().nanos() as f64 / 1e9);
    let share = *errors as f64 / (*requests).max(1) as f64;
    let time = |q| human::time(response.quantile(q) as f64);
    format!(
        "{:>6}/{}  asked {}  sent {}  p50 {}  p95 {}  p99 {}  errors {}  in flight {}",
        human::length(now.min(end).floor()),
        human::length(end),
        asked(books, progress.now),
        human::rate(*started as f64 / (*seconds).max(1) as f64),
        time(0.5),
        time(0.95),
        time(0.99),
        human::share(share),
        books.in_flight(),
    )
}

/// What is asked now: users, arrivals, or both.
fn asked(books: &Books, now: RunTime) -> String {
    let rate = books.asked_rate(now);
    match books.asked_users(now) {
        Some(users) if rate > 0.0 => format!("{} users and {}", human::count(users), human::rate(rate)),
        Some(users) => format!("{} users", human::count(users)),
        None => human::rate(rate),
    }
}

/// Tells the operator something. Everything live goes to stderr, above a view if there is one; a closed stderr is no
/// reason to stop a run.
pub fn say(line: &str) {
    let view = VIEW.lock().unwrap_or_else(PoisonError::into_inner);
    if view.as_ref().is_some_and(|view| view.send(line.to_owned()).is_ok()) {
        return;
    }
    writeln!(std::io::stderr(), "{line}").unwrap_or_default();
}

/// Leads what is told to a view that has the terminal, until `None` is given.
pub fn lead(to: Option<mpsc::Sender<String>>) {
    *VIEW.lock().unwrap_or_else(PoisonError::into_inner) = to;
}

/// There is one terminal, and one view of it at most.
static VIEW: Mutex<Option<mpsc::Sender<String>>> = Mutex::new(None);
const EVERY: Duration = Duration::from_secs(5);
const REMIND: Duration = Duration::from_secs(10);
