//! Writes the inputs to begin with into FOLDER/<target>/, and the fuzzer's dictionary of plans into FOLDER/plan.dict.

use stampede_fuzz::seeds;
use std::io::{Error, ErrorKind};
use std::path::Path;

fn main() -> std::io::Result<()> {
    let folder = std::env::args_os().nth(1);
    let folder = folder.ok_or_else(|| Error::new(ErrorKind::InvalidInput, "say where to: seeds FOLDER"))?;
    let folder = Path::new(&folder);
    for seed in seeds::all() {
        let inputs = folder.join(seed.target);
        std::fs::create_dir_all(&inputs)?;
        std::fs::write(inputs.join(seed.name), seed.bytes)?;
    }
    std::fs::write(folder.join("plan.dict"), seeds::plan_dictionary())
}
