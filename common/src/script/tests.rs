//! What steps send.

use super::*;
use std::collections::BTreeMap;
use std::sync::Arc;

fn plan(data: &str, step: &str) -> Plan {
    let text = format!(
        "name = \"t\"\nseed = 9\n[target]\nbase_url = \"http://a\"\n{data}\n[[scenario]]\nname = \"s\"\n\
         load.rate = [{{ at = \"1/s\", for = \"1s\" }}]\n[[scenario.step]]\nname = \"x\"\n{step}\n"
    );
    Plan::parse("plan.toml", &text).unwrap_or_else(|problems| panic!("{problems}"))
}

fn script(plan: &Plan) -> Script {
    let secrets = plan.secrets().into_iter().map(|secret| (secret, "p\"w".to_owned())).collect();
    let files = BTreeMap::from([("f.bin".to_owned(), Arc::from(&b"\x00\xff"[..]))]);
    Script::compile(plan, &resources(plan, files, secrets).unwrap()).unwrap()
}

fn message(data: &str, step: &str, k: u64) -> Result<Message, NotRendered> {
    let (script, mut out) = (script(&plan(data, step)), Message::default());
    script.message((0, 0), &Identity { k, ..Identity::default() }, &Vars::default(), &mut out).map(|()| out)
}

#[test]
fn a_literal_step_is_what_the_plan_says() {
    for (step, path, headers, body, why) in [
        ("path = \"/a?b=c\"", "/a?b=c", "", None, "nothing is added"),
        ("path = \"/\"\nquery = { q = \"a b&ü\", p = \"1\" }", "/?p=1&q=a%20b%26%C3%BC", "", None, "encoded"),
        ("path = \"/?x\"\nquery.q = \"\"", "/?x&q=", "", None, "the path's own query stays"),
        (
            "path = \"/\"\nmethod = \"POST\"\njson = \"[1]\"",
            "/",
            "content-type: application/json",
            Some("[1]"),
            "JSON",
        ),
        (
            "path = \"/\"\nmethod = \"POST\"\njson = \"[1]\"\nheaders.Content-Type = \"a/b\"",
            "/",
            "content-type: a/b",
            Some("[1]"),
            "the plan's own word wins",
        ),
        (
            "path = \"/\"\nmethod = \"POST\"\nform = { a = \"1 2\", \"b c\" = \"~\" }",
            "/",
            "content-type: application/x-www-form-urlencoded",
            Some("a=1%202&b%20c=~"),
            "a form",
        ),
        ("path = \"/\"\nmethod = \"POST\"\nbody = \"\"", "/", "", Some(""), "an empty body is one"),
        ("path = \"/\"\nheaders.a = \"${env:P}\"", "/", "a: p\"w", None, "a secret is the same for all"),
    ] {
        let message = message("", step, 0).unwrap();
        let shown: Vec<_> = message.headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        assert_eq!((message.path.as_str(), shown.join(", ")), (path, headers.to_owned()), "{why}");
        assert_eq!(message.body.as_deref(), body.map(str::as_bytes), "{why}");
        assert!(script(&plan("", step)).fixed(0, 0).is_some(), "{why}");
    }
}

#[test]
fn a_varying_step_is_put_together_for_each_arrival() {
    let data = "[[data]]\nname = \"odd\"\nvalues = [\"a b/ü?\", \"x\\ny\"]";
    for (step, k, expected, why) in [
        (
            "path = \"/{{ arrival }}/{{ odd }}\"",
            2,
            "/2/a%20b/%C3%BC?",
            "what cannot stand in a path is encoded",
        ),
        ("path = \"/\"\nquery.q = \"{{ odd }}\"", 2, "/?q=a%20b%2F%C3%BC%3F", "a query's value wholly"),
        ("path = \"{{ odd }}\"", 0, "the path does not begin with `/`", "a path begins with a slash"),
        (
            "path = \"/\"\nheaders.a = \"{{ odd }}\"",
            1,
            "header `a`: a character that cannot stand in a header",
            "no lines",
        ),
    ] {
        let told = message(data, step, k).map_or_else(|NotRendered(why)| why, |message| message.path);
        assert_eq!(told, expected, "{why}");
    }
    let step = "path = \"/\"\nmethod = \"POST\"\nform = { a = \"{{ odd }}\" }";
    assert_eq!(message(data, step, 1).unwrap().body.unwrap(), b"a=x%0Ay");
    let step = "path = \"/\"\nmethod = \"POST\"\njson = '{\"a\": \"{{ odd }}\"}'";
    assert_eq!(message(data, step, 1).unwrap().body.unwrap(), b"{\"a\": \"x\\ny\"}");
}

#[test]
fn rows_that_are_used_up_end_iterations_before_they_begin() {
    let data = "[[data]]\nname = \"once\"\nvalues = [1, 2, 3]\norder = \"unique\"";
    let plan = plan(data, "path = \"/{{ once }}\"");
    let script = script(&plan);
    let has = |k| script.has_data(0, k);
    assert_eq!([0, 2, 3].map(has), [true, true, false]);
    assert_eq!(script.shortages(&[Some(3)]), Vec::<String>::new());
    let told = script.shortages(&[Some(5)]).remove(0);
    assert!(told.contains("plans 5 iterations and `once` has 3 rows: 2 will be skipped"), "{told}");
    let wrapping = self::plan(&format!("{data}\nend = \"wrap\""), "path = \"/{{ once }}\"");
    assert!(self::script(&wrapping).has_data(0, 3));
    let picked = self::plan(data, "path = \"/{{ pick(once) }}\"");
    assert!(self::script(&picked).has_data(0, 3), "a draw takes nothing away");
}

#[test]
fn every_problem_of_the_files_is_told_at_once() {
    let data = "[[data]]\nname = \"a\"\ncsv = \"a.csv\"\n[[data]]\nname = \"b\"\njsonl = \"b.jsonl\"\nweights = [1]\n\
                [[data]]\nname = \"c\"\ncsv = \"c.csv\"";
    let plan = plan(data, "path = \"/{{ a.x }}\"");
    let file = |bytes: &[u8]| Arc::from(bytes);
    let files = BTreeMap::from([("a.csv".into(), file(b"x,y\n1\n")), ("b.jsonl".into(), file(b"1\n2\n"))]);
    let told = resources(&plan, files, BTreeMap::new()).unwrap_err();
    assert_eq!(
        told,
        [
            "a.csv:2: 1 values for 2 columns; quote values that hold commas",
            "data `b`: 1 weights for 2 rows; write one for each row",
            "c.csv: the file is missing",
        ]
    );
}

#[test]
fn secrets_are_kept_out_in_every_form() {
    let secrets = Secrets::new(&["p\"w/1".to_owned(), "p".to_owned(), String::new()]);
    for (text, expected) in [
        ("token p\"w/1!", "token ***!"),
        ("{\"a\": \"p\\\"w/1\"}", "{\"a\": \"***\"}"),
        ("?q=p%22w%2F1", "?q=***"),
        ("Basic cCJ3LzE=", "Basic ***"),
    ] {
        assert_eq!(secrets.redact(text), expected);
    }
    assert_eq!(format!("{secrets:?}"), "Secrets(6 of them)");
}
