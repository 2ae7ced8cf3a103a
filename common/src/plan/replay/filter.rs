//! What of a log is sent.

use crate::plan::faults::Faults;
use crate::plan::{Method, written};

/// What of a log is sent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter {
    /// These methods only; empty: all.
    pub methods: Vec<Method>,
    /// Patterns of paths in which `*` stands for anything; one that begins with `!` leaves out.
    pub paths: Vec<String>,
    /// First and last status answered then; empty: all.
    pub status: Vec<(u16, u16)>,
    /// Whether methods that change something are sent.
    pub unsafe_methods: bool,
}

/// Why an entry is not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeftOut {
    /// The filters say so.
    Filtered,
    /// Its method changes something.
    Unsafe,
}

impl Filter {
    /// Whether an entry is left out. `path`: with its query.
    #[must_use]
    pub fn leaves_out(&self, method: Method, path: &[u8], status: Option<u16>) -> Option<LeftOut> {
        let named = self.methods.is_empty() || self.methods.contains(&method);
        let status = status.unwrap_or(0);
        let answered =
            self.status.is_empty() || self.status.iter().any(|(from, to)| (*from..=*to).contains(&status));
        if !named || !answered || !self.wants(path) {
            return Some(LeftOut::Filtered);
        }
        (!self.unsafe_methods && !method.is_safe()).then_some(LeftOut::Unsafe)
    }

    fn wants(&self, path: &[u8]) -> bool {
        let bare = path.split(|byte| *byte == b'?').next().unwrap_or(path);
        let fits = |pattern: &str| fits(pattern.as_bytes(), if pattern.contains('?') { path } else { bare });
        let (mut named, mut any) = (false, false);
        for pattern in &self.paths {
            match pattern.strip_prefix('!') {
                Some(pattern) if fits(pattern) => return false,
                Some(_) => {}
                None => {
                    any = true;
                    named |= fits(pattern);
                }
            }
        }
        named || !any
    }
}

/// Whether a text has the form of a pattern in which `*` stands for anything.
fn fits(pattern: &[u8], text: &[u8]) -> bool {
    let mut parts = pattern.split(|byte| *byte == b'*');
    let Some(mut rest) = parts.next().and_then(|head| text.strip_prefix(head)) else { return false };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        // The earliest place leaves the most for the parts to come.
        let Some(at) = memchr::memmem::find(rest, part) else { return false };
        rest = &rest[at + part.len()..];
    }
    true
}

/// The filter of a written replay.
pub(super) fn read(written: &written::Replay, faults: &mut Faults) -> Option<Filter> {
    let mut status = vec![];
    for (place, text) in written.status.iter().flatten().map(|text| (text.span(), text.get_ref())) {
        let class = text.strip_suffix("xx").and_then(|class| class.parse::<u16>().ok());
        let range = match class.filter(|class| (1..=5).contains(class)) {
            Some(class) => Some((class * 100, class * 100 + 99)),
            None => text.parse().ok().filter(|one| (100..1000).contains(one)).map(|one: u16| (one, one)),
        };
        let range = range.ok_or(("no status", "one like \"404\" or a class like \"2xx\""));
        status.push(faults.take("status", place, range));
    }
    let paths = written.paths.iter().flatten().map(|pattern| {
        let begins = pattern.get_ref().trim_start_matches('!').starts_with(['/', '*']);
        let help = "\"/api/*\" takes those below /api, \"!/health\" leaves one out";
        let read = if begins { Ok(pattern.get_ref().clone()) } else { Err(("no pattern of a path", help)) };
        faults.take("paths", pattern.span(), read)
    });
    let paths: Vec<_> = paths.collect();
    Some(Filter {
        methods: written.methods.clone().unwrap_or_default(),
        paths: paths.into_iter().collect::<Option<_>>()?,
        status: status.into_iter().collect::<Option<_>>()?,
        unsafe_methods: written.unsafe_methods.unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_take_paths_and_leave_them_out() {
        let wants = |paths: &[&str], path: &str| {
            let paths = paths.iter().map(ToString::to_string).collect();
            Filter { paths, ..Filter::default() }.wants(path.as_bytes())
        };
        for (paths, path, expected) in [
            (&[][..], "/x", true),
            (&["/a"], "/a", true),
            (&["/a"], "/a?b=c", true),
            (&["/a?b=*"], "/a?b=c", true),
            (&["/a?b=*"], "/a", false),
            (&["/a"], "/ab", false),
            (&["/a*"], "/ab", true),
            (&["/a/*/c"], "/a/b/b/c", true),
            (&["/a/*/c"], "/a/b/d", false),
            (&["*.css", "*.js"], "/x/y.js", true),
            (&["!/health"], "/health", false),
            (&["!/health"], "/other", true),
            (&["/a/*", "!*/private/*"], "/a/private/b", false),
            (&["*aab"], "/aaab", true),
        ] {
            assert_eq!(wants(paths, path), expected, "{paths:?} {path}");
        }
    }
}
