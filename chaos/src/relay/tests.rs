use super::*;
use proptest::prelude::*;
use std::io::ErrorKind;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout};

/// A relay with a connection through it: what the near end and the far end hold.
struct Line {
    relay: Relay,
    far: TcpListener,
    near_end: TcpStream,
    far_end: TcpStream,
}

impl Line {
    async fn start() -> Self {
        let far = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let relay = Relay::start("127.0.0.1:0".parse().unwrap(), far.local_addr().unwrap()).await.unwrap();
        let near_end = TcpStream::connect(relay.address()).await.unwrap();
        let far_end = far.accept().await.unwrap().0;
        Self { relay, far, near_end, far_end }
    }

    /// A second connection takes the place of the first one, whose ends are returned.
    async fn connect_again(&mut self) -> [TcpStream; 2] {
        let near_end = TcpStream::connect(self.relay.address()).await.unwrap();
        let far_end = self.far.accept().await.unwrap().0;
        [std::mem::replace(&mut self.near_end, near_end), std::mem::replace(&mut self.far_end, far_end)]
    }

    /// Sends from the end where a direction begins and reads at the other one.
    async fn passes(&mut self, way: Way, sent: &[u8]) -> Vec<u8> {
        let (from, to) = self.ends(way);
        from.write_all(sent).await.unwrap();
        let mut got = vec![0; sent.len()];
        timeout(PATIENCE, to.read_exact(&mut got)).await.unwrap().unwrap();
        got
    }

    fn ends(&mut self, way: Way) -> (&mut TcpStream, &mut TcpStream) {
        match way {
            Way::Up => (&mut self.near_end, &mut self.far_end),
            Way::Down => (&mut self.far_end, &mut self.near_end),
        }
    }
}

/// Everything that can be read and how it ended.
async fn read_all(stream: &mut TcpStream) -> (Vec<u8>, io::Result<()>) {
    let (mut got, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        match timeout(PATIENCE, stream.read(&mut buffer)).await.unwrap() {
            Ok(0) => return (got, Ok(())),
            Ok(length) => got.extend_from_slice(&buffer[..length]),
            Err(error) => return (got, Err(error)),
        }
    }
}

fn is_reset(ended: &io::Result<()>) -> bool {
    ended.as_ref().is_err_and(|error| error.kind() == ErrorKind::ConnectionReset)
}

#[tokio::test]
async fn a_calm_relay_passes_bytes_and_ends_both_ways() {
    let mut line = Line::start().await;
    assert_eq!(line.passes(Way::Up, b"there").await, b"there");
    assert_eq!(line.passes(Way::Down, b"back").await, b"back");
    line.near_end.shutdown().await.unwrap();
    assert!(matches!(read_all(&mut line.far_end).await, (got, Ok(())) if got.is_empty()));
    // Half closed: the other half still works.
    assert_eq!(line.passes(Way::Down, b"last").await, b"last");
    drop(line.far_end);
    assert!(read_all(&mut line.near_end).await.1.is_ok());
}

#[tokio::test]
async fn a_delay_holds_one_direction_and_keeps_the_order() {
    let mut line = Line::start().await;
    let delay = Duration::from_millis(300);
    line.relay.set(Way::Up, Conduct { delay, ..Conduct::default() });
    let begin = Instant::now();
    assert_eq!(line.passes(Way::Down, b"quick").await, b"quick");
    let quick = begin.elapsed();
    line.near_end.write_all(b"one ").await.unwrap();
    assert_eq!(line.passes(Way::Up, b"two").await, b"one");
    assert!(begin.elapsed() >= delay, "{:?}", begin.elapsed());
    assert!(quick < delay, "{quick:?}");
}

#[tokio::test]
async fn a_stall_of_one_direction_keeps_bytes_and_the_end_until_it_is_over() {
    let mut line = Line::start().await;
    line.relay.set(Way::Up, Conduct { stalled: true, ..Conduct::default() });
    line.near_end.write_all(b"kept").await.unwrap();
    line.near_end.shutdown().await.unwrap();
    assert_eq!(line.passes(Way::Down, b"free").await, b"free");
    let early = timeout(SHORT, line.far_end.read(&mut [0; 8])).await;
    assert!(early.is_err(), "something came through: {early:?}");
    line.relay.calm();
    assert!(matches!(read_all(&mut line.far_end).await, (got, Ok(())) if got == b"kept"));
}

#[tokio::test]
async fn a_rate_of_10_kbit_per_s_takes_its_time() {
    let mut line = Line::start().await;
    let rate = NonZeroU64::new(1_250);
    line.relay.set(Way::Down, Conduct { rate, ..Conduct::default() });
    let begin = Instant::now();
    let sent = vec![7; 625];
    assert_eq!(line.passes(Way::Down, &sent).await, sent);
    // The last slice of a twentieth of a second need not be waited for.
    assert!(begin.elapsed() >= Duration::from_millis(440), "{:?}", begin.elapsed());
}

#[tokio::test]
async fn a_cut_is_silent_and_later_connections_work() {
    let mut line = Line::start().await;
    assert_eq!(line.passes(Way::Up, b"before").await, b"before");
    line.relay.cut();
    line.near_end.write_all(b"lost").await.unwrap();
    line.near_end.shutdown().await.unwrap();
    let heard = timeout(SHORT, line.far_end.read(&mut [0; 8])).await;
    assert!(heard.is_err(), "the far end heard something: {heard:?}");
    let _open = line.connect_again().await;
    assert_eq!(line.passes(Way::Up, b"after").await, b"after");
}

#[tokio::test]
async fn a_reset_reaches_both_ends_and_later_connections_work() {
    let mut line = Line::start().await;
    line.passes(Way::Up, b"before").await;
    line.relay.reset();
    assert!(is_reset(&read_all(&mut line.near_end).await.1));
    assert!(is_reset(&read_all(&mut line.far_end).await.1));
    drop(line.connect_again().await);
    assert_eq!(line.passes(Way::Up, b"after").await, b"after");
}

#[tokio::test]
async fn a_peer_that_resets_is_passed_on_as_a_reset() {
    let mut line = Line::start().await;
    line.passes(Way::Up, b"before").await;
    connection::reset(&line.near_end);
    drop(std::mem::replace(&mut line.near_end, TcpStream::connect(line.relay.address()).await.unwrap()));
    assert!(is_reset(&read_all(&mut line.far_end).await.1));
}

#[tokio::test]
async fn nobody_upstream_is_heard_as_a_reset() {
    let mut line = Line::start().await;
    let Line { relay, far, .. } = &mut line;
    let nowhere = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = std::mem::replace(far, nowhere).local_addr().unwrap();
    assert!(TcpStream::connect(address).await.is_err());
    let mut near_end = TcpStream::connect(relay.address()).await.unwrap();
    assert!(is_reset(&read_all(&mut near_end).await.1));
}

#[test]
fn a_reset_comes_after_exactly_the_byte_that_was_named() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    proptest!(ProptestConfig { cases: 40, max_shrink_iters: 20, ..ProptestConfig::default() }, |(after in 0_usize..5_000, up in any::<bool>())| {
        let way = if up { Way::Up } else { Way::Down };
        runtime.block_on(async {
            let mut line = Line::start().await;
            line.relay.reset_after(way, after as u64);
            let sent: Vec<u8> = (0..6_000_u32).map(|n| n as u8).collect();
            let (from, to) = line.ends(way);
            from.write_all(&sent).await.unwrap();
            let (got, ended) = read_all(to).await;
            assert!(is_reset(&ended), "{ended:?}");
            assert_eq!(got, sent[..after]);
            assert!(is_reset(&read_all(from).await.1));
            drop(line.connect_again().await);
            assert_eq!(line.passes(way, b"after").await, b"after");
        });
    });
}

#[tokio::test]
async fn dropping_the_relay_ends_its_connections() {
    let mut line = Line::start().await;
    line.passes(Way::Up, b"before").await;
    drop(line.relay);
    // With a reset or an end: both say that nobody is there.
    drop(read_all(&mut line.near_end).await);
    drop(read_all(&mut line.far_end).await);
}

/// Nothing here takes so long; who waits longer has failed.
const PATIENCE: Duration = Duration::from_secs(30);
/// Long enough for bytes on loopback that should not come.
const SHORT: Duration = Duration::from_millis(150);
