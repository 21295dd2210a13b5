//! Graders of graders: all, any, none of several rules.

use super::ready::{Ready, expects, judge};
use super::sheet::{Measures, Sheet};
use super::verdict::{Graded, Verdict};
use crate::manifest::{Grader, Join};
use crate::reference::Example;
use crate::response::Response;

/// What these graders can tell.
pub(super) const SHEETS: [Sheet; 3] = [
    Sheet {
        kind: "all",
        measures: Measures::Parts,
        checks: "every one of several rules passes",
        protects: &[],
        cost: "its rules in turn, until one decides",
        deterministic: true,
        blind_spot: "the blind spots of its rules; only the first failure is named",
    },
    Sheet {
        kind: "any",
        measures: Measures::Parts,
        checks: "one of several rules passes at least",
        protects: &[],
        cost: "its rules in turn, until one decides",
        deterministic: true,
        blind_spot: "the blind spots of its rules together: the weakest lets pass",
    },
    Sheet {
        kind: "none",
        measures: Measures::Parts,
        checks: "none of several rules passes",
        protects: &[],
        cost: "its rules in turn, until one decides",
        deterministic: true,
        blind_spot: "what a rule fails to see passes",
    },
];

/// Joins the verdicts of the rules that apply to the example. A rule that cannot tell leaves the verdict open, unless another decides it;
/// symptoms: of `all` the failing rule's, of `any` `no-rule-holds`, of `none` `a-rule-holds`.
pub(super) fn grade(
    join: Join,
    of: &[Grader],
    ready: &[Ready<'_>],
    example: &Example,
    response: &Response,
) -> Graded {
    let rules = of.iter().zip(ready);
    let apply = rules.filter(|(grader, ready)| expects(grader, ready, example));
    let mut open: Option<Graded> = None;
    let mut last: Option<String> = None;
    for (grader, ready) in apply {
        let graded = judge(grader, ready, example, response);
        match (join, &graded.verdict) {
            (Join::All, Verdict::Fail { .. }) => {
                return Graded {
                    value: None,
                    ..graded
                };
            }
            (Join::Any, Verdict::Pass) => return Graded::pass(),
            (Join::None, Verdict::Pass) => {
                let kind = super::sheet::kind(grader);
                return Graded::fail("a-rule-holds", format!("`{kind}` passes"));
            }
            (_, Verdict::Fail { why, .. }) => last = Some(why.clone()),
            (_, Verdict::Missing(_)) => open = Some(graded),
            // A mere measure cannot be joined: the page is refused before.
            (_, Verdict::Pass | Verdict::Value(_)) => {}
        }
    }
    match (open, join) {
        (Some(open), _) => open,
        (None, Join::Any) => {
            let why = last.unwrap_or_default();
            Graded::fail("no-rule-holds", format!("no rule passes; the last: {why}"))
        }
        (None, Join::All | Join::None) => Graded::pass(),
    }
}
