//! Spool files: read to their end or refused with a reason, whatever they claim.

use proto::spool::{Spool, write_delta, write_hello};

/// A file.
pub fn run(data: &[u8]) {
    let (hello, deltas) = match Spool::open(data) {
        Ok(opened) => opened,
        Err(why) => return assert!(!why.to_string().is_empty()),
    };
    let (mut whole, mut failed, mut written) = (Vec::new(), false, Vec::new());
    for delta in deltas {
        assert!(!failed, "nothing can be read behind an error");
        match delta {
            Ok(delta) => whole.push(delta),
            Err(why) => failed = !why.to_string().is_empty(),
        }
    }
    let kept = write_hello(&mut written, &hello);
    let kept = whole.iter().try_fold((), |(), delta| write_delta(&mut written, delta)).and(kept);
    assert!(kept.is_ok());
    match Spool::open(&*written) {
        Ok((again, deltas)) => {
            let deltas: Vec<_> = deltas.filter_map(Result::ok).collect();
            assert!(again == hello && deltas == whole, "it comes back as it went");
        }
        Err(why) => panic!("what was written cannot be read: {why}"),
    }
}
