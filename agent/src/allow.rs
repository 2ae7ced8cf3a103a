//! Which addresses may be shot at. An agent is a weapon: what the plan names is only fired at when the operator
//! of the agent's own machine agrees.
//!
//! Three rules, in this order, on the address that a connection really goes to:
//!
//! 1. An entry for exactly this address allows it, whatever it is.
//! 2. Special addresses are denied: unspecified, link-local, multicast, broadcast, and those where clouds answer
//!    machines with their secrets. No range covers them, `any` neither: a load test against them is a slip.
//! 3. Loopback and private addresses are allowed, others only if an entry covers them.
//!
//! A Unix socket is on the agent's own machine, like loopback, and needs no entry; but those through which a machine
//! is steered (containers, services, its bus) are denied unless an entry names them exactly.
//!
//! An IPv4 address inside an IPv6 one (`::ffff:a.b.c.d`) is judged as the IPv4 address that it is.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// The addresses an agent may fire at: loopback, private ones, and what its operator added.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AllowList {
    added: Vec<AllowEntry>,
}

/// What one `--allow-target` adds: `any`, an address, a range like `203.0.113.0/24`, or a socket like
/// `unix:/run/api.sock`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AllowEntry {
    /// Every address that is not special.
    Any,
    /// A range; one that holds a single address allows even a special one.
    Range(IpNet),
    /// A Unix socket, by its whole path without links.
    Socket(PathBuf),
}

/// Why a text is no [`AllowEntry`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AllowEntryError {
    /// Not one of the three forms.
    #[error("`{0}` is no address range: write an address, a range like 203.0.113.0/24, unix:/PATH, or `any`")]
    Form(String),
    /// A range that does not begin where it says.
    #[error(
        "`{got}` has bits behind its prefix: write {whole} for the range or {address} for the one address"
    )]
    Bits {
        /// As written.
        got: String,
        /// The range that the prefix means.
        whole: IpNet,
        /// The address in front of the prefix.
        address: IpAddr,
    },
}

/// An address that must not be shot at. Its text says which rule denies it and how to allow it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Denied {
    /// As it would have been connected to, an IPv4 address never inside an IPv6 one.
    pub address: IpAddr,
    /// The rule that denies it.
    pub rule: Rule,
}

/// A Unix socket that must not be shot at.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{} steers the machine itself, which only an entry for exactly it allows: start the agent with --allow-target \
     unix:{}", .0.display(), .0.display()
)]
pub struct DeniedSocket(pub PathBuf);

/// Why an address is denied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// Neither loopback nor private, and no entry covers it.
    Public,
    /// `0.0.0.0/8` or `::`.
    Unspecified,
    /// `169.254.0.0/16` or `fe80::/10`.
    LinkLocal,
    /// `224.0.0.0/4` or `ff00::/8`.
    Multicast,
    /// `255.255.255.255`.
    Broadcast,
    /// Where a cloud answers its machines with their secrets, beyond link-local.
    Metadata,
}

impl AllowList {
    /// Loopback, private addresses, and what the entries add.
    #[must_use]
    pub fn new(added: impl IntoIterator<Item = AllowEntry>) -> Self {
        Self { added: added.into_iter().collect() }
    }

    /// Whether the address may be shot at.
    ///
    /// # Errors
    /// [`Denied`] names the rule and the remedy.
    pub fn check(&self, address: IpAddr) -> Result<(), Denied> {
        let address = address.to_canonical();
        let names =
            |entry: &AllowEntry| matches!(entry, AllowEntry::Range(range) if *range == IpNet::from(address));
        if self.added.iter().any(names) {
            return Ok(());
        }
        if let Some(rule) = special(address) {
            return Err(Denied { address, rule });
        }
        let covers = |entry: &AllowEntry| match entry {
            AllowEntry::Any => true,
            AllowEntry::Range(range) => range.contains(&address),
            AllowEntry::Socket(_) => false,
        };
        if is_near(address) || self.added.iter().any(covers) {
            return Ok(());
        }
        Err(Denied { address, rule: Rule::Public })
    }

    /// Whether the Unix socket at this path, which holds no links, may be shot at.
    ///
    /// # Errors
    /// [`DeniedSocket`] names the remedy.
    pub fn check_socket(&self, path: &Path) -> Result<(), DeniedSocket> {
        let named = |entry: &AllowEntry| matches!(entry, AllowEntry::Socket(own) if own == path);
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let is_control =
            CONTROL_NAMES.contains(&name) || CONTROL_FOLDERS.iter().any(|own| path.starts_with(own));
        if is_control && !self.added.iter().any(named) {
            return Err(DeniedSocket(path.to_owned()));
        }
        Ok(())
    }
}

impl FromStr for AllowEntry {
    type Err = AllowEntryError;

    /// # Errors
    /// [`AllowEntryError`] for anything but `any`, an address or a range that begins where it says.
    fn from_str(text: &str) -> Result<Self, AllowEntryError> {
        if text == "any" {
            return Ok(Self::Any);
        }
        if let Some(path) = text.strip_prefix("unix:").filter(|path| path.starts_with('/')) {
            return Ok(Self::Socket(PathBuf::from(path)));
        }
        let range = match text.parse::<IpAddr>() {
            Ok(address) => IpNet::from(address),
            Err(_) => text.parse().map_err(|_| AllowEntryError::Form(text.to_owned()))?,
        };
        if range != range.trunc() {
            let (whole, address) = (range.trunc(), range.addr());
            return Err(AllowEntryError::Bits { got: text.to_owned(), whole, address });
        }
        Ok(Self::Range(unmapped(range)))
    }
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { address, rule } = self;
        let exactly = if *rule == Rule::Public { "" } else { ", which only an entry for exactly it allows" };
        write!(
            f,
            "target {address} is {}{exactly}: start the agent with --allow-target {}",
            rule.as_str(),
            IpNet::from(*address)
        )
    }
}

impl std::error::Error for Denied {}

impl Rule {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Public => "neither loopback nor private",
            Self::Unspecified => "an unspecified address",
            Self::LinkLocal => "a link-local address",
            Self::Multicast => "a multicast address",
            Self::Broadcast => "the broadcast address",
            Self::Metadata => "a cloud's metadata address",
        }
    }
}

/// The rule under which a special address is denied.
fn special(address: IpAddr) -> Option<Rule> {
    if METADATA.contains(&address) {
        return Some(Rule::Metadata);
    }
    match address {
        // The whole of 0.0.0.0/8 is "this network" (RFC 1122); Linux takes 0.0.0.0 for loopback.
        IpAddr::V4(v4) if v4.octets()[0] == 0 => Some(Rule::Unspecified),
        IpAddr::V4(v4) if v4.is_link_local() => Some(Rule::LinkLocal),
        IpAddr::V4(v4) if v4.is_multicast() => Some(Rule::Multicast),
        IpAddr::V4(v4) if v4.is_broadcast() => Some(Rule::Broadcast),
        IpAddr::V6(v6) if v6.is_unspecified() => Some(Rule::Unspecified),
        IpAddr::V6(v6) if v6.is_unicast_link_local() => Some(Rule::LinkLocal),
        IpAddr::V6(v6) if v6.is_multicast() => Some(Rule::Multicast),
        IpAddr::V6(v6) => translated(v6).and_then(|v4| special(IpAddr::V4(v4))),
        IpAddr::V4(_) => None,
    }
}

/// The IPv4 address that a translator makes of an IPv6 one (NAT64, RFC 6052).
fn translated(v6: Ipv6Addr) -> Option<Ipv4Addr> {
    let [0x64, 0xff9b, 0, 0, 0, 0, _, _] = v6.segments() else { return None };
    let [.., a, b, c, d] = v6.octets();
    Some(Ipv4Addr::new(a, b, c, d))
}

/// Loopback and private: 127/8, 10/8, 172.16/12, 192.168/16, `::1`, `fc00::/7`.
fn is_near(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_loopback() || v4.is_private(),
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local(),
    }
}

/// A range of IPv4 addresses written inside IPv6, as the IPv4 range that it is.
fn unmapped(range: IpNet) -> IpNet {
    let mapped = |net: Ipv6Net| {
        let prefix = net.prefix_len().checked_sub(96)?;
        Ipv4Net::new(net.addr().to_ipv4_mapped()?, prefix).ok()
    };
    match range {
        IpNet::V6(net) => mapped(net).map_or(range, IpNet::V4),
        IpNet::V4(_) => range,
    }
}

/// Amazon and Google over IPv6, Alibaba, Oracle, Azure. Most others answer at the link-local 169.254.169.254.
const METADATA: [IpAddr; 5] = [
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V6(Ipv6Addr::new(0xfd20, 0x00ce, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192)),
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
];

/// Sockets through which containers are steered, by name, wherever they stand.
const CONTROL_NAMES: [&str; 6] =
    ["docker.sock", "podman.sock", "containerd.sock", "crio.sock", "buildkitd.sock", "libvirt-sock"];
/// Folders whose sockets steer the machine's services.
const CONTROL_FOLDERS: [&str; 6] =
    ["/run/systemd", "/run/dbus", "/run/udev", "/run/user", "/run/libvirt", "/run/containerd"];

#[cfg(test)]
mod tests;
