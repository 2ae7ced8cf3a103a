//! What stands behind the marks: written last, when everything is counted.

use super::{DIRECTORY_BYTES, Footer, MARK_BYTES, checksum};
use crate::lane::LANES;

/// How a tape begins and ends; the digit is the version of its layout.
pub const MAGIC: &[u8; 8] = b"STPTAPE1";

/// What is known of a tape when its records are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tail {
    /// Entries by lane.
    pub lanes: Vec<u64>,
    /// The series of every template, or [`super::REST`].
    pub templates: Vec<u16>,
    /// Where the records end and the marks begin.
    pub marks_at: u64,
    /// From the first entry to the last, in nanoseconds.
    pub span: u64,
}

impl Tail {
    /// By lane: where the next of its marks belongs in the file.
    #[must_use]
    pub fn places(&self) -> Vec<u64> {
        let place = |before: &mut u64, count: &u64| {
            let place = self.marks_at + *before * MARK_BYTES as u64;
            *before += count;
            Some(place)
        };
        self.lanes.iter().scan(0, place).collect()
    }

    /// Where the marks end and these bytes belong.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.marks_at + self.lanes.iter().sum::<u64>() * MARK_BYTES as u64
    }

    /// Everything behind the marks.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(DIRECTORY_BYTES + 2 * self.templates.len() + 64);
        let mut entries = 0_u64;
        for lane in 0..usize::from(LANES) {
            bytes.extend(entries.to_le_bytes());
            entries += self.lanes.get(lane).copied().unwrap_or(0);
        }
        bytes.extend(entries.to_le_bytes());
        self.templates.iter().for_each(|series| bytes.extend(series.to_le_bytes()));
        let directory_at = self.marks_at + entries * MARK_BYTES as u64;
        let templates_at = directory_at + DIRECTORY_BYTES as u64;
        let (marks_at, span) = (self.marks_at, self.span);
        let mut footer = Footer { marks_at, directory_at, templates_at, entries, span, checksum: 0 };
        footer.checksum = checksum(&footer, &bytes);
        footer.longs().iter().for_each(|long| bytes.extend(long.to_le_bytes()));
        bytes.extend(MAGIC);
        bytes
    }
}
