//! Small plans for the tests of this crate.

use crate::lane::LANES;
use crate::plan::{
    Arrivals, Body, Expect, Load, Method, OnError, Overload, Pick, RateLoad, Scenario, Stage, Step,
};
use crate::rate::Rate;
use crate::tape::{MAGIC, Mark, REST, Record, Tail, Tape, TapeError, lane_of_client};
use crate::text::Text;
use std::time::Duration;

/// A scenario "s" with stages of (from, to) arrivals per second and a length in seconds.
pub(crate) fn scenario(stages: &[(u64, u64, u64)], arrivals: Arrivals) -> Scenario {
    let stage = |(from, to, seconds): &(u64, u64, u64)| Stage {
        from: Rate::from_milli(from * 1000),
        to: Rate::from_milli(to * 1000),
        duration: Duration::from_secs(*seconds),
    };
    Scenario {
        name: "s".into(),
        load: Load::Rate(RateLoad { stages: stages.iter().map(stage).collect(), arrivals }),
        max_in_flight: 100,
        overload: Overload::Queue,
        steps: vec![step()],
        pick: Pick::Sequence,
        cookies: false,
        start: Duration::ZERO,
        think: None,
        pacing: None,
        on_error: OnError::Continue,
    }
}

fn step() -> Step {
    Step {
        name: "GET /".into(),
        weight: 1,
        method: Method::Get,
        path: Text::verbatim("/"),
        query: vec![],
        headers: vec![],
        body: Body::None,
        expect: Expect::default(),
        extract: vec![],
        basic: false,
        redirects: 0,
        timeout: Duration::from_secs(1),
        think: None,
    }
}

/// The bytes of a tape with these entries (nanoseconds since the first, client, path), all of one template that is
/// counted with the rest.
pub(crate) fn tape_of(entries: &[(u64, &str, &str)]) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    let mut marks = vec![vec![]; usize::from(LANES)];
    for (number, (at, client, path)) in (0..).zip(entries) {
        let record = Record {
            method: 0,
            template: 0,
            status: 200,
            bytes: Some(7),
            latency_us: None,
            path,
            host: "",
            body: None,
        };
        let position = bytes.len() as u64;
        record.write(&mut bytes);
        let length = u32::try_from(bytes.len() as u64 - position).unwrap();
        marks[usize::from(lane_of_client(client.as_bytes()))].push(Mark {
            at: *at,
            number,
            position,
            length,
        });
    }
    let tail = Tail {
        lanes: marks.iter().map(|marks| marks.len() as u64).collect(),
        templates: vec![REST],
        marks_at: bytes.len() as u64,
        span: entries.last().map_or(0, |(at, ..)| *at),
    };
    bytes.extend(marks.iter().flatten().flat_map(|mark| mark.to_bytes()));
    bytes.extend(tail.to_bytes());
    bytes
}

/// A tape in memory.
pub(crate) fn opened(bytes: Vec<u8>) -> Result<Tape, TapeError> {
    let size = bytes.len() as u64;
    Tape::open(
        size,
        Box::new(move |at, into| {
            let at = usize::try_from(at).map_err(|error| error.to_string())?;
            let part = bytes.get(at..).and_then(|rest| rest.get(..into.len())).ok_or("behind the end")?;
            into.copy_from_slice(part);
            Ok(())
        }),
    )
}
