//! One connection of the lean client: at most one request at a time, never pipelined.

use crate::connect::{Connection, ReadHalf, WriteHalf};
use crate::engine::ended::{Answered, Ended, Job};
use crate::engine::judge::Watch;
use crate::engine::lean::Lean;
use crate::engine::lean::pool::Life;
use crate::engine::lean::send::send;
use crate::engine::worker::Worker;
use crate::http1::{Answer, Cut, Kept, Progress, Reader};
use common::outcome::Outcome;
use common::time::RunTime;
use rustls::ClientConnection;
use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::io::{self, Read};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, ReadBuf};
use tokio::task::AbortHandle;

/// A request under way.
#[derive(Clone, Copy)]
pub(super) struct Flight {
    pub(super) job: Job,
    /// When its time is over.
    pub(super) deadline: RunTime,
    pub(super) sent: Option<RunTime>,
    first_byte: Option<RunTime>,
    bytes_in: u64,
    pub(super) bytes_out: u64,
    connect: Option<Duration>,
}

/// A connection, shared by its task and whoever fires requests.
pub(super) struct Conn {
    key: usize,
    flight: Cell<Option<Flight>>,
    pub(super) writer: RefCell<Option<WriteHalf>>,
    pub(super) tls: RefCell<Option<Box<ClientConnection>>>,
    pub(super) reader: RefCell<Reader>,
    /// What is kept of the answer under way.
    kept: RefCell<Option<Box<Kept>>>,
    /// What the socket did not take yet; a task of its own brings it away.
    pub(super) unsent: RefCell<Vec<u8>>,
    /// What it has behind it.
    life: Cell<Life>,
    task: RefCell<Option<AbortHandle>>,
    dead: Cell<bool>,
}

/// What becomes of a connection after bytes came in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Then {
    Keep,
    Close,
}

impl Flight {
    pub(super) const fn new(job: Job, deadline: RunTime) -> Self {
        Self { job, deadline, sent: None, first_byte: None, bytes_in: 0, bytes_out: 0, connect: None }
    }

    pub(super) fn ended(&self, outcome: Outcome, answer: Option<Answered>, done: RunTime) -> Ended {
        let Self { job, sent, bytes_in, bytes_out, connect, .. } = *self;
        Ended { job, outcome, sent, answer, done, bytes_in, bytes_out, connect }
    }
}

impl Conn {
    pub(super) fn new(key: usize, flight: Option<Flight>) -> Self {
        Self {
            key,
            flight: Cell::new(flight),
            writer: RefCell::default(),
            tls: RefCell::default(),
            reader: RefCell::default(),
            kept: RefCell::default(),
            unsent: RefCell::default(),
            life: Cell::new(Life { born: RunTime::ZERO, requests: 0 }),
            task: RefCell::default(),
            dead: Cell::new(false),
        }
    }

    pub(super) fn key(&self) -> usize {
        self.key
    }

    pub(super) fn flight(&self) -> Option<Flight> {
        self.flight.get()
    }

    /// Takes a request aboard; the connection must be idle.
    pub(super) fn board(&self, flight: Flight) {
        self.flight.set(Some(flight));
    }

    /// Takes the request off.
    pub(super) fn land(&self) -> Option<Flight> {
        self.flight.take()
    }

    pub(super) fn life(&self) -> Life {
        self.life.get()
    }

    /// Another request is sent on it.
    pub(super) fn age(&self) {
        let life = self.life.get();
        self.life.set(Life { requests: life.requests.saturating_add(1), ..life });
    }

    pub(super) fn set_task(&self, task: AbortHandle) {
        *self.task.borrow_mut() = Some(task);
    }

    pub(super) fn is_dead(&self) -> bool {
        self.dead.get()
    }

    /// Closes it; `false` when it was closed before.
    pub(super) fn kill(&self) -> bool {
        if let Some(writer) = self.writer.borrow_mut().take() {
            // The socket closes with its last half; a shutdown would be one system call more.
            writer.forget();
        }
        if let Some(task) = self.task.borrow_mut().take() {
            task.abort();
        }
        !self.dead.replace(true)
    }
}

/// Makes the connection, sends the request that waits for it, then reads answers until it closes.
pub(super) async fn open(conn: Rc<Conn>, worker: Rc<Worker>) {
    let lean = worker.lean();
    let identity = match conn.flight().map(|flight| worker.credentials(&flight.job)) {
        Some(Err(_)) => return fail(&conn, &worker, lean, Outcome::NotRendered),
        Some(Ok(identity)) => identity,
        None => None,
    };
    match lean.connector.connect_as(identity.as_ref()).await {
        Ok(connection) => adopt(conn, Rc::clone(&worker), connection).await,
        Err(failure) => fail(&conn, &worker, lean, failure.outcome),
    }
}

/// Takes over a new connection.
pub(super) async fn adopt(conn: Rc<Conn>, worker: Rc<Worker>, connection: Connection) {
    let lean = worker.lean();
    let (read, write) = connection.stream.into_split();
    *conn.writer.borrow_mut() = Some(write);
    *conn.tls.borrow_mut() = connection.tls;
    conn.life.set(Life { born: worker.now(), requests: 0 });
    match conn.land() {
        Some(flight) => {
            let times = connection.times;
            conn.board(Flight { connect: Some(times.dns + times.tcp + times.tls), ..flight });
            send(&conn, &worker, lean);
        }
        None if lean.put_idle(&conn, None, worker.now()) => {}
        None => return lean.discard(&conn),
    }
    serve(&conn, &worker, read).await;
    lean.discard(&conn);
}

/// Reads answers until the connection closes.
async fn serve(conn: &Rc<Conn>, worker: &Rc<Worker>, mut read: ReadHalf) {
    let lean = worker.lean();
    let mut then = Then::Keep;
    while then == Then::Keep && !conn.is_dead() {
        then = poll_fn(|cx| {
            let mut buffer = lean.buffer.borrow_mut();
            let mut space = ReadBuf::new(&mut buffer);
            let outcome = ready!(Pin::new(&mut read).poll_read(cx, &mut space));
            Poll::Ready(match outcome {
                Ok(()) => take_in(conn, worker, lean, space.filled()),
                Err(_) => cut(conn, worker, lean),
            })
        })
        .await;
    }
}

/// Bytes came in; none means that the target closed the connection.
fn take_in(conn: &Rc<Conn>, worker: &Rc<Worker>, lean: &Lean, bytes: &[u8]) -> Then {
    if bytes.is_empty() {
        return closed(conn, worker, lean);
    }
    if conn.tls.borrow().is_none() {
        return read_answer(conn, worker, lean, bytes);
    }
    match decrypt(conn, worker, lean, bytes) {
        Ok(then) => then,
        Err(_) => {
            fail(conn, worker, lean, Outcome::Tls);
            Then::Close
        }
    }
}

fn decrypt(conn: &Rc<Conn>, worker: &Rc<Worker>, lean: &Lean, mut bytes: &[u8]) -> io::Result<Then> {
    while !bytes.is_empty() {
        {
            let mut tls = conn.tls.borrow_mut();
            let Some(tls) = tls.as_mut() else { return Ok(Then::Close) };
            tls.read_tls(&mut bytes)?;
            tls.process_new_packets().map_err(io::Error::other)?;
        }
        loop {
            let mut plain = lean.plain.borrow_mut();
            let read = conn.tls.borrow_mut().as_mut().map(|tls| tls.reader().read(&mut plain));
            let then = match read {
                Some(Ok(0)) => closed(conn, worker, lean),
                Some(Ok(n)) => read_answer(conn, worker, lean, &plain[..n]),
                Some(Err(error)) if error.kind() == io::ErrorKind::WouldBlock => break,
                Some(Err(error)) => return Err(error),
                None => Then::Close,
            };
            if then == Then::Close {
                return Ok(then);
            }
        }
    }
    Ok(Then::Keep)
}

/// Plain bytes of an answer.
fn read_answer(conn: &Rc<Conn>, worker: &Rc<Worker>, lean: &Lean, bytes: &[u8]) -> Then {
    // Bytes that nobody asked for: the connection cannot be trusted any more.
    let Some(mut flight) = conn.land() else { return Then::Close };
    let now = worker.now();
    flight.bytes_in += bytes.len() as u64;
    flight.first_byte.get_or_insert(now);
    let progress = {
        let (plan, job) = (&worker.plan, &flight.job);
        let step = &plan.scenarios[job.scenario].steps[job.step];
        let look = worker.looks[job.request];
        let mut kept = conn.kept.borrow_mut();
        conn.reader
            .borrow_mut()
            .feed_keeping(bytes, &mut Watch { look, step, shelf: &worker.shelf, kept: &mut kept })
    };
    match progress {
        Ok(Progress::More) => {
            conn.board(flight);
            Then::Keep
        }
        Ok(Progress::Done(answer)) => {
            let kept = conn.kept.take();
            let is_whole = answer.keep_alive && conn.unsent.borrow().is_empty();
            let then = if is_whole && lean.put_idle(conn, Some(worker.owner(&flight.job)), now) {
                Then::Keep
            } else {
                Then::Close
            };
            answered(&flight, worker, (&answer, kept), now);
            then
        }
        Err(_) => {
            worker.settle(&flight.ended(Outcome::Protocol, None, now));
            Then::Close
        }
    }
}

fn answered(
    flight: &Flight,
    worker: &Rc<Worker>,
    (answer, kept): (&Answer, Option<Box<Kept>>),
    now: RunTime,
) {
    let Answer { status, body_bytes, .. } = *answer;
    let first_byte = flight.first_byte.unwrap_or(now);
    let whole = Answered { status, first_byte, body_bytes };
    worker.judge(&flight.ended(Outcome::Ok, Some(whole), now), kept, None);
}

/// The target closed the connection: the end of some answers, the loss of others, nothing while it was idle.
fn closed(conn: &Rc<Conn>, worker: &Rc<Worker>, lean: &Lean) -> Then {
    let end = conn.reader.borrow_mut().eof();
    match (end, conn.flight()) {
        (Ok(answer), Some(flight)) if flight.sent.is_some() => {
            conn.land();
            answered(&flight, worker, (&answer, conn.kept.take()), worker.now());
        }
        _ => return cut(conn, worker, lean),
    }
    Then::Close
}

/// The connection broke.
fn cut(conn: &Rc<Conn>, worker: &Rc<Worker>, lean: &Lean) -> Then {
    let outcome = match conn.reader.borrow_mut().eof() {
        Err(Cut::InBody) => Outcome::Body,
        _ => Outcome::Reset,
    };
    fail(conn, worker, lean, outcome);
    Then::Close
}

/// Ends the request with a failure and closes the connection.
pub(super) fn fail(conn: &Rc<Conn>, worker: &Rc<Worker>, lean: &Lean, outcome: Outcome) {
    let flight = conn.land();
    lean.discard(conn);
    if let Some(flight) = flight {
        worker.settle(&flight.ended(outcome, None, worker.now()));
    }
}
