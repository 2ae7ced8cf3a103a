//! The index pass: logs are read once, as a stream, and become a tape that every agent can read by position.
//!
//! Memory is flat whatever the size of the logs: a window in which entries are put into the order of their time, the
//! templates of the paths, and buffers. Files may overlap in time; gzip is known by its first bytes.

use common::log::Reject;
use std::collections::BTreeMap;

mod lines;
mod catalog;
mod source;
mod window;
mod writer;
mod shelf;
mod pass;
mod tell;
mod ship;

pub use pass::{Indexed, index, open};
pub use shelf::sweep;
pub use ship::{Shipped, reopen, ship};

/// What the index pass saw.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// Lines that are not empty and no header.
    pub lines: u64,
    /// Entries on the tape.
    pub kept: u64,
    /// Lines that were not understood, by reason.
    pub rejected: BTreeMap<Reject, Rejected>,
    /// Entries left out because their method changes something and `unsafe_methods` is not set.
    pub left_out_unsafe: u64,
    /// Entries left out by `methods`, `paths` and `status`.
    pub filtered: u64,
    /// Entries written later than the window for putting them into order allows: they are replayed where they stand.
    pub misplaced: u64,
    /// Whether several entries had to be spread over the second that is all their log tells.
    pub spread: bool,
    /// Time of the first and the last entry, in nanoseconds since 1970; `None` where the format has no time.
    pub times: Option<(i64, i64)>,
    /// From the first entry to the last, in nanoseconds.
    pub span: u64,
    /// The most entries in one lane: what one thread must carry in order.
    pub fullest_lane: u64,
    /// The most frequent templates with their counts: the series of the report.
    pub series: Vec<(String, u64)>,
    /// Entries of all other templates.
    pub other: u64,
}

/// Lines rejected for one reason.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rejected {
    /// How many.
    pub count: u64,
    /// The first of them: place and text, cut.
    pub examples: Vec<(String, String)>,
}

#[cfg(test)]
mod tests;
