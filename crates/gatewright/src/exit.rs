//! Exit codes: one documented list (docs/exit-codes.md). Only the command line maps anything to them.

use gatewright_core::decide::Answer;
use gatewright_core::manifest::Enforce;

/// Ship, or an answer that `--accept` lists.
pub(crate) const SHIP: u8 = 0;
/// A bug, or a disk that is full.
pub(crate) const UNEXPECTED: u8 = 1;
/// Bad usage, or files that are not valid.
pub(crate) const USAGE: u8 = 2;
/// No example or no system was selected, or `--resume` found nothing to go on with.
pub(crate) const NOTHING: u8 = 4;
/// The run is incomplete and can be resumed, or much of it ended in errors.
pub(crate) const INCOMPLETE: u8 = 111;
/// What was stored is not what was written.
pub(crate) const ALTERED: u8 = 112;
/// Interrupted.
pub(crate) const INTERRUPTED: u8 = 130;

/// Returns the exit code of an answer under the page's `enforce` and the caller's `--accept`.
pub(crate) fn of_answer(answer: Answer, enforce: Enforce, accepted: &[Answer]) -> u8 {
    match enforce {
        Enforce::Observe | Enforce::Advise => SHIP,
        Enforce::Block if accepted.contains(&answer) => SHIP,
        Enforce::Block => answer.exit_code(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_is_the_exit_code() {
        let all = [
            (Answer::Ship, 0),
            (Answer::Hold, 100),
            (Answer::Rollback, 101),
            (Answer::Narrow, 102),
            (Answer::Repair, 103),
            (Answer::NotEnoughEvidence, 110),
        ];
        for (answer, code) in all {
            assert_eq!(of_answer(answer, Enforce::Block, &[]), code);
            assert_eq!(of_answer(answer, Enforce::Block, &[answer]), 0);
            assert_eq!(of_answer(answer, Enforce::Advise, &[]), 0);
            assert_eq!(of_answer(answer, Enforce::Observe, &[]), 0);
        }
    }
}
