//! Finds the empty line that ends a head or a section of trailers, however the bytes are cut into reads.

/// Where in a line the last byte left us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lines {
    /// At the beginning of a line.
    Begin,
    /// Behind a carriage return at the beginning of a line.
    Return,
    /// Inside a line.
    Inside,
}

impl Lines {
    /// How many of `bytes` belong to the section, when its empty line ends within them. A single line feed ends a
    /// line too (RFC 9112, 2.2).
    pub(super) fn end(&mut self, bytes: &[u8]) -> Option<usize> {
        for (at, byte) in bytes.iter().enumerate() {
            *self = match (*self, byte) {
                (Self::Begin | Self::Return, b'\n') => return Some(at + 1),
                (Self::Inside, b'\n') => Self::Begin,
                (Self::Begin, b'\r') => Self::Return,
                _ => Self::Inside,
            };
        }
        None
    }
}
