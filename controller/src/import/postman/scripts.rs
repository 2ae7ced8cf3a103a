//! Scripts of a collection: the two things that nearly all of them do are understood, word for word, and nothing else.

use crate::import::value::identifier;
use postman_collection::v2_1_0 as v2;
use regex::Regex;

/// The code of an event.
pub(super) fn code(event: &v2::Event) -> String {
    match event.script.as_ref().and_then(|script| script.exec.as_ref()) {
        Some(v2::Host::String(line)) => line.clone(),
        Some(v2::Host::StringArray(lines)) => lines.join("\n"),
        None => String::new(),
    }
}

fn tests(events: &[v2::Event]) -> impl Iterator<Item = String> {
    events.iter().filter(|event| event.listen == "test" && event.disabled != Some(true)).map(code)
}

/// `pm.response.to.have.status(201)`
pub(super) fn statuses(events: &[v2::Event]) -> Vec<u16> {
    let expects = pattern(STATUS);
    let mut statuses: Vec<u16> = tests(events)
        .flat_map(|code| expects.captures_iter(&code).map(|found| found[1].to_owned()).collect::<Vec<_>>())
        .filter_map(|status| status.parse().ok())
        .filter(|status| (100..600).contains(status))
        .collect();
    statuses.sort_unstable();
    statuses.dedup();
    statuses
}

/// `pm.environment.set("token", pm.response.json().data.token)`, also by way of a variable that holds the JSON: the
/// name under which templates know the value, and its place.
pub(super) fn extracts(events: &[v2::Event]) -> Vec<(String, String)> {
    let (holds, sets) = (pattern(HOLDS), pattern(SETS));
    let mut extracts = Vec::new();
    for code in tests(events) {
        let holders: Vec<String> = holds.captures_iter(&code).map(|found| found[1].to_owned()).collect();
        for found in sets.captures_iter(&code) {
            let (name, source, path) = (&found[1], found[2].trim(), &found[3]);
            if source.ends_with("json()") || holders.iter().any(|own| own == source) {
                extracts.push((identifier(name), format!("${path}")));
            }
        }
    }
    extracts
}

/// Whether there is code beside what was understood.
pub(super) fn hold_more(events: &[v2::Event]) -> bool {
    let is_code = |line: &&str| {
        let line = line.trim();
        !line.is_empty() && !line.starts_with("//")
    };
    events.iter().any(|event| {
        let code = code(event);
        if event.listen != "test" {
            return code.lines().any(|line| is_code(&line));
        }
        let mut left = code;
        for understood in [SETS, HOLDS, STATUS, FRAME] {
            left = pattern(understood).replace_all(&left, "").into_owned();
        }
        left.lines().any(|line| is_code(&line))
    })
}

fn pattern(pattern: &str) -> Regex {
    Regex::new(pattern).expect("the patterns below are compiled by a test")
}

const STATUS: &str = r"pm\.response\.to\.have\.status\((\d{3})\);?";
const HOLDS: &str =
    r"(?:var|let|const)\s+(\w+)\s*=\s*(?:pm\.response\.json\(\)|JSON\.parse\(responseBody\));?";
const SETS: &str = r#"(?:pm\.(?:environment|globals|collectionVariables|variables)\.set|postman\.set(?:Environment|Global)Variable)\(\s*["']([\w.-]+)["']\s*,\s*(pm\.response\.json\(\)|\w+)((?:\.\w+|\[\d+\])+)\s*\);?"#;
const FRAME: &str = r#"pm\.test\(\s*["'][^"']*["']\s*,\s*(?:function\s*\(\)|\(\)\s*=>)\s*\{|\}\);?"#;

#[cfg(test)]
mod tests {
    use super::*;

    fn event(code: &[&str]) -> v2::Event {
        serde_json::from_value(serde_json::json!({"listen": "test", "script": {"exec": code}})).unwrap()
    }

    #[test]
    fn what_nearly_all_scripts_do_is_understood() {
        let events = [event(&[
            "pm.test(\"Status code is 201\", function () {",
            "    pm.response.to.have.status(201);",
            "});",
            "// keep it",
            "const body = pm.response.json();",
            "pm.environment.set('token', body.data[0].access_token);",
            "pm.collectionVariables.set(\"user-id\", pm.response.json().id)",
        ])];
        assert_eq!(statuses(&events), [201]);
        let extracts = extracts(&events);
        assert_eq!(extracts[0], ("token".into(), "$.data[0].access_token".into()));
        assert_eq!(extracts[1], ("user_id".into(), "$.id".into()));
        assert!(!hold_more(&events));
    }

    #[test]
    fn anything_else_is_told() {
        assert!(hold_more(&[event(&["console.log(1);"])]));
        assert!(
            extracts(&[event(&["pm.environment.set('t', other.token);"])]).is_empty(),
            "who knows what it holds"
        );
        assert!(!hold_more(&[event(&[""])]));
    }
}
