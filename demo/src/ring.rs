//! The list behind `/tests`: it grows up to a limit, then the oldest entry makes room.

use bytes::Bytes;
use serde_json::Value;
use std::collections::VecDeque;

/// The newest entries, each a JSON text.
#[derive(Default)]
pub(crate) struct Ring {
    entries: VecDeque<String>,
    added: u64,
}

impl Ring {
    /// Adds an entry and answers its number, counted from 1.
    pub(crate) fn add(&mut self, entry: &Value) -> u64 {
        if self.entries.len() == ENTRIES_MAX {
            self.entries.pop_front();
        }
        self.entries.push_back(entry.to_string());
        self.added += 1;
        self.added
    }

    /// The entries as a JSON array, oldest first.
    pub(crate) fn to_json(&self) -> Bytes {
        let mut json = String::with_capacity(2 + self.entries.iter().map(|e| e.len() + 1).sum::<usize>());
        json.push('[');
        for (place, entry) in self.entries.iter().enumerate() {
            if place > 0 {
                json.push(',');
            }
            json.push_str(entry);
        }
        json.push(']');
        json.into()
    }
}

/// With bodies of 4 KiB at most, the list stays below 500 KB.
const ENTRIES_MAX: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_entry_makes_room() {
        let mut ring = Ring::default();
        assert_eq!(ring.to_json(), "[]");
        let numbers: Vec<u64> = (0..=100).map(|n| ring.add(&Value::from(n))).collect();
        assert_eq!((numbers[0], numbers[100]), (1, 101));
        let list: Vec<u64> = serde_json::from_slice(&ring.to_json()).unwrap();
        assert_eq!(list, (1..=100).collect::<Vec<_>>());
    }
}
