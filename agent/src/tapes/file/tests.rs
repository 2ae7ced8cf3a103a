//! Whatever comes, what is kept is the tape that was meant.

use super::*;
use std::path::PathBuf;
use std::sync::Arc;

fn meter() -> Meter {
    Meter::new(Arc::new(|_| {}))
}

fn wanted(bytes: &[u8]) -> Wanted {
    let hash = Sha256::digest(bytes).into();
    Wanted { hash, path: PathBuf::new(), bytes: bytes.len() as u64 }
}

/// Writes these pieces where `wanted` is looked for.
fn come(pieces: &[&[u8]], kept: Option<&Path>, wanted: &Wanted) -> (Result<Found, String>, u32) {
    let (queue, incoming) = tokio::sync::mpsc::channel(pieces.len().max(1));
    pieces.iter().for_each(|piece| queue.try_send(piece.to_vec()).unwrap());
    drop(queue);
    let meter = meter();
    meter.begin(wanted.bytes);
    (write(incoming, kept, wanted, &meter), meter.permille())
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn what_is_kept_is_found_again_by_its_hash() {
    let folder = tempfile::tempdir().unwrap();
    let kept = folder.path().join("cache/a.tape");
    let wanted = wanted(b"a tape in pieces");
    let (found, permille) = come(&[b"a tape ", b"in pieces"], Some(&kept), &wanted);
    assert_eq!((found.unwrap().place, permille), (kept.display().to_string(), 1_000));
    assert_eq!(names(kept.parent().unwrap()), ["a.tape"]);
    assert!(at(&kept, &wanted, &meter()).is_some());
    std::fs::write(&kept, b"a tape in piecez").unwrap();
    let metered = meter();
    metered.begin(16);
    assert!(at(&kept, &wanted, &metered).is_none(), "another file of the same length");
    assert_eq!(metered.permille(), 0, "what was read of it does not count");
    assert!(at(&folder.path().join("none"), &wanted, &meter()).is_none());
}

#[test]
fn without_a_folder_nothing_is_left_on_the_disk() {
    let wanted = wanted(b"abc");
    let mut file = come(&[b"abc"], None, &wanted).0.unwrap().file;
    assert_eq!(std::os::unix::fs::MetadataExt::nlink(&file.metadata().unwrap()), 0);
    let mut text = String::new();
    std::io::Seek::rewind(&mut file).unwrap();
    file.read_to_string(&mut text).unwrap();
    assert_eq!(text, "abc");
}

#[test]
fn what_is_not_the_tape_is_not_kept() {
    let folder = tempfile::tempdir().unwrap();
    let kept = folder.path().join("a.tape");
    let cases: [(&[&[u8]], &str); 3] = [
        (&[b"abd"], "does not have its SHA-256"),
        (&[b"ab"], "it ended after 2 of its 3 bytes"),
        (&[b"ab", b"cd"], "more came than its 3 bytes"),
    ];
    for (pieces, why) in cases {
        let told = come(pieces, Some(&kept), &wanted(b"abc")).0.unwrap_err();
        assert!(told.contains(why), "{told}");
        assert_eq!(names(folder.path()), [""; 0], "{why}");
    }
}

#[test]
fn a_disk_without_room_is_told_with_the_way_out() {
    let wanted = wanted(b"abc");
    let full = no_room(&ErrorKind::StorageFull.into(), Path::new("/tmp"), &wanted);
    assert_eq!(
        full,
        "write into /tmp: no storage space; it needs 3 B there: make room, or choose another folder with \
         --cache-dir DIR"
    );
    let told = come(&[b"abc"], Some(Path::new("/proc/none/a.tape")), &wanted).0.unwrap_err();
    assert!(told.contains("/proc/none") && told.contains("--cache-dir DIR"), "{told}");
}
