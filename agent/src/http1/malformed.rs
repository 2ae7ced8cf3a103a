//! What no answer may be: our limits and the ways to break the grammar.

/// What the peer sent is no answer that we understand. The connection must not be used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// It does not begin like HTTP/1.0 or HTTP/1.1.
    #[error("the answer is not HTTP/1.x")]
    NotHttp,
    /// A status line or header that breaks the grammar.
    #[error("the answer's head is malformed")]
    Head,
    /// More than [`MAX_HEAD`] bytes.
    #[error("the answer's head is longer than {MAX_HEAD} bytes")]
    HeadTooLong,
    /// More than [`MAX_HEADERS`].
    #[error("the answer has more than {} headers", MAX_HEADERS)]
    TooManyHeaders,
    /// Below 100, or 101: we never ask for another protocol.
    #[error("the answer's status is {0}, which nothing asked for")]
    Status(u16),
    /// A `content-length` that is no number, or two that differ.
    #[error("the answer's content-length is malformed or contradicts itself")]
    Length,
    /// A `transfer-encoding` in which `chunked` is not the last or stands twice.
    #[error("the answer's transfer-encoding leaves its end open")]
    Encoding,
    /// A chunk's size, its end, or the trailers break the grammar or our limits.
    #[error("the answer's chunked body is malformed")]
    Chunk,
    /// Bytes behind the end of the answer: we never pipeline, so nothing asked for them.
    #[error("bytes behind the end of the answer")]
    Surplus,
}

/// Bytes of the longest head; interim (1xx) heads of the same answer count towards it. Also bytes of the longest
/// section of trailers. Servers themselves seldom take or write more than 16 KiB.
pub const MAX_HEAD: usize = 64 << 10;

/// Headers in the longest head, as in other clients.
pub const MAX_HEADERS: usize = 100;
