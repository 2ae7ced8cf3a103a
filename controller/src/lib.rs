//! The controller of Stampede: splits the load, merges what the agents measured, reports.
