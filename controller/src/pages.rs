//! Pages in HTML: a report as one file or as a page of the server, the history, a comparison.
//!
//! Every text is escaped by the templates and freed of control characters; every number is the report's.

use crate::text::{self, compared};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use common::compare::{Comparison, Step};
use common::human;
use common::lane::LANES;
use common::report::Report;
use flate2::Compression;
use flate2::write::GzEncoder;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, Output, State, Value, context};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};
use std::io::Write;

/// What our charts need of plotly.js, with its licence, as gzip.
pub const PLOTLY: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/plotly.js.gz"));

/// A run in the history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RunRow {
    /// Its id.
    pub id: String,
    /// Its plan's name.
    pub name: String,
    /// When it was created, in RFC 3339.
    pub created_at: String,
    /// How it stands: `queued`, `running`, `over`, ….
    pub state: String,
    /// The verdict in its report, if it has one.
    pub verdict: Option<String>,
}

/// The runs that are compared, by their ids; empty: none is chosen.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Compared {
    /// The measure.
    pub before: String,
    /// What is measured by it.
    pub after: String,
    /// What ought to be equal to `before`.
    pub noise: String,
}

/// Makes pages.
#[derive(Debug)]
pub struct Pages {
    templates: Environment<'static>,
}

impl Pages {
    /// Fails only when a template is wrong.
    pub fn new() -> Result<Self, String> {
        let mut templates = Environment::new();
        templates.set_auto_escape_callback(|_| AutoEscape::Html);
        templates.set_formatter(printable);
        for (name, source) in TEMPLATES {
            templates.add_template(name, source).map_err(|error| format!("page {name}: {error:#}"))?;
        }
        templates.add_filter("time", |us: f64| human::time(us));
        templates.add_filter("length_of", |seconds: f64| human::length(seconds));
        templates.add_filter("count", human::count);
        templates.add_filter("share", human::share);
        templates.add_filter("bytes", |bytes: f64| human::bytes(bytes));
        templates.add_filter("words", |name: String| name.replace('_', " "));
        Ok(Self { templates })
    }

    /// A report as one file that needs nothing else: no server, no network. `charts` make it 1 MB larger.
    pub fn report_file(&self, report: &Report, plan: &str, charts: bool) -> Result<String, String> {
        let script = bundle(&[FORMAT_JS, CHARTS_JS, REPORT_JS]);
        let policy = format!(
            "default-src 'none'; style-src 'unsafe-inline'; img-src data: blob:; script-src 'sha256-{}' blob:; \
             base-uri 'none'; form-action 'none'",
            STANDARD.encode(Sha256::digest(&script))
        );
        let own = context! {
            standalone => true,
            style => STYLE,
            policy,
            script => charts.then_some(script),
            plotly => charts.then(|| STANDARD.encode(PLOTLY)),
        };
        self.render("report.html", context! { ..own, ..about(report, plan, charts)? })
    }

    /// A report as a page of the server.
    pub fn report_page(&self, report: &Report, plan: &str) -> Result<String, String> {
        self.render("report.html", context! { here => "runs", ..about(report, plan, true)? })
    }

    /// The history.
    pub fn runs(&self, runs: &[RunRow]) -> Result<String, String> {
        let mut over = 0;
        let row = |run: &RunRow| {
            over += usize::from(run.verdict.is_some());
            let place = if run.verdict.is_some() { over } else { 0 };
            context! { is_first => place == 1, is_second => place == 2, ..Value::from(Serde(run)) }
        };
        let runs: Vec<Value> = runs.iter().map(row).collect();
        self.render("runs.html", context! { here => "runs", runs })
    }

    /// Two runs side by side, or why not.
    pub fn compare(
        &self,
        runs: &[RunRow],
        chosen: &Compared,
        compared: Option<&Result<Comparison, String>>,
    ) -> Result<String, String> {
        let Compared { before, after, noise } = chosen;
        let equal = runs.iter().find(|run| run.id == *noise).map(|run| Value::from(Serde(run)));
        let comparison = compared.and_then(|compared| compared.as_ref().ok()).map(comparison);
        let runs = Value::from(Serde(runs));
        let problem = compared.and_then(|compared| compared.as_ref().err());
        let own = context! { before, after, noise, equal, comparison, problem };
        self.render("compare.html", context! { here => "compare", runs, ..own })
    }

    /// The page on which a run is started and watched.
    pub fn now(&self) -> Result<String, String> {
        self.render("now.html", context! { here => "now" })
    }

    fn render(&self, name: &str, context: Value) -> Result<String, String> {
        let page = self.templates.get_template(name).and_then(|template| template.render(context));
        page.map_err(|error| format!("page {name}: {error:#}"))
    }
}

/// What a template knows of a report: its fields, and the few things that it cannot say itself.
fn about(report: &Report, plan: &str, charts: bool) -> Result<Value, String> {
    let told = |error: serde_json::Error| format!("encode the report: {error}");
    let rows = if charts { Some(rows(report).map_err(told)?) } else { None };
    let mut fields = serde_json::to_value(report).map_err(told)?;
    let share = |part: f64, whole: f64| if whole > 0.0 { part / whole } else { 0.0 };
    for (own, row) in rows_of(&mut fields["series"]).zip(&report.series) {
        own["error_share"] = json!(share(row.errors as f64, row.requests as f64));
    }
    for (own, row) in rows_of(&mut fields["agents"]).zip(&report.agents) {
        own["lane_share"] = json!(share(f64::from(row.lanes), f64::from(LANES)));
    }
    for (own, row) in rows_of(&mut fields["thresholds"]).zip(&report.thresholds) {
        own["measured"] = json!(text::measured(row));
        own["note"] = json!(row.note());
    }
    for (own, row) in rows_of(&mut fields["samples"]).zip(&report.samples) {
        let status = row.status.map(|status| format!(" {status}")).unwrap_or_default();
        let outcome = row.outcome.replace('_', " ");
        own["cause"] = json!(format!("{} / {}: {outcome}{status}", row.scenario, row.step));
    }
    for (name, entry) in &report.ledger {
        fields["ledger"][name]["skipped_total"] = json!(entry.skipped.total());
    }
    let report = Value::from(Serde(fields));
    Ok(context! { report, rows, charts, plan })
}

/// What the charts are drawn from: JSON as gzip in base64, a sixth of what it would be as it is.
fn rows(report: &Report) -> Result<String, serde_json::Error> {
    let rows = json!({
        "timeline": report.timeline, "heat": report.heat.together(), "faults": report.faults,
        "phases": report.phases, "changes": report.changes, "pulse": report.pulse,
        "duration_s": report.run.duration_s,
    });
    let text = clean(&serde_json::to_string(&rows)?);
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    packed.write_all(text.as_bytes()).map_err(serde_json::Error::io)?;
    Ok(STANDARD.encode(packed.finish().map_err(serde_json::Error::io)?))
}

fn rows_of(rows: &mut serde_json::Value) -> impl Iterator<Item = &mut serde_json::Value> {
    rows.as_array_mut().into_iter().flatten()
}

fn comparison(comparison: &Comparison) -> Value {
    let row = |step: &Step| {
        let rows = step.changes.iter().map(|change| {
            let [name, before, after, by, interval, said] = compared::cells(change);
            let class = match said.as_str() {
                "worse" => "bad",
                "better" => "good",
                _ => "dim",
            };
            let noise = compared::noise(change);
            context! { name, before, after, change => by, interval, noise, said, class }
        });
        context! { scenario => step.scenario.as_str(), step => step.step.as_str(), rows => rows.collect::<Vec<_>>() }
    };
    let steps: Vec<Value> = comparison.steps.iter().map(row).collect();
    context! { steps, ..Value::from(Serde(comparison)) }
}

/// Modules that import each other by name, as one script: in the order in which they stand, without imports.
fn bundle(modules: &[&str]) -> String {
    let lines = modules.iter().flat_map(|module| module.lines()).filter(|line| !line.starts_with("import "));
    let lines = lines.map(|line| line.strip_prefix("export ").unwrap_or(line));
    lines.flat_map(|line| [line, "\n"]).collect()
}

/// Texts without control characters, escaped.
fn printable(out: &mut Output<'_>, state: &mut State<'_, '_>, value: &Value) -> Result<(), minijinja::Error> {
    match value.as_str().filter(|text| !value.is_safe() && !text.chars().all(shown)) {
        Some(text) => minijinja::escape_formatter(out, state, &Value::from(clean(text))),
        None => minijinja::escape_formatter(out, state, value),
    }
}

fn clean(text: &str) -> String {
    text.chars().filter(|c| shown(*c)).collect()
}

/// Lines and tabs of a sample stay.
fn shown(c: char) -> bool {
    human::is_printable(c) || matches!(c, '\n' | '\t')
}

const TEMPLATES: [(&str, &str); 5] = [
    ("layout.html", include_str!("../web/templates/layout.html")),
    ("report.html", include_str!("../web/templates/report.html")),
    ("runs.html", include_str!("../web/templates/runs.html")),
    ("compare.html", include_str!("../web/templates/compare.html")),
    ("now.html", include_str!("../web/templates/now.html")),
];
const STYLE: &str = include_str!("../web/assets/style.css");
const FORMAT_JS: &str = include_str!("../web/assets/format.js");
const CHARTS_JS: &str = include_str!("../web/assets/charts.js");
const REPORT_JS: &str = include_str!("../web/assets/report.js");

#[cfg(test)]
mod tests;
