//! Files from the controller by their hashes, piece by piece, and how far they are.

use crate::dial::connect;
use crate::{Agent, Say};
use common::human;
use proto::v1;
use proto::v1::agent_service_client::AgentServiceClient;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::time::timeout;
use tonic::Streaming;
use tonic::transport::Channel;

/// The way to the controller for what is fetched: made when it is needed, apart from heartbeats and deltas.
#[derive(Debug, Default)]
pub(crate) struct Way {
    channel: Option<Channel>,
}

/// A file on its way.
#[derive(Debug)]
pub(crate) struct Pieces {
    pieces: Streaming<v1::BlobChunk>,
}

impl Way {
    /// Asks for the file with this SHA-256.
    pub(crate) async fn open(&mut self, agent: &Agent, sha256: &[u8]) -> Result<Pieces, String> {
        let channel = match &self.channel {
            Some(channel) => channel.clone(),
            None => {
                let made = connect(agent).await.map_err(|error| error.to_string())?;
                self.channel.insert(made).clone()
            }
        };
        let mut client = AgentServiceClient::new(channel).max_decoding_message_size(proto::MESSAGE_BYTES_MAX);
        let request = agent.authorised(v1::FetchBlobRequest { sha256: sha256.to_vec() });
        let reply = timeout(SILENCE, client.fetch_blob(request)).await.map_err(silent)?;
        Ok(Pieces { pieces: reply.map_err(|status| told(&status))?.into_inner() })
    }
}

impl Pieces {
    /// The next piece; `None` at the end of the file.
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<u8>>, String> {
        let piece = timeout(SILENCE, self.pieces.message()).await.map_err(silent)?;
        Ok(piece.map_err(|status| told(&status))?.map(|piece| piece.data))
    }
}

fn silent(_: tokio::time::error::Elapsed) -> String {
    format!("nothing came for {SILENCE:?}")
}

fn told(status: &tonic::Status) -> String {
    // The transport's own words ("h2 protocol error …") say no more than this.
    if std::error::Error::source(status).is_some() {
        return "the connection to the controller broke".to_owned();
    }
    status.message().to_owned()
}

/// How much an agent has of what it must have before it is ready. Shared by whoever fetches and whoever tells of it.
#[derive(Clone)]
pub(crate) struct Meter {
    say: Say,
    state: Arc<Mutex<Metered>>,
}

struct Metered {
    /// Bytes.
    total: u64,
    done: u64,
    said: Instant,
}

impl Meter {
    pub(crate) fn new(say: Say) -> Self {
        Self { say, state: Arc::new(Mutex::new(Metered { total: 0, done: 0, said: Instant::now() })) }
    }

    /// So many bytes are needed; none are here.
    pub(crate) fn begin(&self, total: u64) {
        *self.lock() = Metered { total, done: 0, said: Instant::now() };
    }

    /// So many bytes more are here. Tells the operator now and then what is being done.
    pub(crate) fn add(&self, doing: &str, bytes: u64) {
        let mut state = self.lock();
        state.done = state.done.saturating_add(bytes);
        if state.said.elapsed() >= TELL_EVERY {
            state.said = Instant::now();
            let (done, total) = (state.done.min(state.total), state.total);
            drop(state);
            (self.say)(&format!("{doing}: {} of {}", human::bytes(done as f64), human::bytes(total as f64)));
        }
    }

    /// So many bytes were not what was meant.
    pub(crate) fn take_back(&self, bytes: u64) {
        let mut state = self.lock();
        state.done = state.done.saturating_sub(bytes);
    }

    /// How much is here, in thousandths; 0 when nothing is needed.
    pub(crate) fn permille(&self) -> u32 {
        let state = self.lock();
        let permille = u128::from(state.done) * 1_000 / u128::from(state.total.max(1));
        u32::try_from(permille.min(1_000)).unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, Metered> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Nothing for so long means that nothing comes.
const SILENCE: Duration = Duration::from_secs(20);
const TELL_EVERY: Duration = Duration::from_secs(2);
