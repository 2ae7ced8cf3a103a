//! Whether an agent is alive, without a port: a socket in the abstract namespace, reachable on this host (or in
//! this container) alone.

use std::io::{self, Read, Write};
use std::time::Duration;

/// Answers health checks for the agent of this name until the process ends.
///
/// Fails when another agent of the same name runs here.
#[cfg(target_os = "linux")]
pub fn answer(name: &str) -> io::Result<()> {
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::net::{SocketAddr, UnixListener};
    let listener = UnixListener::bind_addr(&SocketAddr::from_abstract_name(socket(name))?)?;
    std::thread::Builder::new().name("health".into()).spawn(move || {
        for stream in listener.incoming() {
            // A checker that went away is no concern of the agent's.
            stream.and_then(|mut stream| stream.write_all(ALIVE)).unwrap_or_default();
        }
    })?;
    Ok(())
}

/// Asks the agent of this name whether it is alive.
#[cfg(target_os = "linux")]
pub fn check(name: &str) -> io::Result<()> {
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::net::{SocketAddr, UnixStream};
    let mut stream = UnixStream::connect_addr(&SocketAddr::from_abstract_name(socket(name))?)?;
    stream.set_read_timeout(Some(Duration::from_secs(2)))?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    if answer == ALIVE { Ok(()) } else { Err(io::ErrorKind::InvalidData.into()) }
}

/// Elsewhere there is no such socket.
#[cfg(not(target_os = "linux"))]
pub fn answer(_name: &str) -> io::Result<()> {
    Ok(())
}

/// Elsewhere there is no such socket.
#[cfg(not(target_os = "linux"))]
pub fn check(_name: &str) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

fn socket(name: &str) -> Vec<u8> {
    format!("stampede-agent/{name}").into_bytes()
}

const ALIVE: &[u8] = b"alive\n";

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn an_agent_that_runs_is_healthy_and_one_that_does_not_is_not() {
        let name = format!("test-{}", std::process::id());
        assert!(check(&name).is_err());
        answer(&name).unwrap();
        check(&name).unwrap();
        assert!(answer(&name).is_err(), "two agents of one name on one host");
    }
}
