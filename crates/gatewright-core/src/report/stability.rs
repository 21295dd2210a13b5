//! The part of a report that says how stable the answer is, and how it is worded.

use crate::decide::Answer;
use crate::reference::ReferenceSet;
use crate::report::model::{AnswerCount, LeftOutView, StabilityView, StableRule, View};
use crate::report::untrusted::line;
use crate::report::words::{count, list, short};
use crate::stability::{LEAST_CLUSTERS, LEFT_OUT_MAX, Stability};

/// Clusters that are listed.
const CLUSTERS_MAX: usize = 20;
/// Examples of each that are listed.
const EXAMPLES_MAX: usize = 3;
/// Clusters that a sentence names.
const NAMED_MAX: usize = 3;

/// Builds what a report says of an answer's stability.
pub fn stability(found: &Stability, reference: &ReferenceSet, view: &View) -> StabilityView {
    let mut answers: Vec<AnswerCount> = found
        .answers
        .iter()
        .map(|(answer, draws)| AnswerCount {
            answer: *answer,
            draws: *draws,
        })
        .collect();
    answers.sort_by_key(|one| std::cmp::Reverse(one.draws));
    let cluster = |(examples, answer): &(Vec<u32>, Answer)| LeftOutView {
        examples: examples
            .iter()
            .take(EXAMPLES_MAX)
            .map(|&example| reference.examples[example as usize].id.to_string())
            .collect(),
        size: examples.len() as u64,
        answer: *answer,
    };
    let left_out = found.left_out.as_ref();
    let rules = (0..).zip(&found.findings).filter(|(_, mix)| mix.deciding);
    let mut shown = StabilityView {
        finding: finding(found, &answers),
        summary: summary(found),
        notes: Vec::new(),
        resamples: found.resamples(),
        clusters: found.clusters,
        approximate: found.clusters < LEAST_CLUSTERS,
        same_share: 1.0 - found.flip_share(),
        answers,
        rules: rules
            .map(|(finding, mix)| StableRule {
                finding,
                holds: mix.counts[0],
                violated: mix.counts[1],
                undecided: mix.counts[2],
                otherwise_share: mix.flip_share(),
                fragile: mix.fragile(),
            })
            .collect(),
        left_out: left_out.map(|left| {
            left.answers
                .iter()
                .take(CLUSTERS_MAX)
                .map(cluster)
                .collect()
        }),
        left_out_total: left_out.map_or(0, |left| left.answers.len() as u64),
    };
    let fragile = shown.rules.iter().filter(|rule| rule.fragile);
    let fragile = fragile.filter_map(|rule| Some((rule, view.findings.get(rule.finding)?)));
    let mut notes: Vec<String> = fragile
        .map(|(rule, of)| {
            format!(
                "fragile: {} holds for {}, and stood otherwise in {} of the draws",
                of.rule,
                of.slice.words,
                percent(rule.otherwise_share)
            )
        })
        .collect();
    notes.push(alone(found, &shown));
    notes.extend(found.largest.as_ref().map(|largest| {
        let largest = cluster(largest);
        format!(
            "without the largest cluster ({} with {}) the answer {}",
            examples(largest.size),
            names(&largest),
            becomes(found.answer, largest.answer)
        )
    }));
    notes.push(levels(found));
    shown.notes = notes;
    shown
}

fn finding(found: &Stability, answers: &[AnswerCount]) -> String {
    let of = |answer| {
        let drawn = answers.iter().find(|one| one.answer == answer);
        count(u64::from(drawn.map_or(0, |one| one.draws)))
    };
    let others = answers.iter().filter(|one| one.answer != found.answer);
    let others: Vec<String> = others
        .map(|one| format!("{} in {}", one.answer.word(), count(u64::from(one.draws))))
        .collect();
    let rest = match others.as_slice() {
        [] => String::new(),
        others => format!("; {}", list(others)),
    };
    format!(
        "{} in {} of {} draws of the examples{rest}",
        found.answer.word(),
        of(found.answer),
        count(u64::from(found.resamples())),
    )
}

fn summary(found: &Stability) -> String {
    let rough = match found.clusters < LEAST_CLUSTERS {
        true => format!(
            " With fewer than {LEAST_CLUSTERS} {}s it is a rough picture.",
            unit(found)
        ),
        false => String::new(),
    };
    format!(
        "The {} are drawn again with replacement, as many as there are, and every rule is evaluated anew (cluster bootstrap, approximate). Near a limit \
         about half of the draws stand otherwise by construction: this is no p-value, and it decides nothing.{rough}",
        units(found, found.clusters)
    )
}

/// What leaving out one cluster does.
fn alone(found: &Stability, shown: &StabilityView) -> String {
    let (Some(left), Some(listed)) = (&found.left_out, &shown.left_out) else {
        return format!(
            "what leaving out single examples would change was not computed: more than {} of them differ",
            count(LEFT_OUT_MAX as u64)
        );
    };
    let one = unit(found);
    if listed.is_empty() {
        return match left.verdicts {
            0 => format!(
                "leaving out any one {one} changes neither the answer nor how a rule stands"
            ),
            moved => format!(
                "leaving out any one {one} keeps the answer; {} would each make a rule stand otherwise",
                units(found, moved)
            ),
        };
    }
    let named: Vec<String> = listed
        .iter()
        .take(NAMED_MAX)
        .map(|one| format!("{} ({})", names(one), one.answer.word()))
        .collect();
    let all = match shown.left_out_total {
        1 => format!("one {one} changes the answer"),
        many => format!("any of {} changes the answer", units(found, many)),
    };
    let which = match shown.left_out_total as usize > NAMED_MAX {
        true => format!("{}, …", named.join(", ")),
        false => named.join(", "),
    };
    format!("leaving out {all}: {which}")
}

fn levels(found: &Stability) -> String {
    let [(first, at_first), (second, at_second)] = found.levels;
    let (low, high) = (percent(first), percent(second));
    let then = becomes(found.answer, at_first);
    match at_first == at_second {
        true => format!("at one-sided levels of {low} and {high} for every rule the answer {then}"),
        false => format!(
            "at a one-sided level of {low} for every rule the answer {then}, at {high} it {}",
            becomes(found.answer, at_second)
        ),
    }
}

fn becomes(answer: Answer, other: Answer) -> String {
    match answer == other {
        true => format!("stays {}", answer.word()),
        false => format!("would be {}", other.word()),
    }
}

fn names(cluster: &LeftOutView) -> String {
    let first: Vec<String> = cluster.examples.iter().map(|id| line(id, 60)).collect();
    match cluster.size as usize > cluster.examples.len() {
        true => format!("{}, …", first.join(", ")),
        false => first.join(", "),
    }
}

fn examples(size: u64) -> String {
    match size {
        1 => "one example".to_owned(),
        many => format!("{} examples", count(many)),
    }
}

/// What is drawn: clusters, or examples where each is one by itself.
fn unit(found: &Stability) -> &'static str {
    match found.largest {
        Some(_) => "cluster",
        None => "example",
    }
}

fn units(found: &Stability, number: u64) -> String {
    match number {
        1 => format!("one {}", unit(found)),
        many => format!("{} {}s", count(many), unit(found)),
    }
}

fn percent(share: f64) -> String {
    format!("{} %", short(100.0 * share, 1))
}
