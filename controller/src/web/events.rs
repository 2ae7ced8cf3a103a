//! What a run tells while it is on, as server-sent events.

use super::Site;
use super::answer::Refusal;
use super::shapes::OverEvent;
use crate::exit::Exit;
use crate::feed::{Board, Over};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use common::run::Ending;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio_stream::wrappers::ReceiverStream;

type Events = ReceiverStream<Result<Event, Infallible>>;

/// `feed` once a second, `over` at the end. The id of an event is the number of its edition.
pub(super) async fn events(
    State(site): State<Site>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Sse<axum::response::sse::KeepAliveStream<Events>>, Refusal> {
    let since = headers.get("last-event-id").and_then(|id| id.to_str().ok()?.parse().ok()).unwrap_or(0);
    let entry = site.desk.find(&id);
    // One event waits for a viewer that is slow; the next one is made when it is taken.
    let (events, stream) = mpsc::channel(1);
    match entry {
        Some(entry) => {
            let permit = Arc::clone(&site.viewers).try_acquire_owned().map_err(|_| {
                let remedy = "close another page of this controller";
                Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "too many are watching already", remedy)
            })?;
            tokio::spawn(follow(Arc::clone(&entry.board), since, events, permit));
        }
        None => {
            let report = super::runs::kept_report(&site, &id).await?;
            let exit = Exit::of(&report.verdict, &Ending::Stopped, false) as u8;
            let over = OverEvent { verdict: Some(report.verdict), failure: None, exit };
            // The channel is new and has room.
            events.try_send(Ok(event("over", None, &over))).unwrap_or_default();
        }
    }
    let alive = KeepAlive::new().interval(COMMENT_EVERY);
    Ok(Sse::new(ReceiverStream::new(stream)).keep_alive(alive))
}

async fn follow(
    board: Arc<Board>,
    mut since: u64,
    events: mpsc::Sender<Result<Event, Infallible>>,
    permit: OwnedSemaphorePermit,
) {
    let mut newest = board.newest();
    loop {
        newest.mark_unchanged();
        let Ok(place) = events.reserve().await else { break };
        let taken = board.take(since);
        since = taken.edition;
        place.send(Ok(event("feed", Some(since), &taken.feed)));
        if let Some(over) = taken.over {
            let Ok(place) = events.reserve().await else { break };
            place.send(Ok(event("over", Some(since), &told(&over))));
            break;
        }
        tokio::select! {
            changed = newest.changed() => if changed.is_err() { break },
            () = events.closed() => break,
        }
    }
    drop(permit);
}

fn told(over: &Over) -> OverEvent {
    OverEvent { verdict: over.verdict.clone(), failure: over.failure.clone(), exit: over.exit }
}

fn event(name: &str, id: Option<u64>, data: &impl serde::Serialize) -> Event {
    let event = Event::default().event(name);
    let event = id.map_or(event.clone(), |id| event.id(id.to_string()));
    // Our own types are always JSON.
    event.json_data(data).unwrap_or_default()
}

/// So that whoever sits between does not take silence for the end.
const COMMENT_EVERY: Duration = Duration::from_secs(15);
