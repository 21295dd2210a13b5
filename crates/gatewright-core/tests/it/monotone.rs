//! Leaving out evidence never turns another answer into ship (design.md §6, hardening.md §2).

use gatewright_core::decide::{self, Answer};
use gatewright_core::manifest::Role;
use gatewright_core::outcome::{Bin, GraderKind, Missing, Outcome};

use crate::release::{Release, release};

const GUARD: &str = "{id: tasks, guard: right, by: [task], against: production, margin: 10 pts, then: {violated: narrow}, owner: team}";
const REQUIRE: &str = "{id: no-worse, require: right, against: production, margin: 5 pts, then: {violated: hold, undecided: narrow}, owner: team}";
const FLOOR: &str =
    "{id: floor, require: right, at_least: 70 %, then: {violated: repair}, owner: team}";
const BETTER: &str = "{id: beats, require: right, against: fallback, better_by: 0 pts, then: {violated: hold}, owner: team}";
const NEVER: &str = "{id: never, never: over-refusal, then: {violated: hold}, owner: team}";

/// Deletes every outcome in turn, both by turning it into missing and by leaving it out.
fn check(name: &str, release: &Release) {
    check_of(name, release, |_| true);
}

/// The same for some of the outcomes.
fn check_of(name: &str, release: &Release, wanted: impl Fn(&Outcome) -> bool) {
    let before = release.decide().answer;
    let all = 0..release.outcomes.len();
    for index in all.filter(|&index| wanted(&release.outcomes[index])) {
        let mut turned = release.outcomes.clone();
        turned[index].bin = Bin::Missing(Missing::HarnessError);
        let mut left_out = release.outcomes.clone();
        left_out.remove(index);
        for outcomes in [turned, left_out] {
            let analysis = release.analysis_of(outcomes);
            let after = decide::decide(&release.manifest, &analysis, &release.context).answer;
            assert!(
                after != Answer::Ship || before == Answer::Ship,
                "{name}: without {:?} the answer goes from {before:?} to ship",
                release.outcomes[index]
            );
        }
    }
}

#[test]
fn deleting_any_outcome_never_makes_a_ship() {
    for decision in [
        "standard: shown, route_by: [task]",
        "standard: unbroken, route_by: [task]",
    ] {
        let gate = [GUARD, REQUIRE, FLOOR, BETTER, NEVER];
        for (name, lost, gained, call) in [
            ("at the trip limit", 3, 0, false),
            ("at the sign test", 5, 0, false),
            ("mixed", 4, 3, false),
            ("called", 4, 0, true),
        ] {
            let case = release(27, decision, &gate, call)
                .fail(Role::Candidate, "a", lost)
                .fail(Role::Production, "b", gained)
                .fail(Role::Fallback, "a", 9)
                .fail(Role::Fallback, "b", 9);
            check(name, &case);
        }
    }
}

#[test]
fn deleting_fresh_trials_never_makes_a_ship() {
    for losing in [0, 2, 3, 5] {
        let tripped = release(
            27,
            "standard: unbroken, route_by: [task]",
            &[GUARD, NEVER],
            true,
        )
        .fail(Role::Candidate, "a", 5);
        let lost: Vec<u32> = tripped.task("a").into_iter().take(losing).collect();
        let case = tripped.confirm(|example| lost.contains(&example));
        check("fresh", &case);
    }
}

/// Lets the page say that a judge judges `right`.
fn judge_judges(release: &mut Release) {
    let page = r#"gatewright: 1
promise: Answer two kinds of questions.
tasks: {a: one, b: two}
failures: {latency: {severity: low}}
owners: {team: {name: Team}}
systems: {candidate: {labels_only: true}, production: {labels_only: true}}
criteria: {right: {grader: {label: {from: l.jsonl, by: model, values: {pass: [ok], fail: [no]}}}, fails_as: latency}}
gate: [{watch: right, owner: team}]
"#;
    let (other, problems) = gatewright_core::manifest::read::read(page.as_bytes(), "page.yaml");
    let mut other = other.unwrap_or_else(|| panic!("{problems:#?}"));
    release.manifest.criteria[0].grader = other.criteria.remove(0).grader;
}

/// A rule that people's or programs' verdicts carry gates, whichever single verdicts are a judge's: those are missing.
/// Taking them away changes no answer.
#[test]
fn a_judge_s_verdict_among_others_is_missing_and_removing_it_changes_nothing() {
    let mut case = release(
        30,
        "standard: shown, route_by: [task]",
        &[GUARD, REQUIRE],
        false,
    );
    assert_eq!(case.decide().answer, Answer::Ship);
    let judged: Vec<usize> = (0..case.outcomes.len())
        .filter(|&index| {
            let one = &case.outcomes[index];
            one.criterion == 0 && one.system == Role::Candidate && one.example < 20
        })
        .collect();
    for &index in &judged {
        case.outcomes[index].by = GraderKind::Model;
    }
    let analysis = case.analysis();
    assert!(analysis.findings.iter().all(|finding| finding.deciding));
    assert_eq!(analysis.findings[2].measured.missing, 20);
    assert_ne!(case.decide().answer, Answer::Ship);
    check("judge among others", &case);
    let before = case.decide();
    for &index in &judged {
        case.outcomes[index].bin = Bin::Missing(Missing::GraderError);
    }
    let after = case.decide();
    assert_eq!((before.answer, before.fired), (after.answer, after.fired));
}

/// Judges that are fit, just fit, and unfit; labels on everything, and on a part; losses that people confirm, and that they do
/// not. What is taken away may have been the label that shows the judge wrong.
#[test]
fn deleting_any_outcome_of_a_judged_page_never_makes_a_ship() {
    let gate = [GUARD, REQUIRE, FLOOR];
    let mut answers = std::collections::BTreeSet::new();
    for standard in ["shown", "unbroken"] {
        for (name, wrong, labelled, lost) in [
            ("fit, all labelled", 20, 1, 0),
            ("just fit", 11, 1, 0),
            ("unfit by a little", 9, 1, 0),
            ("loss that people confirm", 20, 1, 4),
            ("half labelled", 25, 2, 0),
            ("half labelled, tripped", 25, 2, 3),
        ] {
            let decision = format!("standard: {standard}, route_by: [task]");
            let case = crate::judged::judged(30, &decision, &gate, |role, example| {
                // One of five fails; the judge is wrong on every so-many-th of both kinds, alike on both systems.
                let lost =
                    role == Role::Candidate && example.is_multiple_of(2) && example < 2 * lost;
                let passed = example % 5 != 3 && !lost;
                let judge = passed ^ (example % wrong == wrong - 1);
                (
                    Some(passed).filter(|_| example.is_multiple_of(labelled)),
                    judge,
                )
            });
            answers.insert(case.decide().answer);
            // The others are no different from those of any page.
            check_of(name, &case, |one| {
                one.criterion == 0 && one.system != Role::Fallback
            });
        }
    }
    assert!(
        answers.contains(&Answer::Ship) && answers.len() > 1,
        "{answers:?}"
    );
}

#[test]
fn a_judge_s_event_is_unconfirmed_and_its_rules_only_watch() {
    let mut case = release(
        30,
        "standard: unbroken, route_by: [task]",
        &[GUARD, NEVER],
        false,
    )
    .fail(Role::Candidate, "a", 9);
    judge_judges(&mut case);
    for outcome in &mut case.outcomes {
        if outcome.criterion == 0 {
            outcome.by = GraderKind::Model;
        }
    }
    let analysis = case.analysis();
    assert!(
        analysis
            .findings
            .iter()
            .filter(|finding| finding.rule == 0)
            .all(|finding| !finding.deciding)
    );
    assert_eq!(
        case.decide().answer,
        Answer::Ship,
        "a judge that is not calibrated gates nothing"
    );
    assert_eq!(case.decide().watches.len(), 2);
}

/// A30: an emptied file takes a whole task away. The rules that name its dimension and the traffic it stands for stay open.
#[test]
fn leaving_out_every_example_of_a_declared_task_never_makes_a_ship() {
    for (standard, gate) in [("unbroken", GUARD), ("shown", REQUIRE)] {
        for inclusion in ["", r#","stratum":"task","inclusion":0.01"#] {
            let case = release(
                60,
                &format!("standard: {standard}, route_by: [task]"),
                &[gate],
                false,
            );
            assert_eq!(case.decide().answer, Answer::Ship, "{gate}");
            let after = case
                .only_task("b", inclusion)
                .fail(Role::Production, "b", 5)
                .decide();
            assert_ne!(after.answer, Answer::Ship, "{gate} {inclusion}");
        }
    }
}
