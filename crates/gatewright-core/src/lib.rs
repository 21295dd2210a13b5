//! The domain of Gatewright: what a release decision is made of, without I/O, clocks or environment.
//!
//! Reading order follows the data: `manifest` (the one page) and `reference` (the examples) come in
//! through `source` (field maps); `plan` says what to attempt; `event` and `response` are what came back;
//! `grade` turns them into `outcome`s; `analyse` into findings; `decide` into a proposal; `report` into words.

pub mod digest;
pub mod id;
pub mod json;
pub mod pattern;
pub mod problem;
mod words;

pub mod class;
pub mod label;
pub mod manifest;
pub mod recorded;
pub mod reference;
pub mod segment;
pub mod source;

pub mod event;
pub mod exchange;
pub mod mixed;
pub mod plan;
pub mod prompt;
pub mod response;
pub mod seal;

pub mod grade;
pub mod judge;
pub mod outcome;
pub mod patch;

pub mod incident;

pub mod interop;

pub mod calibrate;
pub mod perturb;
pub mod review;

pub mod check;

pub mod analyse;
pub mod decide;
pub mod record;
pub mod report;
pub mod stability;
pub mod work;

#[cfg(test)]
mod testing;
