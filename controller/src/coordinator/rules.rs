//! The plan's rules while the run is on.

use crate::chronicle::Happened;
use crate::coordinator::{Coordinator, Watcher};
use common::run::{Fact, State};
use common::watch::Turn;

impl<W: Watcher> Coordinator<W> {
    /// Judges the rules, tells what has changed, and stops the run if one says so.
    pub(super) fn judge(&mut self) {
        if self.zero_at.is_none() || !matches!(self.run.state(), State::Running | State::Draining) {
            return;
        }
        let turns = self.books.judge(self.run_time(), false);
        for Turn { rule, text, abort } in turns {
            text.iter().for_each(|text| self.watcher.on_line(&format!("threshold: {text}")));
            self.write_windows(rule);
            if let Some(why) = abort.filter(|_| self.run.state() == State::Running) {
                self.watcher.on_line("stopped by a threshold: letting requests under way end");
                self.take(Fact::ThresholdBroken(why));
            }
        }
    }

    /// Everything is told: judges what is left, and writes down what became of all windows.
    pub(super) fn judge_last(&mut self) {
        if self.zero_at.is_none() {
            return;
        }
        for Turn { text, .. } in self.books.judge(self.run_time(), true) {
            text.iter().for_each(|text| self.watcher.on_line(&format!("threshold: {text}")));
        }
        (0..self.books.plan().thresholds.len()).for_each(|rule| self.write_windows(rule));
    }

    fn write_windows(&mut self, rule: usize) {
        let tally = self.books.window_tallies().into_iter().nth(rule).flatten();
        if let (Some(tally), Ok(rule)) = (tally, u32::try_from(rule)) {
            self.write(&Happened::Judged { rule, tally });
        }
    }
}
