//! What a plan needs besides its own text: files, secrets, what earlier steps extract.

use std::collections::BTreeSet;
use std::time::Duration;

use super::{Body, FormPart, PartContent, Pick, Plan, Scenario, Source, Step};
use crate::text::{Secret, Text};
use crate::think::Think;

impl Plan {
    /// Every file that it names, by its path as written; each once, sorted.
    #[must_use]
    pub fn files(&self) -> Vec<&str> {
        let mut files: Vec<&str> = Vec::new();
        for data in &self.data {
            if let Source::Csv(path) | Source::Jsonl(path) = &data.source {
                files.push(path);
            }
        }
        for step in self.scenarios.iter().flat_map(|scenario| &scenario.steps) {
            match &step.body {
                Body::File(path) => files.push(path),
                Body::Multipart(parts) => files.extend(parts.iter().filter_map(|part| match &part.content {
                    PartContent::File(path) => Some(path.as_str()),
                    PartContent::Value(_) => None,
                })),
                Body::None | Body::Text(_) | Body::Json(_) | Body::Form(_) => {}
            }
        }
        files.sort_unstable();
        files.dedup();
        files
    }

    /// Every secret that it refers to, each once, sorted.
    #[must_use]
    pub fn secrets(&self) -> BTreeSet<Secret> {
        let steps = self.scenarios.iter().flat_map(|scenario| &scenario.steps);
        let own = self.target.tls.identity.iter().flat_map(|(cert, key)| [cert, key]);
        steps.flat_map(Step::texts).chain(own).flat_map(Text::secrets).cloned().collect()
    }
}

impl Scenario {
    /// How long an iteration under way may still take: one step's timeout, or in a sequence all of them with the rests
    /// between, up to 5 minutes. A longer timeout counts whole.
    #[must_use]
    pub fn longest(&self) -> Duration {
        let longest = self.steps.iter().map(|step| step.timeout).max().unwrap_or_default();
        if self.pick == Pick::Weighted {
            return longest;
        }
        let rests = self.steps.iter().rev().skip(1).filter_map(|step| step.think);
        let rests = rests.map(Think::mostly).fold(Duration::ZERO, Duration::saturating_add);
        let whole = self.steps.iter().map(|step| step.timeout).fold(rests, Duration::saturating_add);
        whole.min(LONGEST_DEFAULT).max(longest)
    }

    /// The names under which its steps keep what they take from answers, each once, sorted.
    #[must_use]
    pub fn variables(&self) -> Vec<String> {
        let extracts = self.steps.iter().flat_map(|step| &step.extract);
        let mut names: Vec<String> = extracts.map(|extract| extract.name.clone()).collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}

impl Step {
    /// Every text of the request.
    #[must_use]
    pub fn texts(&self) -> Vec<&Text> {
        fn values(fields: &[(String, Text)]) -> impl Iterator<Item = &Text> {
            fields.iter().map(|(_, value)| value)
        }
        let mut texts = vec![&self.path];
        texts.extend(values(&self.query).chain(values(&self.headers)));
        match &self.body {
            Body::Text(text) | Body::Json(text) => texts.push(text),
            Body::Form(fields) => texts.extend(values(fields)),
            Body::Multipart(parts) => texts.extend(parts.iter().flat_map(FormPart::texts)),
            Body::None | Body::File(_) => {}
        }
        texts
    }
}

impl FormPart {
    fn texts(&self) -> impl Iterator<Item = &Text> {
        let value = if let PartContent::Value(value) = &self.content { Some(value) } else { None };
        value.into_iter().chain(&self.filename)
    }
}

/// Iterations that may take longer are waited for when the plan says so.
const LONGEST_DEFAULT: Duration = Duration::from_secs(300);
