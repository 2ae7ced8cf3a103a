//! Inputs to begin with: for each target a few that a peer in order would send, and some of the usual mistakes.

use crate::delta::{PLAN, PLAN_TEXT};
use crate::frames;
use crate::histogram::HEADER;
use common::arrivals::{Revision, Shift};
use common::delta::Outbox;
use common::histogram::Histogram;
use common::lane::LaneSet;
use common::measured::Measured;
use common::outcome::Outcome;
use common::plan::keys;
use common::share::Share;
use common::time::RunTime;
use prost::Message;
use proto::delta::{Origin, to_wire};
use proto::share::to_wire as share_to_wire;
use proto::v1::agent_message::Kind as Up;
use proto::v1::controller_message::Kind as Down;
use proto::v1::{self, AgentMessage, ControllerMessage};

/// An input to begin with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seed {
    /// The target that it is for.
    pub target: &'static str,
    /// The name of its file.
    pub name: String,
    /// The input.
    pub bytes: Vec<u8>,
}

/// Every input to begin with.
#[must_use]
pub fn all() -> Vec<Seed> {
    let sets = [
        ("answer", answers()),
        ("delta", vec![frames::input(&deltas(1)), frames::input(&deltas(4)), frames::input(&resent())]),
        ("from_agent", lives()),
        ("from_controller", vec![frames::input(&orders())]),
        ("histogram", histograms()),
        ("plan", plans()),
        ("spool", vec![spool(0), spool(3)]),
    ];
    let named = |(target, inputs): (&'static str, Vec<Vec<u8>>)| {
        let seed = move |(n, bytes): (usize, Vec<u8>)| Seed { target, name: format!("seed-{n:02}"), bytes };
        inputs.into_iter().enumerate().map(seed)
    };
    sets.into_iter().flat_map(named).collect()
}

/// Words that the target's inputs are made of, one to a line, as the fuzzer reads them.
#[must_use]
pub fn plan_dictionary() -> String {
    let words = keys().into_iter().flat_map(|key| key.split('.').map(str::to_owned).collect::<Vec<_>>());
    let values = [
        "[[scenario]]",
        "[target]",
        "\"10/s\"",
        "\"5s\"",
        "\"poisson\"",
        "\"http://a\"",
        "\"< 1%\"",
        "{ at = ",
    ];
    let mut lines: Vec<String> = words.chain(values.map(str::to_owned)).map(quoted).collect();
    lines.sort_unstable();
    lines.dedup();
    lines.join("\n") + "\n"
}

fn quoted(word: String) -> String {
    format!("\"{}\"", word.replace('\\', "\\\\").replace('"', "\\\""))
}

fn answers() -> Vec<Vec<u8>> {
    let texts = [
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
        "HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 1\r\n\r\nx",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nexpires: never\r\n\r\n",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
        "HTTP/1.1 404 Not Found\r\nConnection: x, CLOSE\r\n\r\nuntil the end",
        "HTTP/1.1 200 OK\nx: a\n b\ncontent-length: 1, 1\n\nx",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n0A;a=\"b\"\r\n0123456789\r\n0\r\n\r\n",
    ];
    let whole = texts.iter().map(|text| [&[8], text.as_bytes()].concat());
    whole.chain([[&[1], &texts[0].as_bytes()[..38]].concat()]).collect()
}

fn histograms() -> Vec<Vec<u8>> {
    let sets: [&[u64]; 4] = [&[], &[1, 1, 2, 3000], &[5, 70_000, 70_001, 3_600_000_000, u64::MAX], &[0; 300]];
    let inputs = sets.iter().flat_map(|values| {
        let mut histogram = Histogram::new();
        values.iter().for_each(|value| histogram.record(*value));
        let (total, overflow) = (histogram.count().to_le_bytes(), histogram.overflow().to_le_bytes());
        let bytes = histogram.to_v2();
        [&bytes[..], &bytes[HEADER..]].map(|bytes| [&total, &overflow, bytes].concat())
    });
    inputs.collect()
}

fn plans() -> Vec<Vec<u8>> {
    let shown = [
        include_str!("../../deploy/plans/quickstart.toml"),
        include_str!("../../deploy/plans/compose.toml"),
        PLAN_TEXT,
    ];
    let slips = [
        "",
        "nam = 1",
        "name = \"x\n[target]\nbase_url = ftp://a",
        "name = \"x\"\n[target]\nbase_url = \"a\"\ntimeout = \"-1s\"\n[[scenario]]\nname = \"\"\nload.rate = [ { at = \"1e99/s\" } ]",
        "[[scenario]]\nstep = [ { path = 3 }, { path = \"x\", method = \"get\", json = 1 } ]\nname = 'é'\nname = 2",
    ];
    shown.iter().chain(&slips).map(|text| text.as_bytes().to_vec()).collect()
}

/// What an agent measured in a second of 20 requests.
fn measured(second: u64) -> Measured {
    let mut measured = Measured::for_plan(&PLAN);
    for k in 0..20 {
        let place = k % 2;
        let us = 300 + 977 * k as u64 * k as u64;
        let outcome = if k == 7 { Outcome::Timeout } else { Outcome::Ok };
        let tally = &mut measured.tallies[place];
        (tally.started, tally.finished) = (tally.started + 1, tally.finished + 1);
        let series = &mut measured.series[place];
        series.outcomes[outcome.index()] += 1;
        *series.status.entry(200 + u16::from(k == 3) * 303).or_default() += 1;
        (series.bytes_in, series.bytes_out) = (series.bytes_in + 1234, series.bytes_out + 88);
        for times in [&mut series.service_time, &mut series.send_lag, &mut series.ttfb, &mut series.size] {
            times.record(us);
        }
        let bucket = series.timeline.at(RunTime::from_nanos(second * 1_000_000_000));
        (bucket.started, bucket.finished) = (bucket.started + 1, bucket.finished + 1);
        bucket.response_time.record(us * 2);
        measured.release_lag.record(us / 100);
    }
    measured.tallies[0].late += 1;
    measured
}

fn deltas(count: u64) -> Vec<v1::Delta> {
    let mut outbox = Outbox::new(Measured::for_plan(&PLAN), usize::MAX);
    let origin = Origin { session_id: 2, controller_epoch: 1, run_id: "run".into() };
    let deltas = (1..=count).filter_map(|second| {
        outbox.add(&measured(second)).ok()?;
        outbox.set_cursors(vec![RunTime::from_nanos(second * 1_000_000_000); PLAN.scenarios.len()]);
        outbox.seal(1, second == count).ok()?
    });
    deltas.map(|delta| to_wire(&origin, &delta)).collect()
}

/// Two agents, one of which sends everything twice and leaves one out.
fn resent() -> Vec<v1::Delta> {
    let (even, mut odd) = (deltas(3), deltas(3));
    odd.iter_mut().for_each(|delta| delta.session_id = 3);
    odd.remove(1);
    [even.clone(), odd, even].concat()
}

fn spool(count: u64) -> Vec<u8> {
    let hello = Hello::named("a1");
    [hello.0.encode_length_delimited_to_vec(), frames::input(&deltas(count))].concat()
}

struct Hello(v1::Hello);

impl Hello {
    fn named(name: &str) -> Self {
        Self(v1::Hello {
            protocol_min: 1,
            protocol_max: 1,
            agent_name: name.into(),
            instance_id: "5af3".into(),
            stream_no: 1,
            threads: 2,
            weight: 1,
            ..v1::Hello::default()
        })
    }
}

fn lives() -> Vec<Vec<u8>> {
    let says =
        |agent, ms, kind| AgentMessage { session_id: agent, controller_epoch_seen: ms, kind: Some(kind) };
    let happens = |agent: u64, what: u64| AgentMessage {
        session_id: agent + 3 * what,
        controller_epoch_seen: 10,
        kind: None,
    };
    let joins = |agent| says(agent, 100, Up::Hello(Hello::named("a").0));
    let answers = |agent, epoch| {
        says(agent, 50, Up::Ack(v1::Ack { command: epoch, from: 1 << 31, ..v1::Ack::default() }))
    };
    let beats = |agent| {
        let beat =
            v1::Heartbeat { number: 1, share_epoch: 1, clock_bound_ns: 40_000, ..v1::Heartbeat::default() };
        says(agent, 900, Up::Heartbeat(beat))
    };
    let comes_back = |agent| {
        let share =
            Share { epoch: 1, from: RunTime::ZERO, lanes: (0..4096).filter(|lane| lane % 2 == 0).collect() };
        let resume =
            v1::Resume { session_id: agent, held: vec![share_to_wire(&share, &[])], ..v1::Resume::default() };
        says(agent, 10, Up::Hello(v1::Hello { resume: Some(resume), ..Hello::named("a").0 }))
    };
    let leaves = |agent| says(agent, 10, Up::Leave(v1::Leave { reason: "interrupted".into() }));
    let begin = [joins(0), joins(1), answers(0, 0), answers(1, 0)];
    let (finished, stopped, revised, away) = (0, 2, 4, 6);
    let lives = [
        vec![beats(0), beats(1), happens(0, finished), happens(1, finished)],
        vec![
            beats(0),
            happens(1, away),
            beats(0),
            beats(0),
            beats(0),
            beats(0),
            comes_back(1),
            beats(1),
            answers(1, 9),
        ],
        vec![joins(2), beats(0), answers(2, 0), answers(0, 3), answers(1, 4), beats(2), happens(2, stopped)],
        vec![beats(0), leaves(1), answers(1, 3), happens(1, finished), answers(0, 4)],
        vec![
            beats(0),
            beats(1),
            happens(0, revised),
            answers(0, 3),
            answers(1, 4),
            answers(0, 5),
            answers(1, 6),
        ],
    ];
    lives.into_iter().map(|life| frames::input(&[begin.to_vec(), life].concat())).collect()
}

fn orders() -> Vec<ControllerMessage> {
    let share = |epoch, from| {
        let share = Share { epoch, from: RunTime::from_nanos(from), lanes: LaneSet::all() };
        let shifts = [
            Shift::Rate { milli: 7_000 },
            Shift::Users { users: 9, spawn_milli: Some(2_000) },
            Shift::Pause,
            Shift::Resume,
        ];
        let revisions = (0..).zip(shifts).map(|(n, shift)| {
            let at = RunTime::from_nanos((3 + u64::from(n)) << 30);
            Revision { scenario: n % 2, at, shift }
        });
        let revisions: Vec<_> = revisions.collect();
        Some(share_to_wire(&share, &revisions))
    };
    let ack = v1::DeltaAck { last_applied_seq: 1, ..v1::DeltaAck::default() };
    let lease = |heartbeat| v1::Lease {
        heartbeat,
        sent_at_local: 1000 * heartbeat,
        received_at: 77_000,
        answered_at: 77_100,
        granted: true,
        share_epoch: 1,
    };
    let kinds = [
        Some(Down::Welcome(v1::Welcome { session_id: 7, protocol: 1, window: 8, ..v1::Welcome::default() })),
        Some(Down::Lease(lease(1))),
        Some(Down::Lease(lease(2))),
        Some(Down::Assignment(v1::Assignment { share: share(1, 0), ..v1::Assignment::default() })),
        Some(Down::Start(v1::Start { zero_at: 1 << 40 })),
        share(2, 1 << 30).map(Down::Share),
        Some(Down::Stop(v1::Stop { mode: 1, from: 4 << 30, share_epoch: 3 })),
        None,
        Some(Down::Release(v1::Release { verdict: "completed".into() })),
    ];
    let message = |kind: Option<Down>| {
        let run_id = if kind.is_none() {
            String::from_utf8(ack.encode_to_vec()).unwrap_or_default()
        } else {
            "run".into()
        };
        ControllerMessage { controller_epoch: 1, run_id, command: 1, kind }
    };
    kinds.into_iter().map(message).collect()
}
