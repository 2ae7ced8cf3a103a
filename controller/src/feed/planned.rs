//! How many arrivals are planned up to now, and in each row of the timeline: counted once, as time goes by.

use crate::books::Books;
use common::arrivals::Planned;
use common::time::RunTime;
use std::time::Duration;

/// What one scenario planned so far.
#[derive(Debug)]
pub(super) struct Ahead {
    /// `None` in closed loads, where nothing is planned ahead.
    planned: Option<Planned>,
    /// By row of this width.
    width_s: u64,
    rows: Vec<u64>,
    /// Arrivals before the row that is under way.
    before: u64,
    /// Up to now.
    so_far: u64,
    /// The schedule that was counted.
    revisions: usize,
}

impl Ahead {
    pub(super) fn new(books: &Books, number: usize) -> Self {
        let timetable = books.timetables().get(number).filter(|own| own.supply().is_none());
        Self {
            planned: timetable.map(common::arrivals::Timetable::planned),
            width_s: books.width_of(number),
            rows: Vec::new(),
            before: 0,
            so_far: 0,
            revisions: books.revisions().len(),
        }
    }

    /// Counts on up to `now`.
    pub(super) fn count(&mut self, books: &Books, number: usize, now: RunTime) {
        if self.revisions != books.revisions().len() || self.width_s != books.width_of(number) {
            *self = Self::new(books, number);
        }
        let Some(planned) = &mut self.planned else { return };
        let now = now.min(books.end_of(number) + Duration::from_nanos(1));
        loop {
            let row_end = (self.rows.len() as u64 + 1).saturating_mul(self.width_s);
            let row_end = RunTime::ZERO + Duration::from_secs(row_end);
            if row_end > now {
                break;
            }
            let until = planned.before(row_end);
            self.rows.push(until - self.before);
            self.before = until;
        }
        self.so_far = planned.before(now);
    }

    /// Arrivals up to now; `None` in closed loads.
    pub(super) fn so_far(&self) -> Option<u64> {
        self.planned.as_ref().map(|_| self.so_far)
    }

    /// Arrivals in the row that begins at `t_s`, as far as it was counted; `None` in closed loads.
    pub(super) fn in_row(&self, t_s: u64) -> Option<u64> {
        self.planned.as_ref()?;
        let place = usize::try_from(t_s / self.width_s).unwrap_or(usize::MAX);
        Some(match self.rows.get(place) {
            Some(row) => *row,
            None if place == self.rows.len() => self.so_far.saturating_sub(self.before),
            None => 0,
        })
    }

    /// Rows that are under way or over.
    pub(super) fn rows(&self) -> u64 {
        self.rows.len() as u64
    }

    pub(super) const fn width_s(&self) -> u64 {
        self.width_s
    }
}
