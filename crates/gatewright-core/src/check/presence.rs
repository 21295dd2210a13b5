//! Presence is not correctness: criteria that protect a class which their grader cannot see.

use super::classes_of;
use crate::grade::{Measures, Sheet, blind_to_correctness, kind, sheet};
use crate::manifest::{Criterion, Grader, Manifest};
use crate::problem::Problem;

/// Classes of what an answer says: to see them, a grader must know what is right.
const CORRECTNESS: [&str; 3] = ["unsupported-claim", "wrong-source", "source-conflict"];

/// Suggests another grader where presence, form or time stands for one of these classes. The criteria that stand where a page writes none are
/// left out: nobody chose them.
pub(super) fn check(manifest: &Manifest, problems: &mut Vec<Problem>) {
    if !manifest.spans.contains_key("criteria") {
        return;
    }
    for criterion in &manifest.criteria {
        let unseen: Vec<&str> = protected(manifest, criterion)
            .into_iter()
            .filter(|class| is_blind(&criterion.grader, class))
            .collect();
        if unseen.is_empty() {
            continue;
        }
        let what = format!(
            "`{}` protects {} and sees only {}",
            criterion.id,
            unseen.join(", "),
            sees(&criterion.grader)
        );
        problems.push(
            Problem::suggestion(
                "presence-for-correctness",
                manifest.at(&format!("criteria.{}.grader", criterion.id)),
                what,
            )
            .why(blind_spot(&criterion.grader))
            .instead(instead(&unseen)),
        );
    }
}

/// Says whether a grader cannot see a class of correctness: it is blind to all of them, or it looks at what answers rest on and its sheet does
/// not name this one.
fn is_blind(grader: &Grader, class: &str) -> bool {
    match grader {
        Grader::Joined { of, .. } => of.iter().all(|one| is_blind(one, class)),
        // Without a value that is right it says only that something is there.
        Grader::JsonPath {
            equals: None,
            matches: None,
            ..
        } => true,
        _ => {
            let other = |sheet: &Sheet| {
                sheet.measures == Measures::Evidence && !sheet.protects.contains(&class)
            };
            blind_to_correctness(grader) || sheet(kind(grader)).is_some_and(other)
        }
    }
}

/// The classes of correctness that a criterion protects.
fn protected(manifest: &Manifest, criterion: &Criterion) -> Vec<&'static str> {
    let protects: Vec<&str> = classes_of(criterion)
        .iter()
        .filter_map(|&class| manifest.classes.get(usize::from(class)))
        .map(|class| class.id.as_str())
        .collect();
    let all = CORRECTNESS.into_iter();
    all.filter(|class| protects.contains(class)).collect()
}

fn sees(grader: &Grader) -> String {
    match grader {
        Grader::Joined { of, .. } => {
            let kinds = of.iter().map(|it| format!("`{}`", kind(it)));
            format!("what {} see", kinds.collect::<Vec<_>>().join(", "))
        }
        _ => sheet(kind(grader)).map_or_else(String::new, |it| format!("that {}", it.checks)),
    }
}

fn blind_spot(grader: &Grader) -> &'static str {
    sheet(kind(grader)).map_or("", |sheet| sheet.blind_spot)
}

fn instead(classes: &[&str]) -> &'static str {
    match classes {
        ["wrong-source"] => "`must_cite`: the example names the right sources",
        ["source-conflict"] => "`behaviour`, with what the example expects, or labels of people",
        _ => {
            "`quotes_in_sources`, `exact`, `number`, `quantity` or `date` against what is right, or labels of people"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::read::read;
    use crate::testing::lines;

    const PAGE: &str = "\
gatewright: 1
promise: Answer billing questions from the current policy.
tasks: {refund: a, invoice: b}
failures: {unsupported-claim: {severity: high}}
owners: {product: Maria}
systems: {candidate: {recorded: a.jsonl}, production: {recorded: b.jsonl}}
CRITERIA
gate: [{watch: CLASS, owner: product}]
";

    fn found(criterion: Option<(&str, &str)>) -> Vec<String> {
        let text = match criterion {
            Some((grader, class)) => PAGE
                .replace(
                    "CRITERIA",
                    &format!("criteria: {{c: {{grader: {grader}, fails_as: {class}}}}}"),
                )
                .replace("watch: CLASS", "watch: c"),
            None => PAGE
                .replace("CRITERIA\n", "")
                .replace("watch: CLASS", "watch: contains"),
        };
        let (manifest, problems) = read(text.as_bytes(), "g.yaml");
        let manifest = manifest.unwrap_or_else(|| panic!("{:?}", lines(&problems)));
        let mut said = Vec::new();
        check(&manifest, &mut said);
        assert!(
            said.iter()
                .all(|it| it.weight == crate::problem::Weight::Suggestion)
        );
        lines(&said)
    }

    #[test]
    fn presence_form_and_time_do_not_see_what_is_right() {
        for (grader, class) in [
            ("{contains: {}}", "unsupported-claim"),
            ("{regex: {pattern: USD}}", "unsupported-claim"),
            ("{cites: {from: sources}}", "wrong-source"),
            ("{length: {of: words, at_most: 9}}", "source-conflict"),
            (
                "{similarity: {metric: rouge_l, at_least: 0.5}}",
                "unsupported-claim",
            ),
            ("{latency: {at_most: 2 s}}", "unsupported-claim"),
            (
                "{any: {of: [{contains: {}}, {regex: {pattern: a}}]}}",
                "unsupported-claim",
            ),
            ("{contains: {}}", "{missing-text: wrong-source}"),
            ("{must_cite: {}}", "unsupported-claim"),
            ("{must_cite: {}}", "source-conflict"),
            ("{json_path: {path: $.sum}}", "unsupported-claim"),
        ] {
            let said = found(Some((grader, class)));
            assert_eq!(said.len(), 1, "{grader} {class}: {said:?}");
            assert!(
                said[0].starts_with("g.yaml:7:16 presence-for-correctness: `c` protects "),
                "{said:?}"
            );
        }
    }

    #[test]
    fn what_knows_the_right_answer_or_protects_something_else_is_left_alone() {
        for (grader, class) in [
            ("{quotes_in_sources: {}}", "unsupported-claim"),
            ("{number: {}}", "unsupported-claim"),
            ("{must_cite: {}}", "wrong-source"),
            ("{json_path: {path: $.sum, equals: 3}}", "unsupported-claim"),
            ("{behaviour: {}}", "source-conflict"),
            ("{all: {of: [{contains: {}}, number]}}", "unsupported-claim"),
            ("{contains: {}}", "missing-source"),
            ("{length: {of: words, at_most: 9}}", "format-violation"),
            ("{cites: {from: sources}}", "missing-source"),
        ] {
            assert_eq!(found(Some((grader, class))), [""; 0], "{grader} {class}");
        }
        assert_eq!(found(None), [""; 0], "nobody chose the standing criteria");
    }
}
