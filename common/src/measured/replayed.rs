//! Then and now: what a log says was answered, beside what was answered when it was replayed.

use crate::histogram::{Histogram, HistogramError, plus};
use std::collections::BTreeMap;

/// What was answered when the log was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Then {
    /// The status; 0 where the log does not tell it.
    pub status: u16,
    /// Bytes of the body.
    pub bytes: Option<u64>,
    /// How long it took, in microseconds.
    pub latency_us: Option<u64>,
}

/// Like beside like: every value of then has one of now, of the same request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Replayed {
    /// Requests by (status then, status now); 0 for a status that the log does not tell, or for no answer.
    pub statuses: BTreeMap<(u16, u16), u64>,
    /// Bytes of the bodies then.
    pub size_then: Histogram,
    /// Bytes of the bodies of the same requests now.
    pub size_now: Histogram,
    /// Microseconds then, as the server's log tells them.
    pub latency_then: Histogram,
    /// Service times of the same requests now, in microseconds.
    pub latency_now: Histogram,
}

impl Replayed {
    /// Records a request that ended; `now`: status, bytes of the body and service time in microseconds, where there
    /// was a whole answer.
    pub fn record(&mut self, then: Then, now: Option<(u16, u64, u64)>) {
        let status = now.map_or(0, |(status, ..)| status);
        *self.statuses.entry((then.status, status)).or_default() += 1;
        let Some((_, bytes, latency)) = now else { return };
        if let Some(before) = then.bytes {
            self.size_then.record(before);
            self.size_now.record(bytes);
        }
        if let Some(before) = then.latency_us {
            self.latency_then.record(before);
            self.latency_now.record(latency);
        }
    }

    /// Adds what the same series measured elsewhere.
    pub fn add(&mut self, other: &Self) -> Result<(), HistogramError> {
        for (pair, more) in &other.statuses {
            let own = self.statuses.entry(*pair).or_default();
            *own = plus(*own, *more)?;
        }
        self.size_then.add(&other.size_then)?;
        self.size_now.add(&other.size_now)?;
        self.latency_then.add(&other.latency_then)?;
        self.latency_now.add(&other.latency_now)
    }

    /// No message carries this in more bytes.
    pub(super) fn bytes_max(&self) -> usize {
        let histograms = [&self.size_then, &self.size_now, &self.latency_then, &self.latency_now];
        16 * self.statuses.len() + histograms.iter().map(|one| one.bytes_max()).sum::<usize>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_both_know_is_compared() {
        let mut replayed = Replayed::default();
        let then = Then { status: 200, bytes: Some(10), latency_us: None };
        replayed.record(then, Some((404, 7, 1_000)));
        replayed.record(then, None);
        replayed.record(Then { latency_us: Some(5), bytes: None, status: 0 }, Some((200, 7, 1_000)));
        let statuses: Vec<_> = replayed.statuses.clone().into_iter().collect();
        assert_eq!(statuses, [((0, 200), 1), ((200, 0), 1), ((200, 404), 1)]);
        assert_eq!((replayed.size_then.count(), replayed.size_now.count()), (1, 1));
        assert_eq!((replayed.latency_then.count(), replayed.latency_now.count()), (1, 1));
        let mut twice = replayed.clone();
        twice.add(&replayed).unwrap();
        assert_eq!(twice.statuses[&(200, 404)], 2);
    }
}
