//! What is shot at: the demo service inside this process.

use demo::{Config, Record, Recording, Running, Service};
use std::net::TcpListener;
use std::num::NonZeroUsize;

/// A demo service that remembers every request, on a free port.
pub(crate) fn demo() -> Running {
    demo_with(|_| {})
}

/// The same with other settings.
pub(crate) fn demo_with(change: impl FnOnce(&mut Config)) -> Running {
    let mut config = Config { recording: Recording::Memory, ..Config::default() };
    config.threads = NonZeroUsize::new(2).unwrap();
    change(&mut config);
    Service::start(config, TcpListener::bind("127.0.0.1:0").unwrap()).unwrap()
}

/// The numbers of the arrivals of a scenario as the service saw them, sorted.
pub(crate) fn arrivals_of(records: &[Record], scenario: &str) -> Vec<u64> {
    let named = records.iter().filter_map(|record| record.arrival.split_once(':'));
    let numbers = named.filter(|(name, _)| *name == scenario).map(|(_, number)| number.parse().unwrap());
    let mut numbers: Vec<u64> = numbers.collect();
    numbers.sort_unstable();
    numbers
}
