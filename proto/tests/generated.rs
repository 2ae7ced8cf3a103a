//! The committed stubs are what the `.proto` file says; building Stampede needs no protobuf compiler.

use std::path::Path;

#[test]
fn committed_stubs_match_the_proto_file() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let fresh = tempfile::tempdir().unwrap();
    let descriptors = protox::compile(["stampede/v1/agent.proto"], [root]).unwrap();
    tonic_prost_build::configure().out_dir(fresh.path()).compile_fds(descriptors).unwrap();
    let fresh = std::fs::read_to_string(fresh.path().join("stampede.v1.rs")).unwrap();
    let committed = root.join("src/generated/stampede.v1.rs");
    if std::env::var_os("STAMPEDE_REGENERATE").is_some() {
        std::fs::write(&committed, &fresh).unwrap();
    }
    let same = std::fs::read_to_string(&committed).is_ok_and(|committed| committed == fresh);
    assert!(
        same,
        "run `STAMPEDE_REGENERATE=1 cargo test -p stampede-proto --test generated` and commit the result"
    );
}
