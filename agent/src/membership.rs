//! What of a session outlives its streams: the run that goes on, what it holds, the books without an ack.

use crate::Agent;
use crate::fleet::Fleet;
use common::delta::Delta;
use common::session::Session;
use proto::delta::{Origin, to_wire};
use proto::{spool, v1};
use std::fs::File;
use std::io::{BufWriter, Error, Write};
use std::path::{Path, PathBuf};

/// A membership in a run.
pub(crate) struct Membership {
    pub(crate) session: Session,
    pub(crate) fleet: Fleet,
}

impl Membership {
    /// What is said of it on a new stream.
    pub(crate) fn resume(&self) -> v1::Resume {
        v1::Resume {
            session_id: self.session.id,
            last_sealed_seq: self.fleet.outbox().last_seq(),
            last_acked_seq: self.fleet.outbox().last_acked(),
            run_id: self.fleet.run_id.clone(),
            held: self.session.held().map(|share| proto::share::to_wire(share, &[])).collect(),
        }
    }

    pub(crate) fn message(&self, delta: &Delta) -> v1::Delta {
        let origin = Origin {
            session_id: self.session.id,
            controller_epoch: self.session.controller_epoch(),
            run_id: self.fleet.run_id.clone(),
        };
        to_wire(&origin, delta)
    }

    /// Ends the load here and writes what nobody took into a file; `None` when there is nothing.
    pub(crate) async fn spool(mut self, agent: &Agent) -> Result<Option<PathBuf>, String> {
        self.fleet.give_up();
        self.drain().await?;
        let (Some(folder), false) = (&agent.spool_dir, self.fleet.outbox().unacked().next().is_none()) else {
            return Ok(None);
        };
        let name = format!("stampede-{}-{}.spool", self.fleet.run_id, self.session.id);
        let path = folder.join(name);
        self.write(agent, &path).map_err(|error| format!("write {}: {error}", path.display()))?;
        Ok(Some(path))
    }

    /// Seals everything that was measured, whatever the window says.
    async fn drain(&mut self) -> Result<(), String> {
        self.fleet.unbound();
        while self.fleet.flush(self.session.holds().epoch).await?.is_some() {}
        Ok(())
    }

    /// Under another name first: a file that is there is whole.
    fn write(&self, agent: &Agent, path: &Path) -> Result<(), Error> {
        let part = path.with_extension("part");
        let mut file = BufWriter::new(File::create(&part)?);
        let hello = v1::Hello { resume: Some(self.resume()), ..agent.hello(0) };
        spool::write_hello(&mut file, &hello)?;
        for delta in self.fleet.unacked() {
            spool::write_delta(&mut file, &self.message(&delta))?;
        }
        file.flush()?;
        file.get_ref().sync_all()?;
        std::fs::rename(&part, path)
    }
}
