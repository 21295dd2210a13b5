//! People who label the same answers: how far they agree, and what they disagree on.
//!
//! Agreement decides nothing, and it is not correctness. Disagreement is kept: an answer on which people differ is shown as that,
//! until somebody settles it.

mod agreement;
mod rated;
mod reviewers;
#[cfg(test)]
mod tests;
mod words;

pub use agreement::{
    AgreementDocument, CriterionView, EstimateView, FORMAT, PairView, ScopeView, Standing,
    agreement, schema,
};
pub use rated::{Rated, Unit, Whose, is_of_people, rated};
pub use reviewers::{Reviewers, reviewers};
pub use words::text;
