//! The tape: a log made ready to be replayed by many machines, read by position.
//!
//! ```text
//! "STPTAPE1" │ records, in time order │ marks, lane by lane │ directory │ templates │ footer
//! ```
//!
//! A *record* is what is sent and what was answered then. A *mark* says when an entry is due, which number it has and
//! where its record stands; the marks of a lane stand together in time order, so whoever owns some lanes reads
//! nothing of the others. The *directory* tells where each lane's marks begin, *templates* under which series a
//! record is counted. A client's requests all lie in one lane: they stay with one agent and one thread, in order.
//!
//! Numbers are little-endian. Everything that is read is checked: a damaged tape is an error.

use crate::lane::LANES;
use siphasher::sip::SipHasher13;
use std::fmt;
use std::hash::Hasher;

mod record;
mod write;

pub use record::Record;
pub use write::{MAGIC, Tail};

/// Reads exactly as many bytes as the buffer has, from a place in the file; the error is for people.
pub type ReadAt = Box<dyn Fn(u64, &mut [u8]) -> Result<(), String> + Send + Sync>;

/// A tape, opened.
pub struct Tape {
    read: ReadAt,
    footer: Footer,
    /// The first mark of each lane, and the end of the last.
    directory: Vec<u64>,
    templates: Vec<u16>,
}

/// Where an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Mark {
    /// Nanoseconds since the first entry.
    pub at: u64,
    /// Its place among all entries, in time order.
    pub number: u64,
    /// Where its record begins in the file.
    pub position: u64,
    /// Bytes of its record.
    pub length: u32,
}

/// Why a tape cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TapeError {
    /// It is none, or of another version.
    #[error("read the tape: it is none of this version")]
    Foreign,
    /// A part of it contradicts another.
    #[error("read the tape: its {0} is damaged")]
    Damaged(&'static str),
    /// The file cannot be read.
    #[error("read the tape: {0}")]
    Unreadable(String),
}

/// What stands at the end of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Footer {
    marks_at: u64,
    directory_at: u64,
    templates_at: u64,
    entries: u64,
    span: u64,
    checksum: u64,
}

impl Tape {
    /// Opens a tape of `size` bytes.
    ///
    /// # Errors
    /// What is damaged.
    pub fn open(size: u64, read: ReadAt) -> Result<Self, TapeError> {
        let footer_at = size.checked_sub(FOOTER_BYTES as u64).ok_or(TapeError::Foreign)?;
        let mut bytes = [0; FOOTER_BYTES];
        fetch(&read, footer_at, &mut bytes)?;
        let mut magic = [0; 8];
        fetch(&read, 0, &mut magic)?;
        if &magic != MAGIC || bytes[FOOTER_BYTES - 8..] != *MAGIC {
            return Err(TapeError::Foreign);
        }
        let footer = Footer::read(&bytes);
        let marks = footer.entries.checked_mul(MARK_BYTES as u64);
        let directory_at = marks.and_then(|marks| marks.checked_add(footer.marks_at));
        let templates_bytes = footer_at.checked_sub(footer.templates_at);
        if footer.marks_at < 8
            || directory_at != Some(footer.directory_at)
            || footer.directory_at.checked_add(DIRECTORY_BYTES as u64) != Some(footer.templates_at)
            || templates_bytes.is_none_or(|bytes| bytes % 2 != 0 || bytes / 2 > u64::from(u16::MAX) + 1)
        {
            return Err(TapeError::Damaged("footer"));
        }
        let bytes = usize::try_from(templates_bytes.unwrap_or_default());
        let mut tail = vec![0; DIRECTORY_BYTES + bytes.map_err(|_| TapeError::Damaged("footer"))?];
        fetch(&read, footer.directory_at, &mut tail)?;
        if checksum(&footer, &tail) != footer.checksum {
            return Err(TapeError::Damaged("directory"));
        }
        let (directory, templates) = tail.split_at(DIRECTORY_BYTES);
        let directory: Vec<u64> = directory.as_chunks().0.iter().copied().map(u64::from_le_bytes).collect();
        let ends = (directory.first(), directory.last());
        if ends != (Some(&0), Some(&footer.entries)) || !directory.is_sorted() {
            return Err(TapeError::Damaged("directory"));
        }
        let templates = templates.as_chunks().0.iter().copied().map(u16::from_le_bytes).collect();
        Ok(Self { read, footer, directory, templates })
    }

    /// How many entries it has.
    #[must_use]
    pub const fn entries(&self) -> u64 {
        self.footer.entries
    }

    /// Bytes of the file.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.footer.templates_at + 2 * self.templates.len() as u64 + FOOTER_BYTES as u64
    }

    /// From the first entry to the last, in nanoseconds.
    #[must_use]
    pub const fn span(&self) -> u64 {
        self.footer.span
    }

    /// After how many nanoseconds the log begins anew when it is repeated: its span and one mean distance.
    #[must_use]
    pub fn period(&self) -> u64 {
        let gap = self.span().checked_div(self.entries().saturating_sub(1)).unwrap_or(1_000_000_000);
        self.span().saturating_add(gap).max(1)
    }

    /// A number that differs from that of any other tape, as good as certainly.
    #[must_use]
    pub const fn checksum(&self) -> u64 {
        self.footer.checksum
    }

    /// How many entries lie in a lane.
    #[must_use]
    pub fn in_lane(&self, lane: u16) -> u64 {
        let lane = usize::from(lane % LANES);
        self.directory[lane + 1] - self.directory[lane]
    }

    /// The marks `first..` of a lane, as many as `into` has room for and the lane has left.
    ///
    /// # Errors
    /// When they cannot be read, or are none.
    pub fn marks(&self, lane: u16, first: u64, into: &mut Vec<Mark>, room: usize) -> Result<(), TapeError> {
        into.clear();
        let left = usize::try_from(self.in_lane(lane).saturating_sub(first)).unwrap_or(usize::MAX);
        let count = left.min(room).min(MARKS_AT_ONCE);
        let place = self.directory[usize::from(lane % LANES)] + first;
        let mut bytes = [0; MARKS_AT_ONCE * MARK_BYTES];
        let bytes = &mut bytes[..count * MARK_BYTES];
        fetch(&self.read, self.footer.marks_at + place * MARK_BYTES as u64, bytes)?;
        for chunk in bytes.as_chunks::<MARK_BYTES>().0 {
            let mark = Mark::from_bytes(chunk);
            let ends = mark.position.checked_add(u64::from(mark.length));
            let fits = ends.is_some_and(|end| end <= self.footer.marks_at) && mark.length <= RECORD_MAX;
            if !fits || mark.number >= self.entries() || mark.at > self.span() {
                return Err(TapeError::Damaged("index"));
            }
            into.push(mark);
        }
        Ok(())
    }

    /// The mark of arrival `k`: lane `k mod L`, and its entries over and over.
    ///
    /// # Errors
    /// When it cannot be read, or the lane is empty.
    pub fn mark(&self, k: u64) -> Result<Mark, TapeError> {
        let lane = crate::lane::lane_of(k);
        let place =
            (k / u64::from(LANES)).checked_rem(self.in_lane(lane)).ok_or(TapeError::Damaged("index"))?;
        let mut marks = Vec::with_capacity(1);
        self.marks(lane, place, &mut marks, 1)?;
        marks.first().copied().ok_or(TapeError::Damaged("index"))
    }

    /// The record of arrival `k`, read into `bytes`.
    ///
    /// # Errors
    /// When it cannot be read, or is none.
    pub fn record<'b>(&self, k: u64, bytes: &'b mut Vec<u8>) -> Result<Record<'b>, TapeError> {
        let mark = self.mark(k)?;
        bytes.resize(mark.length as usize, 0);
        fetch(&self.read, mark.position, bytes)?;
        Record::read(bytes)
    }

    /// The series of a record's template, or `None` for the one that holds the rest.
    #[must_use]
    pub fn series(&self, template: u16) -> Option<u16> {
        self.templates.get(usize::from(template)).copied().filter(|series| *series != REST)
    }
}

impl Mark {
    /// As it stands in the file.
    #[must_use]
    pub fn to_bytes(self) -> [u8; MARK_BYTES] {
        let mut bytes = [0; MARK_BYTES];
        bytes[..8].copy_from_slice(&self.at.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.number.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.position.to_le_bytes());
        bytes[24..].copy_from_slice(&self.length.to_le_bytes());
        bytes
    }

    /// The inverse of [`Mark::to_bytes`].
    #[must_use]
    pub fn from_bytes(bytes: &[u8; MARK_BYTES]) -> Self {
        let long = |at: usize| long_at(bytes, at);
        let mut length = [0; 4];
        length.copy_from_slice(&bytes[24..]);
        Self { at: long(0), number: long(8), position: long(16), length: u32::from_le_bytes(length) }
    }
}

impl Footer {
    fn read(bytes: &[u8; FOOTER_BYTES]) -> Self {
        let long = |place: usize| long_at(bytes, place * 8);
        Self {
            marks_at: long(0),
            directory_at: long(1),
            templates_at: long(2),
            entries: long(3),
            span: long(4),
            checksum: long(5),
        }
    }

    fn longs(&self) -> [u64; 6] {
        let Self { marks_at, directory_at, templates_at, entries, span, checksum } = *self;
        [marks_at, directory_at, templates_at, entries, span, checksum]
    }
}

impl fmt::Debug for Tape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a tape of {} entries", self.entries())
    }
}

/// The lane of everything that a client asked for.
#[must_use]
pub fn lane_of_client(client: &[u8]) -> u16 {
    let mut hasher = SipHasher13::new_with_keys(0, CLIENT_KEY);
    hasher.write(client);
    crate::lane::lane_of(hasher.finish())
}

fn fetch(read: &ReadAt, at: u64, into: &mut [u8]) -> Result<(), TapeError> {
    if into.is_empty() {
        return Ok(());
    }
    read(at, into).map_err(TapeError::Unreadable)
}

/// Of everything but records and marks.
fn checksum(footer: &Footer, tail: &[u8]) -> u64 {
    let mut hasher = SipHasher13::new_with_keys(0, CHECKSUM_KEY);
    footer.longs()[..5].iter().for_each(|long| hasher.write_u64(*long));
    hasher.write(tail);
    hasher.finish()
}

fn long_at(bytes: &[u8], at: usize) -> u64 {
    let mut long = [0; 8];
    long.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(long)
}

/// Bytes of a mark in the file.
pub const MARK_BYTES: usize = 28;
/// Marks read in one go.
pub const MARKS_AT_ONCE: usize = 32;
/// A template that is counted with the rest.
pub const REST: u16 = u16::MAX;
/// Bytes of a record; a log line is shorter.
pub const RECORD_MAX: u32 = 4 << 20;
const FOOTER_BYTES: usize = 56;
const DIRECTORY_BYTES: usize = (LANES as usize + 1) * 8;
/// Keeps lanes apart from any other use of the same hash.
const CLIENT_KEY: u64 = 0x0063_6c69_656e_7431;
const CHECKSUM_KEY: u64 = 0x7461_7065_2073_756d;

#[cfg(test)]
mod tests;
