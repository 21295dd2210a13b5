//! Views built by hand from a hand-made analysis.

mod behaviour;
mod formats;
mod pictures;
mod summary;
mod work;

use std::collections::BTreeMap;

use gatewright_stats::estimate::{Bounds, Method, Undefined};

use super::untrusted::columns;
use super::*;
use crate::analyse::*;
use crate::class::{Cost, Severity};
use crate::decide::*;
use crate::id::OwnerId;
use crate::manifest::*;
use crate::outcome::Missing;
use crate::plan::{Plan, PlannedSystem};
use crate::problem::Location;
use crate::reference::ReferenceSet;

fn bounds(point: f64, lower: f64, upper: f64, n: u64) -> Bounds {
    Bounds {
        point,
        lower,
        upper,
        alpha: 0.025,
        n,
        clusters: n,
        n_eff: n as f64,
        df: None,
        deff: None,
        method: Method::Tango,
    }
}

fn system(role: Role, name: &str) -> System {
    System {
        role,
        name: name.to_owned(),
        target: Target::LabelsOnly,
        timeout_ms: None,
        fingerprint: crate::digest::Digest::of(name.as_bytes()),
    }
}

fn page() -> Manifest {
    let mut page = crate::testing::page();
    page.product = "billing-support".to_owned();
    page.promise.does = "Answer billing questions from the current policy.".to_owned();
    page.decision.question = "Release assistant 12?".to_owned();
    page.owners.insert(
        "grounding".into(),
        Owner {
            name: "Retrieval team".to_owned(),
            contact: Some("#retrieval".to_owned()),
        },
    );
    page.traffic = Some(Traffic {
        per_week: 42000.0,
        share: BTreeMap::from([(
            "task".to_owned(),
            BTreeMap::from([("cancellation".to_owned(), 0.12)]),
        )]),
    });
    let claim = page.class_index("unsupported-claim").expect("shipped");
    page.classes[claim as usize].severity = Severity::Critical;
    page.classes[claim as usize].cost = Cost {
        amount: 400.0,
        currency: Some("USD".to_owned()),
    };
    page.systems
        .insert(Role::Candidate, system(Role::Candidate, "assistant-12"));
    page.systems
        .insert(Role::Production, system(Role::Production, "assistant-11"));
    page.criteria.push(Criterion {
        id: "grounded".into(),
        grader: Grader::QuotesInSources,
        fails_as: FailsAs::One(claim),
        protects: None,
        applies_to: Vec::new(),
        people: None,
    });
    page.gate.push(Rule {
        id: "no-task-breaks".into(),
        verb: Verb::Guard,
        subject: Subject::Criterion(0),
        metric: Metric::Share,
        restrict: Vec::new(),
        by: vec!["task".to_owned()],
        compare: Compare::NoWorse {
            than: Role::Production,
            margin: 0.1,
        },
        from: None,
        cap: None,
        violated: Some(Action::Hold),
        undecided_narrow: false,
        owner: "grounding".into(),
        severity: Severity::Critical,
        alpha_holds: 0.01,
        alpha_violated: 0.05,
        overridable: true,
    });
    page.spans.insert(
        "gate[0]".to_owned(),
        Location::new(&"gatewright.yaml".into(), 95, 5),
    );
    page
}

fn plan() -> Plan {
    let planned = |role| PlannedSystem {
        role,
        fingerprint: crate::digest::Digest::default(),
        trials: 1,
    };
    Plan {
        examples: Vec::new(),
        example_digests: Vec::new(),
        systems: vec![planned(Role::Candidate), planned(Role::Production)],
        seed: 1,
        confirmations: Vec::new(),
        shard: None,
    }
}

fn cancellation() -> Slice {
    vec![("task".to_owned(), "cancellation".to_owned())]
}

fn cell(slice: Slice, n: u64, lost: u64, gained: u64, rates: (f64, f64)) -> Cell {
    let system = |rate: f64| SystemCell {
        counts: Counts {
            pass: (rate * n as f64).round() as u64,
            fail: n - (rate * n as f64).round() as u64,
            ..Counts::default()
        },
        n,
        rate: Ok(bounds(rate, rate - 0.1, rate + 0.1, n)),
        quantiles: None,
        within: None,
        pass_hat: Vec::new(),
        pass_hat_strict: Vec::new(),
    };
    let difference = rates.0 - rates.1;
    Cell {
        criterion: 0,
        slice,
        examples: n,
        systems: BTreeMap::from([
            (Role::Candidate, system(rates.0)),
            (Role::Production, system(rates.1)),
        ]),
        against: BTreeMap::from([(
            Role::Production,
            PairedCell {
                n,
                both: n - lost - gained,
                gained,
                lost,
                neither: 0,
                candidate: Some(rates.0),
                other: Some(rates.1),
                traffic: None,
                difference: Ok(bounds(difference, difference - 0.17, difference + 0.17, n)),
                p_midp: None,
                p_exact: None,
            },
        )]),
    }
}

fn analysis() -> Analysis {
    let denominator = |answered: u64| Denominator {
        reused: 0,
        planned: 120,
        answered,
        timed_out: 0,
        missing: BTreeMap::from([(Missing::ProviderError, 120 - answered)]),
        confirm_answered: 120,
        confirm_timed_out: 0,
        confirm_failed: 0,
    };
    let count = |class, candidate: u64, production: u64| ClassCount {
        change: candidate as i64 - production as i64,
        unpaired: 0,
        class,
        slice: Vec::new(),
        outcomes: BTreeMap::from([(Role::Candidate, candidate), (Role::Production, production)]),
        examples: BTreeMap::from([(Role::Candidate, candidate), (Role::Production, production)]),
    };
    let page = page();
    let class = |id| page.class_index(id).expect("shipped");
    Analysis {
        behavioural: Vec::new(),
        conduct: Vec::new(),
        denominators: BTreeMap::from([
            (Role::Candidate, denominator(120)),
            (Role::Production, denominator(118)),
        ]),
        cells: vec![
            cell(Vec::new(), 120, 5, 9, (0.95, 0.9167)),
            cell(cancellation(), 24, 5, 0, (0.75, 0.9583)),
            cell(
                vec![("task".into(), "refund".into())],
                24,
                0,
                6,
                (1.0, 0.75),
            ),
        ],
        classes: vec![
            count(class("over-refusal"), 2, 8),
            count(class("unsupported-claim"), 9, 5),
        ],
        findings: vec![Finding {
            rule: 0,
            slice: cancellation(),
            standing: Standing::Violated,
            deciding: true,
            measured: Measured {
                planned: 24,
                n: 24,
                clusters: 24,
                net_loss: 5.0,
                lost: 5,
                right: 24,
                trip_limit: Some(3.0),
                tripped: true,
                fresh: Some(Fresh {
                    loss: 0.2,
                    bound: 0.15,
                    n: 24,
                    calls: 240,
                    reproduced: 5,
                    net_loss: 4.8,
                }),
                n_eff: 24.0,
                ..Measured::default()
            },
            examples: Vec::new(),
        }],
        routes: Vec::new(),
        flips: Vec::new(),
        disagreements: BTreeMap::new(),
        causes: BTreeMap::new(),
        uncalibrated: Vec::new(),
        calibrations: Vec::new(),
        blind: Blind::default(),
    }
}

fn proposal() -> Proposal {
    Proposal {
        answer: Answer::Hold,
        step: 4,
        fired: vec![0],
        scope: None,
        alternative: Some(Scope::Segments {
            dimension: "task".to_owned(),
            values: vec!["refund".to_owned(), "plan-change".to_owned()],
            without: vec!["cancellation".to_owned()],
            share: Some(0.81),
        }),
        no_narrow: None,
        fallback: None,
        invalid: Vec::new(),
        work_items: vec![WorkItem {
            kind: WorkKind::RepairBoundary,
            owner: OwnerId::from("grounding"),
            finding: Some(0),
            class: None,
            slice: cancellation(),
            examples: Vec::new(),
            what: "repair grounding in cancellation: grounding rules, then retrieval".to_owned(),
            repair: None,
            system: Role::Candidate,
        }],
        needs: Vec::new(),
        unseen: vec!["a loss under 3 examples in a task".to_owned()],
        watches: Vec::new(),
    }
}

fn made(page: &Manifest, proposal: &Proposal, analysis: &Analysis) -> View {
    let context = DecisionContext {
        today: "2026-11-23".to_owned(),
        attempt: 1,
        ..DecisionContext::default()
    };
    let facts = RunFacts {
        run: "0001-1a2b3c4d",
        tool: "gatewright 0.1.0",
        seal: None,
        judges: &[],
        notes: &[],
        incidents: &[],
    };
    view(
        page,
        &ReferenceSet::default(),
        &plan(),
        analysis,
        proposal,
        &context,
        &facts,
    )
}

const PLAIN: TerminalOptions = TerminalOptions {
    width: 80,
    colour: false,
    symbols: true,
};

#[test]
fn unbroken_ship_says_what_it_does_not_show() {
    let mut page = page();
    page.decision.standard = Standard::Unbroken;
    let mut analysis = analysis();
    analysis.findings[0].standing = Standing::Holds;
    let ship = Proposal {
        answer: Answer::Ship,
        step: 6,
        fired: Vec::new(),
        alternative: None,
        work_items: Vec::new(),
        ..proposal()
    };
    let view = made(&page, &ship, &analysis);
    assert_eq!(
        view.sentence,
        "SHIP: nothing broke on these 0 examples; nothing is shown about traffic; a loss under 3 examples per segment could not be seen."
    );
    assert_eq!(view.next, "gatewright report -o report.html");
}

#[test]
fn an_undefined_interval_says_why_and_json_has_no_infinity() {
    let mut analysis = analysis();
    let paired = analysis.cells[1]
        .against
        .get_mut(&Role::Production)
        .expect("there");
    paired.difference = Err(Undefined::TooFewClusters { clusters: 1 });
    analysis.findings[0].measured.for_holds = Some(bounds(0.1, f64::NEG_INFINITY, 0.2, 24));
    let view = made(&page(), &proposal(), &analysis);
    let row = &view.segments[0];
    assert_eq!(
        row.no_interval.as_deref(),
        Some("only 1 independent source")
    );
    let json = serde_json::to_value(&view).expect("serialises");
    assert_eq!(json["format"], "gatewright-report/1");
    assert_eq!(
        json["findings"][0]["for_holds"]["lower"],
        serde_json::Value::Null
    );
    assert!(terminal(&view, &PLAIN).contains("no interval"));
}

/// What a hostile system, file or page could put into every text of a report.
const HOSTILE: &str =
    "\u{1b}]0;x\u{7}\u{202e}::error::x <img src=x> |`@all`\u{200b}\r\n::add-mask::y 日本語";

#[test]
fn a9_a10_hostile_text_stays_text_in_every_renderer() {
    let mut page = page();
    page.product = HOSTILE.to_owned();
    page.owners.get_mut("grounding").expect("there").name = HOSTILE.repeat(40);
    page.gate[0].id = HOSTILE.into();
    let mut proposal = proposal();
    proposal.work_items[0].what = HOSTILE.repeat(10);
    proposal.unseen = vec![HOSTILE.to_owned(); 40];
    proposal.needs = vec![HOSTILE.to_owned(); 40];
    let mut analysis = analysis();
    let slice = vec![("task".to_owned(), HOSTILE.to_owned())];
    analysis.findings[0].slice = slice.clone();
    analysis.cells[1].slice = slice;
    let view = made(&page, &proposal, &analysis);
    for width in [40, 80, 132] {
        let text = terminal(&view, &TerminalOptions { width, ..PLAIN });
        assert!(text.lines().count() <= terminal::LINES_MAX, "{text}");
        for line in text.lines() {
            assert!(
                columns(line) <= width,
                "{} > {width}: {line}",
                columns(line)
            );
            assert!(!line.trim_start().starts_with("::"), "{line}");
            assert!(
                !line.contains(['\u{1b}', '\u{7}', '\u{202e}', '\u{200b}', '\r']),
                "{line}"
            );
        }
    }
    let text = markdown(&view);
    assert!(text.len() <= MARKDOWN_BYTES_MAX);
    assert!(
        !text.contains("<img") && !text.contains("@all") && !text.contains("::error"),
        "{text}"
    );
    assert!(
        !text.contains(['\u{1b}', '\u{202e}', '\u{200b}', '\r']),
        "{text}"
    );
    let ascii = terminal(
        &view_without_hostile(),
        &TerminalOptions {
            symbols: false,
            ..PLAIN
        },
    );
    assert!(ascii.is_ascii(), "{ascii}");
}

fn view_without_hostile() -> View {
    made(&page(), &proposal(), &analysis())
}

#[test]
fn markdown_has_every_table() {
    let view = made(&page(), &proposal(), &analysis());
    insta::assert_snapshot!(markdown(&view));
}

#[test]
fn the_page_documents_every_field() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/format-report.md");
    let page = std::fs::read_to_string(path).expect("docs/format-report.md");
    let schema = schema();
    for name in schema["properties"].as_object().expect("an object").keys() {
        assert!(
            page.contains(&format!("`{name}`")),
            "docs/format-report.md lacks `{name}`"
        );
    }
}
