//! Where the quotes of a JSON text are open.

/// Whether what comes next in a JSON text stands between quotes.
#[derive(Default)]
pub(super) struct Quotes {
    pub(super) open: bool,
    escaped: bool,
}

impl Quotes {
    pub(super) fn pass(&mut self, literal: &str) {
        for byte in literal.bytes() {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' if self.open => self.escaped = true,
                b'"' => self.open = !self.open,
                _ => {}
            }
        }
    }
}
