use super::*;

fn list(entries: &[&str]) -> AllowList {
    AllowList::new(entries.iter().map(|entry| entry.parse().unwrap()))
}

#[test]
fn loopback_and_private_need_no_entry_and_nothing_else_goes_without() {
    for (address, denied_by, why) in [
        ("127.0.0.1", None, "loopback"),
        ("127.255.255.255", None, "the last of loopback"),
        ("128.0.0.0", Some(Rule::Public), "behind loopback"),
        ("::1", None, "loopback"),
        ("::2", Some(Rule::Public), "beside loopback"),
        ("10.0.0.0", None, "private"),
        ("10.255.255.255", None, "private"),
        ("11.0.0.0", Some(Rule::Public), "behind 10/8"),
        ("172.15.255.255", Some(Rule::Public), "before 172.16/12"),
        ("172.16.0.0", None, "private"),
        ("172.31.255.255", None, "private"),
        ("172.32.0.0", Some(Rule::Public), "behind 172.16/12"),
        ("192.168.0.1", None, "private"),
        ("192.169.0.0", Some(Rule::Public), "behind 192.168/16"),
        ("fc00::", None, "unique local"),
        ("fdff:ffff::1", None, "unique local"),
        ("fe00::", Some(Rule::Public), "behind fc00::/7"),
        ("fec0::1", Some(Rule::Public), "site-local is no longer private"),
        ("100.64.0.1", Some(Rule::Public), "carrier-grade NAT is somebody else's"),
        ("93.184.216.34", Some(Rule::Public), "public"),
        ("2606:2800:220:1::1", Some(Rule::Public), "public"),
        ("::ffff:127.0.0.1", None, "loopback inside IPv6"),
        ("::ffff:10.1.2.3", None, "private inside IPv6"),
        ("::ffff:93.184.216.34", Some(Rule::Public), "public inside IPv6"),
        ("::127.0.0.1", Some(Rule::Public), "the old compatible form is no loopback"),
        ("64:ff9b::7f00:1", Some(Rule::Public), "loopback behind a translator is not ours"),
        ("2002:7f00:1::", Some(Rule::Public), "nor behind 6to4"),
    ] {
        let got = AllowList::default().check(address.parse().unwrap()).err().map(|denied| denied.rule);
        assert_eq!(got, denied_by, "{address}: {why}");
    }
}

#[test]
fn special_addresses_are_denied_unless_named_exactly() {
    let wide = list(&["any", "0.0.0.0/0", "::/0", "169.254.0.0/16", "fe80::/10", "fd00::/8"]);
    for (address, rule, why) in [
        ("0.0.0.0", Rule::Unspecified, "Linux connects it to itself"),
        ("0.1.2.3", Rule::Unspecified, "this network"),
        ("::", Rule::Unspecified, "unspecified"),
        ("169.254.169.254", Rule::LinkLocal, "metadata of most clouds"),
        ("169.254.0.0", Rule::LinkLocal, "the first link-local"),
        ("fe80::1", Rule::LinkLocal, "link-local"),
        ("febf::1", Rule::LinkLocal, "the end of fe80::/10"),
        ("224.0.0.1", Rule::Multicast, "multicast"),
        ("239.255.255.255", Rule::Multicast, "multicast"),
        ("ff02::1", Rule::Multicast, "all nodes"),
        ("255.255.255.255", Rule::Broadcast, "broadcast"),
        ("::ffff:169.254.169.254", Rule::LinkLocal, "metadata inside IPv6"),
        ("::ffff:0.0.0.0", Rule::Unspecified, "unspecified inside IPv6"),
        ("64:ff9b::a9fe:a9fe", Rule::LinkLocal, "metadata behind a translator"),
        ("fd00:ec2::254", Rule::Metadata, "Amazon over IPv6, although unique local"),
        ("100.100.100.200", Rule::Metadata, "Alibaba"),
    ] {
        let ip: IpAddr = address.parse().unwrap();
        assert_eq!(wide.check(ip).map_err(|denied| denied.rule), Err(rule), "{address}: {why}");
        assert_eq!(list(&[address]).check(ip), Ok(()), "{address} named exactly: {why}");
    }
}

#[test]
fn an_entry_allows_what_it_covers() {
    for (entry, inside, outside, why) in [
        ("93.184.216.34", "93.184.216.34", "93.184.216.35", "an address"),
        ("93.184.216.34/32", "::ffff:93.184.216.34", "93.184.216.33", "a range of one"),
        ("203.0.113.0/24", "203.0.113.255", "203.0.114.0", "a range"),
        ("0.0.0.0/0", "8.8.8.8", "2001:db8::1", "all of IPv4 is nothing of IPv6"),
        ("::/0", "2001:db8::1", "8.8.8.8", "nor the other way round"),
        ("2001:db8::/32", "2001:db8:ffff::1", "2001:db9::1", "a range of IPv6"),
        ("::ffff:203.0.113.0/120", "203.0.113.7", "203.0.114.0", "a range of IPv4 inside IPv6"),
        ("any", "8.8.8.8", "169.254.1.1", "all but special ones"),
        ("any", "2001:db8::1", "ff02::1", "all but special ones of IPv6"),
    ] {
        let allow = list(&[entry]);
        assert_eq!(allow.check(inside.parse().unwrap()), Ok(()), "{entry}: {why}");
        assert!(allow.check(outside.parse().unwrap()).is_err(), "{entry}: {why}");
        assert_eq!(allow.check(IpAddr::V4(Ipv4Addr::LOCALHOST)), Ok(()), "{entry}: entries only add");
    }
}

#[test]
fn a_socket_needs_no_entry_unless_it_steers_the_machine() {
    for (path, allowed, why) in [
        ("/run/api.sock", true, "a service's"),
        ("/tmp/x/docker.sock", false, "by name, wherever it stands"),
        ("/run/systemd/private", false, "by folder"),
        ("/run/systemdish/x", true, "another folder"),
    ] {
        let path = Path::new(path);
        assert_eq!(AllowList::default().check_socket(path).is_ok(), allowed, "{why}");
        assert_eq!(list(&["any"]).check_socket(path).is_ok(), allowed, "{why}");
        assert_eq!(list(&[&format!("unix:{}", path.display())]).check_socket(path), Ok(()), "{why}");
    }
}

#[test]
fn a_malformed_entry_says_what_to_write() {
    for (text, expected) in [
        ("", "`` is no address range"),
        ("example.org", "`example.org` is no address range"),
        ("ANY", "`ANY` is no address range"),
        ("10.0.0.0/33", "`10.0.0.0/33` is no address range"),
        ("10.0.0/8", "`10.0.0/8` is no address range"),
        ("127.0.0.1:80", "`127.0.0.1:80` is no address range"),
        ("[::1]", "`[::1]` is no address range"),
        ("fe80::1%eth0", "`fe80::1%eth0` is no address range"),
        ("203.0.113.7/24", "write 203.0.113.0/24 for the range or 203.0.113.7 for the one address"),
    ] {
        let error = text.parse::<AllowEntry>().unwrap_err().to_string();
        assert!(error.contains(expected), "{text}: {error}");
    }
}

#[test]
fn what_denies_says_how_to_allow() {
    for (address, expected) in [
        (
            "93.184.216.34",
            "target 93.184.216.34 is neither loopback nor private: start the agent with --allow-target \
             93.184.216.34/32",
        ),
        (
            "fe80::1",
            "target fe80::1 is a link-local address, which only an entry for exactly it allows: start the \
             agent with --allow-target fe80::1/128",
        ),
    ] {
        let address: IpAddr = address.parse().unwrap();
        let denied = AllowList::default().check(address).unwrap_err();
        assert_eq!(denied.to_string(), expected);
        let remedy: AllowEntry = expected.rsplit(' ').next().unwrap().parse().unwrap();
        assert_eq!(AllowList::new([remedy]).check(address), Ok(()), "the remedy works");
    }
}
