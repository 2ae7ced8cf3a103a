//! What the service answers, and when: decided once per request from what is known at its arrival.

use crate::{
    body::Content,
    clock::Clock,
    config::Config,
    document::check_document,
    draw::{Draw, Stream},
    indexing::{Admission, Indexing},
    record::{RecordError, Recorder},
    ring::Ring,
    route::Ask,
    stats::{Counters, Stats},
};
use bytes::Bytes;
use hyper::StatusCode;
use serde_json::{Value, json};
use std::{
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant, SystemTime},
};

/// The service: shared by all of its threads. [`Service::start`] makes one and runs it.
pub struct Service {
    config: Config,
    pub(crate) clock: Clock,
    pub(crate) counters: Counters,
    pub(crate) recorder: Recorder,
    indexing: Mutex<Indexing>,
    ring: Mutex<Ring>,
    random_answers: AtomicU64,
    test_get_answers: AtomicU64,
    documents: AtomicU64,
}

/// A decided answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) content: Content,
    /// Since the first request; not before.
    pub(crate) ready: Duration,
}

impl Service {
    pub(crate) fn new(config: Config) -> Result<Self, RecordError> {
        Ok(Self {
            clock: Clock::new(Instant::now(), SystemTime::now()),
            counters: Counters::new(),
            recorder: Recorder::open(&config.recording)?,
            indexing: Mutex::new(Indexing::new(config.index_capacity, config.index_queue)),
            ring: Mutex::default(),
            random_answers: AtomicU64::new(0),
            test_get_answers: AtomicU64::new(0),
            documents: AtomicU64::new(0),
            config,
        })
    }

    /// The answer to a request that arrived at `arrived` (since the first one) with `body`.
    pub(crate) fn decide(&self, ask: Ask, body: &[u8], arrived: Duration) -> Answer {
        let now = self.config.stall.map_or(arrived, |stall| stall.worked(arrived));
        let (status, content, done) = match ask {
            Ask::Greeting => (StatusCode::OK, Content::Text("stampede demo\n"), now),
            Ask::Random => self.random(now),
            Ask::Delay(delay) => (StatusCode::OK, Content::Text("waited\n"), now + delay),
            Ask::Bytes(size) => (StatusCode::OK, Content::Filling(size), now),
            Ask::BytesUpTo(limit) => (StatusCode::OK, Content::Filling(self.random_size(limit)), now),
            Ask::ListTests => (StatusCode::OK, Content::Json(locked(&self.ring).to_json()), now),
            Ask::AddTest => {
                let (status, content) = self.add_test(body);
                (status, content, now)
            }
            Ask::Index => self.index(body, now),
            Ask::QueryDashboard => self.query_dashboard(now),
            Ask::Refuse(status, reason) => (status, Content::Text(reason), now),
        };
        Answer { status, content, ready: self.config.stall.map_or(done, |stall| stall.elapsed(done)) }
    }

    /// The counts, with what the record has lost.
    pub(crate) fn stats(&self) -> Stats {
        Stats { unrecorded: self.recorder.lost(), ..self.counters.read() }
    }

    fn random(&self, now: Duration) -> (StatusCode, Content, Duration) {
        let n = self.random_answers.fetch_add(1, Relaxed);
        let mut draw = Draw::new(self.config.seed, Stream::Random, n);
        let status = self.config.statuses.draw(&mut draw);
        (status, Content::Text("random\n"), now + self.config.latency.draw(&mut draw))
    }

    fn random_size(&self, limit: u64) -> u64 {
        let n = self.test_get_answers.fetch_add(1, Relaxed);
        Draw::new(self.config.seed, Stream::TestGet, n).below(limit + 1)
    }

    fn add_test(&self, body: &[u8]) -> (StatusCode, Content) {
        match serde_json::from_slice::<Value>(body) {
            Ok(entry) => {
                let number = locked(&self.ring).add(&entry);
                (StatusCode::CREATED, json_content(&json!({ "id": number })))
            }
            Err(error) => (StatusCode::UNPROCESSABLE_ENTITY, refusal(&error)),
        }
    }

    fn index(&self, body: &[u8], now: Duration) -> (StatusCode, Content, Duration) {
        if let Err(error) = check_document(body) {
            return (StatusCode::UNPROCESSABLE_ENTITY, refusal(&error), now);
        }
        match locked(&self.indexing).admit(now) {
            Admission::Done(done) => {
                let id = self.documents.fetch_add(1, Relaxed) + 1;
                (StatusCode::CREATED, json_content(&json!({ "id": id })), done)
            }
            Admission::Full => (StatusCode::SERVICE_UNAVAILABLE, refusal(&"the queue is full"), now),
        }
    }

    fn query_dashboard(&self, now: Duration) -> (StatusCode, Content, Duration) {
        let done = now + locked(&self.indexing).query_time(now, QUERY_IDLE);
        let documents = self.documents.load(Relaxed);
        (StatusCode::OK, json_content(&json!({ "documents": documents })), done)
    }
}

fn json_content(value: &Value) -> Content {
    Content::Json(Bytes::from(value.to_string()))
}

fn refusal(reason: &impl ToString) -> Content {
    json_content(&json!({ "error": reason.to_string() }))
}

/// No code that can panic runs under these locks in a way that leaves them half changed.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The dashboard's latency while nothing is indexed.
const QUERY_IDLE: Duration = Duration::from_millis(5);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{indexing::Capacity, stall::Stall};

    const MS: fn(u64) -> Duration = Duration::from_millis;
    const DOCUMENT: &[u8] = br#"{"name":"a.pdf","directory":"/d","host":"h","file_size":1}"#;

    fn service(config: Config) -> Service {
        Service::new(config).unwrap()
    }

    #[test]
    fn a_stalled_service_neither_answers_nor_indexes() {
        let stall = Some(Stall::new(MS(100), MS(300)).unwrap());
        let service =
            service(Config { stall, index_capacity: Capacity::per_second(50).unwrap(), ..Config::default() });
        let ready = |ask, body, arrived| service.decide(ask, body, MS(arrived)).ready;
        let rows = [
            ("before the window", Ask::Greeting, 0, 0),
            ("into the window", Ask::Delay(MS(50)), 80, 330),
            ("inside the window", Ask::Greeting, 200, 300),
            ("a document inside", Ask::Index, 200, 320),
            ("another inside waits behind it", Ask::Index, 250, 340),
            ("after the window, behind both", Ask::Index, 310, 360),
            ("a refusal stalls as well", Ask::Refuse(StatusCode::NOT_FOUND, ""), 299, 300),
        ];
        for (sentence, ask, arrived, expected) in rows {
            assert_eq!(ready(ask, DOCUMENT, arrived), MS(expected), "{sentence}");
        }
    }

    #[test]
    fn the_nth_random_answer_is_a_function_of_the_seed() {
        let answers = |seed| {
            let service = service(Config { seed, ..Config::default() });
            let answers = (0..200).map(|_| service.decide(Ask::Random, b"", MS(0)));
            answers.map(|answer| (answer.status, answer.ready)).collect::<Vec<_>>()
        };
        assert_eq!(answers(1), answers(1));
        assert_ne!(answers(1), answers(2));
    }

    #[test]
    fn documents_that_are_refused_take_no_capacity() {
        let service = service(Config { index_queue: 1, ..Config::default() });
        let status = |body| service.decide(Ask::Index, body, MS(0)).status;
        assert_eq!(status(b"{}"), StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(status(DOCUMENT), StatusCode::CREATED);
        assert_eq!(status(DOCUMENT), StatusCode::SERVICE_UNAVAILABLE);
    }

    #[test]
    fn random_sizes_stay_within_the_limit() {
        let service = service(Config::default());
        let sizes: Vec<u64> = (0..1_000).map(|_| service.random_size(10)).collect();
        assert_eq!((sizes.iter().min(), sizes.iter().max()), (Some(&0), Some(&10)));
        assert_eq!(service.random_size(0), 0);
    }
}
