//! The mathematics of release decisions: estimates, bounds, tests, power.
//!
//! No domain words, no I/O, no clocks, no hidden randomness. Every function cites its source; reference values from
//! other tools stand in the `vectors` test. Undefined results are [`estimate::Undefined`], never NaN.
//!
//! Reading order: `estimate` is what comes out; `choose` says which method a row of evidence gets;
//! the other modules are the methods; `special` and `binomial` are what they rest on.

pub mod choose;
pub mod estimate;

pub mod guard;
pub mod verdict;

pub mod betting;
pub mod cluster;
pub mod mean;
pub mod paired;
pub mod proportion;
pub mod quantile;

pub mod binomial;
pub mod rng;
pub mod special;
pub mod sum;

pub mod agreement;
pub mod bootstrap;
pub mod checklist;
pub mod dawid_skene;
pub mod judge;
pub mod kappa;
pub mod ppi;
pub mod rank;

pub mod backtest;
pub mod sequential;
pub mod shift;

pub mod cost;
pub mod multiplicity;
pub mod power;
pub mod ratio;
pub mod repeats;
pub mod weights;
