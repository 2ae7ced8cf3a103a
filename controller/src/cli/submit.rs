//! `controller submit`.

use super::start::read_token;
use crate::exit::{Exit, Failure};
use crate::submit::Submit;
use clap::Args;
use std::path::PathBuf;
use tokio::sync::mpsc;

#[derive(Debug, Args)]
pub(super) struct SubmitArgs {
    /// The plan to run there.
    #[arg(long, value_name = "FILE")]
    plan: PathBuf,
    /// How many agents the run is to wait for; without it those that are joined, or one inside the controller.
    #[arg(long, value_name = "N")]
    agents: Option<u32>,
    /// How the run is to be called; the plan's name without it.
    #[arg(long)]
    name: Option<String>,
    /// Follow the run to its end, print its report, and end with its exit code.
    #[arg(long)]
    wait: bool,
    /// Where the controller's page is.
    #[arg(long, default_value = "http://127.0.0.1:8080", value_name = "URL")]
    web: String,
    /// A file with the token of the controller's page (its --web-token-file).
    #[arg(long, value_name = "FILE")]
    web_token_file: Option<PathBuf>,
}

impl SubmitArgs {
    pub(super) async fn run(self, interrupts: mpsc::Receiver<()>) -> Result<Exit, Failure> {
        let token = read_token(self.web_token_file.as_deref())?;
        let Self { plan, agents, name, wait, web, web_token_file: _ } = self;
        Submit { plan, agents, name, wait, web, token }.run(interrupts).await
    }
}
