//! What came of the rows per request.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The rows of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RowsKept {
    /// The folder in which they are, as the controller names it.
    pub folder: String,
    /// The file of each agent that took part.
    pub files: Vec<RowsFile>,
}

/// The rows of one agent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RowsFile {
    /// The agent.
    pub agent: String,
    /// The file's name in the folder; `None`: it did not come.
    pub file: Option<String>,
    /// Rows in it.
    pub rows: u64,
    /// Rows that the agent's disk was too slow for.
    pub dropped: u64,
    /// Bytes of the file, compressed.
    pub bytes: u64,
    /// Why it did not come or is not whole.
    pub problem: Option<String>,
}

impl RowsKept {
    /// Rows in all files.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.files.iter().map(|file| file.rows).sum()
    }

    /// A sentence for each agent whose rows are not all there.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let told = |file: &RowsFile| {
            let mut told = Vec::new();
            if file.dropped > 0 {
                told.push(format!(
                    "{} rows of agent {} were dropped: its disk was too slow for them",
                    file.dropped, file.agent
                ));
            }
            if let Some(problem) = &file.problem {
                let what = if file.file.is_some() { "are incomplete" } else { "were not collected" };
                told.push(format!("the rows of agent {} {what}: {problem}", file.agent));
            }
            told
        };
        self.files.iter().flat_map(told).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_there_is_told() {
        let whole =
            RowsFile { agent: "a1".into(), file: Some("a1.csv.zst".into()), rows: 5, ..RowsFile::default() };
        let slow = RowsFile { agent: "a2".into(), dropped: 7, ..whole.clone() };
        let gone =
            RowsFile { agent: "a3".into(), problem: Some("it was lost".into()), ..RowsFile::default() };
        let kept = RowsKept { folder: "rows".into(), files: vec![whole, slow, gone] };
        assert_eq!(kept.rows(), 10);
        assert_eq!(
            kept.warnings(),
            [
                "7 rows of agent a2 were dropped: its disk was too slow for them",
                "the rows of agent a3 were not collected: it was lost",
            ]
        );
    }
}
