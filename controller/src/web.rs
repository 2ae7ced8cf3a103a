//! The web page and its API: what there is to see and to do, over HTTP on loopback.
//!
//! The page is files of `controller/web`, embedded in the program. Everything else is the API, which is described at
//! `/api/openapi.json`: JSON for questions and orders, server-sent events for what a run tells while it is on. Who may
//! ask is decided in one place, `guard`; what is decided about runs is decided by the desk and the coordinator.

use crate::desk::Desk;
use crate::exit::Failure;
use crate::pages::Pages;
use crate::rpc::Lobby;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware;
use axum::routing::{get, post};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, oneshot};
use tokio::task::JoinHandle;

mod answer;
mod assets;
mod events;
mod guard;
pub mod openapi;
mod page;
mod plans;
mod runs;
pub mod shapes;
mod steer;

pub use plans::admit;

/// What the page is served with.
#[derive(Clone, Debug)]
pub struct Site {
    /// Every run.
    pub desk: Arc<Desk>,
    /// Agents that wait.
    pub lobby: Arc<Lobby>,
    /// What browsers must show; `None`: on loopback only.
    pub token: Option<Arc<str>>,
    /// Where plans from the page and the API may read files; `None`: nowhere.
    pub files: Option<PathBuf>,
    /// Where tapes of logs go that a plan from the API replays.
    pub tapes: PathBuf,
    /// Who may watch at the same time.
    pub viewers: Arc<Semaphore>,
    /// Makes pages.
    pub pages: Arc<Pages>,
}

/// A server that runs.
#[derive(Debug)]
pub struct Server {
    /// Where.
    pub address: SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Server {
    /// Serves `site` on `listener`.
    pub fn start(site: Site, listener: TcpListener) -> Result<Self, Failure> {
        let address = listener.local_addr().map_err(|error| Failure::internal(error.to_string()))?;
        let (stop, stopped) = oneshot::channel();
        let router = router(site);
        let serve = async move {
            let served = axum::serve(listener, router)
                // A sender that is dropped stops the server like one that speaks.
                .with_graceful_shutdown(async { stopped.await.unwrap_or_default() });
            if let Err(error) = served.await {
                crate::live::say(&format!("serve the page: {error}"));
            }
        };
        Ok(Self { address, stop, task: tokio::spawn(serve) })
    }

    /// Stops it; viewers get a moment to hear how the last run ended.
    pub async fn stop(mut self) {
        drop(self.stop);
        if tokio::time::timeout(STOP_WITHIN, &mut self.task).await.is_err() {
            self.task.abort();
        }
    }
}

impl Site {
    /// A site; `tapes`: where the tapes of logs go.
    pub fn new(desk: Arc<Desk>, lobby: Arc<Lobby>, tapes: PathBuf) -> Result<Self, Failure> {
        let viewers = Arc::new(Semaphore::new(VIEWERS_MAX));
        let pages = Arc::new(Pages::new().map_err(Failure::internal)?);
        Ok(Self { desk, lobby, token: None, files: None, tapes, viewers, pages })
    }
}

fn router(site: Site) -> Router {
    Router::new()
        .route("/", get(page::now))
        .route("/runs", get(page::history))
        .route("/runs/{id}", get(page::run))
        .route("/compare", get(page::compare))
        .route("/assets/{*path}", get(assets::asset))
        .route("/login", get(guard::login))
        .route("/metrics", get(runs::metrics))
        .route("/api/openapi.json", get(openapi::document))
        .route("/api/status", get(runs::status))
        .route("/api/plans/check", post(plans::check))
        .route("/api/plans/quick", post(plans::quick))
        .route("/api/runs", get(runs::list).post(runs::create))
        .route("/api/runs/{id}", get(runs::page).delete(runs::delete))
        .route("/api/runs/{id}/report", get(runs::report))
        .route("/api/runs/{id}/report.html", get(page::file))
        .route("/api/runs/{id}/events", get(events::events))
        .route("/api/runs/{id}/stop", post(steer::stop))
        .route("/api/runs/{id}/pause", post(steer::pause))
        .route("/api/runs/{id}/resume", post(steer::resume))
        .route("/api/runs/{id}/rate", post(steer::rate))
        .route("/api/runs/{id}/users", post(steer::users))
        .route("/api/compare", get(runs::compare))
        .fallback(answer::nothing_there)
        .method_not_allowed_fallback(answer::not_so)
        .layer(DefaultBodyLimit::max(BODY_MAX))
        .layer(middleware::from_fn_with_state(site.clone(), guard::guard))
        .with_state(site)
}

/// No plan is larger.
const BODY_MAX: usize = 4 << 20;
/// Who may watch at the same time.
const VIEWERS_MAX: usize = 64;
const STOP_WITHIN: Duration = Duration::from_secs(1);
