//! What putting a request together costs.
//!
//! Goal, on one core of a server: the indexing document below in less than 1 µs; a literal step costs nothing, because
//! it is put together once.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use stampede_common::plan::Plan;
use stampede_common::script::{Identity, Message, Script, Vars, resources};

fn messages(criterion: &mut Criterion) {
    for (name, step) in [
        ("a literal path", "path = \"/api/query/dashboard\""),
        ("a path with the arrival's number", "path = \"/api/items/{{ arrival }}\""),
        ("the indexing document", INDEXING),
        ("the indexing document with made-up text", WITH_WORDS),
        ("arithmetic of Jinja", "path = \"/api/items/{{ arrival * 2 + 1 }}\""),
    ] {
        let text = PLAN.replace("STEP", step);
        let plan = Plan::parse("plan.toml", &text).expect("the plan below is valid");
        let made = resources(&plan, BTreeMap::new(), BTreeMap::new()).expect("it needs no files");
        let script = Script::compile(&plan, &made).expect("it needs no secrets");
        let (vars, mut message, mut k) = (Vars::default(), Message::default(), 0);
        criterion.bench_function(name, |bencher| {
            bencher.iter(|| {
                k += 1;
                let identity = Identity { k, user: 0, iteration: 0 };
                script
                    .message((0, 0), black_box(&identity), &vars, &mut message)
                    .expect("every row is there");
                message.path.len()
            });
        });
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .without_plots();
    targets = messages
}
criterion_main!(benches);

const PLAN: &str = r#"
name = "bench"
[target]
base_url = "http://127.0.0.1:8080"
[[data]]
name = "hosts"
values = ["FileServer1", "FileServer2", "FileServer3", "FileServer4", "FileServer5"]
[[data]]
name = "directories"
values = ["/home", "/srv/projects", "/var/archive", "/data/scans"]
[[scenario]]
name = "index"
load.rate = [{ at = "200/s", for = "30s" }]
[[scenario.step]]
STEP
"#;

const INDEXING: &str = r#"
method = "POST"
path = "/api/index"
json = '{"name": "{{ unique() }}.pdf", "directory": "{{ pick(directories) }}", "host": "{{ zipf(hosts, 1.1) }}", "file_size": {{ lognormal(9, 1.5) | int }}}'
"#;

const WITH_WORDS: &str = r#"
method = "POST"
path = "/api/index"
json = '{"name": "{{ unique() }}.pdf", "owner": "{{ name() }}", "host": "{{ zipf(hosts, 1.1) }}", "title": "{{ words(5) }}"}'
"#;
