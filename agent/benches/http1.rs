//! What framing costs per request. Budget: an answer like that of a small service in well under 200 ns.

use std::hint::black_box;

use common::plan::Plan;
use common::script::{Resources, Script};
use criterion::{Criterion, criterion_group, criterion_main};
use stampede_agent::http1::{Progress, Reader, Request, Stay};

fn answers(criterion: &mut Criterion) {
    for (name, answer) in [("counted", COUNTED), ("chunked", CHUNKED)] {
        criterion.bench_function(&format!("read a {name} answer of {} bytes", answer.len()), |bencher| {
            let mut reader = Reader::new();
            bencher.iter(|| {
                reader.begin(false);
                let progress = reader.feed(black_box(answer));
                assert!(matches!(progress, Ok(Progress::Done(_))));
                progress
            });
        });
    }
    let (first, second) = COUNTED.split_at(70);
    criterion.bench_function("read an answer whose head comes in two reads", |bencher| {
        let mut reader = Reader::new();
        bencher.iter(|| {
            reader.begin(false);
            (reader.feed(black_box(first)), reader.feed(black_box(second)))
        });
    });
}

fn requests(criterion: &mut Criterion) {
    let plan = Plan::parse("plan.toml", PLAN).expect("the plan below is valid");
    let scenario = &plan.scenarios[0];
    let script = Script::compile(&plan, &Resources::default()).expect("it needs nothing");
    let message = script.fixed(0, 0).expect("a literal step is the same for all arrivals");
    let request = Request::new(&plan.target, message, &scenario.name, Stay::Open);
    let mut out = Vec::new();
    criterion.bench_function("write a request with its arrival's number", |bencher| {
        bencher.iter(|| request.bytes(black_box(123_456_789), None, &mut out).len());
    });
}

criterion_group!(benches, answers, requests);
criterion_main!(benches);

const COUNTED: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: 2\r\n\
    date: Fri, 20 Nov 2026 14:04:42 GMT\r\nserver: demo/0.1.0\r\nvary: accept\r\n\r\nok";

const CHUNKED: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain; charset=utf-8\r\n\
    transfer-encoding: chunked\r\ndate: Fri, 20 Nov 2026 14:04:42 GMT\r\nserver: demo/0.1.0\r\n\r\n\
    2\r\nok\r\n0\r\n\r\n";

const PLAN: &str = r#"
name = "bench"
[target]
base_url = "http://127.0.0.1:8080"
identify = true
[[scenario]]
name = "s"
load.rate = [{ at = "1/s", for = "1s" }]
[[scenario.step]]
name = "get"
path = "/"
"#;
