//! The doors for operators: commands from this machine, and the page.

use super::{ADMIN, Start, WEB};
use crate::admin::Admin;
use crate::desk::Desk;
use crate::exit::Failure;
use crate::live::say;
use crate::rpc::Lobby;
use crate::web::{Server, Site};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

impl Start {
    /// Lets operators steer the run that is on. Without an address that was asked for, a taken port is no reason not to
    /// run.
    pub(super) async fn admit_operators(&self, desk: &Arc<Desk>) -> Result<Option<JoinHandle<()>>, Failure> {
        let listener = match (self.admin, bind(self.admin.unwrap_or(ADMIN), "operators", "--admin").await) {
            (_, Ok(listener)) => listener,
            (Some(_), Err(failure)) => return Err(failure),
            (None, Err(_)) => {
                say(&format!("steering is off: another program listens on {ADMIN}; choose another --admin"));
                return Ok(None);
            }
        };
        if let (Some(_), Ok(address)) = (self.admin, listener.local_addr()) {
            say(&format!("steer with: controller status --admin {address}"));
        }
        let (wishes, mut wished) = mpsc::channel(1);
        let desk = Arc::clone(desk);
        Ok(Some(tokio::spawn(async move {
            let forward = async move {
                while let Some(wish) = wished.recv().await {
                    let on = desk.runs().into_iter().find_map(|entry| entry.wishes());
                    // A wish that nobody takes is dropped, and who wished is told so.
                    if let Some(on) = on {
                        on.send(wish).await.map_err(drop).unwrap_or_default();
                    }
                }
            };
            let (served, ()) = tokio::join!(Admin::serve(wishes, listener), forward);
            if let Err(why) = served {
                say(&why);
            }
        })))
    }

    /// Serves the page and the API. Without an address that was asked for, a taken port is no reason not to run.
    pub(super) async fn serve_page(
        &self,
        desk: &Arc<Desk>,
        lobby: &Arc<Lobby>,
        tapes: PathBuf,
    ) -> Result<Option<Server>, Failure> {
        let must = self.web.is_some() || desk.takes();
        let listener = match bind(self.web.unwrap_or(WEB), "browsers", "--web").await {
            Ok(listener) => listener,
            Err(failure) if must => return Err(failure),
            Err(_) => {
                say(&format!("the page is off: another program listens on {WEB}; choose another --web"));
                return Ok(None);
            }
        };
        let site = Site {
            token: self.web_token.as_deref().map(Arc::from),
            files: self.files.clone(),
            ..Site::new(Arc::clone(desk), Arc::clone(lobby), tapes)?
        };
        let server = Server::start(site, listener)?;
        say(&format!("page: http://{}/", server.address));
        Ok(Some(server))
    }
}

pub(super) async fn bind(address: SocketAddr, whom: &str, flag: &str) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|error| {
        let problem = match error.kind() {
            std::io::ErrorKind::AddrInUse => "another program listens there: stop it, or",
            std::io::ErrorKind::AddrNotAvailable => "this machine has no such address:",
            std::io::ErrorKind::PermissionDenied => "ports below 1024 need privileges:",
            _ => "",
        };
        Failure::usage(format!(
            "cannot listen for {whom} on {address}: {error}; {problem} choose another {flag}"
        ))
    })
}
