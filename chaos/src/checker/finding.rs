//! What a rule found.

use std::fmt;

/// What a rule found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The rule.
    pub rule: &'static str,
    /// How many things it looked at.
    pub looked_at: u64,
    /// How many of them were wrong.
    pub wrong: u64,
    /// The first few of those.
    pub examples: Vec<String>,
    /// The evidence that was missing; then nothing was looked at.
    pub missing: Option<&'static str>,
}

impl Finding {
    /// Nothing looked at yet.
    #[must_use]
    pub const fn of(rule: &'static str) -> Self {
        Self { rule, looked_at: 0, wrong: 0, examples: Vec::new(), missing: None }
    }

    pub(super) fn missing(rule: &'static str, what: &'static str) -> Self {
        Self { missing: Some(what), ..Self::of(rule) }
    }

    pub(super) fn broken(rule: &'static str, why: String) -> Self {
        let mut finding = Self::of(rule);
        finding.look(false, || why);
        finding
    }

    /// Looks at one thing; `wrong` says what is wrong with it.
    pub fn look(&mut self, right: bool, wrong: impl FnOnce() -> String) {
        self.looked_at += 1;
        if !right {
            self.wrong += 1;
            if self.examples.len() < EXAMPLES {
                self.examples.push(wrong());
            }
        }
    }

    /// Looks whether two things are equal.
    pub(super) fn equal<T: PartialEq + fmt::Debug>(&mut self, what: impl fmt::Display, got: T, expected: T) {
        let right = got == expected;
        self.look(right, || format!("{what}: {got:?}, expected {expected:?}"));
    }

    /// Whether the rule was checked and holds.
    #[must_use]
    pub const fn holds(&self) -> bool {
        self.wrong == 0 && self.missing.is_none()
    }
}

/// A line, and one for each example.
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rule, looked_at, wrong, .. } = self;
        match (self.missing, wrong) {
            (Some(what), _) => write!(f, "{rule:9} not checked: {what} is missing"),
            (None, 0) => write!(f, "{rule:9} holds ({looked_at} looked at)"),
            (None, _) => write!(f, "{rule:9} BROKEN: {wrong} of {looked_at}"),
        }?;
        self.examples.iter().try_for_each(|example| write!(f, "\n          {example}"))?;
        let more = wrong.saturating_sub(self.examples.len() as u64);
        if more > 0 { write!(f, "\n          … and {more} more") } else { Ok(()) }
    }
}

/// So many examples are told of every rule.
const EXAMPLES: usize = 5;
