//! Who sends, and what earlier steps of the iteration brought.

/// Who sends: everything that differs between the requests of a step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// The arrival's number.
    pub k: u64,
    /// The user's number; 0 where the load knows no users.
    pub user: u64,
    /// How many iterations the user began before this one; 0 where the load knows no users.
    pub iteration: u64,
}

/// What the steps of an iteration took from answers, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Vars {
    values: Vec<(String, String)>,
}

/// Why a text could not be rendered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotRendered(pub String);

impl Vars {
    /// The value under a name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.values.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// Keeps a value under a name.
    pub fn set(&mut self, name: &str, value: String) {
        match self.values.iter_mut().find(|(own, _)| own == name) {
            Some((_, own)) => *own = value,
            None => self.values.push((name.to_owned(), value)),
        }
    }

    /// Forgets everything: an iteration begins with nothing.
    pub fn clear(&mut self) {
        self.values.clear();
    }
}
