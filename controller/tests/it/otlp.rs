//! A collector is pushed the same numbers as everybody else.

use crate::cluster::{Cluster, beside, plan};
use crate::http::post;
use crate::programs::Program;
use crate::targets::demo;
use crate::web::page;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::metrics::v1::ExponentialHistogramDataPoint;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value as Number;
use prost::Message;
use rustix::process::Signal;
use serde_json::json;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;

/// What a collector takes: request line, head and body of each push.
fn collector() -> (String, mpsc::Receiver<(String, ExportMetricsServiceRequest)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (pushes, taken) = mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            serve(stream.unwrap(), &pushes);
        }
    });
    (url, taken)
}

fn serve(stream: TcpStream, pushes: &mpsc::Sender<(String, ExportMetricsServiceRequest)>) {
    let mut reader = BufReader::new(stream);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if reader.read_line(&mut head).unwrap_or(0) == 0 {
                return;
            }
        }
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
        let mut body = vec![0; length.parse().unwrap()];
        reader.read_exact(&mut body).unwrap();
        reader.get_mut().write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").unwrap();
        if pushes.send((head, ExportMetricsServiceRequest::decode(&*body).unwrap())).is_err() {
            return;
        }
    }
}

fn texts(attributes: &[KeyValue]) -> BTreeMap<String, String> {
    let text = |own: &KeyValue| match own.value.as_ref().and_then(|own| own.value.clone()) {
        Some(Value::StringValue(text)) => (own.key.clone(), text),
        other => panic!("{}: {other:?}", own.key),
    };
    attributes.iter().map(text).collect()
}

/// Sums by name and by what distinguishes their points within the scenario; a histogram's count too.
fn sums(push: &ExportMetricsServiceRequest) -> BTreeMap<String, u64> {
    let mut sums = BTreeMap::new();
    let key = |name: &str, attributes: &[KeyValue]| {
        let own = texts(attributes);
        let more = ["outcome", "code", "agent"].into_iter().find_map(|name| own.get(name));
        format!("{name} {}", more.map_or("", String::as_str))
    };
    for metric in &push.resource_metrics[0].scope_metrics[0].metrics {
        match metric.data.as_ref().unwrap() {
            Data::Sum(sum) => {
                assert!(sum.is_monotonic && sum.aggregation_temporality == 2, "{}", metric.name);
                for point in &sum.data_points {
                    let Some(Number::AsInt(n)) = point.value else { panic!("{point:?}") };
                    sums.insert(key(&metric.name, &point.attributes), n as u64);
                }
            }
            Data::ExponentialHistogram(histogram) => {
                assert_eq!((metric.unit.as_str(), histogram.aggregation_temporality), ("s", 2));
                for point in &histogram.data_points {
                    let counts = &point.positive.as_ref().unwrap().bucket_counts;
                    assert_eq!(point.zero_count + counts.iter().sum::<u64>(), point.count);
                    sums.insert(key(&metric.name, &point.attributes), point.count);
                }
            }
            _ => (),
        }
    }
    sums
}

/// The bucket in which the median lies, as (begin, end) in seconds.
fn median(point: &ExponentialHistogramDataPoint) -> (f64, f64) {
    let (own, base) = (point.positive.as_ref().unwrap(), 2_f64.powf(2_f64.powi(-point.scale)));
    let (rank, mut seen) = (point.count.div_ceil(2), point.zero_count);
    let number = own
        .bucket_counts
        .iter()
        .position(|n| {
            seen += n;
            seen >= rank
        })
        .unwrap();
    let begin = base.powi(own.offset + number as i32);
    (begin, begin * base)
}

/// The histogram of a push.
fn histogram(push: &ExportMetricsServiceRequest) -> &ExponentialHistogramDataPoint {
    let data = push.resource_metrics[0].scope_metrics[0].metrics.iter().filter_map(|own| own.data.as_ref());
    let mut points = data.filter_map(|data| match data {
        Data::ExponentialHistogram(own) => own.data_points.first(),
        _ => None,
    });
    points.next().unwrap()
}

#[test]
fn the_last_push_of_a_run_says_what_its_report_says() {
    let _beside = beside();
    let (demo, (url, taken)) = (demo(), collector());
    let load = "load.rate = [{ at = \"50/s\", for = \"6s\" }]";
    let text = plan(&demo.url(), "", load, "path = \"/random\"");
    let run = Cluster::controller(&text, &["--otlp", &url]).end();
    assert_eq!(run.controller.code, Some(0), "{}", run.controller.stderr);
    let pushes: Vec<_> = taken.try_iter().collect();
    assert!(pushes.len() >= 2, "one in the midst of it and one of the end, not {}", pushes.len());
    let (head, last) = pushes.last().unwrap();
    assert!(head.starts_with("POST /v1/metrics HTTP/1.1\r\n"), "{head}");
    assert!(head.contains("content-type: application/x-protobuf\r\n"), "{head}");
    let resource = last.resource_metrics[0].resource.as_ref().unwrap();
    let of_run = texts(&resource.attributes);
    assert_eq!(
        [&of_run["service.name"], &of_run["stampede.run.id"], &of_run["stampede.plan.name"]],
        ["stampede", &run.report.run.id, &run.report.run.name]
    );
    let (sums, books, series) = (sums(last), run.books(), run.series("s"));
    assert_eq!(books.planned, 300);
    let mut expected = BTreeMap::from([
        ("stampede_arrivals_planned ".to_owned(), books.planned),
        ("stampede_arrivals_started ".to_owned(), books.started),
        ("stampede_arrivals_finished ".to_owned(), books.finished),
        ("stampede_arrivals_skipped ".to_owned(), books.skipped.total()),
        ("stampede_received_bytes ".to_owned(), series.bytes_in),
        ("stampede_response_time_seconds ".to_owned(), series.response_time.count),
    ]);
    expected.extend(series.outcomes.iter().map(|(name, n)| (format!("stampede_requests {name}"), *n)));
    expected.extend(series.status.iter().map(|(code, n)| (format!("stampede_responses {code}"), *n)));
    let agents = run.report.agents.iter();
    expected.extend(agents.map(|own| (format!("stampede_agent_started {}", own.name), own.started)));
    assert_eq!(sums, expected);
    let (times, us) = (&series.response_time, 1e-6);
    let ((begin, end), point) = (median(histogram(last)), histogram(last));
    assert_eq!(point.scale, 3);
    assert!(begin < times.p50 as f64 * us && times.p50 as f64 * us <= end, "{begin} {} {end}", times.p50);
    assert!((point.sum.unwrap() / (times.mean * times.count as f64 * us) - 1.0).abs() < 1e-9);
}

#[test]
fn a_run_goes_on_without_its_collector_and_says_so_once() {
    let _beside = beside();
    let demo = demo();
    let load = "load.rate = [{ at = \"10/s\", for = \"6s\" }]";
    let text = plan(&demo.url(), "", load, "path = \"/\"");
    // The discard port of this machine: nobody is there.
    let run = Cluster::controller(&text, &["--otlp", "http://127.0.0.1:9"]).end();
    assert_eq!((run.controller.code, run.books().started), (Some(0), 60), "{}", run.controller.stderr);
    let told = run.controller.stderr.matches("nothing was pushed to http://127.0.0.1:9/v1/metrics").count();
    assert_eq!(told, 1, "{}", run.controller.stderr);
}

#[test]
fn the_last_push_of_a_run_holds_up_the_end_of_the_controller_and_not_the_next_run() {
    let _beside = beside();
    // It takes everything and answers nothing.
    let (demo, collector) = (demo(), TcpListener::bind("127.0.0.1:0").unwrap());
    let url = format!("http://{}", collector.local_addr().unwrap());
    let fixed = ["start", "--listen", "127.0.0.1:0", "--web", "127.0.0.1:0", "--admin", "127.0.0.1:0"];
    let controller = Program::controller(&[&fixed[..], &["--otlp", &url]].concat());
    let at = page(&controller);
    let text = plan(&demo.url(), "", "load.rate = [{ at = \"10/s\", for = \"1s\" }]", "path = \"/\"");
    let submit = || post(&at, "/api/runs", &json!({ "plan": text })).with(201)["id"].to_string();
    let runs = [submit(), submit()].map(|id| id.trim_matches('"').to_owned());
    let (mut push, _) = collector.accept().unwrap();
    controller.hears(&format!("run {} (t) begins", runs[1]));
    push.set_nonblocking(true).unwrap();
    let mut taken = [0; 4096];
    let given_up = loop {
        match push.read(&mut taken) {
            Ok(0) => break true,
            Ok(_) => (),
            Err(error) => break error.kind() != ErrorKind::WouldBlock,
        }
    };
    assert!(!given_up, "the next run waited until the push was given up");
    controller.hears(&format!("run {} is over", runs[1]));
    controller.signal(Signal::INT);
    let ended = controller.end();
    let told = ended.stderr.matches("nothing was pushed to").count();
    assert_eq!((ended.code, told), (Some(0), 2), "each run says so once: {}", ended.stderr);
}
