//! `controller start` without a plan: it stays, agents stay joined, and runs come from the page and the API.

use super::Start;
use super::carry::{Crew, Kept, withdrawn};
use super::doors::bind;
use crate::desk::{Desk, Entry};
use crate::exit::{Exit, Failure};
use crate::feed::Over;
use crate::files::Files;
use crate::host::Host;
use crate::journal::{Journal, Nowhere, TAPES};
use crate::live::say;
use crate::local::is_local;
use crate::otlp::Pushes;
use crate::store::Store;
use common::plan::Plan;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

impl Start {
    /// Takes runs until it is interrupted: then the one that is on ends and reports, and those that wait are not run.
    /// `scratch` is for what is kept nowhere.
    pub async fn stay(&self, scratch: PathBuf, mut interrupts: mpsc::Receiver<()>) -> Result<Exit, Failure> {
        let mut pushes = Pushes::to(self.otlp.as_ref(), say).map_err(Failure::internal)?;
        let listener = bind(self.listen, "agents", "--listen").await?;
        let mut host = Host::new(listener, self.token.as_deref().map(Arc::from))?;
        if let Some(folder) = &self.data_dir {
            // What is wrong with it is said now, and not to the first run.
            drop(Store::open(folder, self.keep_deltas).map_err(Failure::usage)?);
        }
        let desk = Arc::new(Desk::new(self.data_dir.clone(), true));
        self.tidy(&desk, None).await;
        let operators = self.admit_operators(&desk).await?;
        let tapes = self.data_dir.as_ref().map_or(scratch, |folder| folder.join(TAPES));
        let server = self.serve_page(&desk, &host.lobby, tapes).await?;
        host.serve();
        say(&format!("agents join with: agent join {}", host.address));
        say("waiting for runs: start one on the page, or with `controller submit --plan FILE`");
        let mut fleet = Vec::new();
        loop {
            let entry = tokio::select! {
                biased;
                _ = interrupts.recv() => break,
                entry = desk.next() => entry,
            };
            // Those of the last run knock again a moment after it: the next one is to have them from the start.
            host.lobby.gather(&fleet, BACK_WITHIN).await;
            let interrupted = self.one((&mut host, &mut pushes), (&desk, &entry), &mut interrupts).await;
            self.tidy(&desk, Some(&entry.id)).await;
            if interrupted {
                break;
            }
            let live = entry.board.live();
            let names = live.agents.iter().filter(|agent| !matches!(agent.state.as_str(), "lost" | "gone"));
            fleet = names.map(|agent| agent.name.clone()).filter(|name| !is_local(name)).collect();
        }
        dismiss(&desk);
        operators.iter().for_each(JoinHandle::abort);
        if let Some(server) = server {
            server.stop().await;
        }
        host.close().await;
        pushes.end().await;
        Ok(Exit::Ok)
    }

    /// Does one run; whether it was interrupted.
    async fn one(
        &self,
        (host, pushes): (&mut Host, &mut Pushes),
        (desk, entry): (&Desk, &Entry),
        interrupts: &mut mpsc::Receiver<()>,
    ) -> bool {
        say(&format!("run {} ({}) begins", entry.id, entry.name));
        let kept = match self.kept(entry) {
            Ok(kept) => kept,
            Err(failure) => {
                say(&format!("run {}: {}", entry.id, failure.message));
                let exit = failure.exit as u8;
                entry.end(Over { verdict: None, report: None, failure: Some(failure.message), exit });
                return false;
            }
        };
        let crew = self.crew_of(entry, &kept.plan.plan, host.lobby.waiting().len());
        let out = self.out.as_ref().map(|folder| folder.join(&entry.id));
        // The last push of a run is not waited for: the next run begins beside it.
        pushes.begin(Arc::clone(&entry.board));
        // As many as the terminal's queue: a person does not press it oftener.
        let (interrupt, forwarded) = mpsc::channel(4);
        let carried = self.carry((kept, crew), (host, entry), forwarded, out.as_deref());
        let mut carried = std::pin::pin!(carried);
        let mut interrupted = false;
        let done = loop {
            tokio::select! {
                done = &mut carried => break done,
                Some(()) = interrupts.recv() => {
                    if !std::mem::replace(&mut interrupted, true) {
                        dismiss(desk);
                    }
                    // One too many changes nothing.
                    interrupt.try_send(()).unwrap_or_default();
                }
            }
        };
        match done {
            Ok(exit) => say(&format!("run {} is over: exit code {}", entry.id, exit as u8)),
            Err(failure) => say(&format!("run {}: {}", entry.id, failure.message)),
        }
        interrupted
    }

    /// The agents that are asked for, those that are here, or one inside.
    fn crew_of(&self, entry: &Entry, plan: &Plan, here: usize) -> Crew {
        let asked = entry.agents.or(self.agents).or_else(|| plan.agents.expect.map(|expect| expect as usize));
        match (asked, self.local_agents) {
            (None, Some(local)) => Crew { expect: (here + local).max(1), local },
            (None, None) if here == 0 => Crew { expect: 1, local: 1 },
            (None, None) => Crew { expect: here, local: 0 },
            // Whoever is here takes part: nobody of them is to join late.
            (Some(asked), local) => {
                let local = local.unwrap_or(0).min(asked);
                Crew { expect: asked.max(here + local), local }
            }
        }
    }

    fn kept(&self, entry: &Entry) -> Result<Kept, Failure> {
        let mut plan = entry.plan().ok_or_else(withdrawn)?;
        let journal: Box<dyn Journal> = match &self.data_dir {
            None => Box::new(Nowhere::new()),
            Some(folder) => {
                let store = Store::open(folder, self.keep_deltas).map_err(Failure::usage)?;
                let files = Files::clone(&plan.files).keep(folder, &entry.id).map_err(Failure::internal)?;
                plan.files = Arc::new(files);
                Box::new(store)
            }
        };
        let (run_id, created_at) = (entry.id.clone(), entry.created_at.clone());
        Ok(Kept { plan, run_id, created_at, journal, saved: None })
    }
}

fn dismiss(desk: &Desk) {
    let dismissed = desk.dismiss("the controller ended before its turn came", Exit::Interrupted as u8);
    if dismissed > 0 {
        say(&format!("{dismissed} runs that waited are not run"));
    }
}

/// Agents come back within this after a run, or not at all.
const BACK_WITHIN: Duration = Duration::from_secs(3);
