//! Real time, which nobody in a history can read, and the clocks that everybody reads instead.

/// Nanoseconds of real time.
pub(crate) type Real = u64;

/// A clock that is ahead of real time by a constant and runs too fast or too slow by a constant rate.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    pub(crate) ahead: u64,
    pub(crate) ppm: i64,
}

impl Clock {
    /// What it shows at `real`.
    pub(crate) fn at(&self, real: Real) -> u64 {
        let gained = i128::from(real) * i128::from(self.ppm) / 1_000_000;
        (i128::from(self.ahead) + i128::from(real) + gained) as u64
    }

    /// The first real time at which it shows `local` or more.
    pub(crate) fn when(&self, local: u64) -> Real {
        let passed = i128::from(local.saturating_sub(self.ahead));
        let mut real = (passed * 1_000_000 / i128::from(1_000_000 + self.ppm)) as Real;
        real = real.saturating_sub(3);
        while self.at(real) < local {
            real += 1;
        }
        real
    }
}

pub(crate) const MS: u64 = 1_000_000;
pub(crate) const SECOND: u64 = 1_000 * MS;
