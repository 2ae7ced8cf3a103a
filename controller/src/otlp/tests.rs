use super::*;
use crate::feed::Over;
use common::live::{Live, LiveRun};
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use std::sync::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

#[test]
fn the_address_of_a_collector_may_come_with_its_path_or_without() {
    for (text, expected) in [
        ("http://127.0.0.1:4318", "http://127.0.0.1:4318/v1/metrics"),
        ("http://collector", "http://collector:80/v1/metrics"),
        ("https://u:secret@c.example/otlp/", "https://c.example:443/otlp/v1/metrics"),
        ("http://[::1]:4318/v1/metrics", "http://[::1]:4318/v1/metrics"),
    ] {
        assert_eq!(text.parse::<Collector>().unwrap().to_string(), expected);
    }
    for (text, expected) in [
        ("collector:4318", "`collector` is neither http nor https; write it like http://collector:4318"),
        ("grpc://c:4317", "`grpc` is neither http nor https; write it like http://collector:4318"),
        ("127.0.0.1", "no address: relative URL without a base; write it like http://collector:4318"),
        ("http://c/?a=b", "it has a query or a fragment; write it like http://collector:4318"),
    ] {
        assert_eq!(text.parse::<Collector>().unwrap_err(), expected);
    }
}

static TOLD: Mutex<Vec<String>> = Mutex::new(vec![]);

fn tell(line: &str) {
    TOLD.lock().unwrap().push(line.to_owned());
}

fn board() -> Arc<Board> {
    let run = LiveRun { id: "r1".into(), name: "shop".into(), ..LiveRun::default() };
    Arc::new(Board::new(Live { run, ..Live::default() }))
}

fn over() -> Over {
    Over { verdict: None, report: None, failure: None, exit: 0 }
}

#[tokio::test]
async fn a_collector_that_is_away_is_told_once_and_holds_nobody_up() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let to: Collector = format!("http://{closed}").parse().unwrap();
    let board = board();
    let mut pusher =
        Pusher { client: client().unwrap(), to, board: Arc::clone(&board), since: 1, tell, told: false };
    pusher.push().await;
    pusher.push().await;
    board.end(over());
    pusher.run().await;
    let told = TOLD.lock().unwrap().clone();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].starts_with(&format!("nothing was pushed to http://{closed}/v1/metrics: ")), "{told:?}");
    assert!(told[0].contains("Connection refused"), "{told:?}");
}

#[tokio::test]
async fn the_last_pushes_of_all_runs_are_waited_for() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let to: Collector = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
    let mut pushes = Pushes::to(Some(&to), |_| ()).unwrap();
    let boards = [board(), board()];
    for board in &boards {
        pushes.begin(Arc::clone(board));
        board.end(over());
    }
    let serve = async {
        let mut streams = vec![];
        for _ in boards {
            streams.push(listener.accept().await.unwrap().0);
        }
        // The first one has waited for the other.
        for stream in &mut streams {
            assert!(stream.read(&mut [0; 4096]).await.unwrap() > 0);
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.unwrap();
        }
        streams.len()
    };
    let ((), taken) = tokio::join!(pushes.end(), serve);
    assert_eq!(taken, 2);
    Pushes::to(None, |_| ()).unwrap().end().await;
}

#[tokio::test]
async fn what_a_collector_refuses_is_an_error() {
    use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsPartialSuccess;
    let refusal = ExportMetricsPartialSuccess { rejected_data_points: 3, error_message: "too\nold".into() };
    let refusal = ExportMetricsServiceResponse { partial_success: Some(refusal) }.encode_to_vec();
    for (status, body, expected) in [
        ("200 OK", vec![], Ok(())),
        ("200 OK", refusal, Err("it refused 3 values: tooold".to_owned())),
        ("503 Service Unavailable", vec![], Err("it answered 503 Service Unavailable".into())),
        ("200 OK", vec![0; ANSWER_MAX + 1], Err("its answer has more than 65536 bytes".into())),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let to = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
        let serve = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut taken = [0; 4096];
            assert!(stream.read(&mut taken).await.unwrap() > 0);
            let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n", body.len());
            stream.write_all(&[head.as_bytes(), &body].concat()).await.unwrap();
            stream
        };
        let pusher = Pusher { client: client().unwrap(), to, board: board(), since: 1, tell, told: false };
        let (sent, _stream) = tokio::join!(pusher.send(vec![]), serve);
        assert_eq!(sent, expected);
    }
}

#[test]
fn a_bucket_has_the_number_of_where_it_begins() {
    use common::exponential::Exponential;
    use common::histogram::Histogram;
    use common::live::{LiveSeries, LiveTimes};
    use opentelemetry_proto::tonic::metrics::v1::ExponentialHistogramDataPoint;
    use opentelemetry_proto::tonic::metrics::v1::exponential_histogram_data_point::Buckets;
    use opentelemetry_proto::tonic::metrics::v1::metric::Data;
    let mut times = Histogram::new();
    // In seconds: 0, twice in (2^-10, 2^(-79/8)], and in the bucket after the next one.
    [0, 1_000, 1_000, 1_200].into_iter().for_each(|us| times.record(us));
    let row = LiveSeries {
        scenario: "s".into(),
        step: "get".into(),
        kind: common::report::SeriesKind::Requests,
        requests: 4,
        errors: 0,
        rate: 0.0,
        status: Default::default(),
        outcomes: Default::default(),
        response_time: LiveTimes::of(&times),
        cells: vec![],
        exponential: Exponential::of(&times).into(),
        bytes_in: 0,
    };
    let live = Live { series: vec![row], ..Live::default() };
    let (request, _) = message::request(&live, Moment { since: 1, now: 2 });
    let metrics = &request.resource_metrics[0].scope_metrics[0].metrics;
    let own = metrics.iter().find(|own| own.name == "stampede_response_time_seconds").unwrap();
    let Some(Data::ExponentialHistogram(own)) = &own.data else { panic!("{own:?}") };
    let expected = ExponentialHistogramDataPoint {
        attributes: own.data_points[0].attributes.clone(),
        start_time_unix_nano: 1,
        time_unix_nano: 2,
        count: 4,
        sum: Some(0.0032),
        scale: 3,
        zero_count: 1,
        positive: Some(Buckets { offset: -80, bucket_counts: vec![2, 0, 1] }),
        ..ExponentialHistogramDataPoint::default()
    };
    assert_eq!(own.data_points, [expected]);
}

#[test]
fn values_of_a_push_are_bounded() {
    let agent = |n: usize| common::live::LiveAgent { name: format!("a{n}"), ..Default::default() };
    let live = Live { agents: (0..6_000).map(agent).collect(), ..Live::default() };
    let (request, left_out) = message::request(&live, Moment { since: 1, now: 2 });
    // 6,000 agents with four values each, and two values of the run.
    assert_eq!(left_out, 6_000 * 4 + 2 - 20_000);
    let bytes = request.encode_to_vec();
    assert_eq!(ExportMetricsServiceRequest::decode(&*bytes).unwrap(), request);
}
