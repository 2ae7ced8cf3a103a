//! What benchmarks tell of memory.

/// The most memory that the process has had, in MiB.
pub(crate) fn at_most() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    let kib = line.split_whitespace().next().and_then(|kib| kib.parse::<f64>().ok());
    kib.unwrap_or(f64::NAN) / 1_024.0
}
