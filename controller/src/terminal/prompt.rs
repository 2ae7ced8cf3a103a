//! The line in which the operator types what a load is to be: pure, from keys to a wish.

use common::live::Knob;
use common::rate::Rate;
use ratatui::crossterm::event::KeyCode;

/// A line that is being typed, about the load that was chosen when it was begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Prompt {
    scenario: String,
    knob: Knob,
    typed: String,
}

/// What a key came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Typed {
    /// It goes on.
    More,
    /// It is no such value; what would be right.
    Wrong(String),
    /// Nothing is to be changed.
    Cancelled,
    /// This is wanted.
    Wanted(Wanted),
}

/// What the load of a scenario is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// So many thousandths of an arrival per second.
    Rate { scenario: String, milli: u64 },
    /// So many users.
    Users { scenario: String, users: u32 },
}

impl Prompt {
    /// An empty line.
    pub(super) fn new(scenario: &str, knob: Knob) -> Self {
        Self { scenario: scenario.to_owned(), knob, typed: String::new() }
    }

    pub(super) fn on_key(&mut self, key: KeyCode) -> Typed {
        match key {
            KeyCode::Esc => return Typed::Cancelled,
            KeyCode::Enter => return self.read(),
            KeyCode::Backspace => drop(self.typed.pop()),
            KeyCode::Char(c) if self.typed.len() < TYPED_MAX && c.is_ascii_graphic() => self.typed.push(c),
            _ => {}
        }
        Typed::More
    }

    /// What is asked, and what was typed so far.
    pub(super) fn line(&self) -> String {
        let what = match self.knob {
            Knob::Rate => "rate",
            Knob::Users => "users",
        };
        format!("{what} of {}: {}", self.scenario, self.typed)
    }

    /// What one can do.
    pub(super) const fn hint(&self) -> &'static str {
        match self.knob {
            Knob::Rate => "like 800/s; enter applies, esc cancels",
            Knob::Users => "like 500; enter applies, esc cancels",
        }
    }

    fn read(&self) -> Typed {
        let (scenario, typed) = (self.scenario.clone(), &self.typed);
        if typed.is_empty() {
            return Typed::Cancelled;
        }
        match self.knob {
            Knob::Rate => match typed.parse::<Rate>() {
                Ok(rate) => Typed::Wanted(Wanted::Rate { scenario, milli: rate.milli() }),
                Err(why) => Typed::Wrong(format!("{typed}: {why}: {}", why.remedy())),
            },
            Knob::Users => match typed.parse::<u32>() {
                Ok(users) => Typed::Wanted(Wanted::Users { scenario, users }),
                Err(_) => Typed::Wrong(format!("{typed}: not a number of users: write one like 500")),
            },
        }
    }
}

/// Nothing that can be meant is longer.
const TYPED_MAX: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(knob: Knob, keys: &str) -> Typed {
        let mut prompt = Prompt::new("s", knob);
        let key = |c| match c {
            '<' => KeyCode::Backspace,
            '!' => KeyCode::Esc,
            '\n' => KeyCode::Enter,
            c => KeyCode::Char(c),
        };
        keys.chars().map(|c| prompt.on_key(key(c))).last().unwrap()
    }

    #[test]
    fn what_is_typed_is_read_as_in_a_plan() {
        let scenario = || "s".to_owned();
        let rate = |milli| Typed::Wanted(Wanted::Rate { scenario: scenario(), milli });
        let users = |users| Typed::Wanted(Wanted::Users { scenario: scenario(), users });
        for (knob, keys, expected) in [
            (Knob::Rate, "800/s\n", rate(800_000)),
            (Knob::Rate, "6000/m\n", rate(100_000)),
            (Knob::Rate, "8\u{e9}1<0.5/s\n", rate(80_500)),
            (Knob::Rate, "80", Typed::More),
            (Knob::Rate, "80!", Typed::Cancelled),
            (Knob::Rate, "\n", Typed::Cancelled),
            (Knob::Rate, "1<<<\n", Typed::Cancelled),
            (Knob::Users, "500\n", users(500)),
            (Knob::Users, "0\n", users(0)),
        ] {
            assert_eq!(typed(knob, keys), expected, "{keys:?}");
        }
    }

    #[test]
    fn what_cannot_be_meant_says_what_would_be_right() {
        for (knob, keys, right) in [
            (Knob::Rate, "800\n", "800: not a rate: write "),
            (Knob::Rate, "fast\n", "fast: not a rate: write "),
            (Knob::Rate, "99999999/s\n", "at most 10000000/s"),
            (Knob::Rate, "1/m\n", "the nearest rates are \"0.016/s\" and \"0.017/s\""),
            (Knob::Users, "5/s\n", "5/s: not a number of users: write one like 500"),
            (Knob::Users, "99999999999\n", "write one like 500"),
        ] {
            let Typed::Wrong(said) = typed(knob, keys) else { panic!("{keys:?}") };
            assert!(said.contains(right), "{keys:?}: {said}");
        }
    }

    #[test]
    fn a_line_has_an_end() {
        let mut prompt = Prompt::new("s", Knob::Users);
        (0..100).for_each(|_| drop(prompt.on_key(KeyCode::Char('9'))));
        assert_eq!(prompt.line(), format!("users of s: {}", "9".repeat(TYPED_MAX)));
    }
}
