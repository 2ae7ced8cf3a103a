//! Secrets are found where they are needed: in this agent's environment and files. They never travel.

use common::text::Secret;
use std::collections::{BTreeMap, BTreeSet};

/// The values of secrets. The error names every one that is missing, and why.
pub(crate) fn resolve(agent: &str, secrets: BTreeSet<Secret>) -> Result<BTreeMap<Secret, String>, String> {
    let (mut values, mut missing) = (BTreeMap::new(), Vec::new());
    for secret in secrets {
        let value = match &secret {
            Secret::Env(name) => std::env::var(name).map_err(|error| error.to_string()),
            Secret::File(path) => std::fs::read_to_string(path).map_err(|error| error.to_string()),
        };
        match value {
            // Files end with a line's end that nobody means.
            Ok(value) => drop(values.insert(secret, value.trim_end_matches(['\r', '\n']).to_owned())),
            Err(why) => missing.push(format!("{secret} ({why})")),
        }
    }
    if missing.is_empty() {
        return Ok(values);
    }
    Err(format!(
        "agent {agent} lacks secrets of the plan: {}; set them where the agent runs",
        missing.join(", ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_missing_secret_is_named_with_its_agent() {
        let secrets = [
            Secret::Env("STAMPEDE_NOT_SET".into()),
            Secret::File("/not/there".into()),
            Secret::Env("PATH".into()),
        ];
        let told = resolve("a1", secrets.into()).unwrap_err();
        for part in [
            "agent a1 lacks",
            "${env:STAMPEDE_NOT_SET} (environment variable not found)",
            "${file:/not/there} (No such file",
        ] {
            assert!(told.contains(part), "{told}");
        }
        assert!(!told.contains("PATH"), "{told}");
    }
}
