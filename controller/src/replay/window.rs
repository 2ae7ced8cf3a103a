//! Entries in the order of their time. Logs are written when answers end, so that neighbours may be out of order.

use std::collections::VecDeque;

/// An entry that will be on the tape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Kept {
    /// When the request came, in nanoseconds since 1970.
    pub(super) at: i64,
    /// Whether that is known in whole seconds only.
    pub(super) is_coarse: bool,
    pub(super) lane: u16,
    /// Its record on the tape.
    pub(super) record: Vec<u8>,
}

/// Holds entries back until nothing earlier is expected any more.
#[derive(Debug, Default)]
pub(super) struct Window {
    waiting: VecDeque<Kept>,
    newest: i64,
    /// The time of the entry given out last.
    last: i64,
    pub(super) misplaced: u64,
    pub(super) spread: bool,
}

impl Window {
    pub(super) fn new() -> Self {
        Self { last: i64::MIN, newest: i64::MIN, ..Self::default() }
    }

    pub(super) fn put(&mut self, kept: Kept) {
        self.newest = self.newest.max(kept.at);
        // What comes later in the log with the same time comes later here.
        let place = match self.waiting.back() {
            Some(back) if back.at > kept.at => self.waiting.partition_point(|other| other.at <= kept.at),
            _ => self.waiting.len(),
        };
        self.waiting.insert(place, kept);
    }

    /// Gives out what is in order; `all`: everything, because nothing more comes.
    pub(super) fn give(
        &mut self,
        all: bool,
        mut out: impl FnMut(i64, Kept) -> Result<(), String>,
    ) -> Result<(), String> {
        while let Some(front) = self.waiting.front() {
            let old = self.newest.saturating_sub(front.at) > WINDOW_NS;
            if !all && !old && self.waiting.len() <= WINDOW_ENTRIES {
                break;
            }
            // Entries of one second, which is all that is known, are spread over it.
            let second = front.at;
            let group =
                if front.is_coarse { self.waiting.partition_point(|kept| kept.at == second) } else { 1 };
            self.spread |= group > 1;
            for (n, kept) in (0_i64..).zip(self.waiting.drain(..group)) {
                let part = n * 1_000_000_000 / i64::try_from(group).unwrap_or(i64::MAX);
                let at = kept.at.saturating_add(part);
                self.misplaced += u64::from(at < self.last);
                self.last = self.last.max(at);
                out(self.last, kept)?;
            }
        }
        Ok(())
    }
}

/// An answer may take so long.
const WINDOW_NS: i64 = 60_000_000_000;
/// And so many others may be written meanwhile.
const WINDOW_ENTRIES: usize = 200_000;
