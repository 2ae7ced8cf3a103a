//! A target's answer: the same however the bytes are cut into reads, and never more memory than a head.

use agent::http1::{Answer, Progress, Reader};

/// The first byte says whether HEAD was asked and how long the reads are; the rest is what the target sends.
pub fn run(data: &[u8]) {
    let Some((first, bytes)) = data.split_first() else { return };
    let (is_head, length) = (first & 1 == 1, usize::from(first >> 1) + 1);
    let whole = read(is_head, [bytes]);
    assert_eq!(whole, read(is_head, bytes.chunks(1)), "byte by byte");
    assert_eq!(whole, read(is_head, bytes.chunks(length)), "in reads of {length} bytes");
}

/// What comes of the pieces and the end of the stream behind them; `None`: no answer.
fn read<'a>(is_head: bool, pieces: impl IntoIterator<Item = &'a [u8]>) -> Option<Answer> {
    let mut reader = Reader::new();
    reader.begin(is_head);
    let (mut ended, mut fed) = (None, 0_u64);
    for piece in pieces {
        fed += piece.len() as u64;
        if let Progress::Done(answer) = reader.feed(piece).ok()? {
            ended = Some(answer);
        }
    }
    let answer = ended.or_else(|| reader.eof().ok())?;
    assert!((102..1000).contains(&answer.status) || answer.status == 100, "status {}", answer.status);
    assert!(answer.body_bytes <= fed, "{} bytes of body out of {fed}", answer.body_bytes);
    Some(answer)
}
