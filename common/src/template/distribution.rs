//! Functions that draw numbers: how many arguments they take, what those must be, what comes of them.

use super::Flaw;
use super::argument::Argument;
use super::scalar::Scalar;
use crate::draw::Draws;

/// A distribution of numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Distribution {
    /// Whole numbers from a to b, both included.
    Whole(i64, i64),
    /// Numbers from a to b.
    Uniform(f64, f64),
    Normal(f64, f64),
    Lognormal(f64, f64),
    Pareto(f64, f64),
    Exponential(f64),
}

impl Distribution {
    /// The distribution of that name; `None` when there is none.
    pub(super) fn read(name: &str, args: &[Argument]) -> Option<Result<Self, Flaw>> {
        let (usage, count) = match name {
            "uniform" => ("uniform(least, most), like uniform(1, 6) or uniform(0.5, 2.0)", 2),
            "normal" => ("normal(mean, deviation), like normal(100, 15)", 2),
            "lognormal" => ("lognormal(mean, deviation) of the logarithm, like lognormal(9, 1.5)", 2),
            "pareto" => ("pareto(least, shape), like pareto(500, 1.5)", 2),
            "exponential" => ("exponential(mean), like exponential(2.5)", 1),
            _ => return None,
        };
        let numbers: Option<Vec<f64>> = args.iter().map(Argument::number).collect();
        let numbers = numbers.filter(|numbers| numbers.len() == count);
        let read = numbers.as_deref().and_then(|numbers| match (name, args, numbers) {
            ("uniform", [Argument::Whole(a), Argument::Whole(b)], _) if a <= b => Some(Self::Whole(*a, *b)),
            ("uniform", _, [a, b]) if a <= b => Some(Self::Uniform(*a, *b)),
            ("normal", _, [m, s]) if *s >= 0.0 => Some(Self::Normal(*m, *s)),
            ("lognormal", _, [m, s]) if *s >= 0.0 => Some(Self::Lognormal(*m, *s)),
            ("pareto", _, [x, a]) if *x > 0.0 && *a > 0.0 => Some(Self::Pareto(*x, *a)),
            ("exponential", _, [m]) if *m > 0.0 => Some(Self::Exponential(*m)),
            _ => None,
        });
        Some(read.ok_or_else(|| Flaw::new(format!("`{name}` cannot be called like that"), usage)))
    }

    pub(super) fn draw(self, draws: &mut Draws) -> Scalar<'static> {
        Scalar::Real(match self {
            Self::Whole(a, b) => return Scalar::Whole(draws.integer(a, b).into()),
            Self::Uniform(a, b) => draws.uniform(a, b),
            Self::Normal(m, s) => draws.normal(m, s),
            Self::Lognormal(m, s) => draws.lognormal(m, s),
            Self::Pareto(x, a) => draws.pareto(x, a),
            Self::Exponential(m) => draws.exponential(m),
        })
    }
}
