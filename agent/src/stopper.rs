//! How urgently the operator wants the agent to end.

use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

/// The operator's wish.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Wish {
    /// To go on.
    Stay,
    /// To hand over and go.
    Leave,
    /// To give up and go.
    Quit,
}

/// Counts the operator's signals: the first is to leave, the second to quit; a leave that takes too long becomes
/// one to quit, and so does a sender that is gone.
#[derive(Debug)]
pub(crate) struct Stopper {
    signals: mpsc::Receiver<()>,
    wish: Wish,
    quit_at: Option<Instant>,
}

impl Stopper {
    pub(crate) const fn new(signals: mpsc::Receiver<()>) -> Self {
        Self { signals, wish: Wish::Stay, quit_at: None }
    }

    pub(crate) const fn wish(&self) -> Wish {
        self.wish
    }

    /// Resolves when the wish became more urgent.
    pub(crate) async fn changed(&mut self) -> Wish {
        if self.wish == Wish::Quit {
            std::future::pending::<()>().await;
        }
        let late = async {
            match self.quit_at {
                Some(at) => sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        let signal = tokio::select! {
            biased;
            signal = self.signals.recv() => signal,
            () = late => None,
        };
        self.wish = match signal {
            Some(()) if self.wish == Wish::Stay => {
                self.quit_at = Some(Instant::now() + LEAVE_WITHIN);
                Wish::Leave
            }
            _ => Wish::Quit,
        };
        self.wish
    }
}

/// Container engines and service managers kill after 10 to 30 s.
const LEAVE_WITHIN: Duration = Duration::from_secs(25);
