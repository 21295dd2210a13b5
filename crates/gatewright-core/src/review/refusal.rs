//! Why something cannot be said of an answer.

use super::desk::{REASON_CHARS, UNDO_SECONDS};

/// Why an event of people's labels may not be written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is no such answer.
    #[error("nobody was asked about such an answer")]
    NoItem,
    /// The label is none of the criterion's.
    #[error("that is no label of this criterion: {}", known.join(", "))]
    NotALabel {
        /// What it may be.
        known: Vec<String>,
    },
    /// It has no name.
    #[error("a label needs the name of who gives it")]
    Nobody,
    /// The same person has said something.
    #[error("you have labelled this answer already")]
    Twice,
    /// The same person has put it aside.
    #[error("you have put this answer aside already")]
    AsideTwice,
    /// The person wrote what is being judged.
    #[error("the author of a change does not label it")]
    Author,
    /// It is settled.
    #[error("{by} has settled this answer")]
    Settled {
        /// Who did.
        by: String,
    },
    /// Nobody differs.
    #[error("people do not differ on this answer: there is nothing to settle")]
    NotDisputed,
    /// Those who differ do not settle it.
    #[error("you labelled this answer: somebody else settles it")]
    OwnDispute,
    /// There is nothing to take back.
    #[error("you have not labelled this answer")]
    NothingSaid,
    /// The time to take it back is over.
    #[error("a label can be taken back for {UNDO_SECONDS} seconds")]
    TooLate,
    /// What was put aside is not labelled after all.
    #[error(
        "you have put this answer aside, and what others said may have been shown to you since"
    )]
    Aside,
    /// Who knows which system answers does not label.
    #[error("you were shown which system answers this example: somebody else labels it")]
    Told,
    /// Who knows what others said does not label.
    #[error("you were shown what others said of this answer: somebody else labels it")]
    Read,
    /// What is said by an old version counts for nothing.
    #[error(
        "the page names another version of the rubric by now: a label by this one would not count"
    )]
    OldRubric,
    /// As many have labelled it as were asked.
    #[error("enough people have labelled this answer")]
    Enough,
    /// Who asks does not answer.
    #[error("you asked about the policy: somebody else settles it")]
    OwnQuestion,
    /// It waits for the same person's label.
    #[error("this answer waits for your own label: label it or put it aside first")]
    LabelFirst,
    /// Two say that different labels are right.
    #[error("another label is known of this answer: who knows better settles that first")]
    KnownOtherwise,
    /// The note is too long.
    #[error("a note has at most {} characters", REASON_CHARS.end())]
    Note,
    /// The reason is too short or too long.
    #[error("a reason has {} to {} characters", REASON_CHARS.start(), REASON_CHARS.end())]
    Reason,
    /// Nobody, or too many, are to label it.
    #[error("an answer is labelled by 1 to 20 people")]
    People,
}
