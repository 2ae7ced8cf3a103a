//! `controller health`: whether a controller answers at an address.

use crate::exit::{Exit, Failure};
use proto::v1::HealthRequest;
use proto::v1::agent_service_client::AgentServiceClient;
use std::net::SocketAddr;
use std::time::Duration;

/// Asks the controller at `address` how its run stands.
pub async fn check(address: SocketAddr) -> Result<String, Failure> {
    let ask = async {
        let mut client =
            AgentServiceClient::connect(format!("http://{address}")).await.map_err(|e| e.to_string())?;
        let reply = client.health(HealthRequest {}).await.map_err(|status| status.message().to_owned())?;
        Ok::<_, String>(reply.into_inner().state)
    };
    let answer = tokio::time::timeout(WITHIN, ask).await.unwrap_or_else(|_| Err("no answer in time".into()));
    answer.map_err(|why| Failure::new(Exit::Internal, format!("no healthy controller at {address}: {why}")))
}

const WITHIN: Duration = Duration::from_secs(3);
