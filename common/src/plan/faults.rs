//! The problems found so far, and the checks of single values that several parts of a plan share.

use std::ops::Range;
use std::time::Duration;

use toml::Spanned;

use super::problem::Fault;
use super::shape::MOST_FAULTS;
use crate::template::{Names, flaws};
use crate::text::Text;
use crate::think::Think;

/// The problems found so far, up to [`MOST_FAULTS`].
#[derive(Default)]
pub(super) struct Faults {
    pub(super) list: Vec<Fault>,
    /// The names of all data.
    pub(super) data: Vec<String>,
    /// What the steps of the scenario at hand extract.
    pub(super) variables: Vec<String>,
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

    /// A time or a distribution of times.
    pub(super) fn think(&mut self, written: &Spanned<String>) -> Option<Think> {
        let read = written.get_ref().parse::<Think>().map_err(|error| (error.to_string(), error.remedy()));
        self.take("think", written.span(), read)
    }

    /// A text that may hold templates and references to secrets.
    pub(super) fn text(&mut self, key: &str, written: &Spanned<String>) -> Option<Text> {
        self.template(key, written, false)
    }

    /// The same; `json`: what is put between its quotes is escaped.
    pub(super) fn template(&mut self, key: &str, written: &Spanned<String>, json: bool) -> Option<Text> {
        let read = Text::read(written.get_ref()).map_err(|error| (error.what, error.remedy));
        let text = self.take(key, written.span(), read)?;
        let names = Names { data: &self.data, variables: &self.variables };
        let flaws = flaws(&text, names, json);
        for flaw in &flaws {
            self.add(written.span(), format!("`{key}`: {}", flaw.what), flaw.remedy.as_str());
        }
        flaws.is_empty().then_some(text)
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
