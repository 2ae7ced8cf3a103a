//! Runs that are over and not to be kept: deleted when the controller starts, and after every run.

use super::Start;
use crate::desk::Desk;
use crate::exit::Failure;
use crate::live::say;
use crate::runs::{Keep, delete_all, surplus};
use jiff::Timestamp;
use std::sync::Arc;

impl Start {
    /// Deletes them, but never `ended`, the run that has just ended: its viewers are still reading. What fails is told,
    /// and tried again after the next run.
    pub(super) async fn tidy(&self, desk: &Arc<Desk>, ended: Option<&str>) {
        let Some(folder) = self.data_dir.clone().filter(|_| self.keep != Keep::default()) else { return };
        let (keep, desk, ended) = (self.keep, Arc::clone(desk), ended.map(str::to_owned));
        let work = move || {
            let mut gone = surplus(&folder, keep, Timestamp::now())?;
            gone.retain(|run_id| ended.as_ref() != Some(run_id));
            // First nobody sees them any more; then nothing of them is held.
            for run_id in &gone {
                desk.remove(run_id);
            }
            delete_all(&folder, &gone).map(|()| gone)
        };
        let done = tokio::task::spawn_blocking(work).await;
        match done.unwrap_or_else(|error| Err(Failure::internal(error.to_string()))) {
            Ok(gone) if gone.is_empty() => {}
            Ok(gone) => say(&said(&gone)),
            Err(failure) => {
                say(&format!("runs that are not to be kept are still there: {}", failure.message))
            }
        }
    }
}

fn said(gone: &[String]) -> String {
    let more = gone.len().saturating_sub(NAMED_MAX);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let named = &gone[..gone.len().min(NAMED_MAX)];
    let runs = if gone.len() == 1 { "run" } else { "runs" };
    format!("deleted {} {runs} not to be kept any more: {}{more}", gone.len(), named.join(", "))
}

/// It is said in a line.
const NAMED_MAX: usize = 3;
