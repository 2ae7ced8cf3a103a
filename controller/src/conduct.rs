//! A controller without its surroundings: connections come in, orders go out, a report comes of it.
//!
//! Where the connections come from, what time it is, how the run is called and who watches are all handed in: the
//! program brings a listener and a terminal, a simulation brings neither.

use crate::coordinator::{Coordinator, Finished, Task, Watcher};
use crate::rpc::Service;
use common::plan::Plan;
use common::report::{Evidence, Report};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{mpsc, oneshot, watch};
use tokio_stream::Stream;
use tonic::transport::server::Connected;

/// Serves the agents that come in and carries the run to its end.
///
/// Agents must show `token` if there is one; `interrupts` are the operator's.
pub async fn conduct<I>(
    task: Task,
    token: Option<Arc<str>>,
    incoming: impl Stream<Item = io::Result<I>> + Send + 'static,
    interrupts: mpsc::Receiver<()>,
    watcher: &mut dyn Watcher,
) -> Result<Finished, String>
where
    I: AsyncRead + AsyncWrite + Connected + Unpin + Send + 'static,
{
    let (events, heard) = mpsc::channel(EVENTS);
    let (state, watched) = watch::channel("gathering");
    let (stop, stopped) = oneshot::channel();
    let service = Service { token, events, state: watched, clock: task.clock.clone() };
    let coordinator = Coordinator::new(task, state, &mut *watcher)?;
    let server = tokio::spawn(service.serve(incoming, stopped));
    let finished = coordinator.conduct(heard, interrupts).await;
    drop(stop);
    // Agents that do not hang up must not keep the report waiting.
    if let Ok(Ok(Err(error))) = tokio::time::timeout(CLOSE_WITHIN, server).await {
        watcher.on_line(&error);
    }
    Ok(finished)
}

/// The report of a run of `plan` that began at `started_at` (RFC 3339, a label).
#[must_use]
pub fn report(plan: &Plan, started_at: &str, finished: &Finished) -> Report {
    let books = &finished.books;
    Report::of(Evidence {
        plan,
        run_id: &finished.run_id,
        started_at,
        duration: finished.duration,
        totals: &books.totals(),
        planned: &books.planned(),
        planned_timeline: &books.planned_timeline(),
        agents: &books.agents(),
        ending: finished.ending.clone(),
        warnings: vec![],
    })
}

const EVENTS: usize = 1024;
const CLOSE_WITHIN: Duration = Duration::from_secs(2);
