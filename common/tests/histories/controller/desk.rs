//! Records first, messages after them: nothing leaves before what it rests on is durable.

use crate::controller::{At, Controller, Timer};
use crate::journal::Record;
use crate::script::Sabotage;
use crate::wire::{Conn, Packet};
use common::run::SessionId;

impl Controller {
    pub(super) fn append(&mut self, record: Record, at: &mut At<'_>) {
        self.volatile.push_back(record);
        self.appended += 1;
        self.commit_soon(at);
    }

    fn commit_soon(&mut self, at: &mut At<'_>) {
        if self.committing.is_none() && self.durable < self.appended {
            self.committing = Some(self.appended);
            at.out.timers.push((at.now + 1 + self.chance.below(at.script.commit), Timer::Commit));
        }
    }

    pub(super) fn on_commit(&mut self, at: &mut At<'_>) {
        let upto = self.committing.take().unwrap_or(self.durable);
        while self.durable < upto {
            let record = self.volatile.pop_front().expect("what was appended");
            self.closed |= matches!(record, Record::Closed(_));
            at.journal.records.push(record);
            self.durable += 1;
        }
        while let Some((_, conn, packet)) = self.waiting.pop_front_if(|(number, ..)| *number <= self.durable)
        {
            at.out.sends.push((conn, packet));
        }
        self.commit_soon(at);
    }

    pub(super) fn post(&mut self, session: SessionId, packet: Packet, at: &mut At<'_>) {
        if let Some(conn) = self.conns.get(&session).copied() {
            self.post_to(conn, packet, at);
        }
    }

    /// Sends when everything that was written so far is durable.
    pub(super) fn post_to(&mut self, conn: Conn, packet: Packet, at: &mut At<'_>) {
        if self.durable < self.appended && at.script.sabotage != Sabotage::NotDurable {
            self.waiting.push_back((self.appended, conn, packet));
        } else {
            at.out.sends.push((conn, packet));
        }
    }
}
