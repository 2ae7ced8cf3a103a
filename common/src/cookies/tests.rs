use proptest::prelude::*;

use super::*;

const NOW: i64 = 1_800_000_000;

fn place<'a>(host: &'a str, path: &'a str) -> Place<'a> {
    Place { host, path, secure: false, now: NOW }
}

fn jar(lines: &[&str], from: &Place<'_>) -> Jar {
    let mut jar = Jar::default();
    for line in lines {
        jar.take(&Fields::of(format!("Set-Cookie: {line}\r\n").as_bytes()), from);
    }
    jar
}

#[test]
fn a_cookie_goes_where_it_came_from() {
    for (line, from, to, expected, why) in [
        ("a=1", ("h", "/"), ("h", "/x?y"), Some("a=1"), "the same host"),
        ("a=1", ("h", "/"), ("g", "/"), None, "another host"),
        ("a=1", ("h.org", "/"), ("x.h.org", "/"), None, "not below without a domain"),
        ("a=1; Domain=h.org", ("h.org", "/"), ("x.h.org", "/"), Some("a=1"), "below with one"),
        ("a=1; Domain=.h.org", ("x.h.org", "/"), ("y.h.org", "/"), Some("a=1"), "a domain above"),
        ("a=1; Domain=h.org", ("x.h.org", "/"), ("xh.org", "/"), None, "a name that ends alike"),
        ("a=1; Domain=g.org", ("h.org", "/"), ("g.org", "/"), None, "another's domain"),
        ("a=1; Domain=org", ("h.org", "/"), ("h.org", "/"), None, "a top-level domain"),
        ("a=1; domain=0.1", ("10.0.0.1", "/"), ("10.0.0.1", "/"), None, "an address is below none"),
        ("a=1", ("h", "/x/y"), ("h", "/x/z"), Some("a=1"), "the folder"),
        ("a=1", ("h", "/x/y"), ("h", "/"), None, "not above it"),
        ("a=1", ("h", "/x/y"), ("h", "/xz"), None, "not beside it"),
        ("a=1; Path=/", ("h", "/x/y"), ("h", "/z"), Some("a=1"), "a path"),
        ("a=1; path=q", ("h", "/x/y"), ("h", "/x"), Some("a=1"), "a path that is none"),
        ("a=1; Secure", ("h", "/"), ("h", "/"), None, "only encrypted"),
        ("a=1; Max-Age=10", ("h", "/"), ("h", "/"), Some("a=1"), "still good"),
        ("a=1; Max-Age=0", ("h", "/"), ("h", "/"), None, "over at once"),
        ("a=1; Max-Age=x", ("h", "/"), ("h", "/"), Some("a=1"), "no age"),
        ("a=1; Expires=Wed, 21 Oct 2015 07:28:00 GMT", ("h", "/"), ("h", "/"), None, "over long ago"),
        (
            "a=1; Max-Age=9; Expires=Wed, 21 Oct 2015 07:28:00 GMT",
            ("h", "/"),
            ("h", "/"),
            Some("a=1"),
            "the age counts more",
        ),
        (
            "a = b = c ; HttpOnly; SameSite=Lax",
            ("h", "/"),
            ("h", "/"),
            Some("a=b = c"),
            "space, equals signs",
        ),
        ("a=", ("h", "/"), ("h", "/"), Some("a="), "an empty value"),
        ("=1", ("h", "/"), ("h", "/"), None, "no name"),
        ("a", ("h", "/"), ("h", "/"), None, "no value"),
    ] {
        let jar = jar(&[line], &place(from.0, from.1));
        assert_eq!(jar.header(&place(to.0, to.1)).as_deref(), expected, "{line}: {why}");
    }
}

#[test]
fn the_same_cookie_is_replaced_and_an_expired_one_goes() {
    let here = place("h", "/");
    let mut both = jar(&["a=1", "b=2", "a=3"], &here);
    assert_eq!(both.header(&here).as_deref(), Some("a=3; b=2"));
    both.take(&Fields::of(b"set-cookie: a=; max-age=-1\r\nset-cookie: c=4; max-age=5\r\n"), &here);
    assert_eq!(both.header(&here).as_deref(), Some("b=2; c=4"));
    assert_eq!(both.header(&Place { now: NOW + 5, ..here }).as_deref(), Some("b=2"), "later");
    let paths = jar(&["a=1; path=/", "b=2; path=/x/y", "c=3; path=/x"], &here);
    assert_eq!(paths.header(&place("h", "/x/y/z")).as_deref(), Some("b=2; c=3; a=1"), "longer paths first");
}

#[test]
fn a_jar_has_bounds() {
    let lines: Vec<String> = (0..200).map(|n| format!("n{n}={n}")).collect();
    let here = place("h", "/");
    let jar = jar(&lines.iter().map(String::as_str).collect::<Vec<_>>(), &here);
    assert_eq!(jar.len(), MOST);
    assert!(jar.header(&here).unwrap().starts_with("n150=150; "), "the oldest made room");
    let long = format!("a={}", "x".repeat(LONGEST));
    assert!(self::jar(&[&long], &here).is_empty());
    assert!(size_of::<Jar>() <= 24, "one per user");
}

proptest! {
    #[test]
    fn no_line_panics(line in "[ -~=;,.:/\u{e9}]{0,80}|.{0,40}", host in "[a-z.0-9:]{0,10}", path in ".{0,10}") {
        let place = place(&host, &path);
        if let Some(header) = jar(&[&line], &place).header(&place) {
            prop_assert!(!header.chars().any(char::is_control));
        }
    }
}
