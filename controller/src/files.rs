//! The files that a plan names: found beside it, known by their hashes, handed out in pieces.

use common::plan::Plan;
use common::script::{Resources, Script, resources};
use proto::v1;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{Error, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// The files of a plan; none by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Files {
    list: Vec<PlanFile>,
}

/// A file of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct PlanFile {
    /// As the plan names it.
    path: String,
    /// SHA-256.
    hash: [u8; 32],
    /// Bytes.
    size: u64,
    /// Where it is read from.
    place: PathBuf,
}

impl Files {
    /// Finds the files of a plan from its folder. Every problem at once.
    pub fn find(plan: &Plan, folder: &Path) -> Result<Self, Vec<String>> {
        let (mut list, mut wrong) = (Vec::new(), Vec::new());
        for path in plan.files() {
            let place = folder.join(path);
            match digest(&place) {
                Ok((_, size)) if size > BYTES_MAX => {
                    wrong.push(format!("{path}: larger than 1 GiB; split it, or leave out what nobody uses"));
                }
                Ok((hash, size)) => list.push(PlanFile { path: path.to_owned(), hash, size, place }),
                Err(error) => wrong.push(format!("{path}: {error} (looked for {})", place.display())),
            }
        }
        if wrong.is_empty() { Ok(Self { list }) } else { Err(wrong) }
    }

    /// Copies them to where runs are kept, so that the run can be gone on with whatever becomes of the originals.
    pub fn keep(mut self, data_dir: &Path, run_id: &str) -> Result<Self, String> {
        if self.list.is_empty() {
            return Ok(self);
        }
        let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = data_dir.join(FOLDER);
        let told = |what: &Path, error: Error| format!("keep {}: {error}", what.display());
        std::fs::create_dir_all(&folder).map_err(|error| told(&folder, error))?;
        for file in &mut self.list {
            let kept = folder.join(hex(&file.hash));
            if !kept.exists() {
                copy(&file.place, &kept).map_err(|error| told(&kept, error))?;
            }
            file.place = kept;
        }
        let list = list_of(data_dir, run_id);
        let text = serde_json::to_vec(&self.list).map_err(|error| told(&list, error.into()))?;
        write(&list, &text).map_err(|error| told(&list, error))?;
        Ok(self)
    }

    /// Removes the copies of a run that is over, as far as no other run needs them.
    pub fn forget(data_dir: &Path, run_id: &str) -> Result<(), String> {
        let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = data_dir.join(FOLDER);
        let told = |what: &Path, error: Error| format!("delete {}: {error}", what.display());
        let list = list_of(data_dir, run_id);
        match std::fs::remove_file(&list) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            removed => removed.map_err(|error| told(&list, error))?,
        }
        let entries = std::fs::read_dir(&folder).map_err(|error| told(&folder, error))?;
        let paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        let (lists, copies): (Vec<_>, Vec<_>) =
            paths.into_iter().partition(|path| path.extension().is_some_and(|kind| kind == "json"));
        let mut needed = BTreeSet::new();
        for list in lists.iter().filter_map(|list| list.file_stem()?.to_str()) {
            needed.extend(Self::kept(data_dir, list)?.list.into_iter().map(|file| file.place));
        }
        for copy in copies.into_iter().filter(|copy| copy.extension().is_none() && !needed.contains(copy)) {
            std::fs::remove_file(&copy).map_err(|error| told(&copy, error))?;
        }
        Ok(())
    }

    /// Those of a run that was kept.
    pub fn kept(data_dir: &Path, run_id: &str) -> Result<Self, String> {
        let path = list_of(data_dir, run_id);
        match std::fs::read(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(format!("read {}: {error}", path.display())),
            Ok(bytes) => {
                let list = serde_json::from_slice(&bytes);
                list.map(|list| Self { list }).map_err(|error| format!("read {}: {error}", path.display()))
            }
        }
    }

    /// As assignments name them.
    #[must_use]
    pub fn to_wire(&self) -> Vec<v1::PlanFile> {
        let file = |file: &PlanFile| v1::PlanFile {
            path: file.path.clone(),
            sha256: file.hash.to_vec(),
            size: file.size,
        };
        self.list.iter().map(file).collect()
    }

    /// Where the file with this hash is.
    #[must_use]
    pub fn place(&self, hash: &[u8]) -> Option<&Path> {
        self.list.iter().find(|file| file.hash == hash).map(|file| file.place.as_path())
    }

    /// A line for each: its hash, size and path.
    #[must_use]
    pub fn told(&self) -> Vec<String> {
        self.list
            .iter()
            .map(|file| format!("{}  {:>10}  {}", hex(&file.hash), file.size, file.path))
            .collect()
    }

    /// The data of the plan, and its requests with `***` for every secret. Every problem at once.
    pub fn script(&self, plan: &Plan) -> Result<(Resources, Script), Vec<String>> {
        let mut files = BTreeMap::new();
        let mut wrong = Vec::new();
        for file in &self.list {
            match std::fs::read(&file.place) {
                Ok(bytes) => drop(files.insert(file.path.clone(), Arc::from(bytes))),
                Err(error) => wrong.push(format!("{}: {error}", file.path)),
            }
        }
        if !wrong.is_empty() {
            return Err(wrong);
        }
        let secrets = plan.secrets().into_iter().map(|secret| (secret, "***".to_owned())).collect();
        let resources = resources(plan, files, secrets)?;
        let script = Script::compile(plan, &resources)?;
        Ok((resources, script))
    }
}

/// Reads a file piece by piece into `each` until that returns `false`.
fn read(place: &Path, mut each: impl FnMut(Vec<u8>) -> bool) -> Result<(), Error> {
    let mut file = File::open(place)?;
    loop {
        let mut piece = vec![0; PIECE];
        let length = file.read(&mut piece)?;
        piece.truncate(length);
        if length == 0 || !each(piece) {
            return Ok(());
        }
    }
}

/// SHA-256 and size.
fn digest(place: &Path) -> Result<([u8; 32], u64), Error> {
    let (mut hash, mut size) = (Sha256::new(), 0);
    read(place, |piece| {
        hash.update(&piece);
        size += piece.len() as u64;
        true
    })?;
    Ok((hash.finalize().into(), size))
}

/// Under another name first: a file that is there is whole.
fn copy(from: &Path, to: &Path) -> Result<(), Error> {
    let part = to.with_extension("part");
    std::fs::copy(from, &part)?;
    File::open(&part)?.sync_all()?;
    std::fs::rename(&part, to)
}

fn write(to: &Path, bytes: &[u8]) -> Result<(), Error> {
    let part = to.with_extension("part");
    let mut file = File::create(&part)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&part, to)
}

fn list_of(data_dir: &Path, run_id: &str) -> PathBuf {
    data_dir.join(FOLDER).join(format!("{run_id}.json"))
}

fn hex(hash: &[u8]) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Whoever removes copies must not meet somebody who has just found them there.
static ONE: Mutex<()> = Mutex::new(());
/// In the data directory.
const FOLDER: &str = "files";
/// As much as travels in one message.
const PIECE: usize = 256 * 1024;
const BYTES_MAX: u64 = 1 << 30;

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(data: &str) -> Plan {
        let text = format!(
            "name = \"t\"\n[target]\nbase_url = \"http://127.0.0.1\"\n{data}\n[[scenario]]\nname = \"s\"\n\
             load.rate = [{{ at = \"1/s\", for = \"1s\" }}]\n[[scenario.step]]\npath = \"/\"\n"
        );
        Plan::parse("t", &text).unwrap_or_else(|problems| panic!("{problems}"))
    }

    const TWO: &str =
        "[[data]]\nname = \"a\"\ncsv = \"a.csv\"\n[[data]]\nname = \"b\"\njsonl = \"sub/b.jsonl\"";

    #[test]
    fn copies_go_with_the_last_run_that_needs_them() {
        let (folder, data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::fs::create_dir(folder.path().join("sub")).unwrap();
        std::fs::write(folder.path().join("a.csv"), "x\n1\n").unwrap();
        std::fs::write(folder.path().join("sub/b.jsonl"), "1\n").unwrap();
        let keep =
            |run: &str| Files::find(&plan(TWO), folder.path()).unwrap().keep(data.path(), run).unwrap();
        let there = || std::fs::read_dir(data.path().join(FOLDER)).unwrap().count();
        let (_, second) = (keep("one"), keep("two"));
        assert_eq!(there(), 2 + 2, "two lists of the same two files");
        Files::forget(data.path(), "one").unwrap();
        assert_eq!((there(), Files::kept(data.path(), "two")), (2 + 1, Ok(second)));
        Files::forget(data.path(), "two").unwrap();
        Files::forget(data.path(), "two").unwrap();
        assert_eq!(there(), 0);
    }

    #[test]
    fn every_missing_file_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let wrong = Files::find(&plan(TWO), folder.path()).unwrap_err();
        assert_eq!(wrong.len(), 2);
        assert!(wrong[0].starts_with("a.csv: No such file") && wrong[1].contains("sub/b.jsonl"), "{wrong:?}");
    }

    #[test]
    fn kept_files_outlive_the_originals() {
        let (folder, data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::fs::create_dir(folder.path().join("sub")).unwrap();
        std::fs::write(folder.path().join("a.csv"), "x\n1\n").unwrap();
        std::fs::write(folder.path().join("sub/b.jsonl"), "1\n").unwrap();
        let found = Files::find(&plan(TWO), folder.path()).unwrap();
        let kept = found.keep(data.path(), "run").unwrap();
        drop(folder);
        let again = Files::kept(data.path(), "run").unwrap();
        assert_eq!(again, kept);
        assert_eq!(Files::kept(data.path(), "other"), Ok(Files::default()));
        let (resources, _) = again.script(&plan(TWO)).unwrap();
        assert_eq!(resources.data["a"].table.cell(0, 0).0, "1");
        let wire = again.to_wire();
        assert_eq!((wire[0].path.as_str(), wire[0].size), ("a.csv", 4));
        assert!(again.place(&wire[1].sha256).is_some() && again.place(b"other").is_none());
    }
}
