//! The way to the controller: connections, and what is shown on them.

use crate::Agent;
use tonic::Request;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::Channel;

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DialError {
    /// There is nothing to connect to: trying again would not help.
    #[error("{0}")]
    Rejected(String),
    /// Nobody answers at the address.
    #[error("{0}")]
    Unreachable(String),
}

impl Agent {
    /// A request that shows the agent's token.
    pub(crate) fn authorised<T>(&self, stream: T) -> Request<T> {
        let mut request = Request::new(stream);
        let token =
            self.token.as_ref().map(|token| MetadataValue::<Ascii>::try_from(format!("Bearer {token}")));
        if let Some(Ok(token)) = token {
            request.metadata_mut().insert(proto::TOKEN_KEY, token);
        }
        request
    }
}

/// A connection to the controller.
pub(crate) async fn connect(agent: &Agent) -> Result<Channel, DialError> {
    let endpoint = proto::endpoint(&agent.controller).map_err(|_| {
        DialError::Rejected(format!(
            "{} is no address: write HOST:PORT, for example 10.0.0.5:50051",
            agent.controller
        ))
    })?;
    (agent.world.dial)(endpoint).await.map_err(|error| {
        DialError::Unreachable(format!(
            "cannot reach a controller at {}: {}; is `controller start --listen {}` running there?",
            agent.controller,
            innermost(&error),
            agent.controller
        ))
    })
}

fn innermost(error: &dyn std::error::Error) -> String {
    std::iter::successors(Some(error), |error| error.source())
        .last()
        .map_or_else(String::new, ToString::to_string)
}
