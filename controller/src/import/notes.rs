//! What an import could not take along, and what a person should look at.

use std::collections::BTreeMap;
use std::fmt::Write;

/// Remarks, each with the places that it is about.
#[derive(Debug, Default)]
pub(super) struct Notes {
    left_out: BTreeMap<String, Places>,
    look_at: BTreeMap<String, Places>,
}

#[derive(Debug, Default)]
struct Places {
    count: usize,
    first: Vec<String>,
}

impl Notes {
    /// Something that the plan does not hold.
    pub(super) fn left_out(&mut self, what: impl Into<String>, place: &str) {
        self.left_out.entry(what.into()).or_default().add(place);
    }

    /// Something that a person should look at.
    pub(super) fn look_at(&mut self, what: impl Into<String>, place: &str) {
        self.look_at.entry(what.into()).or_default().add(place);
    }

    /// As text, a line for each remark; empty when there is none.
    pub(super) fn render(&self) -> String {
        let mut text = String::new();
        for (title, remarks) in [("left out:", &self.left_out), ("to look at:", &self.look_at)] {
            if !remarks.is_empty() {
                text.push_str(title);
                text.push('\n');
            }
            for (what, places) in remarks {
                writeln!(text, "  {what}{}", places.render()).unwrap_or_default();
            }
        }
        text
    }
}

impl Places {
    fn add(&mut self, place: &str) {
        self.count += 1;
        if self.first.len() < SHOWN && !place.is_empty() && !self.first.iter().any(|first| first == place) {
            self.first.push(place.to_owned());
        }
    }

    fn render(&self) -> String {
        let times = if self.count > 1 { format!(", {} times", self.count) } else { String::new() };
        let more = if self.count > self.first.len() && !self.first.is_empty() { ", …" } else { "" };
        match self.first.as_slice() {
            [] => times,
            first => format!("{times} ({}{more})", first.join("; ")),
        }
    }
}

/// Places that are shown of each remark.
const SHOWN: usize = 3;
