//! The mathematics of release decisions: estimates, bounds, power.

pub mod estimate;
