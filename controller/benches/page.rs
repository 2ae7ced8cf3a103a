//! How long a browser takes over two hours of ten scenarios: the report as a file and the page of a run that is on, from
//! navigation until they are drawn, and what a second of news costs there.
//!
//! Needs `chromedriver` with a Chromium: `cargo bench -p stampede-controller --bench page`.
#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]
#![expect(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

use driver::{Browser, Screen};
use long::Long;
use serde_json::Value;
use stampede_controller::pages::Pages;

#[expect(dead_code, reason = "shared with the tests")]
#[path = "../tests/outside/driver.rs"]
mod driver;
mod long;
#[path = "page/site.rs"]
mod site;

#[tokio::main]
async fn main() {
    let report = Long::of(2 * 3_600).report();
    let file = Pages::new().unwrap().report_file(&report, "", true).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("report.html");
    std::fs::write(&path, &file).unwrap();
    let rows = (report.timeline.len(), report.heat.rows.len());
    println!("2 h, {} scenarios: {} rows of timelines, {} of heat maps", long::SCENARIOS, rows.0, rows.1);

    let what = format!("report, {} kB, from a file", file.len() / 1_000);
    loads(&what, &format!("file://{}", path.display())).await;
    let address = site::start(report).await;
    loads("page of a run that is on, from loopback", &address).await;
    updates(&address).await;
}

/// In browsers that have seen nothing yet, and again in the last of them.
async fn loads(what: &str, url: &str) {
    let mut first = Vec::new();
    let mut again = Vec::new();
    for round in 0..ROUNDS {
        let browser = Browser::start(Screen::Wide).await;
        browser.open(url).await;
        first.push(number(&browser.execute(DRAWN).await));
        while round == ROUNDS - 1 && again.len() < ROUNDS {
            browser.open(url).await;
            again.push(number(&browser.execute(DRAWN).await));
        }
        browser.end().await;
    }
    println!("{what}: drawn after {}; again after {}", spread(first), spread(again));
}

async fn updates(url: &str) {
    let browser = Browser::start(Screen::Wide).await;
    browser.open(url).await;
    browser.execute(DRAWN).await;
    let measured = browser.execute(UPDATES).await;
    let redraws: Vec<f64> = measured["redraws"].as_array().unwrap().iter().map(number).collect();
    let busy = number(&measured["busy"]) / number(&measured["seconds"]);
    browser.end().await;
    println!(
        "news on that page: charts redrawn every {:.1} s in {}; {busy:.0} ms a second in long tasks",
        number(&measured["seconds"]) / redraws.len() as f64,
        spread(redraws)
    );
}

/// The middle one and the extremes.
fn spread(mut ms: Vec<f64>) -> String {
    ms.sort_by(f64::total_cmp);
    let (least, most) = (ms[0], ms[ms.len() - 1]);
    format!("{:.0} ms ({least:.0} to {most:.0})", ms[ms.len() / 2])
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap()
}

const ROUNDS: usize = 5;

/// Milliseconds from navigation until all lines stand on the page.
const DRAWN: &str = "return new Promise((done) => {
    const look = () => {
        if (document.querySelectorAll('#charts .trace').length < 50) setTimeout(look, 2);
        else requestAnimationFrame(() => setTimeout(() => done(performance.now())));
    };
    look();
})";

/// What twenty seconds of news cost: each redraw, and everything that kept the page for more than 50 ms.
const UPDATES: &str = "return new Promise((done) => {
    const draw = Plotly.react, redraws = [];
    let busy = 0;
    new PerformanceObserver((tasks) => tasks.getEntries().forEach((task) => { busy += task.duration; }))
        .observe({ entryTypes: ['longtask'] });
    Plotly.react = async (...all) => {
        const from = performance.now();
        await draw(...all);
        redraws.push(performance.now() - from);
    };
    setTimeout(() => done({ redraws, busy, seconds: 20 }), 20000);
})";
