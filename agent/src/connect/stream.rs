//! A connected socket of either kind: TCP, or a Unix socket on the agent's own machine.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::{TcpStream, UnixStream, tcp, unix};

/// A connected socket.
#[derive(Debug)]
pub enum Stream {
    /// Over the network.
    Tcp(TcpStream),
    /// Within the machine.
    Unix(UnixStream),
}

/// The half that is read.
#[derive(Debug)]
pub enum ReadHalf {
    /// See [`Stream::Tcp`].
    Tcp(tcp::OwnedReadHalf),
    /// See [`Stream::Unix`].
    Unix(unix::OwnedReadHalf),
}

/// The half that is written.
#[derive(Debug)]
pub enum WriteHalf {
    /// See [`Stream::Tcp`].
    Tcp(tcp::OwnedWriteHalf),
    /// See [`Stream::Unix`].
    Unix(unix::OwnedWriteHalf),
}

/// A socket to be read and written without waiting.
#[derive(Debug, Clone, Copy)]
pub enum Socket<'a> {
    /// See [`Stream::Tcp`].
    Tcp(&'a TcpStream),
    /// See [`Stream::Unix`].
    Unix(&'a UnixStream),
}

impl Stream {
    /// Both halves.
    #[must_use]
    pub fn into_split(self) -> (ReadHalf, WriteHalf) {
        match self {
            Self::Tcp(stream) => {
                let (read, write) = stream.into_split();
                (ReadHalf::Tcp(read), WriteHalf::Tcp(write))
            }
            Self::Unix(stream) => {
                let (read, write) = stream.into_split();
                (ReadHalf::Unix(read), WriteHalf::Unix(write))
            }
        }
    }

    /// The socket itself.
    #[must_use]
    pub const fn socket(&self) -> Socket<'_> {
        match self {
            Self::Tcp(stream) => Socket::Tcp(stream),
            Self::Unix(stream) => Socket::Unix(stream),
        }
    }
}

impl WriteHalf {
    /// The socket itself.
    #[must_use]
    pub fn socket(&self) -> Socket<'_> {
        match self {
            Self::Tcp(half) => Socket::Tcp(half.as_ref()),
            Self::Unix(half) => Socket::Unix(half.as_ref()),
        }
    }

    /// Lets it go without a shutdown: the socket closes with its other half.
    pub fn forget(self) {
        match self {
            Self::Tcp(half) => half.forget(),
            Self::Unix(half) => half.forget(),
        }
    }
}

impl Socket<'_> {
    /// Reads what is there.
    pub fn try_read(self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.try_read(buffer),
            Self::Unix(stream) => stream.try_read(buffer),
        }
    }

    /// Writes what it takes.
    pub fn try_write(self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.try_write(bytes),
            Self::Unix(stream) => stream.try_write(bytes),
        }
    }

    /// Writes what it takes of several pieces.
    pub fn try_write_vectored(self, slices: &[io::IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.try_write_vectored(slices),
            Self::Unix(stream) => stream.try_write_vectored(slices),
        }
    }

    /// Waits until it can be written.
    pub fn poll_write_ready(self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(stream) => stream.poll_write_ready(cx),
            Self::Unix(stream) => stream.poll_write_ready(cx),
        }
    }

    /// Waits until it can be written.
    pub async fn writable(self) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.writable().await,
            Self::Unix(stream) => stream.writable().await,
        }
    }

    /// Waits until it can be read.
    pub async fn readable(self) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.readable().await,
            Self::Unix(stream) => stream.readable().await,
        }
    }
}

impl AsyncRead for ReadHalf {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(half) => Pin::new(half).poll_read(cx, buffer),
            Self::Unix(half) => Pin::new(half).poll_read(cx, buffer),
        }
    }
}
