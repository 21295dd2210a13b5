//! Model judges: what they are shown, what their words mean, and what shows that they cannot be trusted.
//!
//! A judge's text is data like a system's: a verdict is read from it by a schema, again at every grading, and nothing else in it counts.

pub mod ask;
mod canary;
mod member;
mod rubric;
mod table;
mod unit;
mod verdict;

pub use canary::{Canary, canaries, pair_canaries};
pub use member::{CanaryCount, MemberReport};
pub use rubric::{Level, Meaning, Rubric};
pub use table::{Judged, NoVerdict, Reading, Said};
pub use unit::{
    JudgedUnit, PairKind, Subject, hash_of_judge, hash_of_program, hash_of_response, in_order,
};
pub use verdict::{Unreadable, Verdict, level, program, winner};
