use proptest::prelude::*;

use super::*;

fn done(status: u16, body_bytes: u64, keep_alive: bool) -> Result<Answer, Broken> {
    Ok(Answer { status, body_bytes, keep_alive })
}

/// Every way in which an answer can fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Broken {
    Malformed(Malformed),
    Cut(Cut),
}

/// Feeds the pieces one after the other, then the end of the stream.
fn read<'a>(is_head: bool, pieces: impl IntoIterator<Item = &'a [u8]>) -> Result<Answer, Broken> {
    let mut reader = Reader::new();
    reader.begin(is_head);
    let mut ended = None;
    for piece in pieces {
        let progress = reader.feed(piece).map_err(Broken::Malformed);
        assert!(reader.gathered.capacity() <= MAX_HEAD, "more memory than the longest head");
        if let Progress::Done(answer) = progress? {
            ended = Some(answer);
        }
    }
    ended.map_or_else(|| reader.eof().map_err(Broken::Cut), Ok)
}

/// Reads it whole and byte by byte, which must give the same.
fn check(is_head: bool, text: &str, expected: Result<Answer, Broken>, why: &str) {
    let bytes = text.as_bytes();
    assert_eq!(read(is_head, [bytes]), expected, "{why}: {text:?}");
    assert_eq!(read(is_head, bytes.chunks(1)), expected, "{why}, byte by byte: {text:?}");
}

#[test]
fn an_answer_ends_where_its_framing_says() {
    for (text, expected, why) in [
        ("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok", done(200, 2, true), "counted"),
        ("HTTP/1.1 200\r\nContent-Length:0\r\n\r\n", done(200, 0, true), "empty, no reason, no space"),
        ("HTTP/1.1 200 OK\ncontent-length: 2\n\nok", done(200, 2, true), "line feeds alone end lines"),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 2\r\n\r\nok",
            done(200, 2, true),
            "twice the same",
        ),
        ("HTTP/1.1 200 OK\r\ncontent-length: 2, 2\r\n\r\nok", done(200, 2, true), "the same in a list"),
        (
            "HTTP/1.1 200 OK\r\nx: a\r\n b\r\ncontent-length: 2\r\n\r\nok",
            done(200, 2, true),
            "a folded header",
        ),
        (
            "HTTP/1.1 404 Not Found\r\ncontent-length: 1\r\nconnection: close\r\n\r\nx",
            done(404, 1, false),
            "close",
        ),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nConnection: x, CLOSE\r\n\r\n",
            done(200, 0, false),
            "close in a list",
        ),
        ("HTTP/1.0 200 OK\r\ncontent-length: 1\r\n\r\nx", done(200, 1, false), "1.0 closes"),
        (
            "HTTP/1.0 200 OK\r\nconnection: Keep-Alive\r\ncontent-length: 1\r\n\r\nx",
            done(200, 1, true),
            "1.0 may stay",
        ),
        (
            "HTTP/1.1 200 OK\r\nconnection: keep-alive, close\r\ncontent-length: 0\r\n\r\n",
            done(200, 0, false),
            "close wins",
        ),
        ("HTTP/1.1 200 OK\r\n\r\nuntil the end", done(200, 13, false), "until close"),
        (
            "HTTP/1.0 200 OK\r\nconnection: keep-alive\r\n\r\n",
            done(200, 0, false),
            "until close, although asked to stay",
        ),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\nabc",
            done(200, 3, false),
            "another coding lasts until close",
        ),
        (
            "HTTP/1.1 999 ?\r\ncontent-length: 0\r\n\r\n",
            done(999, 0, true),
            "an unknown class is no less an answer",
        ),
        ("HTTP/1.1 204 No Content\r\n\r\n", done(204, 0, true), "204 has no body"),
        (
            "HTTP/1.1 304 Not Modified\r\ncontent-length: 500\r\n\r\n",
            done(304, 0, true),
            "304 only tells a length",
        ),
        (
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nx",
            done(200, 1, true),
            "interim answers are skipped",
        ),
    ] {
        check(false, text, expected, why);
    }
}

#[test]
fn chunks_are_counted_without_their_framing() {
    let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    for (body, expected, why) in [
        ("2\r\nok\r\n0\r\n\r\n", done(200, 2, true), "one chunk"),
        ("0\r\n\r\n", done(200, 0, true), "none"),
        ("00A\r\n0123456789\r\n1\r\nx\r\n000\r\n\r\n", done(200, 11, true), "capital digits, leading zeros"),
        ("1 ;a=\"b;\"\r\nx\r\n0;last\r\n\r\n", done(200, 1, true), "space and extensions"),
        ("1\r\nx\r\n0\r\nexpires: never\r\nx: y\r\n\r\n", done(200, 1, true), "trailers"),
        ("2\r\n\r\n\r\n0\r\n\r\n", done(200, 2, true), "line ends as data"),
        ("", Err(Broken::Cut(Cut::InBody)), "nothing came"),
        ("2\r\no", Err(Broken::Cut(Cut::InBody)), "within a chunk"),
        ("2\r\nok\r\n0\r\n", Err(Broken::Cut(Cut::InBody)), "the empty line is missing"),
        ("\r\n", Err(Broken::Malformed(Malformed::Chunk)), "no size"),
        ("x\r\n", Err(Broken::Malformed(Malformed::Chunk)), "no digit"),
        ("-1\r\n", Err(Broken::Malformed(Malformed::Chunk)), "a sign"),
        ("1\nx\r\n", Err(Broken::Malformed(Malformed::Chunk)), "a line feed alone"),
        ("1;a\nx\r\n", Err(Broken::Malformed(Malformed::Chunk)), "a line feed alone in an extension"),
        ("1\r\nxy", Err(Broken::Malformed(Malformed::Chunk)), "longer than it said"),
        ("10000000000000000\r\n", Err(Broken::Malformed(Malformed::Chunk)), "a size beyond 64 bits"),
        ("0\r\n\r\nx", Err(Broken::Malformed(Malformed::Surplus)), "more than the end"),
    ] {
        check(false, &format!("{head}{body}"), expected, why);
    }
}

#[test]
fn transfer_encoding_wins_but_ends_the_connection_with_a_length_beside_it() {
    for (headers, expected, why) in [
        ("content-length: 99\r\ntransfer-encoding: chunked\r\n", done(200, 1, false), "length in front"),
        ("Transfer-Encoding: Chunked\r\ncontent-length: 1\r\n", done(200, 1, false), "length behind"),
        ("transfer-encoding: gzip, chunked\r\n", done(200, 1, true), "chunked is the last coding"),
        ("transfer-encoding: gzip\r\ntransfer-encoding: chunked\r\n", done(200, 1, true), "on two lines"),
        (
            "transfer-encoding: chunked, gzip\r\n",
            Err(Broken::Malformed(Malformed::Encoding)),
            "chunked is not the last",
        ),
        ("transfer-encoding: chunked, chunked\r\n", Err(Broken::Malformed(Malformed::Encoding)), "twice"),
    ] {
        check(false, &format!("HTTP/1.1 200 OK\r\n{headers}\r\n1\r\nx\r\n0\r\n\r\n"), expected, why);
    }
    let old = "HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n";
    check(false, old, done(200, 0, false), "HTTP/1.0 knows no chunks");
}

#[test]
fn the_answer_to_head_has_no_body() {
    for (headers, expected, why) in [
        ("content-length: 500\r\n", done(200, 0, true), "a length"),
        ("transfer-encoding: chunked\r\n", done(200, 0, true), "chunks"),
        ("", done(200, 0, true), "neither"),
        ("connection: close\r\n", done(200, 0, false), "close"),
    ] {
        check(true, &format!("HTTP/1.1 200 OK\r\n{headers}\r\n"), expected, why);
    }
    let text = "HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nx";
    check(true, text, Err(Broken::Malformed(Malformed::Surplus)), "a body all the same");
}

#[test]
fn what_breaks_the_rules_is_malformed() {
    for (text, expected, why) in [
        ("SSH-2.0-OpenSSH_9.6\r\n", Malformed::NotHttp, "another protocol"),
        ("\r\nHTTP/1.1 200 OK\r\n\r\n", Malformed::NotHttp, "an empty line in front"),
        ("HTTP/2 200\r\n\r\n", Malformed::NotHttp, "another version"),
        ("HTTP/1.1 20x OK\r\n\r\n", Malformed::Head, "no status"),
        ("HTTP/1.1 200 OK\r\nx y: z\r\n\r\n", Malformed::Head, "a space in a name"),
        ("HTTP/1.1 200 OK\r\nx\r\n\r\n", Malformed::Head, "no colon"),
        ("HTTP/1.1 099 ?\r\n\r\n", Malformed::Status(99), "a status below 100"),
        ("HTTP/1.1 101 Switching Protocols\r\nupgrade: h2c\r\n\r\n", Malformed::Status(101), "an upgrade"),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nx",
            Malformed::Length,
            "two lengths",
        ),
        ("HTTP/1.1 200 OK\r\ncontent-length: 1, 2\r\n\r\nx", Malformed::Length, "two lengths in a list"),
        ("HTTP/1.1 200 OK\r\ncontent-length:\r\n\r\n", Malformed::Length, "an empty length"),
        ("HTTP/1.1 200 OK\r\ncontent-length: +1\r\n\r\nx", Malformed::Length, "a sign"),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 18446744073709551616\r\n\r\n",
            Malformed::Length,
            "beyond 64 bits",
        ),
        ("HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nxy", Malformed::Surplus, "a byte too many"),
        ("HTTP/1.1 204 No Content\r\n\r\nx", Malformed::Surplus, "a body where none may be"),
    ] {
        check(false, text, Err(Broken::Malformed(expected)), why);
    }
}

#[test]
fn an_answer_cut_off_says_where() {
    for (text, expected, why) in [
        ("", Cut::BeforeAnswer, "nothing"),
        ("H", Cut::InHead, "a byte"),
        ("HTTP/1.1 200 OK\r\ncontent-length: 1\r\n", Cut::InHead, "no empty line"),
        ("HTTP/1.1 100 Continue\r\n\r\n", Cut::InHead, "only an interim answer"),
        ("HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n", Cut::InBody, "the body is missing"),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 18446744073709551615\r\n\r\nx",
            Cut::InBody,
            "a body without end",
        ),
    ] {
        check(false, text, Err(Broken::Cut(expected)), why);
    }
}

#[test]
fn heads_have_limits() {
    let padded = |bytes: usize| {
        let frame = "HTTP/1.1 204 \r\nx: \r\n\r\n".len();
        format!("HTTP/1.1 204 \r\nx: {}\r\n\r\n", "y".repeat(bytes - frame))
    };
    check(false, &padded(MAX_HEAD), done(204, 0, true), "the longest head");
    let too_long = Err(Broken::Malformed(Malformed::HeadTooLong));
    check(false, &padded(MAX_HEAD + 1), too_long, "a byte more");
    let endless = "HTTP/1.1 200 OK\r\nx: ".to_owned() + &"y".repeat(2 * MAX_HEAD);
    check(false, &endless, too_long, "a head without end");
    let interim = "HTTP/1.1 103 \r\n\r\n".repeat(MAX_HEAD / 15 + 1);
    check(false, &interim, too_long, "interim answers without end");
    let many = |headers: usize| format!("HTTP/1.1 204 \r\n{}\r\n", "x: y\r\n".repeat(headers));
    check(false, &many(super::super::MAX_HEADERS), done(204, 0, true), "the most headers");
    let too_many = Err(Broken::Malformed(Malformed::TooManyHeaders));
    check(false, &many(super::super::MAX_HEADERS + 1), too_many, "one more");
}

#[test]
fn chunk_lines_and_trailers_have_limits() {
    let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    let broken = Err(Broken::Malformed(Malformed::Chunk));
    check(false, &format!("{head}1;{}", "x".repeat(5000)), broken, "an extension without end");
    check(false, &format!("{head}{}", "0".repeat(5000)), broken, "a size without end");
    let trailers = "x: y\r\n".repeat(MAX_HEAD / 6 + 1);
    check(false, &format!("{head}0\r\n{trailers}\r\n"), broken, "trailers without end");
}

#[test]
fn begin_forgets_the_answer_before() {
    let mut reader = Reader::new();
    assert!(!reader.started());
    assert_eq!(reader.feed(b"HTTP/1.1 200 OK\r\ncontent-le"), Ok(Progress::More));
    assert!(reader.started());
    reader.begin(false);
    assert!(!reader.started());
    assert_eq!(reader.eof(), Err(Cut::BeforeAnswer));
    let answer = Answer { status: 200, body_bytes: 1, keep_alive: true };
    let text = b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nx";
    assert_eq!(reader.feed(text), Ok(Progress::Done(answer)));
    assert_eq!(reader.feed(b"x"), Err(Malformed::Surplus), "bytes on an idle connection");
    reader.begin(true);
    assert_eq!(reader.feed(&text[..text.len() - 1]), Ok(Progress::Done(Answer { body_bytes: 0, ..answer })));
}

#[test]
fn a_head_in_one_read_takes_no_memory_and_a_split_one_gives_it_back() {
    let text = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";
    let mut reader = Reader::new();
    assert_eq!(reader.feed(&text[..text.len() - 1]), Ok(Progress::More));
    assert_eq!(reader.gathered.capacity(), 0);
    reader.begin(false);
    assert_eq!(reader.feed(&text[..9]), Ok(Progress::More));
    assert!(reader.gathered.capacity() > 0);
    assert_eq!(reader.feed(&text[9..text.len() - 1]), Ok(Progress::More));
    assert_eq!(reader.gathered.capacity(), 0);
}

/// A valid answer and what a client must make of it.
#[derive(Debug, Clone)]
struct Sample {
    bytes: Vec<u8>,
    answer: Answer,
}

/// Bodies and their framing, interim answers in front, headers around.
fn sample() -> impl Strategy<Value = Sample> {
    let chunk =
        (prop::collection::vec(any::<u8>(), 1..40), prop::sample::select(vec!["", ";a", " ; b=\"c\""]));
    let body = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..80).prop_map(|body| counted(&body)),
        prop::collection::vec(any::<u8>(), 0..80).prop_map(|body| (
            String::new(),
            body.clone(),
            body.len(),
            false
        )),
        (prop::collection::vec(chunk, 0..6), any::<bool>())
            .prop_map(|(parts, trailer)| chunked(&parts, trailer)),
    ];
    let filler = prop::sample::select(vec![
        "",
        "server: demo\r\nvary: accept\r\n",
        "date: x\r\nx-long: aaaaaaaaaaaaa\r\n",
    ]);
    (0..3_usize, 200..600_u16, filler, body).prop_map(
        |(interim, status, filler, (framing, body, size, keep_alive))| {
            let is_empty = matches!(status, 204 | 304);
            let mut bytes = "HTTP/1.1 103 Early Hints\r\nlink: a\r\n\r\n".repeat(interim).into_bytes();
            bytes.extend_from_slice(format!("HTTP/1.1 {status} X\r\n{filler}{framing}\r\n").as_bytes());
            if !is_empty {
                bytes.extend_from_slice(&body);
            }
            let body_bytes = if is_empty { 0 } else { size as u64 };
            Sample { bytes, answer: Answer { status, body_bytes, keep_alive: keep_alive || is_empty } }
        },
    )
}

type Body = (String, Vec<u8>, usize, bool);

fn counted(body: &[u8]) -> Body {
    (format!("content-length: {}\r\n", body.len()), body.to_vec(), body.len(), true)
}

fn chunked(parts: &[(Vec<u8>, &str)], trailer: bool) -> Body {
    let mut bytes = Vec::new();
    for (data, extension) in parts {
        bytes.extend_from_slice(format!("{:x}{extension}\r\n", data.len()).as_bytes());
        bytes.extend_from_slice(data);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(if trailer { b"0\r\nx: y\r\n\r\n" } else { b"0\r\n\r\n" });
    let size = parts.iter().map(|(data, _)| data.len()).sum();
    ("transfer-encoding: chunked\r\n".to_owned(), bytes, size, true)
}

/// The bytes cut at the given places.
fn cut<'a>(bytes: &'a [u8], places: &[prop::sample::Index]) -> Vec<&'a [u8]> {
    let mut places: Vec<usize> = places.iter().map(|place| place.index(bytes.len() + 1)).collect();
    places.extend([0, bytes.len()]);
    places.sort_unstable();
    places.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect()
}

proptest! {
    #[test]
    fn an_answer_is_the_same_however_it_is_cut(
        sample in sample(),
        places in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
    ) {
        prop_assert_eq!(read(false, [sample.bytes.as_slice()]), Ok(sample.answer));
        prop_assert_eq!(read(false, cut(&sample.bytes, &places)), Ok(sample.answer));
    }

    #[test]
    fn hostile_bytes_never_panic_nor_take_more_memory(
        start in prop::sample::select(vec![
            "", "H", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: ", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n",
        ]),
        noise in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..300),
            prop::collection::vec(prop::sample::select(b"\r\n \t:;,019afHTP/.".to_vec()), 0..300),
        ],
        places in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
        is_head: bool,
    ) {
        let bytes = [start.as_bytes(), &noise].concat();
        // What it makes of them is of no matter; `read` checks the memory.
        let whole = read(is_head, [bytes.as_slice()]);
        let pieces = read(is_head, cut(&bytes, &places));
        if let Ok(answer) = whole {
            prop_assert_eq!(pieces, Ok(answer));
        }
    }
}
