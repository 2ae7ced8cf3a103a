//! A journal that keeps nothing: for runs without a data directory, however long they last.

use super::{Journal, Record};
use tokio::sync::watch;

/// Counts records and forgets them; each is as durable at once as it will ever be.
#[derive(Debug)]
pub struct Nowhere {
    durable: watch::Sender<Result<u64, String>>,
}

impl Nowhere {
    /// A journal of epoch 1.
    #[must_use]
    pub fn new() -> Self {
        Self { durable: watch::Sender::new(Ok(0)) }
    }
}

impl Default for Nowhere {
    fn default() -> Self {
        Self::new()
    }
}

impl Journal for Nowhere {
    fn append(&mut self, _: Record) -> u64 {
        let mut number = 0;
        self.durable.send_modify(|durable| {
            number = durable.as_ref().map_or(0, |newest| newest + 1);
            *durable = Ok(number);
        });
        number
    }

    fn durable(&self) -> watch::Receiver<Result<u64, String>> {
        self.durable.subscribe()
    }

    fn epoch(&self) -> u64 {
        1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_durable_at_once_and_counted_from_one() {
        let mut journal = Nowhere::new();
        let durable = journal.durable();
        for number in 1..=3 {
            let report = Record::Report { run_id: "r".into(), report: "{}".into() };
            assert_eq!(journal.append(report), number);
            assert_eq!(*durable.borrow(), Ok(number));
        }
    }
}
