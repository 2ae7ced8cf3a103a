//! How a run is shown on stderr while it is on. Results go to stdout, whatever is chosen here.

use crate::coordinator::Steer;
use crate::feed::Board;
use crate::live::{self, Lines, say};
use crate::terminal;
use clap::ValueEnum;
use serde_json::json;
use std::io::{IsTerminal, Write, stderr, stdin};
use std::sync::{Arc, mpsc};
use tokio::sync::mpsc as tokio_mpsc;
use tokio::task::JoinHandle;

/// What is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Ui {
    /// A view on a terminal, lines elsewhere.
    #[default]
    Auto,
    /// A view at the lower end of the terminal, with keys that steer the run.
    Tui,
    /// A line every five seconds, and what happens.
    Lines,
    /// A JSON object a line: `live` as the API gives it, once a second, and `line` for what happens.
    Json,
    /// Nothing but errors.
    None,
}

/// What is shown, while it is.
#[derive(Debug)]
pub enum Shown {
    /// The view.
    View(terminal::Shown),
    /// JSON, and who writes it.
    Json(JoinHandle<()>),
    /// Nothing: what is told is kept from the terminal.
    Nothing(mpsc::Receiver<String>),
    /// The lines, which show themselves.
    Lines,
}

impl Ui {
    /// Begins to show the run of `board`; `orders` are the operator's. Where there is no terminal that can be drawn on, the
    /// view becomes lines.
    #[must_use]
    pub fn show(self, board: &Arc<Board>, orders: tokio_mpsc::Sender<Steer>) -> (Shown, Lines) {
        match self.resolved() {
            Self::Tui => {
                let color = std::env::var_os("NO_COLOR").is_none();
                match terminal::show(Arc::clone(board), orders, color) {
                    Ok(view) => (Shown::View(view), Lines::events()),
                    Err(error) => {
                        say(&format!("no view can be drawn here ({error}): lines instead"));
                        (Shown::Lines, Lines::new())
                    }
                }
            }
            Self::Json => {
                let (lines, told) = mpsc::channel();
                live::lead(Some(lines));
                (Shown::Json(tokio::spawn(write(Arc::clone(board), told))), Lines::events())
            }
            Self::None => {
                let (lines, told) = mpsc::channel();
                live::lead(Some(lines));
                (Shown::Nothing(told), Lines::events())
            }
            Self::Auto | Self::Lines => (Shown::Lines, Lines::new()),
        }
    }

    fn resolved(self) -> Self {
        match self {
            Self::Auto if stderr().is_terminal() && stdin().is_terminal() => Self::Tui,
            Self::Auto => Self::Lines,
            chosen => chosen,
        }
    }
}

impl Shown {
    /// Ends it; the terminal is as it was.
    pub async fn end(self) {
        match self {
            Self::View(view) => tokio::task::spawn_blocking(|| view.end()).await.unwrap_or_default(),
            Self::Json(writer) => {
                live::lead(None);
                writer.await.unwrap_or_default();
            }
            Self::Nothing(told) => {
                live::lead(None);
                drop(told);
            }
            Self::Lines => {}
        }
    }
}

/// Writes until nobody tells anything any more.
async fn write(board: Arc<Board>, told: mpsc::Receiver<String>) {
    let mut newest = board.newest();
    loop {
        let ended = loop {
            match told.try_recv() {
                Ok(line) => put(&json!({ "line": line })),
                Err(mpsc::TryRecvError::Empty) => break false,
                Err(mpsc::TryRecvError::Disconnected) => break true,
            }
        };
        if ended {
            // How it ended.
            return put(&json!({ "live": *board.live() }));
        }
        match tokio::time::timeout(LINES_WITHIN, newest.changed()).await {
            Ok(Ok(())) => put(&json!({ "live": *board.live() })),
            // What is told comes without an edition.
            Ok(Err(_)) => tokio::time::sleep(LINES_WITHIN).await,
            Err(_) => {}
        }
    }
}

fn put(value: &serde_json::Value) {
    // A closed stderr is no reason to stop a run.
    writeln!(stderr(), "{value}").unwrap_or_default();
}

const LINES_WITHIN: std::time::Duration = std::time::Duration::from_millis(200);
