//! The calibration as text: at most 25 lines of 80 columns for one criterion.

use std::fmt::Write as _;

use super::document::{AgreementView, CriterionView, ReadingView, ShareView};
use super::{Calibration, Document, Fitness, Reason};
use crate::report::untrusted::{clip, line};

/// Reasons that are shown in full.
const REASONS_SHOWN: usize = 3;

/// Says what to do next about a judge.
pub fn next_words(criterion: &str, one: &Calibration) -> String {
    let plan =
        |budget: u64| format!("gatewright calibrate {criterion} --plan {budget} -o labels.jsonl");
    let (labelled, units) = one.rests_on;
    // Answers of all systems are drawn alike, also where the labels of some are wanted.
    let drawn = |more: u64| match units {
        0 => one.first_labels.1,
        units => one.pooled.labelled + super::drawn_of_all(more, units, one.pooled.units),
    };
    match &one.fitness {
        Fitness::Undecided {
            labels: Some(more), ..
        } if labelled >= units && units > 0 => {
            format!(
                "everything is labelled: about {more} more answers to further examples would tell"
            )
        }
        Fitness::Fit => "nothing: rules on it decide, corrected for its errors".to_owned(),
        Fitness::Undecided {
            labels: Some(more), ..
        } => format!("label about {more} more answers: {}", plan(drawn(*more))),
        Fitness::Undecided { reasons, .. } if reasons.contains(&Reason::Changed) => {
            format!("calibrate the judge of now: {}", plan(one.first_labels.1))
        }
        Fitness::Undecided { .. } => format!(
            "label more of what the judge fails: {}",
            plan(drawn(one.first_labels.0))
        ),
        Fitness::Unfit { .. } if one.fitness.is_only_idle() => {
            "leave the judge out: people's labels decide alone".to_owned()
        }
        Fitness::Unfit { reasons } if matches!(reasons[..], [Reason::Scores { .. }]) => {
            "agree on the score from which an answer passes, and record that verdict".to_owned()
        }
        Fitness::Unfit { .. } => {
            "repair the judge's prompt or rubric, take another judge, or let people judge"
                .to_owned()
        }
    }
}

/// Writes the document for a terminal of this width (80 at least).
pub fn text(document: &Document, width: usize) -> String {
    let width = width.max(80);
    let mut text = String::new();
    match document.criteria.as_slice() {
        [] => text.push_str("No criterion has people's labels beside a model judge.\n"),
        [one] => whole(&mut text, one, width),
        several => {
            for one in several {
                heading(&mut text, one, width);
                if let Some(reason) = one.reasons.first() {
                    let _ = writeln!(text, "  {}", clip(&line(&reason.words, 300), width - 2));
                }
            }
            text.push_str("Next: gatewright calibrate CRITERION\n");
        }
    }
    text
}

fn heading(text: &mut String, one: &CriterionView, width: usize) {
    let verdict = match one.fitness.as_str() {
        "fit" => "fit to gate, corrected for its errors",
        "unfit" => "unfit to gate",
        _ => "not known to be fit to gate",
    };
    let pooled = &one.pooled;
    let from = if one.from_earlier {
        ", rates from an earlier calibration"
    } else {
        ""
    };
    let shown = format!(
        "{}: {verdict} ({} of {} answers labelled{from})",
        line(&one.criterion, 40),
        pooled.labelled,
        pooled.units
    );
    let _ = writeln!(text, "{}", clip(&shown, width));
}

fn whole(text: &mut String, one: &CriterionView, width: usize) {
    heading(text, one, width);
    for reason in one.reasons.iter().take(REASONS_SHOWN) {
        for shown in wrapped(&line(&reason.words, 300), width - 4).iter().take(2) {
            let _ = writeln!(text, "  {shown}");
        }
    }
    let _ = writeln!(
        text,
        "\n{:<10} {:>7} {:>6}  {:<16} {:<16} {:<17}",
        "system", "answers", "labels", "passes passed", "fails failed", "kappa"
    );
    let several = one.systems.len() > 1;
    for system in &one.systems {
        row(text, system.role.word(), &system.reading);
    }
    if several {
        row(text, "together", &one.pooled);
    }
    text.push('\n');
    for said in notes(one) {
        for shown in wrapped(&said, width).iter().take(2) {
            let _ = writeln!(text, "{shown}");
        }
    }
    for shown in wrapped(&format!("Next: {}", one.next), width)
        .iter()
        .take(2)
    {
        let _ = writeln!(text, "{shown}");
    }
}

fn row(text: &mut String, name: &str, reading: &ReadingView) {
    let kappa = reading.labels.as_ref().or(reading.verdicts.as_ref());
    let last = match reading.spearman {
        Some(rho) => format!("Spearman {rho:.3}"),
        None => kappa_cell(kappa),
    };
    let shown = format!(
        "{:<10} {:>7} {:>6}  {:<16} {:<16} {:<17}",
        clip(name, 10),
        reading.units,
        reading.labelled,
        share_cell(&reading.sensitivity),
        share_cell(&reading.specificity),
        last
    );
    let _ = writeln!(text, "{}", shown.trim_end());
}

/// `95 % 92-97 n318`: the share, its one-sided 95 % bounds and the labels behind it.
fn share_cell(share: &ShareView) -> String {
    match share.point {
        Some(point) => format!(
            "{:.0} % {:.0}-{:.0} n{}",
            100.0 * point,
            100.0 * share.lower,
            100.0 * share.upper,
            share.n
        ),
        None => "no label".to_owned(),
    }
}

fn kappa_cell(found: Option<&AgreementView>) -> String {
    let Some(found) = found else {
        return String::new();
    };
    match (found.kappa, found.interval) {
        (None, _) => "not defined".to_owned(),
        (Some(kappa), _) if found.anecdote => format!("{kappa:.2} anecdote"),
        (Some(kappa), Some((lower, upper))) => format!("{kappa:.3} {lower:.2}-{upper:.2}"),
        (Some(kappa), None) => format!("{kappa:.3}"),
    }
}

/// What else is worth a line.
fn notes(one: &CriterionView) -> Vec<String> {
    let mut notes = Vec::new();
    if let Some(found) = &one.differential {
        let side = |what: &str, gap: Option<f64>, p: Option<f64>| match (gap, p) {
            (Some(gap), Some(p)) => format!("{what} {:+.1} pts (p {p:.3})", 100.0 * gap),
            _ => format!("{what} unknown"),
        };
        notes.push(format!(
            "Candidate less production: {}, {}.",
            side("passes passed", found.sensitivity_gap, found.sensitivity_p),
            side("fails failed", found.specificity_gap, found.specificity_p)
        ));
    }
    let pooled = &one.pooled;
    if pooled.judge_unread + pooled.people_unread > 0 {
        notes.push(format!(
            "Unreadable and kept as missing: {} verdicts of the judge, {} labels of people.",
            pooled.judge_unread, pooled.people_unread
        ));
    }
    if pooled.outdated > 0 {
        notes.push(format!(
            "People labelled {} more answers that are others now: label them again (--plan).",
            pooled.outdated
        ));
    }
    notes.push(if pooled.retest_asked > 0 {
        format!(
            "Asked more than once, it changed its mind on {} of {} answers.",
            pooled.retest_flips, pooled.retest_asked
        )
    } else {
        "It was asked about no answer twice: whether it contradicts itself is unknown.".to_owned()
    });
    let people = &one.reviewers;
    if people.shared > 0 {
        let alpha = people
            .alpha
            .map_or("not defined".to_owned(), |alpha| format!("{alpha:.3}"));
        notes.push(format!(
            "People differ on {} of {} shared answers, Krippendorff's alpha {alpha}.",
            people.differ, people.shared
        ));
    }
    if let Some(worth) = one.worth {
        notes.push(format!(
            "One verdict of the judge is worth {worth:.2} of a person's label."
        ));
    }
    notes
}

/// Breaks a sentence at spaces.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = vec![String::new()];
    for word in text.split(' ') {
        let last = lines.len() - 1;
        let longer = lines[last].chars().count() + 1 + word.chars().count();
        if longer > width && !lines[last].is_empty() {
            lines.push(format!("  {word}"));
        } else {
            if !lines[last].is_empty() {
                lines[last].push(' ');
            }
            lines[last].push_str(word);
        }
    }
    lines
}
