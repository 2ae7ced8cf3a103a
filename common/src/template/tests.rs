//! Simple texts and Jinja's mean the same; flaws are told with what would be right; nothing panics.

use super::*;
use crate::data::{End, Order};
use proptest::prelude::*;

fn table(name: &str, table: Table, order: Order) -> (String, Arc<Data>) {
    let weights: Vec<f64> = (1..=table.rows()).map(|weight| weight as f64).collect();
    let deal = Deal::new((3, name), table.rows(), (order, End::Stop), &[]);
    (name.to_owned(), Arc::new(Data { name: name.to_owned(), table, deal, weights }))
}

fn resources() -> Resources {
    let users = b"name,age\nAda \"the first\",36\nBob,7\n";
    let rows = b"{\"id\":1,\"tags\":[\"x\"],\"at\":{\"city\":\"Ulm\"}}\n";
    let data = [
        table("users", Table::csv(users).unwrap(), Order::Sequential),
        table("hosts", Table::jsonl(b"\"a\"\n\"b\"\n\"c\"\n").unwrap(), Order::Unique),
        table("rows", Table::jsonl(rows).unwrap(), Order::Sequential),
    ];
    let secrets = BTreeMap::from([(Secret::Env("T".into()), "s3cret".to_owned())]);
    Resources { data: BTreeMap::from(data), files: BTreeMap::new(), secrets }
}

fn names() -> (Vec<String>, Vec<String>) {
    (vec!["hosts".into(), "rows".into(), "users".into()], vec!["token".into()])
}

const PLACE: Place<'_> = Place { seed: 3, scenario: "s", number: 1, step: 0, field: "body", json: false };

fn render(text: &str, json: bool, k: u64) -> Result<String, String> {
    let text = Text::read(text).map_err(|error| error.to_string())?;
    let (data, variables) = names();
    if let Some(flaw) = flaws(&text, Names { data: &data, variables: &variables }, json).pop() {
        return Err(format!("{}; {}", flaw.what, flaw.remedy));
    }
    let template = Template::compile(&text, &Place { json, ..PLACE }, &resources())?;
    let mut vars = Vars::default();
    vars.set("token", "t1".into());
    let identity = Identity { k, user: 4, iteration: 2 };
    let scene = Scene { identity, whose: Whose { k, user: 4, dense: k }, vars: &vars };
    let mut out = String::new();
    template.render(&scene, &mut out).map_err(|NotRendered(why)| why).map(|()| out)
}

#[test]
fn values_stand_where_they_are_named() {
    for (text, expected, why) in [
        ("{{ arrival }}/{{user}}/{{ iteration }}/{{ scenario }}", "7/4/2/s", "plain values"),
        ("{{ users.name }} {{ users.age | int }}", "Bob 7", "a row of the arrival"),
        ("{{ users }}", "{\"name\": \"Bob\", \"age\": \"7\"}", "a whole row is an object"),
        ("{{ rows.id }} {{ rows.tags }}", "1 [\"x\"]", "values of JSON lines"),
        ("{{ token }}-${env:T}", "t1-s3cret", "what was extracted, and a secret"),
        ("{{ 'x' }}{{ 3 | round(1) }}{{ \"a b&\" | urlencode }}", "x3.0a%20b%26", "constants and filters"),
        ("{{ '}}' }}{{ \"\\\"\" | json }}", "}}\"\\\"\"", "braces and quotes"),
        ("{{ users.age | int + 1 }}", "8", "arithmetic is Jinja's"),
        ("{% if user > 3 %}a{% else %}b{% endif %}\n", "a\n", "a condition, and the last line's end"),
        ("{% for i in range(3) %}{{ i }},{% endfor %}${env:T}", "0,1,2,s3cret", "a loop, and a secret"),
        ("{{ rows.at.city }} {{ rows.tags[0] }} {{ rows.id + 1 }}", "Ulm x 2", "inside of JSON"),
        ("{{ token ~ '!' }} {{ users.name | upper }}", "t1! BOB", "Jinja's own filters"),
        (
            "{{ rows | json }} {{ rows.at | json }}",
            "{\"at\": {\"city\":\"Ulm\"}, \"id\": 1, \"tags\": [\"x\"]} {\"city\":\"Ulm\"}",
            "JSON",
        ),
    ] {
        assert_eq!(render(text, false, 7), Ok(expected.to_owned()), "{why}: {text}");
    }
}

#[test]
fn what_stands_between_the_quotes_of_json_is_escaped() {
    for (text, expected) in [
        (
            "{\"n\": \"{{ users.name }}\", \"a\": {{ users.age }}}",
            "{\"n\": \"Ada \\\"the first\\\"\", \"a\": 36}",
        ),
        ("{\"n\": {{ users.name | json }}}", "{\"n\": \"Ada \\\"the first\\\"\"}"),
        ("{\"n\": \"\\\"{{ users.name ~ '\\n' }}\"}", "{\"n\": \"\\\"Ada \\\"the first\\\"\\n\"}"),
        ("{\"n\": \"{% if true %}{{ users.name }}{% endif %}\"}", "{\"n\": \"Ada \\\"the first\\\"\"}"),
    ] {
        assert_eq!(render(text, true, 0), Ok(expected.to_owned()), "{text}");
    }
}

#[test]
fn a_simple_text_means_the_same_to_jinja() {
    for call in [
        "unique()",
        "pick(hosts)",
        "weighted(hosts, [1, 2, 3])",
        "weighted(hosts)",
        "zipf(hosts, 1.1)",
        "zipf(50, 1.1)",
        "uniform(1, 6)",
        "uniform(0.5, 2)",
        "normal(0, 1)",
        "lognormal(9, 1.5) | int",
        "pareto(500, 1.5) | round(2)",
        "exponential(2.5)",
        "uuid()",
        "regex('[A-Z]{2}[0-9]+')",
        "name()",
        "first_name()",
        "last_name()",
        "email()",
        "word()",
        "words(3)",
        "sentence()",
        "street()",
        "city()",
        "country()",
        "phone()",
        "company()",
        "date('2024-01-01', '2024-12-31')",
        "date('2024-01-01', '2024-12-31', '%d.%m.%Y')",
        "pick(users).name",
    ] {
        for k in [0, 1, 1_000_003] {
            let simple = render(&format!("{{{{ {call} }}}}"), false, k).unwrap();
            let jinja = render(&format!("{{% if true %}}{{{{ {call} }}}}{{% endif %}}"), false, k).unwrap();
            assert_eq!(simple, jinja, "{call}");
            assert!(!simple.is_empty(), "{call}");
        }
    }
}

#[test]
fn random_values_differ_between_arrivals_places_and_calls() {
    let values: Vec<String> =
        (0..1000).map(|k| render("{{ uuid() }}{{ uuid() }}", false, k).unwrap()).collect();
    let halves: std::collections::BTreeSet<&str> =
        values.iter().flat_map(|both| [&both[..36], &both[36..]]).collect();
    assert_eq!(halves.len(), 2000);
    let unique: std::collections::BTreeSet<String> =
        (0..1000).map(|k| render("{{ unique() }}", false, k).unwrap()).collect();
    assert_eq!(unique.len(), 1000);
    assert_eq!(
        render("{{ unique() }}", false, 5),
        render("a{{ unique() }}", false, 5).map(|text| text[1..].to_owned())
    );
    let elsewhere =
        Template::compile(&Text::read("{{ uuid() }}").unwrap(), &Place { step: 1, ..PLACE }, &resources());
    let vars = Vars::default();
    let scene = Scene { identity: Identity::default(), whose: Whose::default(), vars: &vars };
    let mut out = String::new();
    elsewhere.unwrap().render(&scene, &mut out).unwrap();
    assert_ne!(out, render("{{ uuid() }}", false, 0).unwrap());
}

#[test]
fn patterns_are_matched_by_what_they_make() {
    for pattern in ["[A-Z]{2}[0-9]{4}", "a|bc*", "\\\\d+-\\\\w{3,5}", "(x|y){2,}", ".", "[^a]", "ä?", "^ab$"]
    {
        let regex = regex::Regex::new(&format!("^(?:{})$", pattern.replace("\\\\", "\\"))).unwrap();
        for k in 0..50 {
            let made = render(&format!("{{{{ regex(\"{pattern}\") }}}}"), false, k).unwrap();
            assert!(regex.is_match(&made), "{pattern}: {made}");
        }
    }
}

#[test]
fn flaws_are_told_with_what_would_be_right() {
    for (text, what, remedy) in [
        ("{{ usrs.name }}", "in `{{ usrs.name }}`: nothing is named `usrs`", "did you mean `users`?"),
        ("{{ pik(hosts) }}", "no function is named `pik`", "did you mean `pick`?"),
        ("{{ pick(hots) }}", "no data is named `hots`", "did you mean `hosts`? hosts, rows, users"),
        ("{{ uuid }}", "nothing is named `uuid`", "call it: `uuid(…)`"),
        ("{{ uniform(6, 1) }}", "`uniform` cannot be called like that", "uniform(least, most)"),
        ("{{ words('a') }}", "`words` cannot be called like that", "write words(5)"),
        ("{{ weighted(hosts, [0, 0]) }}", "`weighted` cannot be called like that", "not all of them 0"),
        ("{{ regex('[a') }}", "`regex`: unclosed character class", "like regex("),
        ("{{ regex('a{9999}{9999}') }}", "`regex` can make a text longer than 64 KiB", "repeat less"),
        ("{{ date('2024-13-01', '2024-12-31') }}", "`date` cannot be called like that", "strftime"),
        ("{{ user | itn }}", "unknown filter `itn`", "did you mean `int`?"),
        ("{{ user | round('x') }}", "`round` takes a number of digits", "from 0 to 15"),
        ("{{ user + }}", "syntax error", "as in Jinja"),
        ("{% if user %}", "syntax error", "as in Jinja"),
        ("{{ usr + 1 }}", "nothing is named `usr`", "did you mean `user`?"),
        ("{{ user + zip(1) }}", "nothing is named `zip`", "known here"),
        ("{{ 1 + uniform(6, 1) }}", "`uniform` cannot be called like that", "uniform(least, most)"),
        ("{{ (user + 1) | nope }}", "unknown filter", "as in Jinja"),
        ("{{ rows.idd }}", "`rows` has no column `idd`: did you mean `id`?", ""),
        ("{{ uuid().x }}", "what `uuid` makes has no `x`", ""),
        ("{{ weighted(hosts, [1, 2]) }}", "2 weights for 3 rows of `hosts`", ""),
        ("${env:U}", "the secret ${env:U} is missing", ""),
    ] {
        let told = render(text, false, 0).unwrap_err();
        assert!(told.contains(what) && told.contains(remedy), "{text}: {told}");
    }
}

#[test]
fn what_cannot_be_rendered_says_why() {
    for (text, k, why) in [
        ("{{ hosts }}", 3, "every row of `hosts` is used"),
        ("{{ users.name | int }}", 0, "`Ada \"the first\"` is no number"),
        ("{% for i in range(100000) %}{% for j in range(100000) %}x{% endfor %}{% endfor %}", 0, "fuel"),
    ] {
        let told = render(text, false, k).unwrap_err();
        assert!(told.contains(why), "{text}: {told}");
    }
}

proptest! {
    #[test]
    fn no_template_panics(
        words in prop::collection::vec(
            prop_oneof![
                Just("{{ "), Just(" }}"), Just("{% "), Just(" %}"), Just("{#"), Just("#}"), Just("${env:T}"), Just("users"),
                Just(".name"), Just("hosts"), Just(" | "), Just("int"), Just("json"), Just("round("), Just("("), Just(")"),
                Just(", "), Just("pick"), Just("zipf"), Just("regex"), Just("uniform"), Just("words"), Just("date"), Just("'"),
                Just("\""), Just("1"), Just("-9223372036854775808"), Just("1e308"), Just("[1, 2]"), Just("if "), Just("for i in "),
                Just("endif"), Just("endfor"), Just("raw"), Just("-"), Just("+"), Just("token"), Just("ä"), Just("\\"), Just("\n"),
            ],
            0..16,
        ),
        json: bool,
        k: u64,
    ) {
        let k = k.min(u64::MAX - 1);
        drop(render(&words.concat(), json, k));
    }

    #[test]
    fn whole_numbers_are_written_as_everybody_does(number: i128) {
        let mut out = String::new();
        Scalar::Whole(number).write(&mut out);
        prop_assert_eq!(out, number.to_string());
    }
}
