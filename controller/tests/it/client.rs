//! What the clients do beside sending: checks, extractions, cookies, redirects, connections, compression.

use crate::cluster::{Run, plan, run_alone, turn};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

const LOAD: &str = r#"load.rate = [ { at = "50/s", for = "400ms" } ]"#;
const REQUESTS: u64 = 20;

/// A request as it came.
#[derive(Clone, Debug)]
struct Asked {
    /// The number of its connection.
    connection: usize,
    /// Method, path, headers, body.
    text: String,
    /// Requests that were being answered on its connection when it came.
    beside: usize,
}

/// A site whose answers are a function of the request.
struct Site {
    url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Site {
    fn start(answer: fn(&str) -> Vec<u8>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::<Mutex<Vec<Asked>>>::default();
        let kept = Arc::clone(&asked);
        std::thread::spawn(move || {
            for (connection, stream) in listener.incoming().map_while(Result::ok).enumerate() {
                let kept = Arc::clone(&kept);
                std::thread::spawn(move || serve(stream, connection, answer, &kept));
            }
        });
        Self { url, asked }
    }

    fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// Requests by connection.
    fn connections(&self) -> Vec<usize> {
        let mut counts = BTreeMap::<usize, usize>::new();
        self.asked().iter().for_each(|asked| *counts.entry(asked.connection).or_default() += 1);
        counts.into_values().collect()
    }
}

fn serve(
    stream: TcpStream,
    connection: usize,
    answer: fn(&str) -> Vec<u8>,
    kept: &Mutex<Vec<Asked>>,
) -> Option<()> {
    let (mut reader, mut writer) = (BufReader::new(stream.try_clone().ok()?), stream);
    loop {
        let (mut text, mut length) = (String::new(), 0);
        while !text.ends_with("\r\n\r\n") {
            let start = text.len();
            if reader.read_line(&mut text).ok()? == 0 {
                return None;
            }
            if let Some(value) = text[start..].strip_prefix("content-length: ") {
                length = value.trim().parse().ok()?;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        text.push_str(&String::from_utf8_lossy(&body));
        // What is there before its answer went out was sent without waiting for it.
        let beside = reader.buffer().len();
        let reply = answer(&text);
        kept.lock().unwrap().push(Asked { connection, text, beside });
        writer.write_all(&reply).ok()?;
    }
}

fn reply(status: &str, head: &str, body: &[u8]) -> Vec<u8> {
    let mut reply = format!("HTTP/1.1 {status}\r\n{head}content-length: {}\r\n\r\n", body.len()).into_bytes();
    reply.extend_from_slice(body);
    reply
}

fn steps(paths: &[&str]) -> String {
    let steps: Vec<String> = paths.iter().map(|path| format!("{{ {path} }}")).collect();
    format!("{LOAD}\ncookies = true\nstep = [{}]", steps.join(", "))
}

/// A plan whose scenario says everything.
fn whole(url: &str, target: &str, scenario: &str) -> String {
    plan(url, target, scenario, "").replace("[[scenario.step]]\n", "")
}

fn outcomes(run: &Run, step: &str) -> BTreeMap<String, u64> {
    let row = run.report.series.iter().find(|row| row.step == step);
    row.unwrap_or_else(|| panic!("no step {step}")).outcomes.clone()
}

/// A shop with a session: a page with a form, a login, an account.
fn shop(request: &str) -> Vec<u8> {
    let has = |text: &str| request.contains(text);
    if has("GET /form ") {
        let page = b"<form><input type=hidden name=csrf value=\"t&#48;k\"></form>";
        return reply("200 OK", "set-cookie: sid=new; Path=/; HttpOnly\r\n", page);
    }
    if has("POST /login ") && has("\r\ncookie: sid=new\r\n") {
        return reply("302 Found", "location: /account\r\nset-cookie: sid=in; Path=/\r\n", b"");
    }
    if has("GET /account ") && has("\r\ncookie: sid=in\r\n") {
        return reply(
            "200 OK",
            "content-type: application/json\r\n",
            b"{\"ok\": true, \"user\": {\"id\": 17}}",
        );
    }
    reply("403 Forbidden", "", b"who are you?")
}

#[test]
fn a_session_goes_on_from_step_to_step() {
    let _turn = turn();
    let site = Site::start(shop);
    let run = run_alone(&whole(
        &site.url,
        "",
        &steps(&[
            "name = \"form\", path = \"/form\", extract = { csrf = { css = \"input[name=csrf]\", attr = \"value\" } }",
            "name = \"login\", path = \"/login\", method = \"POST\", expect = { status = [302] }",
            "name = \"account\", path = \"/account\", expect = { json = { \"$.user.id\" = 17, \"/ok\" = true } }",
        ]),
    ));
    for step in ["form", "login", "account"] {
        assert_eq!(outcomes(&run, step), BTreeMap::from([("ok".into(), REQUESTS)]), "{step}");
    }
    assert!(site.asked().iter().all(|asked| asked.beside == 0), "one request at a time on a connection");
}

#[test]
fn redirects_are_followed_with_the_jar_and_counted_as_one_request() {
    let _turn = turn();
    let site = Site::start(shop);
    let run = run_alone(&whole(
        &site.url,
        "redirects = 2",
        &steps(&[
            "name = \"form\", path = \"/form\"",
            "name = \"login\", path = \"/login\", method = \"POST\", body = \"x\", expect = { contains = \"\\\"ok\\\"\" }",
        ]),
    ));
    assert_eq!(run.report.run.client, "reqwest");
    assert_eq!(outcomes(&run, "login"), BTreeMap::from([("ok".into(), REQUESTS)]));
    let asked = site.asked();
    let account = asked.iter().filter(|asked| asked.text.starts_with("GET /account ")).count() as u64;
    assert_eq!((account, asked.len() as u64), (REQUESTS, 3 * REQUESTS));
}

#[test]
fn a_redirect_to_a_forbidden_address_is_not_followed() {
    let _turn = turn();
    let site = Site::start(|_| reply("302 Found", "location: http://169.254.169.254/latest/\r\n", b""));
    let run = run_alone(&plan(&site.url, "redirects = 5", LOAD, "path = \"/\""));
    let row = run.series("s");
    assert_eq!(row.generator_faults.get("target_denied"), Some(&REQUESTS), "{row:?}");
}

#[test]
fn a_failed_check_and_a_missing_value_are_outcomes_of_their_own() {
    let _turn = turn();
    let site = Site::start(|request| match request {
        _ if request.contains("GET /a ") => reply("200 OK", "", b"{\"id\": 1}"),
        _ => reply("500 No", "", b"broken"),
    });
    let run = run_alone(&whole(
        &site.url,
        "",
        &steps(&[
            "name = \"checked\", path = \"/a\", expect = { contains = \"id\", json = { \"/id\" = 2 } }",
            "name = \"taken\", path = \"/a\", extract = { x = { json = \"/none\" } }",
            "name = \"never\", path = \"/a\"",
        ]),
    ));
    assert_eq!(outcomes(&run, "checked"), BTreeMap::from([("check_failed".into(), REQUESTS)]));
    assert_eq!(outcomes(&run, "taken"), BTreeMap::from([("extract_failed".into(), REQUESTS)]));
    assert!(outcomes(&run, "never").is_empty(), "without its value the rest makes no sense");
}

#[test]
fn compressed_bodies_are_unpacked_where_somebody_looks() {
    let _turn = turn();
    // `{"ok": true}` by gzip.
    const PACKED: &[u8] = &[
        31, 139, 8, 0, 0, 0, 0, 0, 2, 255, 171, 86, 202, 207, 86, 178, 82, 40, 41, 42, 77, 173, 5, 0, 198,
        25, 171, 23, 12, 0, 0, 0,
    ];
    let site = Site::start(|request| {
        let gzip = request.contains("\r\naccept-encoding: gzip, br, zstd, deflate\r\n");
        let head = if gzip { "content-encoding: gzip\r\n" } else { "" };
        reply("200 OK", head, if gzip { PACKED } else { b"plain" })
    });
    let step = "path = \"/\"\nexpect = { json = { \"/ok\" = true } }";
    let run = run_alone(&plan(&site.url, "compression = true", LOAD, step));
    assert_eq!(run.series("s").outcomes, BTreeMap::from([("ok".into(), REQUESTS)]));
    assert_eq!(run.series("s").size.max, PACKED.len() as u64, "its size is what came");
}

#[test]
fn connections_are_used_as_the_plan_says() {
    let _turn = turn();
    let two = &steps(&["path = \"/a\"", "path = \"/b\""]);
    let one_at_a_time = format!("max_in_flight = 1\n{two}");
    for (target, scenario, expected, why) in [
        ("connection.use = \"per-user\"", two, vec![2; 20], "an iteration keeps its connection to itself"),
        ("connection.use = \"per-request\"", two, vec![1; 40], "nobody shares"),
        ("connection.max_requests = 5", &one_at_a_time, vec![5; 8], "to the limit, exactly"),
    ] {
        let site = Site::start(|_| reply("200 OK", "", b"ok"));
        let run = run_alone(&whole(&site.url, &format!("{target}\nidentify = true"), scenario));
        let all: u64 =
            run.report.series.iter().filter(|row| row.step.starts_with("GET")).map(|row| row.requests).sum();
        assert_eq!(all, 2 * REQUESTS, "{why}");
        assert_eq!(site.connections(), expected, "{why}");
        if target.contains("per-user") {
            let mut visitors = BTreeMap::<usize, BTreeSet<String>>::new();
            for asked in site.asked() {
                let arrival =
                    asked.text.split("x-stampede-arrival: ").nth(1).unwrap().lines().next().unwrap();
                visitors.entry(asked.connection).or_default().insert(arrival.to_owned());
            }
            assert!(visitors.values().all(|arrivals| arrivals.len() == 1), "{visitors:?}");
        }
        assert!(site.asked().iter().all(|asked| asked.beside == 0), "{why}: never pipelined");
    }
}

#[test]
fn a_connection_grows_no_older_than_the_plan_says() {
    let _turn = turn();
    let site = Site::start(|_| reply("200 OK", "", b"ok"));
    let scenario = "max_in_flight = 1\nload.rate = [ { at = \"50/s\", for = \"600ms\" } ]";
    run_alone(&plan(&site.url, "connection.max_age = \"100ms\"", scenario, "path = \"/\""));
    let connections = site.connections();
    assert_eq!(connections.iter().sum::<usize>(), 30);
    assert!(connections.len() >= 6 && connections.iter().all(|n| *n <= 6), "{connections:?}");
}

#[test]
fn a_target_behind_a_unix_socket_is_shot_at() {
    let _turn = turn();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("api.sock");
    let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            std::thread::spawn(move || {
                let mut request = [0; 4096];
                while stream.read(&mut request).is_ok_and(|read| read > 0) {
                    if stream.write_all(&reply("200 OK", "", b"unix")).is_err() {
                        return;
                    }
                }
            });
        }
    });
    let unix = format!("connection.unix = \"{}\"", path.display());
    for target in [unix.clone(), format!("redirects = 1\n{unix}")] {
        let run =
            run_alone(&plan("http://api.example", &target, LOAD, "path = \"/\"\nexpect.contains = \"unix\""));
        assert_eq!(run.series("s").outcomes, BTreeMap::from([("ok".into(), REQUESTS)]), "{target}");
    }
}

#[test]
fn a_user_keeps_its_jar_and_its_connection_from_iteration_to_iteration() {
    let _turn = turn();
    let site = Site::start(|request| {
        let cookie = if request.contains("\r\ncookie: ") { "" } else { "set-cookie: seen=1\r\n" };
        reply("200 OK", cookie, b"ok")
    });
    let scenario = "load.users = [ { at = 3, for = \"800ms\" } ]\nthink = \"50ms\"\ncookies = true";
    let run = run_alone(&plan(&site.url, "connection.use = \"per-user\"", scenario, "path = \"/\""));
    let (asked, connections) = (site.asked(), site.connections());
    assert_eq!(run.series("s").outcomes["ok"], asked.len() as u64);
    assert!(asked.len() > 12, "{}", asked.len());
    // One connection is made before the run, to see whether the target is there; no request goes over it.
    assert_eq!(connections.len(), 3, "{connections:?}");
    let new = asked.iter().filter(|asked| !asked.text.contains("\r\ncookie: seen=1\r\n")).count();
    assert_eq!(new, 3, "each user is new once");
}
