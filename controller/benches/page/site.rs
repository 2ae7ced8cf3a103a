//! A server that has the page of a run two hours after its start, with news once a second, as a controller has it.

use axum::extract::Path;
use axum::http::HeaderName;
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use axum::response::Html;
use axum::response::sse::{Event, Sse};
use axum::routing::get;
use axum::{Json, Router};
use common::live::{Feed, Live, LiveRun, LiveScenario, LiveSeries, LiveTimes};
use common::report::{Report, SeriesRow, Stretch};
use serde_json::json;
use stampede_controller::pages::{PLOTLY, Pages};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

/// Serves until the program ends; gives the address of the page.
pub(crate) async fn start(report: Report) -> String {
    let page = Pages::new().unwrap().now().unwrap();
    let status = json!({
        "version": "", "agents": [], "queued": [], "data_dir": true, "takes_runs": true,
        "running": [{ "id": "bench", "name": "bench" }],
    });
    let report = Arc::new(report);
    let router = Router::new()
        .route("/", get(move || async move { Html(page) }))
        .route("/assets/{*path}", get(asset))
        .route("/assets/plotly.js", get(async || (PLOTLY_HEAD, PLOTLY)))
        .route("/api/status", get(move || async move { Json(status) }))
        .route("/api/runs/{id}/events", get(move || async move { events(report) }));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async { axum::serve(listener, router).await });
    format!("http://{address}")
}

async fn asset(Path(path): Path<String>) -> ([(HeaderName, &'static str); 1], Vec<u8>) {
    let kind = if path.ends_with(".js") {
        "text/javascript"
    } else if path.ends_with(".css") {
        "text/css"
    } else {
        "image/svg+xml"
    };
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("web/assets").join(path);
    ([(CONTENT_TYPE, kind)], std::fs::read(file).unwrap())
}

/// Everything first, then what a second changes.
fn events(report: Arc<Report>) -> Sse<ReceiverStream<Result<Event, Infallible>>> {
    let (events, stream) = mpsc::channel(1);
    tokio::spawn(async move {
        let mut number = 0;
        loop {
            let feed = Event::default().event("feed").json_data(feed(&report, number)).unwrap();
            if events.send(Ok(feed)).await.is_err() {
                break;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
            number += 1;
        }
    });
    Sse::new(ReceiverStream::new(stream))
}

fn feed(report: &Report, number: u64) -> Feed {
    let run_time_s = report.run.duration_s + number as f64;
    let live = Live {
        run: LiveRun {
            state: "running".into(),
            run_time_s,
            load_end_s: 2.0 * report.run.duration_s,
            ..LiveRun::default()
        },
        now: report.pulse.last().cloned().unwrap_or_default(),
        scenarios: report.series.iter().map(scenario).collect(),
        series: report.series.iter().map(series).collect(),
        ..Live::default()
    };
    let from_s = if number == 0 { 0 } else { report.timeline.last().map_or(0, |row| row.t_s) };
    let mut timeline: Vec<_> = report.timeline.iter().filter(|row| row.t_s >= from_s).cloned().collect();
    timeline.iter_mut().for_each(|row| row.started += number);
    Feed {
        reset: number == 0,
        live,
        timeline,
        pulse: report.pulse.iter().filter(|row| row.t_s >= from_s).cloned().collect(),
        heat: report.heat.together().rows.into_iter().filter(|row| row.t_s >= from_s).collect(),
        heat_edges_us: Stretch::heat_edges_us(),
        log: vec![],
    }
}

fn scenario(row: &SeriesRow) -> LiveScenario {
    LiveScenario {
        name: row.scenario.clone(),
        kind: "rate".into(),
        started: row.requests,
        ..LiveScenario::default()
    }
}

fn series(row: &SeriesRow) -> LiveSeries {
    let times = &row.response_time;
    LiveSeries {
        scenario: row.scenario.clone(),
        step: row.step.clone(),
        kind: row.kind,
        requests: row.requests,
        errors: row.errors,
        rate: 20.0,
        status: row.status.clone(),
        outcomes: row.outcomes.clone(),
        response_time: LiveTimes {
            count: times.count,
            p50: times.p50,
            p99: times.p99,
            ..LiveTimes::default()
        },
        cells: vec![times.count; 32],
        exponential: Arc::default(),
        bytes_in: row.bytes_in,
    }
}

const PLOTLY_HEAD: [(HeaderName, &str); 2] = [(CONTENT_TYPE, "text/javascript"), (CONTENT_ENCODING, "gzip")];
