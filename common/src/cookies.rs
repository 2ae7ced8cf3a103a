//! A cookie jar as browsers keep it (RFC 6265), small enough for one per user.
//!
//! What it leaves out: the public suffix list (a cookie for `co.uk` would be kept; only the target sees it), `SameSite`
//! (there is no page that asks), prefixes and partitions.

mod date;

use std::net::IpAddr;

use crate::answer::Fields;

/// Cookies, oldest first; bounded in number and size.
#[derive(Debug, Clone, Default)]
pub struct Jar {
    list: Vec<Cookie>,
}

/// Where a request goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place<'a> {
    /// Lower-case name, or address without brackets.
    pub host: &'a str,
    /// From the first `/`, with or without a query.
    pub path: &'a str,
    /// Whether it is encrypted.
    pub secure: bool,
    /// Seconds since 1970 on the wall clock.
    pub now: i64,
}

#[derive(Debug, Clone)]
struct Cookie {
    /// `name=value`, as it is sent.
    pair: Box<str>,
    name_len: usize,
    domain: Box<str>,
    /// Whether hosts below the domain do not get it.
    host_only: bool,
    secure: bool,
    path: Box<str>,
    /// Seconds since 1970; `None`: never.
    expires: Option<i64>,
}

impl Jar {
    /// Takes the cookies of an answer that came from `place`.
    pub fn take(&mut self, fields: &Fields<'_>, place: &Place<'_>) {
        for line in fields.clone().all("set-cookie") {
            let read = std::str::from_utf8(line).ok().filter(|line| line.len() <= LONGEST);
            if let Some(cookie) = read.and_then(|line| Cookie::read(line, place)) {
                self.put(cookie, place.now);
            }
        }
    }

    /// The value of the `cookie` header for a request to `place`; `None` when there is none for it.
    #[must_use]
    pub fn header(&self, place: &Place<'_>) -> Option<String> {
        let mut fitting: Vec<&Cookie> = self.list.iter().filter(|cookie| cookie.is_for(place)).collect();
        // Longer paths first, then the order in which they came: the sort is stable.
        fitting.sort_by_key(|cookie| std::cmp::Reverse(cookie.path.len()));
        let mut pairs = fitting.into_iter().map(|cookie| &*cookie.pair);
        let mut header = pairs.next()?.to_owned();
        for pair in pairs {
            header.push_str("; ");
            header.push_str(pair);
        }
        Some(header)
    }

    /// Cookies in it, expired ones that nobody looked for included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether nothing is in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    fn put(&mut self, cookie: Cookie, now: i64) {
        let old = self.list.iter().position(|old| old.is_same(&cookie));
        let is_over = cookie.expires.is_some_and(|expires| expires <= now);
        match old {
            Some(place) if is_over => drop(self.list.remove(place)),
            Some(place) => self.list[place] = cookie,
            None if is_over => {}
            None => {
                if self.list.len() == MOST {
                    self.list.remove(0);
                }
                self.list.push(cookie);
            }
        }
    }
}

impl Cookie {
    /// A `set-cookie` line; `None` when it has no name or is not this host's to set.
    fn read(line: &str, place: &Place<'_>) -> Option<Self> {
        let (pair, attributes) = line.split_once(';').unwrap_or((line, ""));
        let (name, value) = pair.split_once('=')?;
        let (name, value) = (name.trim(), value.trim());
        if name.is_empty() || pair.chars().any(char::is_control) {
            return None;
        }
        let mut cookie = Self {
            pair: format!("{name}={value}").into(),
            name_len: name.len(),
            domain: place.host.into(),
            host_only: true,
            secure: false,
            path: default_path(place.path).into(),
            expires: None,
        };
        let mut max_age = None;
        for attribute in attributes.split(';') {
            let (key, value) = attribute.split_once('=').unwrap_or((attribute, ""));
            let value = value.trim();
            match key.trim().to_ascii_lowercase().as_str() {
                "domain" => cookie.take_domain(value, place.host)?,
                "path" if value.starts_with('/') => cookie.path = value.into(),
                "secure" => cookie.secure = true,
                "max-age" => max_age = value.parse::<i64>().ok().or(max_age),
                "expires" => cookie.expires = date::seconds(value).or(cookie.expires),
                _ => {}
            }
        }
        // What is said in seconds from now counts more (RFC 6265, 5.3).
        if let Some(seconds) = max_age {
            cookie.expires = Some(if seconds <= 0 { i64::MIN } else { place.now.saturating_add(seconds) });
        }
        Some(cookie)
    }

    /// `None` when the domain is not one that the host belongs to.
    fn take_domain(&mut self, written: &str, host: &str) -> Option<()> {
        let domain = written.strip_prefix('.').unwrap_or(written).to_ascii_lowercase();
        if domain.is_empty() || domain == host {
            self.host_only = domain.is_empty() && self.host_only;
            return Some(());
        }
        if !domain.contains('.') || !is_below(host, &domain) {
            return None;
        }
        (self.domain, self.host_only) = (domain.into(), false);
        Some(())
    }

    fn name(&self) -> &str {
        &self.pair[..self.name_len]
    }

    fn is_same(&self, other: &Self) -> bool {
        self.name() == other.name() && self.domain == other.domain && self.path == other.path
    }

    fn is_for(&self, place: &Place<'_>) -> bool {
        let is_host = *self.domain == *place.host || (!self.host_only && is_below(place.host, &self.domain));
        is_host
            && (place.secure || !self.secure)
            && self.expires.is_none_or(|expires| expires > place.now)
            && is_within(place.path, &self.path)
    }
}

/// Whether a host is a name below the domain; an address is below none.
fn is_below(host: &str, domain: &str) -> bool {
    let above = host.strip_suffix(domain).and_then(|above| above.strip_suffix('.'));
    above.is_some_and(|above| !above.is_empty()) && host.parse::<IpAddr>().is_err()
}

/// Whether a path is the cookie's or lies below it (RFC 6265, 5.1.4).
fn is_within(path: &str, own: &str) -> bool {
    let path = path.split('?').next().unwrap_or(path);
    path.strip_prefix(own).is_some_and(|rest| rest.is_empty() || own.ends_with('/') || rest.starts_with('/'))
}

/// The folder of a request's path.
fn default_path(path: &str) -> &str {
    let path = path.split('?').next().unwrap_or(path);
    match path.rfind('/') {
        Some(last @ 1..) => &path[..last],
        _ => "/",
    }
}

/// Cookies in a jar, as browsers keep at least per host; the oldest makes room.
const MOST: usize = 50;
/// Bytes of a `set-cookie` line, as browsers take at most; a longer one is passed by.
const LONGEST: usize = 4096;

#[cfg(test)]
mod tests;
