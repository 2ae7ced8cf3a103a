//! What the index pass saw, in words: for `plan check`, and for the warnings of the report.

use super::Summary;
use common::human::count;
use std::time::Duration;

impl Summary {
    /// Everything, a line each.
    #[must_use]
    pub fn tell(&self) -> Vec<String> {
        let rejected: u64 = self.rejected.values().map(|rejected| rejected.count).sum();
        let mut told = vec![format!("{} lines, {} of them replayed", count(self.lines), count(self.kept))];
        if let Some((first, last)) = self.times {
            let time = |nanos: i64| {
                let time = jiff::Timestamp::from_nanosecond(nanos.into()).unwrap_or_default();
                time.round(jiff::Unit::Second).unwrap_or(time).to_string()
            };
            let span = Duration::from_nanos(self.span);
            let rate = self.kept as f64 / span.as_secs_f64().max(1.0);
            let span = humantime::format_duration(Duration::from_secs(span.as_secs()));
            told.push(format!("{} to {}: {span}, {rate:.1}/s", time(first), time(last)));
        }
        if rejected > 0 {
            told.push(format!("{} lines rejected", count(rejected)));
        }
        told.extend(self.warnings());
        for (name, n) in self.series.iter().take(TOP) {
            told.push(format!("{:>9} {name}", count(*n)));
        }
        let rest: u64 = self.series.iter().skip(TOP).map(|(_, count)| count).sum::<u64>() + self.other;
        if rest > 0 {
            told.push(format!("{:>9} others", count(rest)));
        }
        told
    }

    /// What was left out or is not as it was, a line each.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let mut told = Vec::new();
        for (reason, rejected) in &self.rejected {
            told.push(format!("{} lines rejected: {reason}", count(rejected.count)));
            told.extend(rejected.examples.iter().map(|(place, text)| format!("  {place}: {text}")));
        }
        let some = [
            (self.left_out_unsafe, "left out: their method changes something, and unsafe_methods is not set"),
            (self.filtered, "left out by methods, paths or status"),
            (
                self.misplaced,
                "stand in the log more than a minute behind their time: replayed where they stand",
            ),
        ];
        for (n, what) in some.into_iter().filter(|(n, _)| *n > 0) {
            told.push(format!("{} entries {what}", count(n)));
        }
        if self.fullest_lane > self.kept / 4 && self.kept > 1_000 {
            let share = 100 * self.fullest_lane / self.kept.max(1);
            told.push(format!(
                "one client sent {share} % of the requests: they stay in order, so one thread of one agent sends them"
            ));
        }
        told
    }
}

/// Templates shown.
const TOP: usize = 20;
