//! Reads one answer from bytes as they arrive.

use super::chunked::Chunked;
use super::head::{self, Framing, Head};
use super::keep::{self, Keep, Nothing};
use super::lines::Lines;
use super::malformed::{MAX_HEAD, Malformed};

/// Reads one answer at a time. Small, and takes memory only for a head that comes in more than one read; it is
/// given back when the head is complete.
#[derive(Debug)]
pub struct Reader {
    /// The beginning of a head whose end has not come yet.
    gathered: Vec<u8>,
    state: State,
    body_bytes: u64,
    /// Bytes of the answer's heads so far, interim ones included.
    head_bytes: u32,
    status: u16,
    keep_alive: bool,
    is_head: bool,
}

/// Whether the answer has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// It goes on.
    More,
    /// This was all of it.
    Done(Answer),
}

/// A whole answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer {
    /// Never an interim (1xx) one.
    pub status: u16,
    /// Bytes of the body without its framing.
    pub body_bytes: u64,
    /// Whether the next request may go over the same connection.
    pub keep_alive: bool,
}

/// Where the peer cut the answer off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Cut {
    /// Not a byte had come.
    #[error("the connection was closed before the answer began")]
    BeforeAnswer,
    /// The head was not complete, or only interim answers had come.
    #[error("the connection was closed within the answer's head")]
    InHead,
    /// The announced end of the body was not reached.
    #[error("the connection was closed within the answer's body")]
    InBody,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Before or within a head; the lines are only followed once it needs more than one read.
    Head(Lines),
    /// Bytes still to come, never 0.
    Counted(u64),
    Chunked(Chunked),
    UntilClose,
    Ended,
}

impl Default for Reader {
    fn default() -> Self {
        Self::new()
    }
}

impl Reader {
    /// A reader that awaits the answer to anything but HEAD.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            gathered: Vec::new(),
            state: State::Head(Lines::Inside),
            body_bytes: 0,
            head_bytes: 0,
            status: 0,
            keep_alive: false,
            is_head: false,
        }
    }

    /// Forgets everything and awaits the answer to the next request; `is_head`: that request is a HEAD.
    pub fn begin(&mut self, is_head: bool) {
        *self = Self { is_head, ..Self::new() };
    }

    /// Whether any byte of the answer has come.
    #[must_use]
    pub fn started(&self) -> bool {
        self.head_bytes > 0
    }

    /// Takes what was read. After [`Progress::Done`] or an error only [`Reader::begin`] makes sense.
    ///
    /// # Errors
    /// [`Malformed`] when no rule says where the answer ends, a limit is passed, or it has already ended.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<Progress, Malformed> {
        self.feed_keeping(bytes, &mut Nothing)
    }

    /// [`Reader::feed`], with somebody who looks at the answer as it passes.
    ///
    /// # Errors
    /// As [`Reader::feed`].
    pub fn feed_keeping(&mut self, bytes: &[u8], keep: &mut impl Keep) -> Result<Progress, Malformed> {
        let mut rest = bytes;
        while let State::Head(lines) = self.state {
            let Some((head, behind)) = self.head(lines, rest, keep)? else { return Ok(Progress::More) };
            rest = behind;
            self.state = match head.status {
                100 | 102..200 => State::Head(Lines::Inside),
                200.. => self.open(head),
                status => return Err(Malformed::Status(status)),
            };
        }
        self.body(rest, keep)
    }

    /// The peer closed its side: fine only for an answer that lasts until then.
    ///
    /// # Errors
    /// [`Cut`] says how far the answer had come.
    pub fn eof(&mut self) -> Result<Answer, Cut> {
        match self.state {
            State::Head(_) if !self.started() => Err(Cut::BeforeAnswer),
            State::Head(_) => Err(Cut::InHead),
            State::Counted(_) | State::Chunked(_) => Err(Cut::InBody),
            State::UntilClose | State::Ended => {
                self.state = State::Ended;
                Ok(self.answer())
            }
        }
    }

    /// The next head and what stands behind it, or `None` until it is complete.
    fn head<'a>(
        &mut self,
        lines: Lines,
        bytes: &'a [u8],
        keep: &mut impl Keep,
    ) -> Result<Option<(Head, &'a [u8])>, Malformed> {
        if bytes.is_empty() {
            return Ok(None);
        }
        if self.gathered.is_empty()
            && let Some(head) = head::parse(bytes)?
        {
            self.count_head(head.len)?;
            if head.status >= 200 {
                keep.head(head.status, keep::lines(&bytes[..head.len]));
            }
            return Ok(Some((head, &bytes[head.len..])));
        }
        self.gather(lines, bytes, keep)
    }

    /// A head in more than one read: kept until its empty line, so that it is parsed once and not at every read.
    #[cold]
    fn gather<'a>(
        &mut self,
        mut lines: Lines,
        bytes: &'a [u8],
        keep: &mut impl Keep,
    ) -> Result<Option<(Head, &'a [u8])>, Malformed> {
        let end = lines.end(bytes);
        self.state = State::Head(lines);
        let (own, behind) = bytes.split_at(end.unwrap_or(bytes.len()));
        self.count_head(own.len())?;
        let needed = self.gathered.len() + own.len();
        if needed > self.gathered.capacity() {
            // Doubling, but never beyond the limit, which is a power of two.
            self.gathered.reserve_exact(needed.next_power_of_two() - self.gathered.len());
        }
        self.gathered.extend_from_slice(own);
        if end.is_none() {
            return Ok(None);
        }
        let gathered = std::mem::take(&mut self.gathered);
        match head::parse(&gathered)? {
            Some(head) if head.len == gathered.len() => {
                if head.status >= 200 {
                    keep.head(head.status, keep::lines(&gathered));
                }
                Ok(Some((head, behind)))
            }
            _ => Err(Malformed::Head),
        }
    }

    fn count_head(&mut self, bytes: usize) -> Result<(), Malformed> {
        let total = (self.head_bytes as usize).saturating_add(bytes);
        self.head_bytes = u32::try_from(total).unwrap_or(u32::MAX);
        if total > MAX_HEAD { Err(Malformed::HeadTooLong) } else { Ok(()) }
    }

    /// What follows the head of the answer proper.
    fn open(&mut self, head: Head) -> State {
        self.status = head.status;
        self.keep_alive = head.keep_alive;
        match head.framing {
            _ if self.is_head || matches!(head.status, 204 | 304) => State::Ended,
            Framing::Counted(0) => State::Ended,
            Framing::Counted(left) => State::Counted(left),
            Framing::Chunked => State::Chunked(Chunked::new()),
            Framing::UntilClose => {
                self.keep_alive = false;
                State::UntilClose
            }
        }
    }

    fn body(&mut self, bytes: &[u8], keep: &mut impl Keep) -> Result<Progress, Malformed> {
        let taken = match &mut self.state {
            State::Counted(left) => {
                let taken = (bytes.len() as u64).min(*left);
                *left -= taken;
                self.body_bytes += taken;
                keep.body(&bytes[..taken as usize]);
                if *left > 0 {
                    return Ok(Progress::More);
                }
                taken as usize
            }
            State::Chunked(chunked) => match chunked.feed(bytes, &mut self.body_bytes, keep)? {
                Some(taken) => taken,
                None => return Ok(Progress::More),
            },
            State::UntilClose => {
                self.body_bytes = self.body_bytes.saturating_add(bytes.len() as u64);
                keep.body(bytes);
                return Ok(Progress::More);
            }
            State::Head(_) | State::Ended => 0,
        };
        if taken < bytes.len() {
            return Err(Malformed::Surplus);
        }
        self.state = State::Ended;
        Ok(Progress::Done(self.answer()))
    }

    fn answer(&self) -> Answer {
        Answer { status: self.status, body_bytes: self.body_bytes, keep_alive: self.keep_alive }
    }
}

// One per connection: ten thousand idle ones shall cost little.
const _: () = assert!(size_of::<Reader>() <= 64);

#[cfg(test)]
mod tests;
