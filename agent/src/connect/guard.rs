//! The same guard for the second client, reqwest, which connects by itself: names pass through our resolver, and
//! addresses in URLs, which pass by every resolver, are checked apart.

use std::net::IpAddr;
use std::sync::Arc;

use common::plan::Connection as Policy;
use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::resolve::{allowed, found};
use crate::allow::{AllowList, Denied};

/// A resolver that only tells addresses that may be shot at. Set it with `ClientBuilder::dns_resolver`; it never
/// sees addresses written in URLs: [`check_host_literal`] does.
#[must_use]
pub fn guarded_resolver(allow: Arc<AllowList>, policy: &Policy) -> impl Resolve + 'static {
    let elsewhere = policy.resolve.iter().map(|(from, to)| (from.host.clone(), to.host.clone())).collect();
    Guarded { allow, elsewhere }
}

/// Checks a URL whose host is an address, once before it is used, and again for every redirect that is followed.
/// Names pass: they meet the [`guarded_resolver`].
///
/// Takes the URL as reqwest parsed it, because that turns `http://2130706433/` and `http://0x7f.1/` into
/// addresses as well.
///
/// # Errors
/// [`Denied`] names the rule and the remedy.
pub fn check_host_literal(url: &Url, allow: &AllowList) -> Result<(), Denied> {
    let host = url.host_str().unwrap_or_default();
    match host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
        Ok(address) => allow.check(address),
        Err(_) => Ok(()),
    }
}

struct Guarded {
    allow: Arc<AllowList>,
    /// Names, and the host to ask for instead.
    elsewhere: Vec<(String, String)>,
}

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        let allow = Arc::clone(&self.allow);
        let instead = self.elsewhere.iter().find(|(from, _)| from == name.as_str());
        let host = instead.map_or_else(|| name.as_str().to_owned(), |(_, to)| to.clone());
        Box::pin(async move {
            // The port is the URL's: reqwest puts it in place of 0.
            let found = found(&host, 0).await?;
            let addresses: Addrs = Box::new(allowed(found, &allow)?.into_iter());
            Ok(addresses)
        })
    }
}
