//! The TLS handshake over a socket of ours, driven by hand: the engine goes on the same way, without a layer of
//! tasks and buffers between.

use std::io::{self, ErrorKind, Read, Write};
use std::sync::Arc;

use common::outcome::Outcome;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection};

use super::fault::Failure;
use super::stream::Socket;

/// A connected socket as rustls wants it: reads and writes what can be without waiting, and says
/// [`ErrorKind::WouldBlock`] otherwise.
#[derive(Debug)]
pub struct Raw<'a>(pub Socket<'a>);

impl Read for Raw<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.try_read(buffer)
    }
}

impl Write for Raw<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.try_write(bytes)
    }

    fn write_vectored(&mut self, slices: &[io::IoSlice<'_>]) -> io::Result<usize> {
        self.0.try_write_vectored(slices)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Shakes hands as `name`'s client.
pub(super) async fn shake(
    stream: Socket<'_>,
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
) -> Result<ClientConnection, Failure> {
    let failed = |why: &dyn std::fmt::Display, name: &str| Failure {
        outcome: Outcome::Tls,
        text: format!("TLS handshake with {name}: {why}"),
    };
    let host = name.to_str().into_owned();
    let mut tls = ClientConnection::new(config, name).map_err(|error| failed(&error, &host))?;
    drive(stream, &mut tls).await.map_err(|error| failed(&error, &host))?;
    Ok(tls)
}

/// Writes whatever is to be written, then reads, until the handshake is over and its last bytes are sent.
async fn drive(stream: Socket<'_>, tls: &mut ClientConnection) -> io::Result<()> {
    loop {
        while tls.wants_write() {
            match tls.write_tls(&mut Raw(stream)) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => stream.writable().await?,
                Err(error) => return Err(error),
            }
        }
        if !tls.is_handshaking() {
            return Ok(());
        }
        match tls.read_tls(&mut Raw(stream)) {
            Ok(0) => {
                return Err(io::Error::new(ErrorKind::UnexpectedEof, "the target closed the connection"));
            }
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => stream.readable().await?,
            Err(error) => return Err(error),
        }
        if let Err(error) = tls.process_new_packets() {
            // The peer learns why from an alert; whether it still gets it changes nothing for us.
            let _alert = tls.write_tls(&mut Raw(stream));
            return Err(io::Error::new(ErrorKind::InvalidData, error));
        }
    }
}
