//! Puts a request together and brings it to the socket: one write, and a task of its own for what is left.

use crate::connect::{Raw, WriteHalf};
use crate::engine::ended::Job;
use crate::engine::lean::Lean;
use crate::engine::lean::conn::{Conn, Flight, fail};
use crate::engine::worker::Worker;
use crate::http1::{Request, Stay};
use common::outcome::Outcome;
use common::plan::{Plan, Reuse};
use common::script::{Message, NotRendered, Script};
use rustls::ClientConnection;
use std::future::poll_fn;
use std::io::{self, Write};
use std::rc::Rc;
use std::task::Poll;

/// The request of a step.
pub(super) enum Prepared {
    /// The same for every arrival, but for its number and cookies.
    Fixed(Request),
    /// Put together anew each time.
    Rendered,
}

/// Room for putting requests together.
#[derive(Default)]
pub(super) struct Room {
    message: Message,
    request: Request,
    bytes: Vec<u8>,
}

impl Lean {
    /// What every arrival of a step sends, as far as it is the same.
    pub(super) fn prepared(plan: &Plan, script: &Script, (scenario, step): (usize, usize)) -> Prepared {
        let Some(message) = script.fixed(scenario, step) else { return Prepared::Rendered };
        let name = &plan.scenarios[scenario].name;
        Prepared::Fixed(Request::new(&plan.target, message, name, stay(plan)))
    }

    /// Puts the request of a job together in `room`, when it is not the same for everybody.
    fn prepare(&self, worker: &Worker, job: &Job, room: &mut Room) -> Result<(), NotRendered> {
        if matches!(self.requests[job.request], Prepared::Rendered) {
            let plan = &worker.plan;
            worker.message(job, &mut room.message)?;
            let name = &plan.scenarios[job.scenario].name;
            room.request.renew(&plan.target, &room.message, name, stay(plan));
        }
        Ok(())
    }
}

/// Where no request follows, the target is told.
fn stay(plan: &Plan) -> Stay {
    if plan.target.connection.reuse == Reuse::PerRequest { Stay::Close } else { Stay::Open }
}

/// The request could not be put together: nothing was sent, and the connection is as good as before.
fn not_rendered(conn: &Rc<Conn>, worker: &Rc<Worker>, lean: &Lean, flight: &Flight) {
    let now = worker.now();
    if !lean.put_idle(conn, Some(worker.owner(&flight.job)), now) {
        lean.discard(conn);
    }
    worker.settle(&flight.ended(Outcome::NotRendered, None, now));
}

/// Hands the request to the socket. What the socket does not take at once goes after it in a task of its own.
pub(super) fn send(conn: &Rc<Conn>, worker: &Rc<Worker>, lean: &Lean) {
    let Some(mut flight) = conn.land() else { return };
    let mut room = lean.room.borrow_mut();
    if lean.prepare(worker, &flight.job, &mut room).is_err() {
        drop(room);
        return not_rendered(conn, worker, lean, &flight);
    }
    let Room { request, bytes, message } = &mut *room;
    let cookies = worker.cookies(&flight.job, message);
    let request = match &lean.requests[flight.job.request] {
        Prepared::Fixed(fixed) => fixed,
        Prepared::Rendered => request,
    };
    let bytes = request.bytes(flight.job.due.k, cookies.as_deref(), bytes);
    conn.reader.borrow_mut().begin(request.is_head());
    conn.age();
    flight.bytes_out = bytes.len() as u64;
    flight.sent = Some(worker.now());
    conn.board(flight);
    let written = write(conn, bytes);
    drop(room);
    match written {
        Ok(true) => {}
        Ok(false) => drop(tokio::task::spawn_local(flush(Rc::clone(conn), Rc::clone(worker)))),
        Err(_) => fail(conn, worker, lean, Outcome::Reset),
    }
}

/// Writes what the socket takes; `false` when something is left in `unsent` (or in the TLS buffers).
fn write(conn: &Conn, bytes: &[u8]) -> io::Result<bool> {
    let writer = conn.writer.borrow();
    let writer = writer.as_ref().ok_or(io::ErrorKind::NotConnected)?;
    if let Some(tls) = conn.tls.borrow_mut().as_mut() {
        tls.writer().write_all(bytes)?;
        return write_tls(tls, writer);
    }
    let sent = match writer.socket().try_write(bytes) {
        Ok(sent) => sent,
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
        Err(error) => return Err(error),
    };
    if sent < bytes.len() {
        conn.unsent.borrow_mut().extend_from_slice(&bytes[sent..]);
    }
    Ok(sent == bytes.len())
}

fn write_tls(tls: &mut ClientConnection, writer: &WriteHalf) -> io::Result<bool> {
    while tls.wants_write() {
        match tls.write_tls(&mut Raw(writer.socket())) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
            Err(error) => return Err(error),
        }
    }
    Ok(true)
}

/// Brings the rest of a request to the socket.
async fn flush(conn: Rc<Conn>, worker: Rc<Worker>) {
    loop {
        let writable = poll_fn(|cx| match conn.writer.borrow().as_ref() {
            Some(writer) => writer.socket().poll_write_ready(cx),
            None => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        });
        let rest = match writable.await {
            Ok(()) => std::mem::take(&mut *conn.unsent.borrow_mut()),
            Err(_) => return,
        };
        match write(&conn, &rest) {
            Ok(true) => return,
            Ok(false) => {}
            Err(_) => return fail(&conn, &worker, worker.lean(), Outcome::Reset),
        }
    }
}
