//! Which rows are wanted.

use super::read::Column;
use csv::StringRecord;
use std::str::FromStr;

/// Everything that is named must be so.
#[derive(Clone, Debug, Default)]
pub(super) struct Filter {
    pub(super) status: Vec<StatusFilter>,
    pub(super) outcome: Vec<String>,
    pub(super) scenario: Option<String>,
    pub(super) step: Option<String>,
    pub(super) agent: Option<String>,
}

/// A status, a hundred of them, or none at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatusFilter {
    /// `404`
    Exactly(u16),
    /// `5xx`
    Hundred(u16),
    /// `none`: no answer came.
    Missing,
}

impl Filter {
    pub(super) fn takes(&self, columns: &Column, row: &StringRecord) -> bool {
        let is = |wanted: &Option<String>, name: &str| {
            wanted.as_ref().is_none_or(|wanted| columns.cell(row, name) == wanted)
        };
        let outcome = columns.cell(row, "outcome");
        let status = columns.cell(row, "status").parse::<u16>().ok();
        is(&self.scenario, "scenario")
            && is(&self.step, "step")
            && is(&self.agent, "agent")
            && (self.outcome.is_empty() || self.outcome.iter().any(|wanted| wanted == outcome))
            && (self.status.is_empty() || self.status.iter().any(|wanted| wanted.takes(status)))
    }
}

impl StatusFilter {
    const fn takes(self, status: Option<u16>) -> bool {
        match (self, status) {
            (Self::Exactly(wanted), Some(status)) => wanted == status,
            (Self::Hundred(wanted), Some(status)) => status / 100 == wanted,
            (Self::Missing, None) => true,
            (_, _) => false,
        }
    }
}

impl FromStr for StatusFilter {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FORMS: &str = "write a status like 404, a hundred of them like 5xx, or none";
        let lower = text.to_ascii_lowercase();
        if lower == "none" {
            return Ok(Self::Missing);
        }
        if let Some(first) = lower.strip_suffix("xx") {
            return match first.parse() {
                Ok(first @ 1..=9) => Ok(Self::Hundred(first)),
                _ => Err(FORMS),
            };
        }
        match lower.parse() {
            Ok(status @ 100..=999) => Ok(Self::Exactly(status)),
            _ => Err(FORMS),
        }
    }
}
