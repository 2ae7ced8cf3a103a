//! `controller import`: a plan from what people have already: curl commands, a browser's recording, an API's
//! description, a collection, an access log.

mod value;
mod found;
mod notes;
mod secrets;
mod parts;
mod assemble;
mod write;
mod curl;
mod correlate;
mod har;
mod log;
mod openapi;
mod postman;

use crate::exit::Failure;
use assemble::assemble;
use clap::ValueEnum;
use common::plan::Plan;
use found::Findings;
use notes::Notes;
use secrets::Secrets;
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// What kind of file is imported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// Shell commands, also as browsers copy them ("Copy as cURL (bash)").
    Curl,
    /// A browser's recording (HTTP archive).
    Har,
    /// The description of an API: OpenAPI 3.0 or 3.1, JSON or YAML.
    Openapi,
    /// A collection of Postman, version 2.1.
    Postman,
    /// An access log, to be replayed.
    Log,
}

/// What `controller import` was asked to do.
#[derive(Clone, Debug)]
pub struct Import {
    /// What kind of file it is.
    pub kind: Kind,
    /// The file.
    pub file: PathBuf,
    /// A plan file to be written, or a folder for `plan.toml`; `-` prints the plan.
    pub out: PathBuf,
    /// The target, when it is another than the file's.
    pub base_url: Option<String>,
    /// Whether a plan that is there already is written over.
    pub force: bool,
}

/// What an import made.
#[derive(Clone, Debug)]
pub struct Imported {
    /// The text of the plan.
    pub plan: String,
    /// The environment variables that agents need, with what each is for.
    pub secrets: Vec<(String, String)>,
    /// What was left out and what a person should look at; a line for each.
    pub notes: String,
}

impl Import {
    /// Writes the plan; returns what to print on stdout, and what to tell on stderr.
    ///
    /// # Errors
    /// A file that cannot be read or is not of its kind, a plan that exists already.
    pub fn run(&self) -> Result<(String, String), Failure> {
        let shown = self.file.display();
        let name = self
            .file
            .file_stem()
            .map_or_else(|| "imported".into(), |stem| stem.to_string_lossy().into_owned());
        let unread = |error: std::io::Error| Failure::usage(format!("read {shown}: {error}"));
        let imported = if self.kind == Kind::Log {
            let path = std::path::absolute(&self.file).map_err(unread)?;
            import_log(
                (&name, &path.to_string_lossy()),
                &beginning(&self.file).map_err(unread)?,
                self.base_url.as_deref(),
            )
        } else {
            let bytes = std::fs::read(&self.file).map_err(unread)?;
            import(self.kind, &name, &String::from_utf8_lossy(&bytes), self.base_url.as_deref())
        };
        let imported = imported.map_err(|why| Failure::usage(format!("import {shown}: {why}")))?;
        if self.out == Path::new("-") {
            return Ok((imported.plan.clone(), imported.told("")));
        }
        let path = if self.out.is_dir() || self.out.extension().is_none() {
            std::fs::create_dir_all(&self.out)
                .map_err(|error| Failure::usage(format!("make {}: {error}", self.out.display())))?;
            self.out.join("plan.toml")
        } else {
            self.out.clone()
        };
        if path.exists() && !self.force {
            return Err(Failure::usage(format!(
                "{} is there already: choose another --out, or add --force",
                path.display()
            )));
        }
        std::fs::write(&path, &imported.plan)
            .map_err(|error| Failure::usage(format!("write {}: {error}", path.display())))?;
        Ok((imported.told(&format!("wrote {}\n", path.display())), String::new()))
    }
}

impl Imported {
    fn told(&self, first: &str) -> String {
        let mut text = first.to_owned();
        if !self.secrets.is_empty() {
            text.push_str("credentials, to be set in the environment of the agents:\n");
        }
        for (name, used) in &self.secrets {
            writeln!(text, "  {name}  {used}").unwrap_or_default();
        }
        text.push_str(&self.notes);
        text
    }
}

/// Makes a plan named `name` from the text of a file; `base_url` is the target if it is not the file's.
///
/// # Errors
/// What is wrong with the file.
pub fn import(kind: Kind, name: &str, text: &str, base_url: Option<&str>) -> Result<Imported, String> {
    let (mut secrets, mut notes) = (Secrets::default(), Notes::default());
    let findings: Findings = match kind {
        Kind::Curl => curl::read(text, &mut secrets, &mut notes)?,
        Kind::Har => har::read(text, &mut notes)?,
        Kind::Openapi => openapi::read(text, &mut secrets, &mut notes)?,
        Kind::Postman => postman::read(text, &mut secrets, &mut notes)?,
        Kind::Log => return import_log((name, name), text, base_url),
    };
    let draft = assemble(&write::title(name), base_url, findings, (&mut secrets, &mut notes))?;
    checked(write::plan(&draft, kind.told()), &secrets, &notes)
}

/// Makes a plan with this name that replays the log at this path, from the first lines of it.
///
/// # Errors
/// Lines in no format that is known.
pub fn import_log(of: (&str, &str), head: &str, base_url: Option<&str>) -> Result<Imported, String> {
    let mut notes = Notes::default();
    let plan = log::plan(of, head, base_url, &mut notes)?;
    checked(plan, &Secrets::default(), &notes)
}

/// Whatever stood in the file: what is handed out is a plan.
fn checked(plan: String, secrets: &Secrets, notes: &Notes) -> Result<Imported, String> {
    match Plan::parse("the imported plan", &plan) {
        Ok(_) => Ok(Imported { plan, secrets: secrets.list(), notes: notes.render() }),
        Err(problems) => Err(format!("it leads to a plan that is none:\n{problems}")),
    }
}

/// The first lines of a log, which may be compressed and is as long as it is.
fn beginning(path: &Path) -> std::io::Result<String> {
    use std::io::{BufRead, BufReader, Read};
    let mut file = BufReader::new(std::fs::File::open(path)?);
    let is_gzip = file.fill_buf()?.starts_with(&[0x1f, 0x8b]);
    let mut bytes = Vec::new();
    if is_gzip {
        flate2::bufread::MultiGzDecoder::new(file).take(LOG_BYTES).read_to_end(&mut bytes)?;
    } else {
        file.take(LOG_BYTES).read_to_end(&mut bytes)?;
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Of a log, to see its format.
const LOG_BYTES: u64 = 256 << 10;

impl Kind {
    const fn told(self) -> &'static str {
        match self {
            Self::Curl => "curl commands",
            Self::Har => "a browser's recording",
            Self::Openapi => "the description of an API",
            Self::Postman => "a Postman collection",
            Self::Log => "an access log",
        }
    }
}
