use proptest::prelude::*;
use serde_json::json;

use super::*;

const HEAD: &[u8] = b"Content-Type: application/json\r\nX-Empty:\r\nset-cookie: sid=1; Path=/\r\n\
                      Set-Cookie: theme = dark ;HttpOnly\r\nset-cookie: sid=a=b\r\nX-Two: 1\r\nx-two: 2\r\n\r\n";

fn answer(body: &str) -> Answer<'_> {
    Answer::new(200, HEAD, Ok(body.as_bytes()), body.len() as u64, Duration::from_millis(20))
}

fn take(source: Source, body: &str) -> Option<String> {
    Extract { name: "x".into(), source, default: None }.value(&answer(body))
}

fn query(text: &str) -> JsonQuery {
    JsonQuery::new(text).unwrap()
}

#[test]
fn an_answer_is_good_when_everything_holds() {
    let body = r#"{"ok": true, "count": 3, "items": [{"id": 7}], "big": 1e0}"#;
    let json = |path: &str, value: Value| Expect { json: vec![(query(path), value)], ..Expect::default() };
    let header =
        |name: &str, value: &str| Expect { headers: vec![(name.into(), value.into())], ..Expect::default() };
    let measures = |max_time, min_size, max_size| Expect {
        max_time: Some(Duration::from_millis(max_time)),
        min_size: Some(min_size),
        max_size: Some(max_size),
        ..Expect::default()
    };
    let text = |contains: &[&str], matches: Option<&str>| Expect {
        contains: contains.iter().map(|text| (*text).to_owned()).collect(),
        matches: matches.map(|text| Pattern::new(text).unwrap()),
        ..Expect::default()
    };
    for (expect, failed, why) in [
        (Expect::default(), None, "nothing is asked"),
        (measures(20, 1, 100), None, "at the limits"),
        (measures(19, 1, 100), Some(("max_time", "20ms")), "too slow"),
        (measures(20, 100, 200), Some(("min_size", "58 bytes")), "too small"),
        (measures(20, 1, 57), Some(("max_size", "58 bytes")), "too large"),
        (header("content-type", "application/json"), None, "a header, whatever its case"),
        (header("x-two", "2"), None, "any of several lines"),
        (header("x-two", "3"), Some(("header x-two", "1")), "none of them"),
        (header("x-three", "3"), Some(("header x-three", "none")), "no such header"),
        (header("x-empty", ""), None, "an empty value"),
        (text(&["\"ok\"", "items"], None), None, "several texts"),
        (text(&["ok", "missing"], None), Some(("contains 2", &*shown(body.as_bytes()))), "one is missing"),
        (text(&[], Some(r#""count":\s*\d"#)), None, "a pattern"),
        (text(&[], Some("^$")), Some(("matches", &*shown(body.as_bytes()))), "another"),
        (json("$.ok", json!(true)), None, "a path"),
        (json("/ok", json!(true)), None, "a pointer"),
        (json("$.items[0].id", json!(7)), None, "deeper"),
        (json("$.items", json!([{"id": 7.0}])), None, "a whole list; 7 is 7.0"),
        (json("$.big", json!(1)), None, "1e0 is 1"),
        (json("$.count", json!("3")), Some(("json $.count", "3")), "a number is no string"),
        (json("$.none", json!(null)), Some(("json $.none", "nothing there")), "absent is not null"),
    ] {
        let got = expect.check(&answer(body));
        let got = got.as_ref().err().map(|failed| (&*failed.check, &*failed.found));
        assert_eq!(got, failed, "{why}");
    }
    let failed = json("$.ok", json!(true)).check(&answer("<html>")).unwrap_err();
    assert_eq!((&*failed.check, &*failed.found), ("json $.ok", "no JSON: <html>"));
}

#[test]
fn a_body_that_cannot_be_looked_at_fails_only_what_looks_at_it() {
    let long = Answer::new(200, HEAD, Err(Unreadable::TooLong), 1 << 30, Duration::ZERO);
    let looks = Expect { contains: vec!["x".into()], ..Expect::default() };
    assert_eq!(looks.check(&long).unwrap_err().check, "body");
    let measures = Expect { min_size: Some(1 << 30), ..Expect::default() };
    assert_eq!(measures.check(&long), Ok(()));
}

#[test]
fn only_what_is_asked_for_is_kept() {
    let plain = Expect { max_time: Some(Duration::ZERO), ..Expect::default() };
    assert_eq!(plain.needs(), Needs::NOTHING);
    assert!(Expect::default().is_plain() && !plain.is_plain());
    let header = Expect { headers: vec![("a".into(), "b".into())], ..Expect::default() };
    assert_eq!(header.needs(), Needs { head: true, body: false });
    let body = Expect { matches: Pattern::new("a").ok(), ..Expect::default() };
    assert_eq!(body.needs(), Needs { head: true, body: true });
}

#[test]
fn a_value_is_found_where_it_stands() {
    let body = r#"{"id": 17, "name": "a \"b\"", "tags": ["x", "y"], "deep": {"a/b": null}}"#;
    for (source, expected, why) in [
        (Source::Json(query("$.id")), Some("17"), "a number"),
        (Source::Json(query("/name")), Some("a \"b\""), "a string's own characters"),
        (Source::Json(query("/tags/1")), Some("y"), "an element by pointer"),
        (Source::Json(query("$.tags[*]")), Some("x"), "the first of several"),
        (Source::Json(query("$.tags")), Some(r#"["x","y"]"#), "a list as JSON"),
        (Source::Json(query("/deep/a~1b")), Some("null"), "an escaped pointer"),
        (Source::Json(query("$.none")), None, "nothing there"),
        (Source::Header("content-type".into()), Some("application/json"), "a header"),
        (Source::Header("x-two".into()), Some("1"), "the first line"),
        (Source::Header("set".into()), None, "no such header"),
        (Source::Cookie("sid".into()), Some("a=b"), "the last cookie of the name"),
        (Source::Cookie("theme".into()), Some("dark"), "space around it"),
        (Source::Cookie("Path".into()), None, "an attribute is no cookie"),
        (Source::Regex(Pattern::new(r#""id": (\d+)"#).unwrap(), 1), Some("17"), "a group"),
        (Source::Regex(Pattern::new(r"\d+").unwrap(), 0), Some("17"), "the whole match"),
        (Source::Regex(Pattern::new("(a)|(b)").unwrap(), 2), None, "a group that took no part"),
    ] {
        assert_eq!(take(source, body).as_deref(), expected, "{why}");
    }
    let extract =
        Extract { name: "x".into(), source: Source::Json(query("/none")), default: Some("d".into()) };
    assert_eq!(extract.value(&answer(body)).as_deref(), Some("d"), "the default");
}

const PAGE: &str = r##"<!DOCTYPE html><html><head><title>A &amp; B</title><!-- <input name=csrf value=no> -->
<script>if (a < b) document.write("<input name=csrf value=script>")</script>
<META name="Token" content='t&#x41;&quot;'>
</head><body id=main><form class="login wide" action=/login>
<input type=hidden name=csrf value="x1&lt;&unknown;y">
<input name = other value>
<p>one<p class=two>two <b>bold</b> end
<ul><li>first<li class=last>second</ul>
<table><tr><td>1<td>2<tr><td id=cell>3</table>
<div><div class=inner>deep <i>er</i></div> after</div>
<textarea name=t>a <b> &amp; c</textarea>
</form></body></html>"##;

#[test]
fn a_selector_finds_the_first_element() {
    for (selector, attribute, expected, why) in [
        ("input[name=csrf]", Some("value"), Some("x1<&unknown;y"), "comments and scripts hold no elements"),
        ("title", None, Some("A & B"), "text of an element without inner elements"),
        ("meta[name=token i]", Some("content"), Some("tA\""), "values without case, references"),
        ("meta[name=token]", Some("content"), None, "values with case"),
        ("form.login > input[type=hidden]", Some("name"), Some("csrf"), "a child"),
        ("body > input", Some("name"), None, "not a grandchild"),
        ("#main input", Some("name"), Some("csrf"), "a descendant"),
        (".wide.login", Some("action"), Some("/login"), "two classes, in any order"),
        ("input", Some("value"), Some("x1<&unknown;y"), "the first with the attribute"),
        ("input[name=other]", Some("value"), Some(""), "an attribute without a value"),
        ("input[name=other]", None, Some(""), "a void element has no text"),
        ("p.two", None, Some("two bold end"), "a list ends it too"),
        ("p", None, Some("one"), "the next paragraph ends it"),
        ("li.last", None, Some("second"), "the list's end ends it"),
        ("ul > li", None, Some("first"), "siblings without end tags are siblings"),
        ("td#cell", None, Some("3"), "so are cells and rows"),
        ("table > tr > td", None, Some("1"), "rows"),
        ("div > div.inner", None, Some("deep er"), "the text of all in it"),
        ("div > div > div", None, None, "no third one"),
        ("textarea", None, Some("a <b> & c"), "only text"),
        ("nothing, h1, b", None, Some("bold"), "any of several"),
        (
            "[action^='/log'][action$=in][action*=\"ogi\"]",
            Some("class"),
            Some("login wide"),
            "parts of values",
        ),
        ("[class~=wide]", Some("action"), Some("/login"), "a word"),
        ("* > title", None, Some("A & B"), "any element"),
        ("FORM INPUT[NAME=csrf]", Some("VALUE"), Some("x1<&unknown;y"), "names have no case"),
    ] {
        let css = Css::new(selector).unwrap();
        assert_eq!(css.find(PAGE, attribute).as_deref(), expected, "{selector}: {why}");
    }
}

#[test]
fn slips_are_told_when_they_are_compiled() {
    for (text, expected) in [
        ("", CssError::Empty),
        ("a,,b", CssError::Empty),
        ("a >", CssError::Empty),
        ("> a", CssError::Empty),
        ("a:first-child", CssError::Unsupported(':')),
        ("a + b", CssError::Unsupported('+')),
        ("a ~ b", CssError::Unsupported('~')),
        ("a[b", CssError::Incomplete),
        ("a[b=]", CssError::Incomplete),
        ("a[b='c]", CssError::Incomplete),
        ("a[b!=c]", CssError::Incomplete),
        ("a.", CssError::Incomplete),
        ("a#", CssError::Incomplete),
        ("a]", CssError::Incomplete),
    ] {
        assert_eq!(Css::new(text), Err(expected), "{text}");
    }
    assert_eq!(Css::new(&"a ".repeat(65)), Err(CssError::TooLong));
    for (text, expected) in [
        ("ok", "neither a JSONPath nor a JSON pointer"),
        ("", "neither a JSONPath nor a JSON pointer"),
        ("$.[", "not a JSONPath"),
    ] {
        let error = JsonQuery::new(text).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{text}: {error}");
    }
    assert_eq!(Pattern::new("(a").unwrap_err().to_string(), "not a regular expression: unclosed group");
    assert_eq!(Pattern::new(r"(\w{1000}){100}"), Err(PatternError::Size));
}

#[test]
fn foreign_text_in_messages_is_tamed() {
    assert_eq!(shown(b"a\x1b[2J\xff\n"), "a\\u{1b}[2J\u{fffd}\\n");
    assert_eq!(shown("ü".repeat(500).as_bytes()).chars().count(), 81);
}

#[test]
fn hostile_pages_cost_no_more_than_long_ones() {
    // Each of these is quadratic in readers that look back; here a megabyte of each is a matter of milliseconds.
    let css = Css::new("x > y z").unwrap();
    for unit in
        ["<div>", "<a b=c ", "</p>", "<p>", "&", "<!--", "<title>", "<a '", "<", "<script><", "<a\u{85}="]
    {
        let page = unit.repeat((1 << 20) / unit.len());
        assert_eq!(css.find(&page, None), None, "{unit}");
    }
}

proptest! {
    #[test]
    fn no_body_makes_anything_panic(
        body in proptest::collection::vec(any::<u8>(), 0..400),
        page in "[<>/=\"'a-c &;#x!\\-\\[\\]\u{e9} ]{0,200}",
        head in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        let css = [Css::new("a b, [c], script").unwrap(), Css::new("a > *[b^=c]").unwrap()];
        for css in css {
            for attribute in [None, Some("b")] {
                drop(css.find(&String::from_utf8_lossy(&body), attribute));
                drop(css.find(&page, attribute));
            }
        }
        let answer = Answer::new(200, &head, Ok(&body), 0, Duration::ZERO);
        let all = [
            Source::Json(query("$..*")), Source::Json(query("/a")), Source::Header("a".into()),
            Source::Cookie("a".into()), Source::Regex(Pattern::new("(.*)").unwrap(), 1),
        ];
        for source in all {
            Extract { name: "x".into(), source, default: None }.value(&answer).unwrap_or_default();
        }
        let expect = Expect { json: vec![(query("$.a"), Value::Null)], ..Expect::default() };
        prop_assert!(expect.check(&answer).is_err());
    }

    /// Whatever text is put into a page, escaped as pages are, comes out again.
    #[test]
    fn what_was_escaped_comes_out(value in "[ -~\u{e9}]{0,40}") {
        let escaped = value.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;");
        let page = format!("<p><b>x</b><input name=\"t\" value=\"{escaped}\"><i>{escaped}</i>");
        let at = |selector: &str, attribute| Css::new(selector).unwrap().find(&page, attribute);
        prop_assert_eq!(at("input[name=t]", Some("value")), Some(value.clone()));
        prop_assert_eq!(at("i", None), Some(value.trim().to_owned()));
    }
}
