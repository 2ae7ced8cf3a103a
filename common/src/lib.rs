//! The pure core of Stampede: schedule, lanes, pacing, measuring, accounting, plan.
