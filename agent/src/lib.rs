//! The agent of Stampede: fires its share of the schedule and streams what it measured.
