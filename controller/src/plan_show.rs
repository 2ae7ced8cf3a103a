//! `controller plan show`: the plan as it goes to agents, or the requests of one arrival.

use crate::exit::{Exit, Failure};
use crate::read::read_plan;
use common::pick::Picked;
use common::plan::{Method, Plan};
use common::script::{Message, NotRendered, Script, Vars, identity};
use std::fmt::Write;
use std::path::Path;
use std::str::FromStr;

/// An arrival of a plan: SCENARIO:NUMBER.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrival {
    scenario: String,
    k: u64,
}

impl FromStr for Arrival {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (scenario, number) = text.rsplit_once(':').ok_or(HOW)?;
        let k = number.parse().map_err(|_| HOW)?;
        Ok(Self { scenario: scenario.to_owned(), k })
    }
}

/// What is printed of the plan in a file.
pub fn show(path: &Path, arrival: Option<&Arrival>) -> Result<String, Failure> {
    let effective = read_plan(path)?;
    let Some(arrival) = arrival else {
        let mut out = effective.text;
        for file in effective.files.told() {
            writeln!(out, "# file {file}").unwrap_or_default();
        }
        return Ok(out);
    };
    let bad = |wrong: Vec<String>| Failure::new(Exit::BadPlan, wrong.join("\n"));
    let (_, script) = effective.files.script(&effective.plan).map_err(bad)?;
    requests(&effective.plan, &script, arrival)
}

fn requests(plan: &Plan, script: &Script, arrival: &Arrival) -> Result<String, Failure> {
    let found = plan.scenarios.iter().enumerate().find(|(_, scenario)| scenario.name == arrival.scenario);
    let Some((number, scenario)) = found else {
        let names: Vec<&str> = plan.scenarios.iter().map(|scenario| scenario.name.as_str()).collect();
        let what = format!("no scenario is named {}: there are {}", arrival.scenario, names.join(", "));
        return Err(Failure::usage(what));
    };
    if !script.has_data(number, arrival.k) {
        return Ok(format!("{}:{} is skipped: no row of its data is left\n", arrival.scenario, arrival.k));
    }
    let mut vars = Vars::default();
    for name in scenario.variables() {
        vars.set(&name, format!("[{name}]"));
    }
    let who = identity(&scenario.load, arrival.k);
    let (mut out, mut message) = (String::new(), Message::default());
    let picked = Picked::of(scenario, plan.seed).map(|picked| picked.step(arrival.k));
    let sent = scenario.steps.iter().enumerate().filter(|(at, _)| picked.is_none_or(|picked| picked == *at));
    for (at, step) in sent {
        writeln!(out, "# {}:{} {}", scenario.name, arrival.k, step.name).unwrap_or_default();
        match script.message((number, at), &who, &vars, &mut message) {
            Ok(()) => write_message(plan, &message, arrival, &mut out),
            Err(NotRendered(why)) => writeln!(out, "cannot be rendered: {why}\n").unwrap_or_default(),
        }
    }
    Ok(out)
}

fn write_message(plan: &Plan, message: &Message, arrival: &Arrival, out: &mut String) {
    let Message { method, path, headers, body } = message;
    let url = &plan.target.base_url;
    let mut lines = vec![format!("{} {}{path} HTTP/{}", method.as_str(), url.path, http(plan))];
    if !headers.iter().any(|(name, _)| name == "host") {
        lines.push(format!("host: {}", url.authority()));
    }
    lines.extend(headers.iter().map(|(name, value)| format!("{name}: {value}")));
    if body.is_some() || matches!(method, Method::Post | Method::Put | Method::Patch) {
        lines.push(format!("content-length: {}", body.as_ref().map_or(0, Vec::len)));
    }
    if plan.target.identify {
        lines.push(format!("x-stampede-arrival: {}:{}", arrival.scenario, arrival.k));
    }
    writeln!(out, "{}\n", lines.join("\n")).unwrap_or_default();
    if let Some(body) = body {
        match std::str::from_utf8(body) {
            Ok(text) => writeln!(out, "{text}\n"),
            Err(_) => writeln!(out, "({} bytes that are no text)\n", body.len()),
        }
        .unwrap_or_default();
    }
}

const fn http(plan: &Plan) -> &'static str {
    match plan.target.http {
        common::plan::HttpVersion::Http1 => "1.1",
        common::plan::HttpVersion::Http2 => "2",
    }
}

const HOW: &str = "write SCENARIO:NUMBER, for example index:123456";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_weighted_steps_the_one_is_printed_that_is_sent() {
        let text = "name = \"t\"\n[target]\nbase_url = \"http://h\"\n[[scenario]]\nname = \"s\"\npick = \"weighted\"\n\
            load.rate = [{ at = \"1/s\", for = \"3s\" }]\nstep = [{ path = \"/a\", weight = 3 }, { path = \"/b\" }]\n";
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("plan.toml");
        std::fs::write(&path, text).unwrap();
        let picked = |k: u64| {
            let shown = show(&path, Some(&format!("s:{k}").parse().unwrap())).unwrap();
            assert_eq!(shown.matches("HTTP/1.1").count(), 1, "{shown}");
            shown.contains("GET /a ")
        };
        let often = (0..200).filter(|k| picked(*k)).count();
        assert!((120..180).contains(&often), "{often} of 200 are the step with three of four parts");
    }

    #[test]
    fn an_arrival_is_printed_as_it_is_sent_but_for_secrets() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("plan.toml");
        let text = "name = \"t\"\nseed = 1\n[target]\nbase_url = \"http://h:81/api\"\n\
            headers.authorization = \"Bearer ${env:T}\"\nidentify = true\n[[data]]\nname = \"hosts\"\ncsv = \"hosts.csv\"\n\
            order = \"unique\"\n[[scenario]]\nname = \"s\"\nload.rate = [{ at = \"1/s\", for = \"3s\" }]\n\
            [[scenario.step]]\nname = \"put\"\nmethod = \"PUT\"\npath = \"/{{ arrival }}\"\njson = '{\"h\": \"{{ hosts.name }}\"}'\n";
        std::fs::write(&path, text).unwrap();
        std::fs::write(folder.path().join("hosts.csv"), "name\na\nb\n").unwrap();
        let shown = |arrival: &str| show(&path, Some(&arrival.parse().unwrap())).unwrap();
        let expected = |k: u64, host: &str| {
            format!(
                "# s:{k} put\nPUT /api/{k} HTTP/1.1\nhost: h:81\nauthorization: Bearer ***\ncontent-type: application/json\n\
                 content-length: 10\nx-stampede-arrival: s:{k}\n\n{{\"h\": \"{host}\"}}\n\n"
            )
        };
        let first = if shown("s:0") == expected(0, "a") { ["a", "b"] } else { ["b", "a"] };
        assert_eq!((shown("s:0"), shown("s:1")), (expected(0, first[0]), expected(1, first[1])));
        assert_eq!(shown("s:2"), "s:2 is skipped: no row of its data is left\n");
        let whole = show(&path, None).unwrap();
        assert!(
            whole.starts_with(text) && whole.contains("# file ") && whole.ends_with("hosts.csv\n"),
            "{whole}"
        );
        assert!("s".parse::<Arrival>().is_err() && "s:x".parse::<Arrival>().is_err());
        assert!(show(&path, Some(&"t:1".parse().unwrap())).is_err());
    }
}
