//! The problems found so far, and the checks of single values that several parts of a plan share.

use std::ops::Range;
use std::time::Duration;

use toml::Spanned;

use super::problem::Fault;
use super::shape::MOST_FAULTS;
use super::url::is_path;

/// The problems found so far, up to [`MOST_FAULTS`].
#[derive(Default)]
pub(super) struct Faults {
    pub(super) list: Vec<Fault>,
}

impl Faults {
    /// Notes a problem.
    pub(super) fn add(&mut self, span: Range<usize>, message: impl Into<String>, help: impl Into<String>) {
        if self.list.len() < MOST_FAULTS {
            self.list.push(Fault::new(span, message, help));
        }
    }

    /// The value, or `None` and its problem (what is wrong, what is allowed) noted under the key's name.
    pub(super) fn take<T, W: Into<String>, H: Into<String>>(
        &mut self,
        key: &str,
        span: Range<usize>,
        value: Result<T, (W, H)>,
    ) -> Option<T> {
        value.map_err(|(what, help)| self.add(span, format!("`{key}`: {}", what.into()), help)).ok()
    }

    /// A duration above zero and at most `most`; the default when the key is absent.
    pub(super) fn duration(
        &mut self,
        key: &str,
        written: Option<&Spanned<String>>,
        default: Duration,
        most: Duration,
    ) -> Option<Duration> {
        let Some(written) = written else { return Some(default) };
        self.take(key, written.span(), read_duration(written.get_ref(), most))
    }

    /// A text without templates and references, which are not supported by this version: sent as they are
    /// written they would silently be something else than was meant.
    pub(super) fn no_template(&mut self, key: &str, text: &Spanned<String>) {
        if let Some(mark) = TEMPLATE_MARKS.into_iter().find(|mark| text.get_ref().contains(mark)) {
            let message = format!("`{key}`: `{mark}` is not supported by this version");
            self.add(text.span(), message, "templates and references come later; write the value itself");
        }
    }
}

/// A name for people: anything printable.
pub(super) fn title(key: &str, written: &Spanned<String>, faults: &mut Faults) -> Option<String> {
    let name = written.get_ref();
    let is_legal = !name.trim().is_empty() && !name.chars().any(char::is_control);
    let read = match name.chars().count() {
        0..=LONGEST_TITLE if is_legal => Ok(name.clone()),
        0..=LONGEST_TITLE => Err(("empty or with control characters", "write a printable name".to_owned())),
        _ => Err(("too long", format!("at most {LONGEST_TITLE} characters"))),
    };
    faults.take(key, written.span(), read)
}

/// A request path with its query.
pub(super) fn path(written: &Spanned<String>, faults: &mut Faults) -> Option<String> {
    faults.no_template("path", written);
    let path = written.get_ref();
    let read = if !path.starts_with('/') {
        Err((
            "does not begin with `/`",
            "write the path below the target's base_url, like \"/api/items?page=2\"",
        ))
    } else if path.contains('#') {
        Err(("a fragment is never sent", "leave out what follows `#`, or write %23"))
    } else if path.len() > LONGEST_PATH {
        Err(("too long", "at most 8192 characters"))
    } else if TEMPLATE_MARKS.iter().any(|mark| path.contains(mark)) || is_path(path) {
        Ok(path.clone())
    } else {
        Err(("a character that cannot stand in a path", "percent-encode it, like %20 for a space"))
    };
    faults.take("path", written.span(), read)
}

fn read_duration(text: &str, most: Duration) -> Result<Duration, (&'static str, String)> {
    match humantime::parse_duration(text) {
        Err(_) => Err(("not a duration", "write a duration like \"500ms\", \"5s\" or \"1m30s\"".to_owned())),
        Ok(Duration::ZERO) => Err(("a duration of nothing", "longer than zero".to_owned())),
        Ok(duration) if duration > most => {
            Err(("too long", format!("at most {}", humantime::format_duration(most))))
        }
        Ok(duration) => Ok(duration),
    }
}

/// The histograms hold times up to one hour.
pub(super) const LONGEST_WAIT: Duration = Duration::from_secs(3_600);
/// Characters of a name for people.
const LONGEST_TITLE: usize = 200;
/// Bytes; longer request lines are refused by most servers.
const LONGEST_PATH: usize = 8_192;
/// How the design writes templates and references to secrets.
const TEMPLATE_MARKS: [&str; 3] = ["{{", "${env:", "${file:"];
