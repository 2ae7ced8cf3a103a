//! Outgoing mail: what rests on records waits until they are durable.

use crate::coordinator::steer::Reply;
use crate::journal::{Journal, Record};
use crate::sessions::Sessions;
use common::run::SessionId;
use common::time::RunTime;
use proto::v1::{self, controller_message::Kind};
use std::collections::VecDeque;
use tokio::sync::{mpsc, oneshot, watch};
use tonic::Status;

/// The journal and what waits for it.
#[derive(Debug)]
pub(super) struct Post {
    journal: Box<dyn Journal>,
    durable: watch::Receiver<Result<u64, String>>,
    /// The number of the last record.
    last: u64,
    /// What the present step has written: it is kept as a whole or not at all.
    step: Vec<Record>,
    waiting: VecDeque<(u64, Mail)>,
}

/// Something that waits.
#[derive(Debug)]
pub(super) enum Mail {
    /// A message for a session, on this stream of it.
    Message(SessionId, u32, Box<v1::ControllerMessage>),
    /// Where an ack goes, and the ack.
    Ack(mpsc::Sender<Result<v1::DeltaAck, Status>>, v1::DeltaAck),
    /// An operator is told from when on a changed rate holds.
    Revised(Reply, RunTime),
    /// An operator is told that the run ends.
    Stopped(oneshot::Sender<Result<(), String>>),
}

impl Mail {
    fn send(self, sessions: &Sessions) {
        match self {
            Self::Message(session, stream, message) => {
                if sessions.is_present(session, stream) {
                    sessions.get(session).iter().for_each(|own| own.send((*message).clone()));
                }
            }
            // A stream that ended does not need the ack: the agent sends again on a new one.
            Self::Ack(acks, ack) => acks.try_send(Ok(ack)).unwrap_or_default(),
            // Who does not wait for an answer does not need it.
            Self::Revised(reply, at) => drop(reply.send(Ok(at))),
            Self::Stopped(reply) => drop(reply.send(Ok(()))),
        }
    }
}

impl Post {
    pub(super) fn new(journal: Box<dyn Journal>) -> Self {
        let durable = journal.durable();
        Self { journal, durable, last: 0, step: Vec::new(), waiting: VecDeque::new() }
    }

    /// Adds to what the present step writes.
    pub(super) fn append(&mut self, record: Record) {
        self.step.push(record);
    }

    /// Ends a step.
    pub(super) fn flush(&mut self) {
        match self.step.len() {
            0 => {}
            1 => self.last = self.step.pop().map_or(self.last, |record| self.journal.append(record)),
            _ => self.last = self.journal.append(Record::Together(std::mem::take(&mut self.step))),
        }
    }

    pub(super) fn epoch(&self) -> u64 {
        self.journal.epoch()
    }

    pub(super) fn durable(&self) -> watch::Receiver<Result<u64, String>> {
        self.durable.clone()
    }

    /// Sends something once everything that was appended so far is durable.
    pub(super) fn send(&mut self, mail: Mail) {
        let after = self.last + u64::from(!self.step.is_empty());
        self.waiting.push_back((after, mail));
    }

    /// Sends what has waited long enough; the error says why nothing is durable any more.
    pub(super) fn release(&mut self, sessions: &Sessions) -> Result<(), String> {
        self.flush();
        let durable = self.durable.borrow().clone();
        let durable = durable.inspect_err(|_| self.send_without_journal(sessions))?;
        while let Some((_, mail)) = self.waiting.pop_front_if(|(after, _)| *after <= durable) {
            mail.send(sessions);
        }
        Ok(())
    }

    /// With a journal that failed, orders to stop still go out, as they only take load away. What an agent has no
    /// ack for it keeps: it hears that nothing is acknowledged, so that it does not take silence for a slow link.
    fn send_without_journal(&mut self, sessions: &Sessions) {
        for (_, mail) in self.waiting.drain(..) {
            match mail {
                Mail::Message(_, _, ref message) if matches!(message.kind, Some(Kind::Stop(_))) => {
                    mail.send(sessions);
                }
                // An operator whose change is not kept learns that from the reply that never comes.
                Mail::Message(..) | Mail::Revised(..) => {}
                Mail::Stopped(reply) => Mail::Stopped(reply).send(sessions),
                Mail::Ack(acks, ack) => {
                    Mail::Ack(acks, v1::DeltaAck { last_applied_seq: 0, ..ack }).send(sessions);
                }
            }
        }
    }

    /// Whether nothing will be durable any more.
    pub(super) fn has_failed(&self) -> bool {
        self.journal.durable().borrow().is_err()
    }

    /// Waits until everything that was appended is durable, or never will be.
    pub(super) async fn settle(&mut self) {
        self.flush();
        let settled = |durable: &Result<u64, String>| durable.as_ref().map_or(true, |n| *n >= self.last);
        self.durable().wait_for(settled).await.map(drop).unwrap_or_default();
    }

    pub(super) fn into_journal(self) -> Box<dyn Journal> {
        self.journal
    }
}
