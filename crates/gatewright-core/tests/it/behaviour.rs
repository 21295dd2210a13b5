//! Behavioural tests from rows and outcomes to verdicts, rates and findings.

use std::collections::BTreeMap;

use gatewright_core::analyse::{self, Analysis, Behavioural, People, Standing, Undecided};
use gatewright_core::manifest::{Manifest, Role, read};
use gatewright_core::outcome::{Bin, GraderKind, Missing, Outcome};
use gatewright_core::perturb::Test;
use gatewright_core::plan::Plan;
use gatewright_core::reference::{ReferenceSet, load};

const PAGE: &str = "gatewright: 1
promise: Answer.
tasks: {a: A, b: B}
failures: {unsupported-claim: {severity: medium}, unsafe-tool-action: {severity: high}}
owners: {team: Team}
segments: {capability: []}
systems: {candidate: {labels_only: true}, production: {labels_only: true}}
trials: 1
reference: r.jsonl
criteria:
  right: {grader: {contains: {}}, fails_as: unsupported-claim}
  banned: {grader: {not_contains: {}}, fails_as: unsafe-tool-action}
  fast: {grader: {latency: {at_most: 1 s}}, fails_as: latency}
gate:
  - {id: same, require: right, metric: invariance, from: [synthetic], at_least: 50 %, then: {violated: hold}, owner: team}
  - {id: no-less, require: right, metric: invariance, from: [synthetic], against: production, margin: 20 pts, then: {violated: hold}, owner: team}
  - {id: moves, watch: right, metric: directional, owner: team}
";

/// Bases `b00 …`, each with rows of this relation and capability.
fn set(page: &Manifest, bases: usize, variants: &[(&str, &str, &str)], more: &str) -> ReferenceSet {
    let mut rows = String::new();
    for base in 0..bases {
        rows += &format!(
            "{{\"id\":\"b{base:02}\",\"input\":\"q {base}\",\"segments\":{{\"task\":\"a\"}},\"provenance\":\"traffic\"}}\n"
        );
        for (word, relation, capability) in variants {
            rows += &format!(
                "{{\"id\":\"b{base:02}~{word}\",\"input\":\"{word} {base}\",\"segments\":{{\"task\":\"a\",\"capability\":\"{capability}\"}},\"provenance\":\"synthetic\",\"variant_of\":\"b{base:02}\",\"relation\":\"{relation}\",\"fields\":{{\"capability\":\"{capability}\"}}}}\n"
            );
        }
    }
    rows += more;
    let mut problems = Vec::new();
    let file = (
        page.reference[0].clone(),
        "r.jsonl".to_owned(),
        rows.into_bytes(),
    );
    let set = load::in_memory(page, [file], &mut problems);
    assert!(problems.is_empty(), "{problems:#?}");
    set
}

fn page() -> Manifest {
    let (page, problems) = read::read(PAGE.as_bytes(), "p.yaml");
    page.unwrap_or_else(|| panic!("{problems:#?}"))
}

/// Analyses with everything passing but what `bin` says, by (id, role, criterion).
fn analysed(
    page: &Manifest,
    reference: &ReferenceSet,
    bin: impl Fn(&str, Role, u16) -> Option<Bin>,
) -> Analysis {
    let plan = Plan::first_look(page, reference, |_| 1);
    let mut outcomes = Vec::new();
    for (index, example) in (0..).zip(&reference.examples) {
        for system in [Role::Candidate, Role::Production] {
            for criterion in 0..3 {
                outcomes.push(Outcome {
                    example: index,
                    system,
                    trial: 0,
                    criterion,
                    part: None,
                    bin: bin(example.id.as_str(), system, criterion).unwrap_or(Bin::Pass),
                    value: None,
                    by: GraderKind::Rule,
                    why: None,
                    beside: None,
                    observed: None,
                });
            }
        }
    }
    analyse::analyse(
        page,
        reference,
        &plan,
        outcomes,
        &People::default(),
        BTreeMap::new(),
    )
}

fn row(analysis: &Analysis, test: Test, criterion: u16) -> &Behavioural {
    let mut rows = analysis.behavioural.iter();
    rows.find(|row| row.test == test && row.criterion == criterion)
        .unwrap_or_else(|| panic!("no row in {:#?}", analysis.behavioural))
}

const TYPOS: (&str, &str, &str) = ("typos", "invariance", "robustness");
const CASE: (&str, &str, &str) = ("case", "invariance", "robustness");

#[test]
fn a_base_with_its_variants_is_one_case_and_flips_count_both_ways() {
    let page = page();
    let set = set(&page, 10, &[TYPOS, CASE], "");
    // b00 breaks on both variants, b01 on one, b02 is wrong and becomes right, b03 is wrong throughout.
    let analysis = analysed(&page, &set, |id, role, criterion| {
        let fails = [
            "b00~typos",
            "b00~case",
            "b01~case",
            "b02",
            "b03",
            "b03~typos",
            "b03~case",
        ];
        (role == Role::Candidate && criterion == 0 && fails.contains(&id)).then_some(Bin::Fail(11))
    });
    let row = row(&analysis, Test::Invariance, 0);
    let ours = &row.systems[&Role::Candidate];
    assert_eq!(
        (ours.cases, ours.failures, ours.missing, ours.not_applicable),
        (10, 3, 0, 0)
    );
    let rate = ours.rate.as_ref().expect("a rate");
    assert_eq!(rate.method.name(), "Clopper-Pearson");
    assert!(
        (rate.lower - 0.0667).abs() < 1e-4 && (rate.upper - 0.6525).abs() < 1e-4,
        "{rate:?}"
    );
    let flips = ours.flips.expect("labels");
    assert_eq!((flips.compared, flips.to_fail, flips.to_pass), (20, 3, 2));
    assert_eq!(row.systems[&Role::Production].failures, 0);
    let pair = row.against.as_ref().expect("both");
    assert_eq!((pair.cases, pair.first_only, pair.second_only), (10, 0, 3));
    assert!(
        analysis.behavioural.iter().all(|row| row.criterion != 2),
        "time moves by itself"
    );
}

#[test]
fn what_is_missing_is_no_pass_and_what_does_not_apply_leaves() {
    let page = page();
    let set = set(&page, 6, &[TYPOS, CASE], "");
    let analysis = analysed(&page, &set, |id, role, criterion| match (id, criterion) {
        _ if role == Role::Production => None,
        ("b00~case" | "b01", 0) => Some(Bin::Missing(Missing::ProviderError)),
        ("b02~case", 0) => Some(Bin::Missing(Missing::GraderError)),
        ("b02~typos", 0) => Some(Bin::Fail(11)),
        ("b03" | "b03~typos" | "b03~case" | "b04~typos", 0) => Some(Bin::NotApplicable),
        _ => None,
    });
    let ours = &row(&analysis, Test::Invariance, 0).systems[&Role::Candidate];
    // b02 is broken whatever its missing variant would say; b04 has one variant left.
    assert_eq!(
        (ours.cases, ours.failures, ours.missing, ours.not_applicable),
        (3, 1, 2, 1)
    );
    let same = &analysis.findings[0];
    assert_eq!((same.measured.planned, same.measured.missing), (5, 2));
    assert_eq!(
        same.standing,
        Standing::Undecided(Undecided::Missing { units: 2 })
    );
}

#[test]
fn direction_never_and_minimum_functionality() {
    let page = page();
    let more = "{\"id\":\"m1\",\"input\":\"m1\",\"segments\":{\"task\":\"a\"},\"cluster\":\"t\",\"provenance\":\"synthetic\",\"fields\":{\"test\":\"mft\",\"capability\":\"vocabulary\"}}\n{\"id\":\"m2\",\"input\":\"m2\",\"segments\":{\"task\":\"a\"},\"cluster\":\"t\",\"provenance\":\"synthetic\",\"fields\":{\"test\":\"mft\",\"capability\":\"vocabulary\"}}\n";
    let set = set(
        &page,
        4,
        &[
            ("edited", "directional", "grounding"),
            ("injected", "never", "security"),
        ],
        more,
    );
    let analysis = analysed(&page, &set, |id, role, criterion| match (id, criterion) {
        _ if role == Role::Production => None,
        // Wrong to right keeps the direction, right to wrong does not.
        ("b00", 0) | ("b01~edited", 0) | ("m2", 0) => Some(Bin::Fail(11)),
        // An instruction was followed; a fact missing from the same answer is another matter.
        ("b02~injected", 1) => Some(Bin::Fail(9)),
        ("b03~injected", 0) => Some(Bin::Fail(11)),
        _ => None,
    });
    let failures = |test, criterion| {
        let ours = &row(&analysis, test, criterion).systems[&Role::Candidate];
        (ours.cases, ours.failures)
    };
    assert_eq!(failures(Test::Directional, 0), (4, 1));
    assert_eq!(failures(Test::Never, 1), (4, 1));
    assert_eq!(failures(Test::Mft, 0), (2, 1));
    assert!(
        analysis
            .behavioural
            .iter()
            .all(|it| (it.test, it.criterion) != (Test::Never, 0))
    );
    let mft = &row(&analysis, Test::Mft, 0).systems[&Role::Candidate];
    assert!(
        mft.rate.is_err(),
        "two cases of one template are one source: {:?}",
        mft.rate
    );
    let moves = &analysis.findings[2];
    assert_eq!((moves.measured.n, moves.measured.value), (4, Some(0.75)));
}

#[test]
fn a_tolerance_lets_a_score_move_and_latency_speak() {
    let page = page();
    let variant = |id: &str, tolerance: &str| {
        format!(
            "{{\"id\":\"{id}\",\"input\":\"{id}\",\"segments\":{{\"task\":\"a\"}},\"provenance\":\"synthetic\",\"variant_of\":\"b00\",\"relation\":\"invariance\",\"fields\":{{\"capability\":\"pace\"{tolerance}}}}}\n"
        )
    };
    let more = variant("slow", ",\"tolerance\":0.1");
    let set = set(&page, 1, &[], &more);
    let slow = |id: &str, role, criterion: u16| {
        (id == "slow" && role == Role::Candidate && criterion == 2).then_some(Bin::Fail(4))
    };
    let analysis = analysed(&page, &set, slow);
    let ours = &row(&analysis, Test::Invariance, 2).systems[&Role::Candidate];
    assert_eq!((ours.cases, ours.failures), (1, 1));
}

#[test]
fn a_rule_on_a_relation_holds_is_violated_or_says_what_it_lacks() {
    let page = page();
    let set = set(&page, 40, &[TYPOS, ("case", "invariance", "other")], "");
    let broken = |count: usize| {
        move |id: &str, role, criterion| {
            let base: usize = id[1..3].parse().expect("a base");
            (role == Role::Candidate && criterion == 0 && id.ends_with("~typos") && base < count)
                .then_some(Bin::Fail(11))
        }
    };
    let none = analysed(&page, &set, broken(0));
    assert_eq!(none.findings[0].standing, Standing::Holds);
    assert_eq!(none.findings[1].standing, Standing::Holds);
    // Two variants of two capabilities are one case of their base.
    assert_eq!(
        (
            none.findings[0].measured.planned,
            none.findings[0].measured.n
        ),
        (40, 40)
    );
    let most = analysed(&page, &set, broken(32));
    assert_eq!(most.findings[0].standing, Standing::Violated);
    assert_eq!(most.findings[1].standing, Standing::Violated);
    assert_eq!(most.findings[1].measured.lost, 32);
    assert_eq!(most.findings[0].examples.len(), 32);
    let half = analysed(&page, &set, broken(18));
    assert!(matches!(half.findings[0].standing, Standing::Undecided(_)));

    let one = PAGE.replace(
        "from: [synthetic], at_least",
        "from: [synthetic], where: {capability: other}, at_least",
    );
    let (narrow, problems) = read::read(one.as_bytes(), "p.yaml");
    let narrow = narrow.unwrap_or_else(|| panic!("{problems:#?}"));
    let analysis = analysed(&narrow, &set, broken(32));
    assert_eq!(
        analysis.findings[0].standing,
        Standing::Holds,
        "`where` picks the variants"
    );
}

/// Evidence that is taken away never makes such a rule hold.
#[test]
fn taking_an_outcome_away_never_makes_a_relation_hold() {
    let page = page();
    let set = set(&page, 12, &[TYPOS, CASE], "");
    let fails = |id: &str| ["b00~typos", "b01~case", "b02", "b05~typos"].contains(&id);
    let ids: Vec<String> = set.examples.iter().map(|it| it.id.to_string()).collect();
    let standing = |gone: Option<(&str, Role)>| {
        let analysis = analysed(&page, &set, |id, role, criterion| {
            if criterion == 0 && gone == Some((id, role)) {
                return Some(Bin::Missing(Missing::NotAttempted));
            }
            (criterion == 0 && role == Role::Candidate && fails(id)).then_some(Bin::Fail(11))
        });
        [0, 1].map(|rule| analysis.findings[rule].standing == Standing::Holds)
    };
    let whole = standing(None);
    for id in &ids {
        for role in [Role::Candidate, Role::Production] {
            let less = standing(Some((id, role)));
            for (before, after) in whole.iter().zip(less) {
                assert!(*before || !after, "{id} of {role:?}");
            }
        }
    }
}

#[test]
fn a_rule_on_a_relation_is_read_or_refused_with_its_place() {
    for (from, to, expected) in [
        (
            "metric: invariance, from: [synthetic], at_least",
            "metric: invariance, at_least",
            "p.yaml:15:40 no-kind",
        ),
        (
            "metric: directional",
            "metric: directionl",
            "unknown-metric",
        ),
        (
            "require: right, metric: invariance, from: [synthetic], against",
            "guard: right, metric: invariance, from: [synthetic], against",
            "metric-of-verb",
        ),
        (
            "require: right, metric: invariance, from: [synthetic], at_least",
            "require: unsupported-claim, metric: invariance, from: [synthetic], at_least",
            "metric-of-class",
        ),
    ] {
        assert!(PAGE.contains(from), "{from}");
        let (page, problems) = read::read(PAGE.replacen(from, to, 1).as_bytes(), "p.yaml");
        let said: Vec<String> = problems
            .iter()
            .map(|it| format!("{} {}: {}", it.at, it.code, it.what))
            .collect();
        assert!(page.is_none(), "{to}");
        assert!(
            said.iter().any(|line| line.contains(expected)),
            "{expected}: {said:?}"
        );
    }
}
