//! One connection from an engine to the target.

use crate::net::TARGET;
use crate::target::Frame;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;
use turmoil::net::TcpStream;
use turmoil::net::tcp::OwnedReadHalf;

/// What a connection tells, with its number.
#[derive(Debug)]
pub enum News {
    /// It can be used.
    Connected(u64),
    /// A request was answered.
    Answered(u64, Frame),
    /// It is of no use any more.
    Broken(u64),
}

/// A connection, from the moment it is asked for. Dropping it closes it.
#[derive(Debug)]
pub struct Wire {
    /// Its number.
    pub number: u64,
    frames: mpsc::UnboundedSender<Frame>,
}

impl Wire {
    /// Opens connection `number`; news of it goes to `tell`.
    #[must_use]
    pub fn open(number: u64, tell: mpsc::UnboundedSender<News>) -> Self {
        let (frames, outgoing) = mpsc::unbounded_channel();
        tokio::spawn(carry(number, outgoing, tell));
        Self { number, frames }
    }

    /// Sends a request, once the connection is there. What a broken one swallows is told as broken.
    pub fn send(&self, frame: Frame) {
        self.frames.send(frame).unwrap_or_default();
    }
}

async fn carry(number: u64, mut frames: mpsc::UnboundedReceiver<Frame>, tell: mpsc::UnboundedSender<News>) {
    let stream = tokio::time::timeout(CONNECT_WITHIN, TcpStream::connect(TARGET)).await;
    let Ok(Ok(stream)) = stream else {
        return tell.send(News::Broken(number)).unwrap_or_default();
    };
    tell.send(News::Connected(number)).unwrap_or_default();
    let (answers, mut requests) = stream.into_split();
    let reader = tokio::spawn(read(number, answers, tell.clone()));
    while let Some(frame) = frames.recv().await {
        if requests.write_all(&frame).await.is_err() {
            tell.send(News::Broken(number)).unwrap_or_default();
            break;
        }
    }
    reader.abort();
}

async fn read(number: u64, mut answers: OwnedReadHalf, tell: mpsc::UnboundedSender<News>) {
    let mut answer: Frame = [0; 16];
    while answers.read_exact(&mut answer).await.is_ok() {
        // An engine that is gone needs no answers.
        tell.send(News::Answered(number, answer)).unwrap_or_default();
    }
    tell.send(News::Broken(number)).unwrap_or_default();
}

const CONNECT_WITHIN: Duration = Duration::from_secs(5);
