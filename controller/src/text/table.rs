//! Columns under each other: the first to the left, the others to the right.

use super::page::fitted;

/// The rows as lines of at most `width` characters where that is possible: then columns move together, and then the
/// first one, the name, is cut. All rows have the same number of cells.
pub(super) fn lines(rows: &[Vec<String>], width: usize) -> Vec<String> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let widest =
        |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let mut widths: Vec<usize> = (0..columns).map(|column| widest(column).unwrap_or_default()).collect();
    let Some(name) = widths.first().copied() else { return Vec::new() };
    let rest: usize = widths[1..].iter().sum();
    let gaps = columns - 1;
    let gap = if name + rest + gaps * GAP <= width { GAP } else { 1 };
    widths[0] = name.min(width.saturating_sub(rest + gaps * gap).max(NAME_MIN));
    rows.iter().map(|row| line(row, &widths, gap)).collect()
}

fn line(row: &[String], widths: &[usize], gap: usize) -> String {
    let mut line = String::new();
    for (place, (cell, width)) in row.iter().zip(widths).enumerate() {
        if place == 0 {
            line.push_str(&format!("{:<width$}", fitted(cell, *width), width = *width));
        } else {
            line.push_str(&format!("{:gap$}{cell:>width$}", "", width = *width));
        }
    }
    line
}

const GAP: usize = 2;
/// A name shorter than this tells nothing.
const NAME_MIN: usize = 8;
