//! `controller demo`: a service to shoot at, two agents and a plan, in one process. The only file that knows `demo`.

use crate::exit::{Exit, Failure};
use crate::live::say;
use crate::read::parse_plan;
use crate::runs::Keep;
use crate::start::Start;
use crate::watch::Ui;
use demo::{Config, Service};
use std::net::{Ipv4Addr, TcpListener};
use std::time::Duration;
use tokio::sync::mpsc;

/// Runs the quickstart plan against the demo service.
pub async fn run(out: Option<std::path::PathBuf>, interrupts: mpsc::Receiver<()>) -> Result<Exit, Failure> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .map_err(|error| Failure::internal(format!("find a port for the demo service: {error}")))?;
    let mut service = Service::start(Config::default(), listener)
        .map_err(|error| Failure::internal(format!("start the demo service: {error}")))?;
    let plan = PLAN.replace(PLACEHOLDER, &service.url());
    say(&format!("demo service on {}, two agents, plan deploy/plans/quickstart.toml", service.url()));
    let start = Start {
        listen: (Ipv4Addr::LOCALHOST, 0).into(),
        agents: None,
        local_agents: Some(2),
        wait: Duration::from_secs(20),
        token: None,
        out,
        admin: None,
        web: None,
        web_token: None,
        files: None,
        otlp: None,
        data_dir: None,
        resume: false,
        keep: Keep::default(),
        keep_deltas: false,
        rows: false,
        strict: false,
        ui: Ui::Auto,
        json: false,
    };
    let result = start.run(Some(parse_plan("deploy/plans/quickstart.toml", plan)?), interrupts).await;
    let stopped = tokio::task::spawn_blocking(move || service.stop()).await;
    if !matches!(stopped, Ok(Ok(()))) {
        say("the demo service did not stop cleanly");
    }
    result
}

const PLAN: &str = include_str!("../../deploy/plans/quickstart.toml");
/// The address in the plan, which is good for a demo service that was started by hand.
const PLACEHOLDER: &str = "http://127.0.0.1:8080";
