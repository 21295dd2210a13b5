//! Labels that no number would hold: verdicts on examples to which their criterion does not apply.

use crate::grade::Marks;
use crate::label::Labels;
use crate::manifest::{Grader, LabelGrader, Manifest};
use crate::problem::Problem;
use crate::reference::{Changed, ReferenceSet};
use crate::segment;

/// Says how many labels follow another version of the rubric than the page names: they are not read.
pub fn other_rubrics(manifest: &Manifest, labels: &Labels) -> Vec<Problem> {
    let rows = labels
        .other_rubric_rows
        .iter()
        .filter(|(_, rows)| **rows > 0);
    let say = |(index, rows): (&u16, &u64)| {
        let criterion = manifest.criteria.get(usize::from(*index))?;
        let s = if *rows == 1 { "" } else { "s" };
        let what = format!(
            "{rows} label{s} of `{}` follow another version of the rubric than the page names",
            criterion.id
        );
        let at = manifest.at(&format!("criteria.{}", criterion.id));
        let problem = Problem::suggestion("other-rubric", at, what);
        Some(
            problem
                .why("what was said by one version is not said by another: they are not read")
                .instead("label again: gatewright review ask --criterion NAME, or calibrate NAME --plan N"),
        )
    };
    rows.filter_map(say).collect()
}

/// Finds criteria that go by labels, and whose `applies_to` leaves out examples that have a label of them. Nothing would count such a verdict,
/// a failing one among them, and nobody would be told. A label that says itself that the criterion does not apply is none.
///
/// # Errors
/// When an example is not what it was when it was loaded.
pub fn labels_beyond(
    manifest: &Manifest,
    reference: &ReferenceSet,
    labels: &Labels,
) -> Result<Vec<Problem>, Changed> {
    let mut problems = Vec::new();
    let limited = |grader: &Grader, applies_to: &[_]| match grader {
        Grader::Label(_) => !applies_to.is_empty(),
        _ => false,
    };
    let mut criteria = manifest.criteria.iter();
    if !criteria.any(|it| limited(&it.grader, &it.applies_to)) {
        return Ok(problems);
    }
    let marks = Marks::of(manifest, reference)?;
    for (criterion, index) in manifest.criteria.iter().zip(0..) {
        let Grader::Label(grader) = &criterion.grader else {
            continue;
        };
        if !limited(&criterion.grader, &criterion.applies_to) {
            continue;
        }
        let applies = |example: u32| {
            marks.expects(index, example)
                && segment::is_in(manifest, reference, example, &criterion.applies_to)
        };
        let all = 0..reference.examples.len() as u32;
        let beyond = all.filter(|example| !applies(*example));
        let beyond = beyond.filter(|example| says(grader, labels, index, *example));
        let names: Vec<&str> = beyond
            .map(|example| reference.examples[example as usize].id.as_str())
            .collect();
        if names.is_empty() {
            continue;
        }
        let what = format!(
            "`{}` has verdicts on examples that it does not apply to: {}",
            criterion.id,
            super::few(names)
        );
        let at = manifest.at(&format!("criteria.{}.applies_to", criterion.id));
        problems.push(
            Problem::error("verdict-not-counted", at, what)
                .why("no rule would see them, and a failing one may be among them")
                .instead("an `applies_to` that takes these examples in; or leave their labels out, with `where` on a field of the labels"),
        );
    }
    Ok(problems)
}

/// Says whether any label of an example, of whichever system, is more than the word that the criterion does not apply.
fn says(grader: &LabelGrader, labels: &Labels, criterion: u16, example: u32) -> bool {
    let not_applicable = |text: &str| {
        let mut maps = grader.values.iter();
        maps.any(|map| map.not_applicable.contains(text))
    };
    labels
        .of_every_system(criterion, example)
        .any(|row| grader.score || !not_applicable(&labels.text(row)))
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use super::*;
    use crate::label;
    use crate::manifest::read::read;
    use crate::problem::Location;
    use crate::source::Source;
    use crate::testing::{lines, set};

    const PAGE: &str = "\
gatewright: 1
promise: Answer billing questions from the current policy.
tasks: {refund: a}
failures: {wrong-answer: {severity: high}}
owners: {product: Maria}
systems: {candidate: {recorded: a.jsonl}, production: {recorded: b.jsonl}}
criteria:
  safe:
    grader: {label: {from: l.jsonl, by: person, values: {pass: [pass], fail: [fail], not_applicable: [none]}}}
    fails_as: wrong-answer
    applies_to: {id: [a]}
gate: [{watch: safe, owner: product}]
";

    fn found(rows: &str) -> Vec<String> {
        let (manifest, problems) = read(PAGE.as_bytes(), "g.yaml");
        let manifest = manifest.unwrap_or_else(|| panic!("{:?}", lines(&problems)));
        let examples = ["a", "b", "c"].map(|id| format!("{{\"id\":\"{id}\",\"input\":\"x\"}}"));
        let source = Source::plain("r.jsonl", Location::default());
        let (reference, _) = set(&manifest, &source, examples.join("\n").as_bytes());
        let (mut labels, mut problems) = (Labels::default(), Vec::new());
        let requests = label::requests(&manifest);
        label::load(
            &manifest,
            &reference,
            &requests["l.jsonl"],
            "l.jsonl",
            rows.as_bytes(),
            NonZeroUsize::MIN,
            &mut labels,
            &mut problems,
        );
        assert_eq!(lines(&problems), Vec::<String>::new());
        lines(&labels_beyond(&manifest, &reference, &labels).expect("unchanged"))
    }

    #[test]
    fn a_verdict_that_no_criterion_counts_is_an_error() {
        let row = |example: &str, system: &str, label: &str| {
            format!("{{\"example\":\"{example}\",\"system\":\"{system}\",\"label\":\"{label}\"}}\n")
        };
        assert_eq!(found(&row("a", "candidate", "fail")), [""; 0]);
        let not_applicable = row("a", "candidate", "fail") + &row("b", "candidate", "none");
        assert_eq!(found(&not_applicable), [""; 0], "its label says so itself");
        let said = found(&(row("b", "production", "pass") + &row("c", "candidate", "fail")));
        assert_eq!(said.len(), 1);
        assert!(
            said[0].contains("`safe` has verdicts on examples that it does not apply to: b, c"),
            "{said:?}"
        );
    }
}
