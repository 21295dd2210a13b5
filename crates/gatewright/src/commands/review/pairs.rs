//! Two answers that people compare: what stands on the page of a recorded preference, as what people are asked.

use gatewright_core::label::{Label, PAIR, TextCode, answer_id};
use gatewright_core::manifest::{Grader, Role};
use gatewright_core::review::Item;

use crate::commands::labelling::labels_of;
use crate::error::Failure;
use crate::pipeline::{Judging, Loaded, graders};

/// The two answers to one example.
pub(super) struct Pair {
    /// Index into the reference set.
    pub(super) example: u32,
    /// What people see; the first answer is that of the system which the example names first.
    pub(super) item: Item,
    /// The labels that the page's files have of it, each as the first label of its meaning.
    pub(super) labels: Vec<Label>,
}

/// Lists the pairs of a criterion whose answers are both there, in the order of examples.
///
/// # Errors
/// When an example is not what it was.
pub(super) fn pairs(loaded: &Loaded, judging: &Judging, index: u16) -> Result<Vec<Pair>, Failure> {
    let declared = &loaded.manifest.criteria[usize::from(index)];
    let graders = graders(loaded)?;
    let mut found = Vec::new();
    for example in 0..loaded.reference.examples.len() as u32 {
        let Some(candidate_first) = graders.candidate_is_first(index, example) else {
            continue;
        };
        let said = |role| {
            let (_, output) = judging.answers.get(&(example, role, 0))?;
            output.as_deref()
        };
        let Some((ours, theirs)) = said(Role::Candidate).zip(said(Role::Production)) else {
            continue;
        };
        let (first, second) = match candidate_first {
            true => (ours, theirs),
            false => (theirs, ours),
        };
        let all = loaded.labels.of_example(index, example);
        // A preference is joined by the order of its trials: the first is about the first answers.
        let trial = all.iter().map(|label| label.trial).min().unwrap_or(0);
        let text = TextCode::of_two(TextCode::of(first), TextCode::of(second));
        let of_it = |it: &Label| it.trial == trial && it.text.is_none_or(|told| told == text);
        let labels = all.into_iter().filter(of_it);
        let labels = labels.filter_map(|label| meant(&declared.grader, label));
        let labels = labels.collect();
        let whole = loaded.reference.example(example)?;
        let (criterion, id) = (declared.id.as_str(), whole.id.as_str());
        let item = Item {
            criterion: criterion.to_owned(),
            example: id.to_owned(),
            answer_id: answer_id(criterion, id, PAIR, (trial, None), Some(text)),
            trial,
            part: None,
            labels: labels_of(&declared.grader),
            rubric: declared.people_rubric().map(str::to_owned),
            input: whole.input.text().into_owned(),
            output: Some(first.to_owned()),
            second: Some(second.to_owned()),
            inclusion: None,
        };
        found.push(Pair {
            example,
            item,
            labels,
        });
    }
    Ok(found)
}

/// Puts the first label of the same meaning in a label's place: people choose among those.
fn meant(grader: &Grader, label: Label) -> Option<Label> {
    let Grader::Preference(own) = grader else {
        return None;
    };
    let mut meanings = [&own.first, &own.second, &own.tie].into_iter();
    let known = meanings.find(|it| it.contains(&*label.label))?;
    Some(Label {
        label: known.first()?.as_str().into(),
        ..label
    })
}

/// Says that no two answers are there to compare.
pub(super) fn no_pairs(name: &str) -> Failure {
    Failure::usage(format!("there are no two answers to compare for `{name}`"))
        .why("whoever compares reads what candidate and production answered to the same example")
        .next("gatewright run   (or `recorded:` under both systems, with the answers that were compared)")
}
