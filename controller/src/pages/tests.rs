use super::*;
use crate::text::tests::report as sample;
use common::report::SampleRow;

fn pages() -> Pages {
    Pages::new().unwrap()
}

/// A report full of what a hostile target, plan or log may say.
fn hostile() -> Report {
    let evil = "</script><script>alert(1)</script>\u{202e}\u{1b}[31m".to_owned();
    let mut report = sample();
    report.run.name.clone_from(&evil);
    report.series[0].step.clone_from(&evil);
    report.timeline[0].scenario.clone_from(&evil);
    report.warnings = vec![evil.clone()];
    report.samples = vec![SampleRow {
        scenario: evil.clone(),
        step: evil.clone(),
        outcome: "unexpected_status".into(),
        status: Some(500),
        arrival: 7,
        t_s: 1.5,
        agent: evil.clone(),
        detail: evil.clone(),
        request: format!("GET / HTTP/1.1\r\nx: {evil}"),
        answer: evil,
    }];
    report
}

#[test]
fn a_report_is_one_file_that_asks_nobody_for_anything() {
    let page = pages().report_file(&sample(), "name = \"x\"", true).unwrap();
    assert!(page.len() < 700_000, "{}", page.len());
    // plotly.js is packed: what it holds is no text of the page.
    for foreign in ["http://", "https://", "src=\"", "href=\"", "import ", "url("] {
        assert!(!page.contains(foreign), "{foreign}");
    }
    assert!(page.contains("<code>0197-ab</code>") && page.contains("812.0 ms"));
}

#[test]
fn without_charts_a_report_is_small_and_has_every_table() {
    let page = pages().report_file(&sample(), "", false).unwrap();
    assert!(page.len() < 150_000, "{}", page.len());
    assert!(!page.contains("<script") && page.contains("agent-1") && page.contains("11,990"));
}

#[test]
fn foreign_text_stays_text() {
    let report = hostile();
    for page in [
        pages().report_file(&report, "</pre><script>", true).unwrap(),
        pages().report_page(&report, "</pre><script>").unwrap(),
    ] {
        assert!(!page.contains("<script>alert") && !page.contains("</pre><script>"));
        assert!(!page.contains(['\u{202e}', '\u{1b}']));
        assert!(page.contains("&lt;&#x2f;script&gt;"), "it is shown as it is");
    }
}

#[test]
fn the_script_of_a_report_is_the_one_that_its_policy_allows() {
    let page = pages().report_file(&sample(), "", true).unwrap();
    let (policy, _) = page.split_once("<style>").unwrap();
    let policy = policy.replace("&#x2f;", "/").replace("&#x27;", "'");
    let (_, rest) = page.split_once("<script type=\"module\">").unwrap();
    let (script, _) = rest.split_once("</script>").unwrap();
    let allowed = format!("script-src 'sha256-{}' blob:;", STANDARD.encode(Sha256::digest(script)));
    assert!(policy.contains(&allowed), "{policy}");
    assert!(!script.lines().any(|line| line.starts_with("import ") || line.starts_with("export ")));
}

#[test]
fn a_pass_of_which_every_request_failed_is_no_green_page() {
    let mut report = sample();
    report.verdict.result = common::report::Judgment::Pass;
    report.verdict.reasons = vec!["s: every request failed: reset × 3".into()];
    let page = pages().report_page(&report, "").unwrap();
    assert!(page.contains("class=\"verdict pass doubt\"") && page.contains("Passed, but"), "{page}");
    report.verdict.reasons.clear();
    assert!(pages().report_page(&report, "").unwrap().contains("class=\"verdict pass\""));
}

#[test]
fn plotly_is_what_it_says() {
    let mut text = String::new();
    std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(PLOTLY), &mut text).unwrap();
    assert!(text.starts_with("/**\n* plotly.js v3"), "{:?}", &text[..40]);
    assert!(text.contains("Licensed under the MIT license"));
    assert!(!text.contains("</script"));
}

#[test]
fn the_history_offers_the_last_two_for_comparison() {
    let row = |id: &str, verdict: Option<&str>| RunRow {
        id: id.into(),
        name: "<b>".into(),
        created_at: "2026-01-01T00:00:00Z".into(),
        state: "over".into(),
        verdict: verdict.map(str::to_owned),
    };
    let page = pages().runs(&[row("r4", None), row("r3", Some("pass")), row("r2", Some("fail"))]).unwrap();
    assert!(
        page.contains("value=\"r2\" aria-label=\"before: &lt;b&gt; of 2026-01-01T00:00:00Z\" checked"),
        "{page}"
    );
    assert!(
        page.contains("value=\"r3\" aria-label=\"after: &lt;b&gt; of 2026-01-01T00:00:00Z\" checked"),
        "{page}"
    );
    assert!(pages().runs(&[]).unwrap().contains("No run was kept"));
    let chosen = Compared { before: "r3".into(), after: "r9".into(), noise: String::new() };
    let page = pages().compare(&[row("r3", Some("pass"))], &chosen, Some(&Err("there is no run r9".into())));
    assert!(page.unwrap().contains("there is no run r9"));
    assert!(pages().now().unwrap().contains("Start a run"));
}
