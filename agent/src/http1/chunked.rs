//! The chunked transfer coding (RFC 9112, 7.1): counts the data, skips extensions and trailers.
//!
//! ```text
//! 1a;name=value␍␊  26 bytes  ␍␊  …  0␍␊  trailer: x␍␊  ␍␊
//! ```

use super::keep::Keep;
use super::lines::Lines;
use super::malformed::{MAX_HEAD, Malformed};

/// Where in a chunked body the last byte left us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Chunked {
    /// Of the chunk: its size while that is read, then the data still to come.
    left: u64,
    /// Bytes of the present size line, or of all trailers.
    overhead: u32,
    place: Place,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Before the first digit of a size.
    Size,
    /// Behind a digit.
    Digits,
    /// Behind the size: space or an extension, skipped to the end of the line.
    Extension,
    /// Before the line feed of a size line.
    SizeEnd,
    Data,
    /// Behind the data: before the carriage return, the line feed.
    DataReturn,
    DataEnd,
    Trailers(Lines),
}

impl Chunked {
    pub(super) fn new() -> Self {
        Self { left: 0, overhead: 0, place: Place::Size }
    }

    /// Takes bytes of the body, shows the data to `keep` and counts it into `body_bytes`. `Some(n)`: the body ended
    /// behind `n` of them.
    pub(super) fn feed(
        &mut self,
        bytes: &[u8],
        body_bytes: &mut u64,
        keep: &mut impl Keep,
    ) -> Result<Option<usize>, Malformed> {
        let mut at = 0;
        while let Some(byte) = bytes.get(at) {
            match &mut self.place {
                Place::Data => {
                    let rest = (bytes.len() - at) as u64;
                    let taken = self.left.min(rest);
                    self.left -= taken;
                    *body_bytes = body_bytes.saturating_add(taken);
                    keep.body(&bytes[at..at + taken as usize]);
                    at += taken as usize;
                    if self.left == 0 {
                        self.place = Place::DataReturn;
                    }
                }
                Place::Trailers(lines) => {
                    let end = lines.end(&bytes[at..]);
                    self.spend(end.unwrap_or(bytes.len() - at), MAX_HEAD)?;
                    return Ok(end.map(|end| at + end));
                }
                _ => {
                    self.between(*byte)?;
                    at += 1;
                }
            }
        }
        Ok(None)
    }

    /// One byte that is neither data nor trailer.
    fn between(&mut self, byte: u8) -> Result<(), Malformed> {
        self.place = match (self.place, byte) {
            (Place::Size | Place::Digits, byte) if byte.is_ascii_hexdigit() => {
                self.left = self.left.checked_mul(16).ok_or(Malformed::Chunk)? | u64::from(hex(byte));
                Place::Digits
            }
            (Place::Digits | Place::Extension, b'\r') => Place::SizeEnd,
            (Place::Digits, b';' | b' ' | b'\t') => Place::Extension,
            // A line feed alone would be read differently by others: no chunk line may hold one.
            (Place::Extension, byte) if byte != b'\n' => Place::Extension,
            (Place::SizeEnd, b'\n') if self.left == 0 => Place::Trailers(Lines::Begin),
            (Place::SizeEnd, b'\n') => Place::Data,
            (Place::DataReturn, b'\r') => Place::DataEnd,
            (Place::DataEnd, b'\n') => Place::Size,
            _ => return Err(Malformed::Chunk),
        };
        match self.place {
            Place::Size | Place::Data | Place::Trailers(_) => self.overhead = 0,
            _ => self.spend(1, MAX_SIZE_LINE)?,
        }
        Ok(())
    }

    fn spend(&mut self, bytes: usize, limit: usize) -> Result<(), Malformed> {
        let spent = (self.overhead as usize).saturating_add(bytes);
        self.overhead = u32::try_from(spent).unwrap_or(u32::MAX);
        if spent > limit { Err(Malformed::Chunk) } else { Ok(()) }
    }
}

fn hex(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => (digit | 0x20) - b'a' + 10,
    }
}

/// Bytes of the longest line with a chunk's size and extensions; longer ones only waste time, ours included.
const MAX_SIZE_LINE: usize = 4 << 10;
