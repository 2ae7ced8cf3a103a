//! Rules over changes: `[SCENARIO.]STATISTIC > +10%`.

use super::{Change, Statistic};
use std::fmt;
use std::str::FromStr;

/// A change that must not be: of one statistic, in all scenarios or in one.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// `None`: in every scenario.
    pub scenario: Option<String>,
    /// Of what.
    pub statistic: Statistic,
    /// Whether more than the limit breaks the rule; otherwise less.
    pub above: bool,
    /// A fraction; for a share a difference.
    pub limit: f64,
}

/// A text that is no [`Rule`]; says what is wrong and what would be right.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}`: {what}; write a rule like \"p95 > +10%\" or \"checkout.error_rate > +0.5%\"")]
pub struct RuleError {
    text: String,
    what: String,
}

impl Rule {
    /// Whether a change is of the rule's kind, clear, and beyond its limit.
    #[must_use]
    pub fn is_broken_by(&self, change: &Change) -> bool {
        let beyond = |by: f64| if self.above { by > self.limit } else { by < self.limit };
        change.statistic == self.statistic && change.is_clear() && change.change.is_some_and(beyond)
    }
}

impl FromStr for Rule {
    type Err = RuleError;

    fn from_str(text: &str) -> Result<Self, RuleError> {
        let wrong = |what: String| RuleError { text: text.to_owned(), what };
        let place = text.find(['<', '>']).ok_or_else(|| wrong("neither `<` nor `>`".into()))?;
        let (metric, limit) = (text[..place].trim(), text[place + 1..].trim());
        let (scenario, statistic) = match metric.rsplit_once('.') {
            Some((scenario, statistic)) => (Some(scenario.to_owned()), statistic),
            None => (None, metric),
        };
        let percent = limit.strip_suffix('%').and_then(|number| number.trim().parse::<f64>().ok());
        let percent = percent.filter(|percent| percent.is_finite());
        Ok(Self {
            scenario,
            statistic: statistic
                .parse()
                .map_err(|allowed| wrong(format!("`{statistic}` is not {allowed}")))?,
            above: text[place..].starts_with('>'),
            limit: percent.ok_or_else(|| wrong(format!("`{limit}` is no percentage")))? / 100.0,
        })
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scenario = self.scenario.as_ref().map(|name| format!("{name}.")).unwrap_or_default();
        let sign = if self.above { '>' } else { '<' };
        write!(f, "{scenario}{} {sign} {:+}%", self.statistic, self.limit * 100.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_read_as_they_are_written() {
        for (text, scenario, statistic, above, limit) in [
            ("p95 > +10%", None, Statistic::P95, true, 0.1),
            ("checkout.p99_9>5 %", Some("checkout"), Statistic::P999, true, 0.05),
            ("error_rate > +0.5%", None, Statistic::ErrorRate, true, 0.005),
            ("a.mean < -20%", Some("a"), Statistic::Mean, false, -0.2),
        ] {
            let rule: Rule = text.parse().unwrap();
            let expected = Rule { scenario: scenario.map(str::to_owned), statistic, above, limit };
            assert_eq!(rule, expected, "{text}");
            assert_eq!(rule.to_string().parse(), Ok(expected), "{rule}");
        }
    }

    #[test]
    fn what_is_no_rule_is_refused_with_what_would_be_one() {
        for (text, what) in [
            ("p95 10%", "neither"),
            ("p42 > 1%", "p99_9"),
            ("p95 > fast", "no percentage"),
            ("p95 > 10", "no percentage"),
            ("p95 > inf%", "no percentage"),
        ] {
            let error = text.parse::<Rule>().unwrap_err().to_string();
            assert!(error.contains(what) && error.contains("p95 > +10%"), "{text}: {error}");
        }
    }

    #[test]
    fn only_a_clear_change_beyond_the_limit_breaks_a_rule() {
        let rule: Rule = "p95 > +10%".parse().unwrap();
        let change = |statistic, change, interval| Change {
            statistic,
            before: 1.0,
            after: 1.0,
            change: Some(change),
            interval: Some(interval),
            noise: 0.0,
        };
        for (given, broken, why) in [
            (change(Statistic::P95, 0.2, (0.1, 0.3)), true, "clear and beyond"),
            (change(Statistic::P95, 0.2, (-0.1, 0.5)), false, "not clear"),
            (change(Statistic::P95, 0.05, (0.01, 0.1)), false, "within the limit"),
            (change(Statistic::P99, 0.2, (0.1, 0.3)), false, "another statistic"),
        ] {
            assert_eq!(rule.is_broken_by(&given), broken, "{why}");
        }
    }
}
