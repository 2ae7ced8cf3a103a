//! From the target's name to the addresses that may be shot at.

use std::cell::RefCell;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use common::outcome::Outcome;
use tokio::net::lookup_host;
use tokio::sync::watch;

use super::fault::{Failure, Unresolved};
use crate::allow::{AllowList, Denied};

/// What is known of a target's addresses.
#[derive(Debug)]
pub(super) enum Addresses {
    /// The plan named an address: nothing to ask, but just as much to check.
    Literal(Answer),
    Name(Name),
}

/// A name, and the newest question to the resolver about it.
#[derive(Debug)]
pub(super) struct Name {
    host: String,
    port: u16,
    allow: Arc<AllowList>,
    /// At most one question is under way, however many connections wait for it. It goes on when they are dropped:
    /// a slow resolver would otherwise be asked again for each of them, and each question takes a thread.
    newest: RefCell<Option<watch::Receiver<Option<Dated>>>>,
}

/// The addresses that may be shot at, never none.
type Answer = Result<Arc<[SocketAddr]>, Failure>;

/// When the answer came.
type Dated = (Instant, Answer);

impl Addresses {
    pub(super) fn new(host: &str, port: u16, allow: Arc<AllowList>) -> Self {
        match host.parse::<IpAddr>() {
            Ok(address) => {
                let answer = allow.check(address).map(|()| [SocketAddr::new(address, port)].into());
                Self::Literal(answer.map_err(|denied| Failure::from(&denied)))
            }
            Err(_) => Self::Name(Name { host: host.to_owned(), port, allow, newest: RefCell::new(None) }),
        }
    }

    pub(super) async fn resolve(&self) -> Answer {
        match self {
            Self::Literal(answer) => answer.clone(),
            Self::Name(name) => name.resolve().await,
        }
    }
}

impl Name {
    async fn resolve(&self) -> Answer {
        let mut newest = self.ask();
        let answered = newest.wait_for(Option::is_some).await;
        let stopped = || Failure { outcome: Outcome::Dns, text: format!("resolve {}: stopped", self.host) };
        let dated = answered.map_err(|_| stopped())?;
        dated.as_ref().map_or_else(|| Err(stopped()), |(_, answer)| answer.clone())
    }

    /// The newest question if it is still good, otherwise a new one.
    fn ask(&self) -> watch::Receiver<Option<Dated>> {
        let mut newest = self.newest.borrow_mut();
        if let Some(question) = newest.as_ref() {
            let is_good = match question.borrow().as_ref() {
                Some((at, _)) => at.elapsed() < KEPT,
                None => question.has_changed().is_ok(), // false when its task was stopped
            };
            if is_good {
                return question.clone();
            }
        }
        let (sender, question) = watch::channel(None);
        let (host, port, allow) = (self.host.clone(), self.port, Arc::clone(&self.allow));
        tokio::spawn(async move {
            let answer = look_up(&host, port, &allow).await;
            sender.send_replace(Some((Instant::now(), answer)));
        });
        *newest = Some(question.clone());
        question
    }
}

async fn look_up(host: &str, port: u16, allow: &AllowList) -> Answer {
    match found(host, port).await {
        Ok(found) => allowed(found, allow).map(Arc::from).map_err(|denied| Failure::from(&denied)),
        Err(unresolved) => Err(Failure { outcome: Outcome::Dns, text: unresolved.to_string() }),
    }
}

/// What the system's resolver says, in its order; at least one address.
pub(super) async fn found(host: &str, port: u16) -> Result<Vec<SocketAddr>, Unresolved> {
    let found = lookup_host((host, port)).await;
    let found = found.map_err(|error| Unresolved::Resolver { host: host.to_owned(), error })?;
    let found: Vec<_> = found.take(MOST).collect();
    if found.is_empty() { Err(Unresolved::Nothing { host: host.to_owned() }) } else { Ok(found) }
}

/// Those of the addresses that may be shot at; when there is none, why the last one may not.
pub(super) fn allowed(found: Vec<SocketAddr>, allow: &AllowList) -> Result<Vec<SocketAddr>, Denied> {
    let mut why = None;
    let mut allowed = found;
    allowed.retain(|address| match allow.check(address.ip()) {
        Ok(()) => true,
        Err(denied) => {
            why = Some(denied);
            false
        }
    });
    match why {
        Some(denied) if allowed.is_empty() => Err(denied),
        _ => Ok(allowed),
    }
}

/// How long an answer of the resolver is used, good or bad: a name that moves is followed soon, and a resolver is
/// no second target.
const KEPT: Duration = Duration::from_secs(1);

/// Addresses of one name that are tried.
const MOST: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(texts: &[&str]) -> Vec<SocketAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn only_allowed_addresses_of_a_name_are_tried() {
        for (found, expected, why) in [
            (&["127.0.0.1:1", "[::1]:1"][..], Ok(&["127.0.0.1:1", "[::1]:1"][..]), "both, in their order"),
            (&["8.8.8.8:1", "10.0.0.1:1"], Ok(&["10.0.0.1:1"][..]), "a name that hides a public one"),
            (&["8.8.8.8:1", "169.254.169.254:1"], Err("169.254.169.254"), "none"),
        ] {
            let got = allowed(addresses(found), &AllowList::default());
            let expected = expected.map(addresses).map_err(|denied| denied.parse::<IpAddr>().unwrap());
            assert_eq!(got.map_err(|denied| denied.address), expected, "{why}");
        }
    }

    #[tokio::test]
    async fn one_question_serves_all_who_wait_and_those_who_come_soon() {
        let Addresses::Name(name) = Addresses::new("localhost", 80, Arc::default()) else {
            panic!("a name is no literal")
        };
        let (first, second) = (name.ask(), name.ask());
        assert!(first.same_channel(&second), "joined");
        let answer = name.resolve().await;
        assert!(answer.is_ok_and(|found| found.iter().all(|address| address.ip().is_loopback())));
        assert!(name.ask().same_channel(&first), "remembered");
    }
}
