//! Whom `controller status`, `stop` and `rate` speak to.

use crate::start::ADMIN;
use clap::Args;
use std::net::SocketAddr;

#[derive(Debug, Args)]
pub(super) struct Operator {
    /// The --admin address of the controller.
    #[arg(long, default_value_t = ADMIN, value_name = "IP:PORT")]
    pub(super) admin: SocketAddr,
}
