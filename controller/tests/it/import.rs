//! `controller import`: real-world samples become plans, without their credentials.

use common::plan::Plan;
use stampede_controller::import::{Imported, Kind, import};
use std::path::{Path, PathBuf};

use crate::programs::Program;

fn sample(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/import").join(name)
}

/// The plan of a sample, which is one, and what was told.
fn imported(kind: Kind, name: &str) -> Imported {
    let text = std::fs::read_to_string(sample(name)).unwrap();
    let imported = import(kind, "sample", &text, None).unwrap_or_else(|why| panic!("{name}: {why}"));
    Plan::parse(name, &imported.plan).unwrap_or_else(|problems| panic!("{problems}\n{}", imported.plan));
    imported
}

fn assert_holds(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "no {part} in\n{text}");
    }
}

fn assert_lacks(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(!text.contains(part), "{part} in\n{text}");
    }
}

fn names(imported: &Imported) -> Vec<&str> {
    imported.secrets.iter().map(|(name, _)| name.as_str()).collect()
}

#[test]
fn commands_copied_from_a_browser_are_a_plan() {
    let made = imported(Kind::Curl, "browser.sh");
    assert_holds(
        &made.plan,
        &[
            "base_url = \"https://shop.example\"",
            "compression = true",
            "verify = false",
            "path = \"/api/items?page=2&sort=price\"",
            "authorization = \"Bearer ${env:TOKEN}\"",
            "cookie = \"${env:COOKIE}\"",
            "method = \"DELETE\"",
            "Mütze",
            "it's {{ '{{' }}not}} a template",
            "${env:PASSWORD}",
        ],
    );
    assert_lacks(&made.plan, &["5up3r", "abcdef01", "hunter2", "sec-fetch", "cdn.example"]);
    assert_lacks(&made.notes, &["5up3r", "abcdef01", "hunter2"]);
    assert_eq!(names(&made), ["COOKIE", "PASSWORD", "TOKEN"]);
    assert_holds(
        &made.notes,
        &["another host than https://shop.example (https://cdn.example)", "header sec-fetch-mode"],
    );
}

#[test]
fn commands_that_people_write_are_a_plan() {
    let made = imported(Kind::Curl, "commands.sh");
    assert_holds(
        &made.plan,
        &[
            "form = { user = \"ann\", password = \"${env:PASSWORD}\" }",
            "redirects = 10",
            "timeout = \"2s 500ms\"",
            "path = \"/search?limit=10&q=a+b%26c\"",
            "auth = { basic = { user = \"ann\", password = \"${env:PASSWORD}\" } }",
            "{ name = \"note\", value = \"hello\", type = \"text/plain\" }",
            "{ name = \"file\", file = \"report.pdf\", filename = \"report.pdf\" }",
            "method = \"HEAD\"",
            "json = '{\"a\": 1}'",
            "x-api-key = \"${env:API_KEY}\"",
            "file = \"body.bin\"",
        ],
    );
    assert_lacks(&made.plan, &["hunter2"]);
    assert_eq!(names(&made), ["API_KEY", "PASSWORD"]);
    assert_holds(&made.notes, &["the command `set` (line 2)", "the command `jq`"]);
}

#[test]
fn a_recording_keeps_its_pauses_and_takes_tokens_from_the_answers() {
    let made = imported(Kind::Har, "session.har");
    assert_holds(
        &made.plan,
        &[
            "base_url = \"https://app.example\"",
            "cookies = true",
            "compression = true",
            "think = \"1s 999ms\"",
            "access_token = { json = \"$.access_token\" }",
            "id = { json = \"$.user.id\" }",
            "path = \"/api/users/{{ id }}/items?view=all\"",
            "Bearer {{ access_token }}",
            "cookie = \"${env:COOKIE}\"",
            "status = [422]",
            "{ name = \"shot\", value = \"hello\", filename = \"a.txt\", type = \"text/plain\" }",
        ],
    );
    assert_lacks(
        &made.plan,
        &["tok_4f9d", "9f8e7d6c", "correct horse", "fonts.example", "if-none-match", "authority"],
    );
    assert_holds(
        &made.notes,
        &["without an answer", "header if-none-match", "recordings do not hold all of it"],
    );
}

#[test]
fn an_api_s_description_of_either_version_is_a_plan_of_its_operations() {
    let made = imported(Kind::Openapi, "api-3.0.yaml");
    assert_holds(
        &made.plan,
        &[
            "base_url = \"https://eu.api.example\"",
            "pick = \"weighted\"",
            "name = \"listTests\"",
            "page = \"{{ uniform(1, 20) }}\"",
            "x-trace = '{{ regex(\"[0-9a-f]{16}\") }}'",
            "bearer = \"${env:API_TOKEN}\"",
            "path = \"/v1/tests/{{ uuid() }}\"",
            "password = \"${env:API_PASSWORD}\"",
            "status = [204]",
            "{{ pick(kind) }}",
            "name = \"kind\"\nvalues = [\"load\", \"stress\"]",
            "values = [\"true\", \"false\"]",
            "{{ email() }}",
            "form = { password = \"${env:PASSWORD}\", user = \"ann\" }",
        ],
    );
    assert_lacks(&made.plan, &["hunter2", "readOnly"]);
    assert_holds(
        &made.notes,
        &["optional parameters without an example (GET /v1/tests: filter)", "TRACE", "staging"],
    );

    let made = imported(Kind::Openapi, "api-3.1.json");
    assert_holds(
        &made.plan,
        &[
            "path = \"/api/orders/{{ uniform(1, 1000) }}\"",
            "{{ uniform(1, 9) }}",
            "\"state\": \"new\"",
            "{{ '{{' }} hi }}",
            "x-api-key = \"${env:X_API_KEY}\"",
        ],
    );
    assert_holds(&made.notes, &["give --base-url URL"]);
}

#[test]
fn a_collection_keeps_its_variables_and_what_its_scripts_keep() {
    let made = imported(Kind::Postman, "collection.json");
    assert_holds(
        &made.plan,
        &[
            "base_url = \"https://shop.example\"",
            "name = \"Session / Log in\"",
            "status = [201]",
            "extract = { token = { json = \"$.data.token\" } }",
            "bearer = \"{{ token }}\"",
            "x-secret = \"${env:API_SECRET}\"",
            "${env:USER_NAME}",
            "{{ uuid() }}",
            "path = \"/api/items/17?verbose=true\"",
            "{ name = \"file\", file = \"/pictures/a.png\", filename = \"a.png\" }",
        ],
    );
    assert_lacks(&made.plan, &["s3cr3t", "hunter2", "x-off", "off=1"]);
    assert_eq!(names(&made), ["API_SECRET", "PASSWORD", "USER_NAME"]);
}

#[test]
fn what_is_none_of_its_kind_is_refused_with_a_reason() {
    for (kind, text, why) in [
        (Kind::Curl, "wget http://a", "no curl command"),
        (Kind::Curl, "curl 'http://a", "line 1: a"),
        (Kind::Curl, "curl --no-such-flag http://a", "line 1: unexpected argument"),
        (Kind::Curl, "curl ^\"http://a^\" ^", "cURL (bash)"),
        (Kind::Har, "{}", "log"),
        (Kind::Openapi, "swagger: '2.0'", "Swagger 2.0"),
        (Kind::Openapi, "openapi: 3.0.0\npaths: {}", "no operation"),
        (Kind::Postman, "{\"info\": {\"schema\": \"v1\"}}", "2.1"),
        (Kind::Postman, "nonsense", "not JSON"),
    ] {
        let told = import(kind, "sample", text, None).unwrap_err();
        assert!(told.contains(why), "{told}");
    }
}

#[test]
fn a_plan_is_written_once_and_never_over_another() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("made");
    let flags = ["import", "curl", sample("browser.sh").to_str().unwrap(), "-o", out.to_str().unwrap()]
        .map(str::to_owned);
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let first = Program::controller(&flags).end();
    assert_eq!(first.code, Some(0), "{}", first.stderr);
    assert_holds(&first.stdout, &["plan.toml", "TOKEN", "left out:"]);
    assert!(out.join("plan.toml").is_file());
    let again = Program::controller(&flags).end();
    assert_eq!(again.code, Some(2));
    assert_holds(&again.stderr, &["--force"]);
}
