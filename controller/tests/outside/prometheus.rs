//! Prometheus scrapes a run, and its answers are those of the report.

use crate::programs::Program;
use crate::stand::Stand;
use serde_json::Value;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A Prometheus that ends with this.
struct Prometheus {
    child: Child,
    address: SocketAddr,
    _data: tempfile::TempDir,
}

impl Prometheus {
    /// Scrapes `target` (`HOST:PORT`) five times a second; started with these flags besides.
    fn scraping(target: &str, flags: &[&str]) -> Self {
        let data = tempfile::tempdir().unwrap();
        let config = data.path().join("prometheus.yml");
        let text = format!(
            "global:\n  scrape_interval: 200ms\n  scrape_timeout: 200ms\nscrape_configs:\n  - job_name: stampede\n    \
             static_configs:\n      - targets: [\"{target}\"]\n"
        );
        std::fs::write(&config, text).unwrap();
        // It does not tell which port it took.
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let child = Command::new("prometheus")
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", data.path().join("data").display()))
            .arg(format!("--web.listen-address={address}"))
            .args(flags)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let prometheus = Self { child, address, _data: data };
        prometheus.until("it is there", |own| own.get("/-/ready").is_some_and(|text| text.contains("Ready")));
        prometheus
    }

    /// The one value that a query gives, if it gives one.
    fn value(&self, query: &str) -> Option<f64> {
        let coded: String = query.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let text = self.get(&format!("/api/v1/query?query={coded}"))?;
        let answer: Value = serde_json::from_str(text.split_once("\r\n\r\n")?.1).ok()?;
        answer["data"]["result"][0]["value"][1].as_str()?.parse().ok()
    }

    fn get(&self, path: &str) -> Option<String> {
        let mut stream = TcpStream::connect(self.address).ok()?;
        write!(stream, "GET {path} HTTP/1.0\r\n\r\n").ok()?;
        let mut text = String::new();
        stream.read_to_string(&mut text).ok()?;
        Some(text)
    }

    /// Waits until a query gives this value.
    fn has(&self, query: &str, expected: Option<f64>) {
        self.until(&format!("{query} is {expected:?}"), |own| own.value(query) == expected);
    }

    /// Waits until a query gives these microseconds in seconds, or `factor` times more or less.
    fn has_about(&self, query: &str, us: &Value, factor: f64) {
        let expected = us.as_f64().unwrap() / 1e6;
        let is_about = |value: f64| value <= expected * factor && value >= expected / factor;
        self.until(&format!("{query} is about {expected}"), |own| own.value(query).is_some_and(is_about));
    }

    fn until(&self, what: &str, come: impl Fn(&Self) -> bool) {
        let begun = Instant::now();
        while !come(self) {
            assert!(begun.elapsed() < PATIENCE, "never came: {what}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        self.child.kill().and_then(|()| self.child.wait()).map(drop).unwrap_or_default();
    }
}

#[test]
fn what_prometheus_scraped_is_what_the_report_says() {
    let stand = Stand::open();
    let target = stand.page.strip_prefix("http://").unwrap();
    let classic = Prometheus::scraping(target, &[]);
    let native = Prometheus::scraping(target, &["--enable-feature=native-histograms"]);
    let plan = stand.data.path().join("plan.toml");
    let text = format!(
        "name = \"scraped\"\n[target]\nbase_url = \"{}\"\n[[scenario]]\nname = \"s\"\nload.rate = [{{ at = \"100/s\", for = \"4s\" \
         }}]\n[[scenario.step]]\nname = \"random\"\npath = \"/random\"\n",
        stand.service.url()
    );
    std::fs::write(&plan, text).unwrap();
    let submitted =
        Program::controller(&["submit", "--wait", "--web", &stand.page, "--plan", plan.to_str().unwrap()])
            .end();
    assert_eq!(submitted.code, Some(0), "{submitted:?}");
    let list = Program::controller(&["runs", "list", "--data-dir", stand.data.path().to_str().unwrap()])
        .end()
        .stdout;
    let run = list.lines().nth(1).and_then(|line| line.split_whitespace().next()).unwrap().to_owned();
    let file = stand.data.path().join("report.json");
    let args =
        ["runs", "export", &run, file.to_str().unwrap(), "--data-dir", stand.data.path().to_str().unwrap()];
    assert_eq!(Program::controller(&args).end().code, Some(0));
    let report: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    let series = &report["series"][0];
    let checks = [
        ("sum(stampede_arrivals_planned_total)".to_owned(), report["ledger"]["s"]["planned"].as_f64()),
        ("sum(stampede_arrivals_started_total)".to_owned(), report["ledger"]["s"]["started"].as_f64()),
        ("sum(stampede_requests_total)".to_owned(), series["requests"].as_f64()),
        ("sum(stampede_responses_total{code=\"200\"})".to_owned(), series["status"]["200"].as_f64()),
        ("sum(stampede_received_bytes_total)".to_owned(), series["bytes_in"].as_f64()),
    ];
    for (query, expected) in checks {
        classic.has(&query, expected);
        native.has(&query, expected);
    }
    let times = &series["response_time"];
    let of_run = format!("stampede_response_time_seconds{{run=\"{run}\"}}");
    let of_cells = format!("stampede_response_time_seconds_bucket{{run=\"{run}\"}}");
    // The text form: a cell of the heat map is 1.6 times as wide as the one before.
    classic.has(&of_cells.replace("_bucket", "_count"), times["count"].as_f64());
    classic.has_about(&format!("histogram_quantile(0.5, {of_cells})"), &times["p50"], 1.6);
    // Messages: a bucket is 9 % wider than the one before.
    native.has(&format!("histogram_count({of_run})"), times["count"].as_f64());
    for (q, name) in [("0.5", "p50"), ("0.9", "p90"), ("0.99", "p99")] {
        let query = format!("histogram_quantile({q}, {of_run})");
        native.has_about(&query, &times[name], 2_f64.powf(1.0 / 8.0));
    }
    assert_eq!(native.value(&of_cells), None, "a histogram is kept once");
    stand.close();
}

/// How long anything may take to come: a slow machine is not a defect.
const PATIENCE: Duration = Duration::from_secs(60);
