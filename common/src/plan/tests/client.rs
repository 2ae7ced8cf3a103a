//! How requests travel, and what is asked of their answers.

use serde_json::json;

use super::{parse, smallest};
use crate::answer::{Needs, Source};
use crate::plan::{Connection, Endpoint, Plan, Reuse};

/// The problems of the smallest plan with these lines in its step, or in its target.
fn problems(place: &str, written: &str) -> Vec<(String, String)> {
    let text = match place {
        "step" => smallest("", written),
        _ => smallest("", "").replace("[[scenario]]", &format!("{written}\n[[scenario]]")),
    };
    let problems = Plan::parse("p", &text).err().map(|problems| problems.list).unwrap_or_default();
    problems.into_iter().map(|problem| (problem.message, problem.help)).collect()
}

#[test]
fn checks_and_extractions_are_compiled() {
    let plan = parse(&smallest(
        "",
        r#"
expect = { status = [201, 200], max_time = "2s", min_size = 1, max_size = 9, headers = { X-A = "b" }, contains = "c",
           matches = "d+", json = { "$.ok" = true, "/n" = 1, "/l" = [1.5, { a = "b" }] } }
extract = { id = { json = "$.id" }, tag = { header = "ETag", default = "none" }, sid = { cookie = "session" },
            all = { regex = "a+" }, one = { regex = "(a)(b)", group = 2 }, first = { regex = "(a)(b)" },
            csrf = { css = "input[name=csrf]", attr = "VALUE" }, title = { css = "title" } }
"#,
    ));
    let step = &plan.scenarios[0].steps[0];
    let expect = &step.expect;
    assert_eq!((&expect.status[..], expect.min_size, expect.max_size), (&[200, 201][..], Some(1), Some(9)));
    assert_eq!(expect.headers, [("x-a".to_owned(), "b".to_owned())]);
    let json: Vec<_> = expect.json.iter().map(|(path, value)| (path.as_str(), value.clone())).collect();
    assert_eq!(json, [("$.ok", json!(true)), ("/l", json!([1.5, {"a": "b"}])), ("/n", json!(1))]);
    assert_eq!(expect.needs(), Needs { head: true, body: true });
    let group = |name: &str| {
        let extract = step.extract.iter().find(|extract| extract.name == name).unwrap();
        if let Source::Regex(_, group) = extract.source { group } else { panic!("{name}") }
    };
    assert_eq!((group("all"), group("one"), group("first")), (0, 2, 1));
    let names: Vec<_> = step.extract.iter().map(|extract| &*extract.name).collect();
    assert_eq!(names, ["all", "csrf", "first", "id", "one", "sid", "tag", "title"]);
}

#[test]
fn a_slip_in_a_check_is_a_problem_at_its_place() {
    for (written, message, help) in [
        ("expect = { max_time = \"0s\" }", "`max_time`: a duration of nothing", "longer than zero"),
        ("expect = { min_size = 2, max_size = 1 }", "`max_size` is less than `min_size`", "no answer"),
        ("expect = { headers = { \"a b\" = \"c\" } }", "`headers`: not a header name", "content-type"),
        ("expect = { contains = \"\" }", "`contains`: every body contains nothing", "write a text"),
        (
            "expect = { matches = \"(a\" }",
            "`matches`: not a regular expression: unclosed group",
            "look-around",
        ),
        ("expect = { json = { ok = true } }", "`json`: neither a JSONPath nor a JSON pointer", "\"$.items"),
        ("expect = { json = { \"$.a[\" = 1 } }", "`json`: not a JSONPath", "\"$.items"),
        (
            "expect = { json = { \"/a\" = 2026-01-01 } }",
            "`json`: a value that JSON does not have",
            "a number",
        ),
        ("expect = { json = { \"/a\" = nan } }", "`json`: a value that JSON does not have", "a number"),
        ("expect = { body = \"x\" }", "unknown key `body` in [scenario.step.expect]", "contains"),
        (
            "extract = { \"1a\" = { json = \"/a\" } }",
            "`extract`: `1a` cannot be a variable's name",
            "no digit",
        ),
        ("extract = { a = { } }", "a value from nowhere", "exactly one of"),
        ("extract = { a = { json = \"/a\", css = \"b\" } }", "a value from two places", "exactly one of"),
        ("extract = { a = { json = \"/a\", attr = \"b\" } }", "`attr` belongs to `css`", "leave it out"),
        ("extract = { a = { json = \"/a\", group = 1 } }", "`group` belongs to `regex`", "leave it out"),
        ("extract = { a = { regex = \"b\", group = 1 } }", "`group`: the expression has 0 groups", "to 0"),
        (
            "extract = { a = { css = \"p:nth-child(2)\" } }",
            "`css`: `:` in a selector is not supported",
            "`#id`",
        ),
        ("extract = { a = { cookie = \"a b\" } }", "`cookie`: not a cookie's name", "session"),
        ("extract = { a = { header = \"\" } }", "`header`: not a header name", "content-type"),
        ("extract = { a = { jason = \"/a\" } }", "unknown key `jason`", "did you mean `json`?"),
        ("extract = { a = \"/a\" }", "`a` must be a table, not a text", ""),
    ] {
        let found = problems("step", written);
        let [(told, remedy)] = &found[..] else { panic!("{written}: {found:?}") };
        assert!(told.contains(message) && remedy.contains(help), "{written}: {told} / {remedy}");
    }
}

#[test]
fn connections_are_as_written() {
    assert_eq!(parse(&smallest("", "")).target.connection, Connection::default());
    let written = "connection = { use = \"per-user\", max_requests = 3, max_age = \"30s\", \
                   source = [\"127.0.0.2\", \"::1\"], resolve = { \"A:443\" = \"[::1]:8443\" } }";
    let plan = parse(&smallest("", "").replace("[[scenario]]", &format!("{written}\n[[scenario]]")));
    let connection = &plan.target.connection;
    assert_eq!((connection.reuse, connection.max_requests.unwrap().get()), (Reuse::PerUser, 3));
    assert_eq!(connection.source.len(), 2);
    let end = |host: &str, port| Endpoint { host: host.into(), port };
    assert_eq!(connection.endpoint("a", 443), end("::1", 8443), "an override");
    assert_eq!(connection.endpoint("a", 80), end("a", 80), "of this port only");
}

#[test]
fn a_slip_in_the_connections_is_a_problem_at_its_place() {
    for (written, message, help) in [
        ("use = \"mine\"", "`use` cannot be `mine`", "\"pooled\", \"per-user\", \"per-request\""),
        ("use = \"per-request\", max_requests = 2", "`max_requests` has no meaning", "per-user"),
        ("use = \"per-request\", max_age = \"2s\"", "`max_age` has no meaning", "per-user"),
        ("max_requests = 0", "`max_requests` is out of range", "from 1 to"),
        ("max_age = \"2h\"", "`max_age`: too long", "at most 1h"),
        ("source = [\"localhost\"]", "`source`: not an address to connect from", "192.0.2.1"),
        ("source = [\"0.0.0.0\"]", "`source`: not an address to connect from", "192.0.2.1"),
        ("source = []", "`source` has 0 entries", "at least 1"),
        ("unix = \"api.sock\"", "`unix`: not a path from the root", "/run/api.sock"),
        ("unix = \"/a\", source = [\"::1\"]", "`unix` has neither source addresses", "leave out"),
        ("resolve = { \"a\" = \"b:1\" }", "`resolve`: not HOST:PORT", "127.0.0.1:8443"),
        ("resolve = { \"a:1\" = \"b:0\" }", "`resolve`: not a port", "127.0.0.1:8443"),
    ] {
        let found = problems("target", &format!("connection = {{ {written} }}"));
        let [(told, remedy)] = &found[..] else { panic!("{written}: {found:?}") };
        assert!(told.contains(message) && remedy.contains(help), "{written}: {told} / {remedy}");
    }
}

#[test]
fn what_the_second_client_cannot_do_is_refused() {
    for (written, refused) in [
        ("connection.use = \"per-user\"", true),
        ("connection.use = \"per-request\"", false),
        ("connection.max_requests = 2", true),
        ("connection.max_age = \"2s\"", true),
        ("connection.source = [\"127.0.0.2\"]", false),
        ("connection.unix = \"/a\"", false),
        ("connection.resolve = { \"a:443\" = \"b:443\" }", false),
        ("connection.resolve = { \"a:443\" = \"b:444\" }", true),
        ("connection.resolve = { \"127.0.0.1:443\" = \"b:443\" }", true),
    ] {
        assert_eq!(problems("target", written), [], "{written}: the lean client can");
        for why in ["redirects = 1", "http = \"2\""] {
            let found = problems("target", &format!("{written}\n{why}"));
            let refused = refused || (written.contains("per-request") && why.contains("http"));
            assert_eq!(found.len(), usize::from(refused), "{written} with {why}: {found:?}");
        }
    }
}

#[test]
fn who_a_request_says_it_is_stands_in_its_head() {
    let headers = |target: &str, step: &str| {
        let text = smallest("", step).replace("[[scenario]]", &format!("{target}\n[[scenario]]"));
        let step = parse(&text).scenarios[0].steps[0].clone();
        assert!(!step.basic, "what is literal is encoded when the plan is read");
        let of = |(name, value): &(String, crate::text::Text)| {
            (name == "authorization").then(|| value.to_string())
        };
        step.headers.iter().find_map(of)
    };
    let basic = "auth = { basic = { user = \"Aladdin\", password = \"open sesame\" } }";
    let bearer = "auth = { bearer = \"t0\" }";
    let written = "headers = { Authorization = \"own\" }";
    for (target, step, expected, why) in [
        ("", "", None, "nobody"),
        (basic, "", Some("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="), "RFC 7617's example"),
        (bearer, "", Some("Bearer t0"), "a token"),
        (basic, bearer, Some("Bearer t0"), "the step's own wins"),
        (bearer, written, Some("own"), "so does a header in the step"),
        ("", &*format!("{written}\n{bearer}"), Some("Bearer t0"), "auth is more exact than a header"),
    ] {
        assert_eq!(headers(target, step).as_deref(), expected, "{why}");
    }
    for (written, message) in [
        ("auth = {}", "neither basic nor bearer"),
        ("auth = { basic = { user = \"a\" } }", "missing `password`"),
        ("auth = { basic = { user = \"a:b\", password = \"c\" } }", "`user` with a colon"),
        ("auth = { bearer = \"a\", basic = { user = \"a\", password = \"c\" } }", "neither basic nor bearer"),
    ] {
        let found = problems("target", written);
        assert!(found.len() == 1 && found[0].0.contains(message), "{written}: {found:?}");
    }
}

#[test]
fn compressed_answers_and_redirects_are_asked_for() {
    let with = |target: &str, step: &str| {
        parse(&smallest("", step).replace("[[scenario]]", &format!("{target}\n[[scenario]]")))
    };
    let encodings = |plan: &Plan| {
        let headers = &plan.scenarios[0].steps[0].headers;
        headers.iter().find(|(name, _)| name == "accept-encoding").map(|(_, value)| value.to_string())
    };
    assert_eq!(encodings(&with("compression = true", "")).as_deref(), Some("gzip, br, zstd, deflate"));
    assert_eq!(
        encodings(&with("compression = true", "headers.Accept-Encoding = \"br\"")).as_deref(),
        Some("br")
    );
    assert_eq!(encodings(&with("compression = false", "")), None);
    let redirects = |target: &str, step: &str| {
        let plan = with(target, step);
        (plan.scenarios[0].steps[0].redirects, plan.client().name())
    };
    assert_eq!(redirects("", ""), (0, "lean"));
    assert_eq!(redirects("redirects = 3", ""), (3, "reqwest"));
    assert_eq!(redirects("redirects = 3", "redirects = 0"), (0, "lean"));
    assert_eq!(redirects("", "redirects = 1"), (1, "reqwest"));
}

#[test]
fn an_identity_is_a_certificate_with_its_key() {
    for (written, message) in [
        ("tls = { cert = \"x\" }", "half an identity"),
        ("tls = { key = \"x\" }", "half an identity"),
        ("tls = { cert = \"x\", key = \"-----BEGIN PRIVATE KEY-----\" }", "`cert`: no PEM certificate"),
        (
            "tls = { cert = \"-----BEGIN CERTIFICATE-----\\na\\n-----END CERTIFICATE-----\", key = \"x\" }",
            "`key`: no PEM private key",
        ),
    ] {
        let found = problems("target", written);
        assert!(found.len() == 1 && found[0].0.contains(message), "{written}: {found:?}");
    }
}

#[test]
fn a_certificate_from_data_needs_connections_of_its_own() {
    let tls = "tls = { cert = \"{{ own.cert }}\", key = \"{{ own.key }}\" }";
    let data = "[[data]]\nname = \"own\"\nvalues = [ { cert = \"a\", key = \"b\" } ]\norder = \"per-user\"";
    for (more, expected) in
        [("", 1), ("connection.use = \"per-user\"", 0), ("connection.use = \"per-request\"", 1)]
    {
        let found = problems("target", &format!("{tls}\n{more}\n{data}"));
        assert_eq!(found.len(), expected, "{more}: {found:?}");
        assert!(
            found.iter().all(|(message, _)| message.contains("connections that users share")),
            "{found:?}"
        );
    }
}
