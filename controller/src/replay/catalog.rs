//! The templates of all paths and how often each came: the most frequent become series.

use common::path_template::path_template;
use common::plan::Method;
use common::tape::REST;
use std::collections::HashMap;

/// Templates by name.
#[derive(Default)]
pub(super) struct Catalog {
    numbers: HashMap<String, u16>,
    counts: Vec<u64>,
    beyond: u64,
    /// The templates of paths that were worked out before.
    known: [HashMap<String, u16>; Method::ALL.len()],
}

impl Catalog {
    /// The number of the template of a request, which came once more. `path`: with its query.
    pub(super) fn count(&mut self, method: Method, path: &str) -> u16 {
        let path = path.split_once('?').map_or(path, |(path, _)| path);
        let known = &mut self.known[usize::from(method.code())];
        let number = match known.get(path) {
            Some(number) => *number,
            None => {
                let name = format!("{} {}", method.as_str(), path_template(path));
                let number = Self::number(&mut self.numbers, &mut self.counts, name);
                // Paths with an id come once: what is kept of them is thrown away now and then.
                if known.len() == KNOWN_MAX {
                    known.clear();
                }
                known.insert(path.to_owned(), number);
                number
            }
        };
        match self.counts.get_mut(usize::from(number)) {
            Some(count) => *count += 1,
            None => self.beyond += 1,
        }
        number
    }

    fn number(numbers: &mut HashMap<String, u16>, counts: &mut Vec<u64>, name: String) -> u16 {
        let new = u16::try_from(counts.len()).unwrap_or(u16::MAX).min(TEMPLATES_MAX);
        if let Some(number) = numbers.get(&name) {
            return *number;
        }
        if new < TEMPLATES_MAX {
            numbers.insert(name, new);
            counts.push(0);
        }
        new
    }

    /// The series with their counts, most frequent first, the count of the rest, and the series of every template.
    pub(super) fn close(self) -> (Vec<(String, u64)>, u64, Vec<u16>) {
        let count = |number: u16| self.counts[usize::from(number)];
        let mut all: Vec<(String, u16)> = self.numbers.into_iter().collect();
        all.sort_by(|(a, one), (b, other)| count(*other).cmp(&count(*one)).then(a.cmp(b)));
        let sum = self.counts.iter().sum::<u64>() + self.beyond;
        let mut series_of = vec![REST; self.counts.len()];
        let mut series = Vec::new();
        for (place, (name, number)) in (0..SERIES_MAX).zip(all) {
            series_of[usize::from(number)] = place;
            series.push((name, count(number)));
        }
        let named: u64 = series.iter().map(|(_, count)| count).sum();
        (series, sum - named, series_of)
    }
}

/// Series of a replay, besides the one for the rest.
const SERIES_MAX: u16 = 100;
/// Templates that are counted apart: a log with more has paths that no template fits.
const TEMPLATES_MAX: u16 = 60_000;
/// Paths whose templates are remembered, for each method.
const KNOWN_MAX: usize = 50_000;
