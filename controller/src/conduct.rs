//! A controller without its surroundings: connections come in, orders go out, a report comes of it.
//!
//! Where the connections come from, what time it is, how the run is called and who watches are all handed in: the
//! program brings a listener and a terminal, a simulation brings neither.

use crate::books::Books;
use crate::coordinator::{Coordinator, Finished, Inputs, Steer, Task, Watcher};
use crate::rpc::{Lobby, Present, Service};
use common::owners::Owners;
use common::plan::Plan;
use common::report::{Evidence, Report, interference};
use common::run::Ending;
use common::time::RunTime;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{mpsc, oneshot, watch};
use tokio_stream::Stream;
use tonic::transport::server::Connected;

/// Serves the agents that come in and carries the run to its end.
///
/// `interrupts` and `steering` are the operator's.
pub async fn conduct<I, W>(
    task: Task,
    incoming: impl Stream<Item = io::Result<I>> + Send + 'static,
    interrupts: mpsc::Receiver<()>,
    steering: mpsc::Receiver<Steer>,
    watcher: &mut W,
) -> Result<Finished, String>
where
    I: AsyncRead + AsyncWrite + Connected + Unpin + Send + 'static,
    W: Watcher + ?Sized,
{
    let lobby = Arc::new(Lobby::new(false));
    let (token, clock) = (task.token.clone(), task.clock.clone());
    let service = Service { token, clock, lobby: Arc::clone(&lobby) };
    let (stop, stopped) = oneshot::channel();
    // The run is there before its first agent: a task runs when this one waits.
    let run = preside(task, &lobby, Inbox { interrupts, steering }, &mut *watcher)?;
    let server = tokio::spawn(service.serve(incoming, stopped));
    let finished = run.await;
    drop(stop);
    // Agents that do not hang up must not keep the report waiting.
    if let Ok(Ok(Err(error))) = tokio::time::timeout(CLOSE_WITHIN, server).await {
        watcher.on_line(&error);
    }
    Ok(finished)
}

/// The operator's wishes.
#[derive(Debug)]
pub struct Inbox {
    /// Signals.
    pub interrupts: mpsc::Receiver<()>,
    /// Commands from elsewhere.
    pub steering: mpsc::Receiver<Steer>,
}

/// Carries a run to its end with the agents that come in through a lobby. The run is present there at once.
pub fn preside<W: Watcher>(
    task: Task,
    lobby: &Lobby,
    inbox: Inbox,
    watcher: W,
) -> Result<impl Future<Output = Finished>, String> {
    let (events, incoming) = mpsc::channel(EVENTS);
    let (state, watched) = watch::channel("gathering");
    let collector = task.collector.clone();
    let present = Present {
        events,
        state: watched,
        epoch: task.journal.epoch(),
        files: Arc::clone(&task.plan.files),
        tapes: tapes(&task.plan.plan),
        collector: collector.clone(),
    };
    let coordinator = Coordinator::new(task, state, watcher)?;
    lobby.open(present);
    Ok(async move {
        let Inbox { interrupts, steering } = inbox;
        let mut finished = coordinator.conduct(Inputs { events: incoming, interrupts, steering }).await;
        if let Some(collector) = collector {
            finished.rows = Some(collector.settle().await);
        }
        lobby.close();
        finished
    })
}

/// The tapes of a plan's replays, by their hashes.
fn tapes(plan: &Plan) -> Arc<[(Vec<u8>, PathBuf)]> {
    let tapes = plan
        .replays()
        .filter_map(|(_, load)| Some((load.tape.hash?.to_vec(), PathBuf::from(&load.tape.path))));
    tapes.collect()
}

/// The report of a run of `plan` that began at `started_at` (RFC 3339, a label).
#[must_use]
pub fn report(plan: &Plan, started_at: &str, finished: &Finished) -> Report {
    let label = Label { plan, run_id: &finished.run_id, started_at, duration: finished.duration };
    let mut report = account(label, &finished.books, finished.run.owners(), finished.ending.clone());
    if let Some(rows) = &finished.rows {
        report.warnings.extend(rows.warnings());
        report.rows = Some(rows.clone());
    }
    report
}

/// What a report says of the run as a whole.
#[derive(Clone, Copy, Debug)]
pub struct Label<'a> {
    /// The plan that was run.
    pub plan: &'a Plan,
    /// The run's id.
    pub run_id: &'a str,
    /// When it began, in RFC 3339; a label only.
    pub started_at: &'a str,
    /// How long the load was on.
    pub duration: Duration,
}

/// The report of a run that is over with these books, in which every lane was whose `owners` say.
#[must_use]
pub fn account(label: Label<'_>, books: &Books, owners: &Owners, ending: Ending) -> Report {
    let mut report = account_until(label, books, owners, ending, books.stopped());
    report.interference = interference(label.plan, books.totals());
    report
}

/// The same, as if nothing due at `stopped` or later had been asked for.
#[must_use]
pub fn account_until(
    label: Label<'_>,
    books: &Books,
    owners: &Owners,
    ending: Ending,
    stopped: Option<RunTime>,
) -> Report {
    let closed = books.close(owners, stopped);
    let mut report = Report::of(Evidence {
        plan: label.plan,
        run_id: label.run_id,
        started_at: label.started_at,
        duration: label.duration,
        totals: &closed.totals,
        planned: &closed.planned,
        planned_timeline: &closed.planned_timeline,
        unowned: &closed.unowned,
        stopped,
        agents: &closed.agents,
        faults: books.faults(),
        revisions: books.revisions(),
        windows: &books.window_tallies(),
        ending,
        warnings: vec![],
    });
    report.pulse = books.pulses().rows().cloned().collect();
    report
}

const EVENTS: usize = 1024;
const CLOSE_WITHIN: Duration = Duration::from_secs(2);
