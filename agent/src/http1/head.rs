//! The head of an answer: status, and what its headers say about where the answer ends.

use std::mem::MaybeUninit;

use httparse::{Error, Header, ParserConfig, Response, Status};

use super::malformed::{MAX_HEADERS, Malformed};

/// What a complete head says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    /// Its length in bytes, with the empty line.
    pub(super) len: usize,
    pub(super) status: u16,
    /// Whether the connection may be used again after the answer.
    pub(super) keep_alive: bool,
    pub(super) framing: Framing,
}

/// How the end of a body is found (RFC 9112, 6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    Counted(u64),
    Chunked,
    UntilClose,
}

/// Reads the head that `bytes` begins with; `None` when it is not complete yet.
pub(super) fn parse(bytes: &[u8]) -> Result<Option<Head>, Malformed> {
    // httparse would skip empty lines in front; no server of ours sends any, and a peer could send them for ever.
    if bytes.first().is_some_and(|first| *first != b'H') {
        return Err(Malformed::NotHttp);
    }
    let mut storage = [const { MaybeUninit::<Header<'_>>::uninit() }; MAX_HEADERS];
    let mut response = Response::new(&mut []);
    let mut config = ParserConfig::default();
    config.allow_obsolete_multiline_headers_in_responses(true); // RFC 9112, 5.2
    let len = match config.parse_response_with_uninit_headers(&mut response, bytes, &mut storage) {
        Ok(Status::Complete(len)) => len,
        Ok(Status::Partial) => return Ok(None),
        Err(Error::TooManyHeaders) => return Err(Malformed::TooManyHeaders),
        Err(Error::Version) => return Err(Malformed::NotHttp),
        Err(_) => return Err(Malformed::Head),
    };
    let (Some(status), Some(version)) = (response.code, response.version) else {
        return Err(Malformed::Head);
    };
    let mut fields = Fields::default();
    for header in response.headers.iter() {
        fields.take(header.name, header.value)?;
    }
    let (framing, keep_alive) = fields.conclude(version == 1);
    Ok(Some(Head { len, status, keep_alive, framing }))
}

/// The few headers that matter for framing, gathered over repeated lines.
#[derive(Default)]
struct Fields {
    length: Option<u64>,
    has_encoding: bool,
    /// Whether the last transfer coding so far is `chunked`.
    ends_chunked: bool,
    close: bool,
    keep_alive: bool,
}

impl Fields {
    fn take(&mut self, name: &str, value: &[u8]) -> Result<(), Malformed> {
        // Lengths first: most headers are told apart by them alone.
        match name.len() {
            10 if name.eq_ignore_ascii_case("connection") => self.connection(value),
            14 if name.eq_ignore_ascii_case("content-length") => return self.content_length(value),
            17 if name.eq_ignore_ascii_case("transfer-encoding") => return self.transfer_encoding(value),
            _ => {}
        }
        Ok(())
    }

    fn connection(&mut self, value: &[u8]) {
        for token in tokens(value) {
            self.close |= token.eq_ignore_ascii_case(b"close");
            self.keep_alive |= token.eq_ignore_ascii_case(b"keep-alive");
        }
    }

    /// Repeated lengths, on lines of their own or in a list, must be equal (RFC 9112, 6.3).
    fn content_length(&mut self, value: &[u8]) -> Result<(), Malformed> {
        for token in tokens(value) {
            let length = number(token).ok_or(Malformed::Length)?;
            if self.length.is_some_and(|other| other != length) {
                return Err(Malformed::Length);
            }
            self.length = Some(length);
        }
        Ok(())
    }

    fn transfer_encoding(&mut self, value: &[u8]) -> Result<(), Malformed> {
        self.has_encoding = true;
        for token in tokens(value).filter(|token| !token.is_empty()) {
            // Nothing may stand behind `chunked`, and it may stand only once (RFC 9112, 6.1); anything else would
            // leave us guessing where the body ends.
            if self.ends_chunked {
                return Err(Malformed::Encoding);
            }
            self.ends_chunked = token.eq_ignore_ascii_case(b"chunked");
        }
        Ok(())
    }

    fn conclude(&self, is_http11: bool) -> (Framing, bool) {
        let keep_alive = !self.close && (is_http11 || self.keep_alive);
        match (self.has_encoding, self.length) {
            // RFC 9112, 6.1: with a length beside it, or in HTTP/1.0, the framing is not to be trusted further
            // than this one answer.
            (true, length) if self.ends_chunked => {
                (Framing::Chunked, keep_alive && length.is_none() && is_http11)
            }
            (true, _) | (false, None) => (Framing::UntilClose, keep_alive),
            (false, Some(length)) => (Framing::Counted(length), keep_alive),
        }
    }
}

/// The elements of a comma-separated list, without the space around them.
fn tokens(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii)
}

/// Digits only: no sign, no space, no overflow.
fn number(token: &[u8]) -> Option<u64> {
    if token.is_empty() {
        return None;
    }
    token.iter().try_fold(0_u64, |number, byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        number.checked_mul(10)?.checked_add(digit)
    })
}
