//! What is kept of an answer while it passes by.

/// Is shown an answer's parts as they pass.
pub trait Keep {
    /// The head of the answer proper: its header lines without the status line.
    fn head(&mut self, status: u16, lines: &[u8]);

    /// The next bytes of the body, without framing.
    fn body(&mut self, bytes: &[u8]);
}

/// Keeps nothing, and costs nothing.
#[derive(Debug, Clone, Copy)]
pub struct Nothing;

impl Keep for Nothing {
    fn head(&mut self, _status: u16, _lines: &[u8]) {}

    fn body(&mut self, _bytes: &[u8]) {}
}

/// The header lines of a whole head.
pub(super) fn lines(head: &[u8]) -> &[u8] {
    let status_line = head.iter().position(|byte| *byte == b'\n').map_or(head.len(), |end| end + 1);
    &head[status_line..]
}

/// The answer's head and as much of its body as was wanted.
#[derive(Debug, Default)]
pub struct Kept {
    /// Header lines without the status line; never more than a head may have.
    pub head: Vec<u8>,
    /// The body without framing, compressed as it came.
    pub body: Vec<u8>,
    /// Whether the body went on.
    pub is_cut: bool,
    /// Bytes of the body that are kept.
    most: usize,
}

impl Kept {
    /// Forgets what it holds and keeps up to `most` bytes of the next body.
    pub fn begin(&mut self, most: usize) {
        self.head.clear();
        self.body.clear();
        // One large answer must not leave its memory behind for good.
        self.body.shrink_to(LARGEST_SPARE);
        (self.is_cut, self.most) = (false, most);
    }

    /// Takes header lines.
    pub fn take_head(&mut self, lines: &[u8]) {
        self.head.extend_from_slice(lines);
    }

    /// Takes what still fits.
    pub fn take_body(&mut self, bytes: &[u8]) {
        let fits = bytes.len().min(self.most.saturating_sub(self.body.len()));
        self.body.extend_from_slice(&bytes[..fits]);
        self.is_cut |= fits < bytes.len();
    }
}

/// Bytes of a body's memory that stay for the next answer.
const LARGEST_SPARE: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http1::{Progress, Reader};

    /// Keeps the whole of an answer.
    #[derive(Default)]
    struct All(u16, Kept);

    impl Keep for All {
        fn head(&mut self, status: u16, lines: &[u8]) {
            self.0 = status;
            self.1.take_head(lines);
        }

        fn body(&mut self, bytes: &[u8]) {
            self.1.take_body(bytes);
        }
    }

    #[test]
    fn what_is_kept_does_not_depend_on_how_the_bytes_come() {
        for (text, status, head, body) in [
            (
                "HTTP/1.1 200 OK\r\na: b\r\ncontent-length: 5\r\n\r\nhello",
                200,
                "a: b\r\ncontent-length: 5\r\n\r\n",
                "hello",
            ),
            (
                "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2;x=y\r\nhe\r\n3\r\nllo\r\n0\r\nt: u\r\n\r\n",
                200,
                "transfer-encoding: chunked\r\n\r\n",
                "hello",
            ),
            ("HTTP/1.1 200\r\n\r\nhello", 200, "\r\n", "hello"),
            (
                "HTTP/1.1 103 Early\r\nx: y\r\n\r\nHTTP/1.1 404 No\r\nz: w\r\ncontent-length: 0\r\n\r\n",
                404,
                "z: w\r\ncontent-length: 0\r\n\r\n",
                "",
            ),
        ] {
            for size in 1..=text.len() {
                let (mut reader, mut all) = (Reader::new(), All::default());
                all.1.begin(100);
                let mut progress = Progress::More;
                for piece in text.as_bytes().chunks(size) {
                    progress = reader.feed_keeping(piece, &mut all).unwrap();
                }
                assert!(progress != Progress::More || reader.eof().is_ok());
                let kept = [&all.1.head[..], &all.1.body[..]]
                    .map(|bytes| String::from_utf8_lossy(bytes).into_owned());
                assert_eq!((all.0, &*kept[0], &*kept[1]), (status, head, body), "in pieces of {size}");
            }
        }
    }

    #[test]
    fn no_more_than_asked_for_is_kept() {
        let mut kept = Kept::default();
        kept.begin(4);
        kept.take_body(b"abc");
        assert!(!kept.is_cut);
        kept.take_body(b"def");
        assert_eq!((&kept.body[..], kept.is_cut), (&b"abcd"[..], true));
        kept.begin(10);
        assert_eq!((kept.body.len(), kept.is_cut), (0, false));
    }
}
