//! A record: what is sent, and what was answered then.
//!
//! ```text
//! method u8 │ flags u8 │ template u16 │ status u16 │ [bytes] [latency] path [host] [body]
//! ```
//! Lengths and numbers in brackets are varints: seven bits a byte, the lowest first.

use super::{RECORD_MAX, TapeError};

/// What is sent, and what was answered then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record<'a> {
    /// Its number among the methods of a plan.
    pub method: u8,
    /// What kind of path it has.
    pub template: u16,
    /// The status answered then; 0 for unknown.
    pub status: u16,
    /// Bytes of the body answered then.
    pub bytes: Option<u64>,
    /// How long the answer took then, in microseconds.
    pub latency_us: Option<u64>,
    /// Path and query: printable ASCII without spaces, from the first `/`.
    pub path: &'a str,
    /// The host asked for; empty when it is not kept. Printable ASCII without spaces.
    pub host: &'a str,
    /// The request's body.
    pub body: Option<&'a [u8]>,
}

impl<'a> Record<'a> {
    /// Appends it as it stands in the file.
    pub fn write(&self, into: &mut Vec<u8>) {
        let flag = |is: bool, bit: u8| u8::from(is) << bit;
        let flags = flag(self.bytes.is_some(), 0)
            | flag(self.latency_us.is_some(), 1)
            | flag(!self.host.is_empty(), 2)
            | flag(self.body.is_some(), 3);
        into.extend([self.method, flags]);
        into.extend(self.template.to_le_bytes());
        into.extend(self.status.to_le_bytes());
        for number in [self.bytes, self.latency_us].into_iter().flatten() {
            varint(number, into);
        }
        let host = Some(self.host.as_bytes()).filter(|host| !host.is_empty());
        for text in [Some(self.path.as_bytes()), host, self.body].into_iter().flatten() {
            varint(text.len() as u64, into);
            into.extend(text);
        }
    }

    /// The inverse of [`Record::write`].
    ///
    /// # Errors
    /// When the bytes are no record.
    pub fn read(bytes: &'a [u8]) -> Result<Self, TapeError> {
        let damaged = TapeError::Damaged("record");
        Self::parse(bytes).filter(|_| bytes.len() <= RECORD_MAX as usize).ok_or(damaged)
    }

    fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (head, mut rest) = bytes.split_first_chunk::<6>()?;
        let [method, flags, t0, t1, s0, s1] = *head;
        let has = |bit: u8| flags & (1 << bit) != 0;
        let bytes = if has(0) { Some(read_varint(&mut rest)?) } else { None };
        let latency_us = if has(1) { Some(read_varint(&mut rest)?) } else { None };
        let path = sendable(text(&mut rest)?).filter(|path| path.starts_with('/'))?;
        let host = if has(2) { sendable(text(&mut rest)?)? } else { "" };
        let body = if has(3) { Some(text(&mut rest)?) } else { None };
        let (template, status) = (u16::from_le_bytes([t0, t1]), u16::from_le_bytes([s0, s1]));
        let record = Self { method, template, status, bytes, latency_us, path, host, body };
        (rest.is_empty() && flags < 16).then_some(record)
    }
}

fn varint(mut number: u64, into: &mut Vec<u8>) {
    while number >= 0x80 {
        into.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    into.push(number as u8);
}

fn read_varint(rest: &mut &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    for shift in (0..64).step_by(7) {
        let (byte, after) = rest.split_first()?;
        *rest = after;
        let part = u64::from(byte & 0x7f);
        if shift == 63 && part > 1 {
            return None;
        }
        number |= part << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

fn text<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = usize::try_from(read_varint(rest)?).ok()?;
    let (text, after) = rest.split_at_checked(length)?;
    *rest = after;
    Some(text)
}

/// Nothing that could end a line of a request or begin another.
fn sendable(text: &[u8]) -> Option<&str> {
    let is_fit = text.iter().all(|byte| matches!(byte, 0x21..=0x7e));
    std::str::from_utf8(text).ok().filter(|_| is_fit)
}
