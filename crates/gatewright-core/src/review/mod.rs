//! People who label the same answers: how far they agree, and what they disagree on.
//!
//! Agreement decides nothing, and it is not correctness. Disagreement is kept: an answer on which people differ is shown as that,
//! until somebody settles it.

mod agreement;
mod desk;
mod entry;
mod may;
mod people;
mod queue;
mod rated;
mod refusal;
mod repair;
mod reviewers;
mod rows;
#[cfg(test)]
mod tests;
mod words;

pub use agreement::{
    AgreementDocument, CriterionView, EstimateView, FORMAT, HintView, PairView, ScopeView,
    Standing, agreement, schema,
};
pub use desk::{
    Desk, Item, LEAST_GOLD, Progress, REASON_CHARS, ReviewEvent, Rubrics, UNDO_SECONDS, rubrics,
};
pub use entry::{Aside, Entry, Given, Origin, Stand, person_of};
pub use people::{PersonLine, desk_agreement, people};
pub use queue::{Picked, deciding, flips, guard_flips};
pub use rated::{Rated, Unit, Whose, is_of_people, rated};
pub use refusal::Refusal;
pub use repair::{file_with, is_version, page_with};
pub use reviewers::{Reviewers, reviewers};
pub use rows::{AskedRow, Asks, SETTLES, SaidRow, Same, label_of_row, said, withdrawn};
pub use words::text;
