//! Formats against lines: tables of real ones, damage of every kind, and the identity format → line → entry.

use super::{Entry, Format, Keys, Reject};
use proptest::prelude::*;

mod identity;

const COMBINED: &str = r#"203.0.113.7 - frank [10/Oct/2000:13:55:36 -0700] "GET /a/7?x=1 HTTP/1.1" 200 2326 "http://e.example/\"q\"" "Mozilla/5.0 (X11)""#;
const AT: i64 = 971_211_336_000_000_000;

fn read(format: &Format, line: &str) -> Result<Entry<'static>, Reject> {
    let mut reader = format.reader();
    let entry = reader.read(line.as_bytes())?.expect("no header and not empty");
    Ok(owned(entry))
}

fn owned(entry: Entry<'_>) -> Entry<'static> {
    let own = |text: std::borrow::Cow<'_, [u8]>| std::borrow::Cow::Owned(text.into_owned());
    Entry {
        client: own(entry.client),
        method: own(entry.method),
        path: own(entry.path),
        host: own(entry.host),
        body: entry.body.map(own),
        ..Entry {
            body: None,
            client: own_empty(),
            method: own_empty(),
            path: own_empty(),
            host: own_empty(),
            ..entry
        }
    }
}

fn own_empty() -> std::borrow::Cow<'static, [u8]> {
    std::borrow::Cow::Borrowed(b"")
}

fn shown(entry: &Entry<'_>) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    format!(
        "{} {} {} {} {:?} {:?} {:?} {:?}",
        text(&entry.client),
        text(&entry.method),
        text(&entry.path),
        text(&entry.host),
        entry.status,
        entry.bytes,
        entry.latency.map(|nanos| nanos / 1_000),
        entry.body.as_deref().map(text),
    )
}

#[test]
fn lines_of_every_format_are_read() {
    let nginx = |text| Format::nginx(text).unwrap();
    let apache = |text| Format::apache(text).unwrap();
    let preset = |name| Format::preset(name).unwrap();
    for (format, line, at, expected) in [
        (preset("combined"), COMBINED, AT, "203.0.113.7 GET /a/7?x=1  Some(200) Some(2326) None None"),
        (preset("nginx"), COMBINED, AT, "203.0.113.7 GET /a/7?x=1  Some(200) Some(2326) None None"),
        (preset("common"), COMBINED, AT, "203.0.113.7 GET /a/7?x=1  Some(200) Some(2326) None None"),
        (
            preset("vhost"),
            &format!("shop.example:443 {COMBINED} more"),
            AT,
            "203.0.113.7 GET /a/7?x=1 shop.example Some(200) Some(2326) None None",
        ),
        (
            preset("common"),
            r#"::1 - - [10/Oct/2000:13:55:36 -0700] "HEAD /ü b HTTP/1.0" 304 -"#,
            AT,
            "::1 HEAD /%C3%BC%20b  Some(304) Some(0) None None",
        ),
        (
            preset("alb"),
            r#"https 2000-10-10T20:55:38.5Z app/lb/50 192.168.131.39:2817 10.0.0.1:80 0.086 0.048 0.037 200 200 0 57 "GET https://www.example.com:443/p?q=1 HTTP/1.1" "curl/7.46.0" ECDHE TLSv1.2 arn:x "Root=1" "www.example.com" "arn:y" 1 2000-10-10T20:55:36Z "forward" "-" "-""#,
            AT,
            "192.168.131.39 GET /p?q=1 www.example.com:443 Some(200) Some(57) Some(171000) None",
        ),
        (
            apache(r#"LogFormat "%a %{%Y-%m-%d %T %z}t %m %U%q %>s %B %{ms}T \"%{Host}i\"" mine"#),
            r#"10.0.0.1 2000-10-10 20:55:36 +0000 POST /x?y 201 7 12 "h.example""#,
            AT,
            "10.0.0.1 POST /x?y h.example Some(201) Some(7) Some(12000) None",
        ),
        (
            apache(r#"%{sec}t.%{usec_frac}t %h "%r" %s %D %!200,304{X-Forwarded-For}i"#),
            r#"971211335.999999 10.0.0.1 "OPTIONS /x HTTP/1.1" 204 1 172.16.0.9, 10.0.0.2"#,
            AT - 1_000,
            "172.16.0.9 OPTIONS /x  Some(204) None Some(1) None",
        ),
        (
            nginx(
                r#"log_format timed escape=json '$remote_addr [$msec] "$request" '
                   '$status $request_time "$request_body" $uri$is_args$args';"#,
            ),
            r#"10.0.0.1 [971211336.250] "PUT /x HTTP/2.0" 200 0.250 "{\"a\": \"\u00e9\n\"}" /x"#,
            AT,
            "10.0.0.1 PUT /x  Some(200) None Some(250000) Some(\"{\\\"a\\\": \\\"é\\n\\\"}\")",
        ),
        (
            nginx(
                r#"{"t":"$time_iso8601","m":"$request_method","u":"$request_uri","s":$status,"x":"${foo}"}"#,
            ),
            r#"{"t":"2000-10-10T22:55:36+02:00","m":"GET","u":"/a\"b","s":499,"x":"-"}"#,
            AT,
            " GET /a%22b  Some(499) None None None",
        ),
    ] {
        let entry = read(&format, line).unwrap_or_else(|why| panic!("{line}: {why}"));
        assert_eq!(shown(&entry), expected, "{line}");
        assert_eq!(entry.time, Some(at), "{line}");
    }
}

#[test]
fn keys_and_columns_are_found_by_name_path_or_number() {
    let key = |name: &str| Some(name.to_owned());
    let named = Keys {
        time: key("ts"),
        client: key("peer.ip"),
        method: key("m"),
        path: key("url"),
        status: key("s"),
        latency: key("took"),
        latency_unit: key("ms"),
        body: key("body"),
        ..Keys::default()
    };
    let expected = "10.0.0.1 POST /x?y h.example Some(201) None Some(12500) Some(\"{\\\"a\\\":1}\")";
    let json = Format::json(&named).unwrap();
    for line in [
        r#"{"ts":971211336.0,"peer":{"ip":"10.0.0.1"},"m":"POST","url":"http://h.example/x?y","s":201,"took":12.5,"body":{"a":1}}"#,
        r#"{"ts":"2000-10-10T20:55:36Z","peer.ip":"10.0.0.1","m":"POST","url":"https://h.example/x?y","s":"201","took":"12.5","body":"{\"a\":1}"}"#,
    ] {
        let entry = read(&json, line).unwrap();
        assert_eq!((shown(&entry).as_str(), entry.time), (expected, Some(AT)), "{line}");
    }
    let named = Keys { client: key("ip"), ..named };
    let csv = Format::csv(&named).unwrap();
    let mut reader = csv.reader();
    assert_eq!(reader.read(b"ts,x,ip,m,url,s,took,body"), Ok(None));
    let line = br#"971211336,-,10.0.0.1,POST,"http://h.example/x?y",201,12.5,"{""a"":1}""#;
    assert_eq!(shown(&reader.read(line).unwrap().unwrap()), expected);
    let numbered = Keys { time: key("1"), path: key("2"), ..Keys::default() };
    let csv = Format::csv(&numbered).unwrap();
    assert_eq!(shown(&read(&csv, "971211336,/p").unwrap()), " GET /p  None None None None");
}

#[test]
fn damaged_lines_are_rejected_with_their_reason() {
    let common = Format::preset("common").unwrap();
    let line = |time: &str, request: &str, status: &str, bytes: &str| {
        format!("h - - [{time}] \"{request}\" {status} {bytes}")
    };
    let good = "10/Oct/2000:13:55:36 -0700";
    for (line, reason, why) in [
        ("x".to_owned(), Reject::Layout, "another text"),
        (line(good, "GET / HTTP/1.1", "200", "1")[..40].to_owned(), Reject::Layout, "a line that was cut"),
        (line("10/Oct/2000", "GET / HTTP/1.1", "200", "1"), Reject::Time, "half a time"),
        (line(good, "-", "408", "-"), Reject::Request, "a connection without a request"),
        (line(good, r"\x16\x03\x01", "400", "1"), Reject::Request, "TLS on a plain port"),
        (line(good, "GET /", "200", "1"), Reject::Request, "no version"),
        (line(good, "OPTIONS * HTTP/1.1", "200", "1"), Reject::Path, "no path"),
        (line(good, &format!("GET /{} HTTP/1.1", "a".repeat(9000)), "414", "1"), Reject::Path, "too long"),
        (line(good, "GET / HTTP/1.1", "OK", "1"), Reject::Number, "a word for a status"),
        (line(good, "GET / HTTP/1.1", "20", "1"), Reject::Number, "no status"),
        (line(good, "GET / HTTP/1.1", "200", "1e3"), Reject::Number, "no size"),
        ("x".repeat(super::LINE_MAX + 1), Reject::Long, "a file without line ends"),
    ] {
        assert_eq!(read(&common, &line), Err(reason), "{why}");
    }
    let keys = Keys { time: Some("t".into()), path: Some("p".into()), ..Keys::default() };
    let json = Format::json(&keys).unwrap();
    for (line, reason) in [
        ("[]", Reject::Json),
        ("{\"t\":1", Reject::Json),
        ("{\"p\":\"/\"}", Reject::Time),
        ("{\"t\":1}", Reject::Request),
    ] {
        assert_eq!(read(&json, line), Err(reason), "{line}");
    }
    let csv = Format::csv(&keys).unwrap();
    assert_eq!(csv.reader().read(b"a,b"), Err(Reject::Layout), "a header without the columns");
    assert_eq!(csv.reader().read(b"t,\"p"), Err(Reject::Layout), "an open quote");
}

#[test]
fn a_text_that_is_no_format_is_refused_with_a_remedy() {
    let keys = |time: &str, path: Option<&str>, unit: Option<&str>| Keys {
        time: Some(time.to_owned()),
        path: path.map(str::to_owned),
        latency_unit: unit.map(str::to_owned),
        ..Keys::default()
    };
    for (format, message) in [
        (Format::apache("%h %t"), "a format without a path"),
        (Format::apache("%r%h"), "two fields with nothing between them"),
        (Format::apache("%Z %r"), "%Z is no directive of LogFormat"),
        (Format::apache("%{Referer %r"), "a `%{` without `}`"),
        (Format::apache("%r %"), "a `%` without a directive"),
        (Format::apache("%{%Y-%j}t %r"), "a time with %j cannot be read"),
        (Format::apache("%{%s %Y}t %r"), "a time with %s before the end cannot be read"),
        (Format::nginx("$remote_addr $"), "a `$` without a variable"),
        (Format::nginx("log_format x '$request"), "a quote that is not closed"),
        (Format::nginx("$request$status"), "two fields with nothing between them"),
        (Format::json(&keys("t", None, None)), "nothing tells the path"),
        (Format::json(&keys("t", Some("p"), Some("min"))), "`latency_unit`: \"min\" is no unit"),
        (Format::csv(&keys("1", Some("p"), None)), "some columns have names and some have numbers"),
    ] {
        assert_eq!(format.unwrap_err().0, message);
    }
    assert_eq!(Format::preset("combine"), None);
}

proptest! {
    #[test]
    fn no_bytes_panic(line in prop::collection::vec(any::<u8>(), 0..200), cut in 0_usize..200) {
        let keys = Keys { time: Some("t".into()), path: Some("p".into()), ..Keys::default() };
        let mut formats: Vec<Format> =
            ["common", "combined", "vhost", "nginx", "alb"].map(|name| Format::preset(name).unwrap()).into();
        formats.extend([Format::json(&keys).unwrap(), Format::csv(&keys).unwrap()]);
        // Also lines that are almost right.
        let mut damaged = COMBINED.as_bytes().to_vec();
        damaged.splice(cut.min(damaged.len()).., line.iter().copied());
        for format in &formats {
            let mut reader = format.reader();
            for line in [&line, &damaged, &line] {
                if let Ok(Some(entry)) = reader.read(line) {
                    prop_assert!(entry.path.starts_with(b"/"));
                    prop_assert!(entry.path.iter().all(|byte| matches!(byte, 0x21..=0x7e) && *byte != b'#'));
                }
            }
        }
    }

    #[test]
    fn no_text_of_a_format_panics(text in "[%$a-zA-Z0-9{}<>!,\"'\\\\ ;=_]{0,60}") {
        drop((Format::apache(&text), Format::nginx(&text)));
    }
}
