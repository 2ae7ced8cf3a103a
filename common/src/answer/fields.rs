//! The header lines of an answer, and the cookies among them.

/// The header lines of an answer, in their order.
#[derive(Debug, Clone)]
pub struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    /// The lines of a head without its status line. Lines that are none (no colon, a continuation) are passed by.
    #[must_use]
    pub const fn of(head: &'a [u8]) -> Self {
        Self { rest: head }
    }

    /// The values of every line with this name, whatever its case.
    pub fn all(self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        self.filter(move |(own, _)| own.eq_ignore_ascii_case(name.as_bytes())).map(|(_, value)| value)
    }

    /// The value of the first line with this name.
    #[must_use]
    pub fn first(self, name: &str) -> Option<&'a [u8]> {
        self.all(name).next()
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        while !self.rest.is_empty() {
            let end = self.rest.iter().position(|byte| *byte == b'\n').unwrap_or(self.rest.len());
            let line = &self.rest[..end];
            self.rest = self.rest.get(end + 1..).unwrap_or_default();
            let colon = line.iter().position(|byte| *byte == b':');
            if let Some(colon) = colon.filter(|_| !line.starts_with(b" ") && !line.starts_with(b"\t")) {
                return Some((&line[..colon], line[colon + 1..].trim_ascii()));
            }
        }
        None
    }
}

/// The value that the answer gives to the cookie of this name; the last one counts.
#[must_use]
pub fn cookie<'a>(fields: &Fields<'a>, name: &str) -> Option<&'a [u8]> {
    fields.clone().all("set-cookie").filter_map(|line| pair(line, name)).last()
}

fn pair<'a>(line: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let pair = line.split(|byte| *byte == b';').next()?;
    let equals = pair.iter().position(|byte| *byte == b'=')?;
    (pair[..equals].trim_ascii() == name.as_bytes()).then(|| pair[equals + 1..].trim_ascii())
}
