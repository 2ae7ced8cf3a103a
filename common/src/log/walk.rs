//! A line of text, walked: a field ends where the text that follows it in the format stands.

use super::entry::{Field, Fields};
use super::moment::Memory;
use super::{Entry, Reject, Wrong};

/// A format as a list of fields and the texts between them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Layout {
    head: Vec<u8>,
    slots: Vec<Slot>,
    /// Whether more may follow behind the last field.
    is_open: bool,
    pub(super) has_time: bool,
    /// Whether the time is that of the answer's end.
    ends: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Slot {
    field: Field,
    until: Vec<u8>,
    /// Within quotes a backslash escapes.
    is_quoted: bool,
}

/// A piece of a format.
pub(super) enum Piece {
    Text(u8),
    Field(Field),
}

impl Layout {
    pub(super) fn new(pieces: Vec<Piece>, ends: bool) -> Result<Self, Wrong> {
        let mut layout = Self { head: vec![], slots: vec![], is_open: false, has_time: false, ends };
        let mut last = None;
        for piece in pieces {
            match (piece, layout.slots.last_mut()) {
                (Piece::Text(byte), None) => layout.head.push(byte),
                (Piece::Text(byte), Some(slot)) => slot.until.push(byte),
                (Piece::Field(_), Some(slot)) if slot.until.is_empty() => {
                    let help =
                        "put a character between them, in the format and in the server's configuration";
                    return Err(("two fields with nothing between them".to_owned(), help.to_owned()));
                }
                (Piece::Field(field), _) => {
                    layout.has_time |= matches!(field, Field::Time(_));
                    layout.slots.push(Slot { field, until: vec![], is_quoted: last == Some(b'"') });
                    last = None;
                    continue;
                }
            }
            last = layout.slots.last().map_or(&layout.head, |slot| &slot.until).last().copied();
        }
        for slot in &mut layout.slots {
            slot.is_quoted &= slot.until.first() == Some(&b'"');
        }
        let tells = |field: &Field| layout.slots.iter().any(|slot| slot.field == *field);
        if ![Field::Request, Field::Target, Field::Path].iter().any(tells) {
            let help = "it needs the request: %r or %U%q for Apache, $request or $request_uri for nginx";
            return Err(("a format without a path".to_owned(), help.to_owned()));
        }
        Ok(layout)
    }

    /// The same layout, for lines in which more may follow.
    pub(super) const fn open(mut self) -> Self {
        self.is_open = true;
        self
    }

    pub(super) fn read<'a>(&self, line: &'a [u8], memory: &mut Memory) -> Result<Entry<'a>, Reject> {
        let mut fields = Fields::default();
        let mut rest = line.strip_prefix(&self.head[..]).ok_or(Reject::Layout)?;
        for slot in &self.slots {
            let end = slot.end(rest, self.is_open).ok_or(Reject::Layout)?;
            fields.take(&slot.field, &rest[..end], memory)?;
            // Of a line that goes on otherwise than the format, only the last text may be cut short.
            rest = rest.get(end + slot.until.len()..).unwrap_or_default();
        }
        if !rest.is_empty() && !self.is_open {
            return Err(Reject::Layout);
        }
        fields.entry(self.has_time, self.ends)
    }
}

impl Slot {
    /// Where the field ends.
    fn end(&self, rest: &[u8], is_open: bool) -> Option<usize> {
        let Some(&first) = self.until.first() else {
            let space = if is_open { memchr::memchr(b' ', rest) } else { None };
            return Some(space.unwrap_or(rest.len()));
        };
        if let Field::Time(form) = &self.field
            && let Some(width) = form.width()
        {
            return rest.get(width..).is_some_and(|after| after.starts_with(&self.until)).then_some(width);
        }
        let plain = || {
            let starts = memchr::memchr_iter(first, rest);
            starts.into_iter().find(|at| rest[*at..].starts_with(&self.until))
        };
        if !self.is_quoted {
            return plain();
        }
        let mut at = 0;
        while let Some(next) = memchr::memchr2(b'"', b'\\', &rest[at..]) {
            at += next;
            if rest[at] == b'\\' {
                at = (at + 2).min(rest.len());
            } else if rest[at..].starts_with(&self.until) {
                return Some(at);
            } else {
                at += 1;
            }
        }
        // Servers that escape nothing write a backslash before a quote that ends the field.
        plain()
    }
}
