//! Files of rows, one after the other, as far as each can be read.

use csv::StringRecord;
use std::fs::File;
use std::io::{Error, Read};
use std::path::{Path, PathBuf};

/// Files of rows, in the order of their names.
#[derive(Clone, Debug)]
pub(super) struct Files(Vec<PathBuf>);

/// The names of a file's columns.
#[derive(Clone, Debug, Default)]
pub(super) struct Column(Vec<String>);

impl Files {
    /// The file itself, or those in a folder or in `rows` below it.
    pub(super) fn at(path: &Path) -> Result<Self, Error> {
        if path.is_file() {
            return Ok(Self(vec![path.to_owned()]));
        }
        let mut files = Vec::new();
        for folder in [path.to_owned(), path.join("rows")] {
            if !folder.is_dir() {
                continue;
            }
            for entry in std::fs::read_dir(folder)? {
                let file = entry?.path();
                if file.to_string_lossy().ends_with(".csv.zst") {
                    files.push(file);
                }
            }
        }
        files.sort();
        Ok(Self(files))
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Calls `on_row` with each row. A file that ends in the middle, because its agent was killed, is told of; the rows
    /// before its end are good.
    pub(super) fn each(
        self,
        mut on_row: impl FnMut(&Column, &StringRecord) -> Result<(), Error>,
        say: impl Fn(&str),
    ) -> Result<(), Error> {
        for file in self.0 {
            let told = |why: &dyn std::fmt::Display| say(&format!("{}: {why}", file.display()));
            let rows = match open(&file) {
                Ok(rows) => rows,
                Err(error) => {
                    told(&error);
                    continue;
                }
            };
            let mut rows = csv::Reader::from_reader(rows);
            let columns = match rows.headers() {
                Ok(names) => Column::of(names),
                Err(error) => {
                    told(&error);
                    continue;
                }
            };
            let mut row = StringRecord::new();
            loop {
                match rows.read_record(&mut row) {
                    Ok(true) => on_row(&columns, &row)?,
                    Ok(false) => break,
                    Err(error) => {
                        told(&format!("it ends in the middle ({error}); the rows before that are whole"));
                        break;
                    }
                }
            }
        }
        Ok(())
    }
}

fn open(path: &Path) -> Result<impl Read, Error> {
    let file = File::open(path)?;
    zstd::stream::read::Decoder::new(file)
}

impl Column {
    pub(super) fn of(names: &StringRecord) -> Self {
        Self(names.iter().map(str::to_owned).collect())
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// The row's cell under this name; nothing where there is no such column.
    pub(super) fn cell<'a>(&self, row: &'a StringRecord, name: &str) -> &'a str {
        self.0.iter().position(|own| own == name).and_then(|at| row.get(at)).unwrap_or_default()
    }
}
