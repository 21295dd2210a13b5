//! Views built by hand from a hand-made analysis.

mod behaviour;
mod formats;
mod pictures;
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
fn a_hold_reads_as_people_would_say_it() {
    let view = made(&page(), &proposal(), &analysis());
    insta::assert_snapshot!(terminal(&view, &PLAIN), @r#"
    HOLD: cancellation lost 5 of 24 answers that production gets right, reproduced 5
    of 5. About 1,000 more failures a week (400,000 USD). Retrieval team repairs; or
    narrow to refund and plan-change (81 % of traffic).
    Rule: no-task-breaks (guard, gatewright.yaml:95:5), n 24, effective n 24
      Changed on grounded        n  production  candidate  change (95 % interval)
    ▼ cancellation              24      95.8 %       75 %  −20.8 pts (−37.8 to −3.8)
    ▲ refund                    24        75 %      100 %  +25 pts (+8 to +42)
    ▲ all examples             120      91.7 %       95 %  +3.3 pts (−13.7 to +20.3)
      Examples failing as        n  production  candidate  owner
      unsupported claims         0           5          9  Retrieval team #retrieval
      over-refusals              0           8          2  policy
    Traded: over-refusals −6, unsupported claims +4
    Answered: candidate 120 of 120, production 118 of 120 (2 provider error)
    Examples: no example, not sealed
    To do: Retrieval team: repair grounding in cancellation: grounding rules, then
           retrieval
    Not seen: a loss under 3 examples in a task
    Next: gatewright triage --class unsupported-claim
    "#);
}

/// Five gained and four lost can still be a loss, and what a week costs follows the classes of what was lost, not the first one's.
#[test]
fn arrows_follow_the_net_and_money_follows_the_classes() {
    let mut page = page();
    let (claim, refusal) = (
        page.class_index("unsupported-claim").expect("shipped"),
        page.class_index("over-refusal").expect("shipped"),
    );
    page.classes[refusal as usize].cost = Cost {
        amount: 15.0,
        currency: Some("USD".to_owned()),
    };
    page.criteria[0].fails_as = FailsAs::BySymptom {
        map: BTreeMap::from([("claim".to_owned(), claim), ("refusal".to_owned(), refusal)]),
        otherwise: None,
    };
    let mut analysis = analysis();
    let paired = analysis
        .cells
        .iter_mut()
        .find(|cell| cell.slice == cancellation())
        .and_then(|cell| cell.against.get_mut(&Role::Production))
        .expect("built so");
    (paired.lost, paired.gained) = (4, 5);
    analysis.findings[0].examples = vec![0, 1, 2];
    analysis.flips = [claim, refusal, refusal]
        .into_iter()
        .zip(0..)
        .map(|(class, example)| crate::analyse::Flip {
            example,
            criterion: 0,
            change: -1.0,
            scores: (0.0, 1.0),
            class: Some(class),
            cost: 0.0,
            fresh: None,
            why: None,
        })
        .collect();
    let view = made(&page, &proposal(), &analysis);
    let row = view.segments.iter().find(|row| row.fired).expect("fired");
    assert!(row.net < -4.0, "{}", row.net);
    let options = TerminalOptions {
        width: 100,
        colour: false,
        symbols: true,
    };
    assert!(terminal(&view, &options).contains("▼ cancellation"));
    let week = view.per_week.expect("traffic is known");
    // 0.2 of 5,040 requests.
    assert!((week.failures - 1008.0).abs() < 1e-6, "{}", week.failures);
    assert_eq!(week.than.as_deref(), Some("production"));
    assert_eq!(
        week.money, None,
        "they cost 400 or 15: a net count has no price"
    );
    analysis.flips[0].class = Some(refusal);
    let money = |analysis: &Analysis| {
        let week = made(&page, &proposal(), analysis).per_week;
        week.expect("traffic is known").money
    };
    let amount = money(&analysis).expect("each costs 15").amount;
    assert!((amount - 1008.0 * 15.0).abs() < 1e-6, "{amount}");
    // What was gained was dearer: less money may be lost than before.
    let gained = |class| crate::analyse::Flip {
        example: 3,
        change: 1.0,
        scores: (1.0, 0.0),
        class: Some(class),
        ..analysis.flips[0].clone()
    };
    let with = |flip: crate::analyse::Flip| {
        let mut analysis = analysis.clone();
        analysis.flips.push(flip);
        analysis
    };
    assert_eq!(money(&with(gained(claim))), None);
    assert!(money(&with(gained(refusal))).is_some());
    page.classes[refusal as usize].cost.currency = None;
    let view = made(&page, &proposal(), &analysis);
    let money = view.per_week.expect("traffic is known").money;
    assert_eq!(money.and_then(|money| money.currency), None);
}

#[test]
fn advice_says_would_and_the_exit_code_stays() {
    let mut page = page();
    page.decision.enforce = Enforce::Advise;
    let view = made(&page, &proposal(), &analysis());
    let text = terminal(&view, &PLAIN);
    assert!(
        text.starts_with("WOULD HOLD: cancellation lost 5 of 24"),
        "{text}"
    );
    assert!(text.contains("the exit code is 0"), "{text}");
    assert_eq!(view.exit_code, 100);
}

/// Each of the six answers has words of its own where the gate only advises: a person would say them.
#[test]
fn advice_has_right_words_for_every_answer() {
    for (answer, upper, heading) in [
        (Answer::Ship, "WOULD SHIP: ", "# Would ship: "),
        (Answer::Narrow, "WOULD NARROW: ", "# Would narrow: "),
        (Answer::Hold, "WOULD HOLD: ", "# Would hold: "),
        (Answer::Repair, "WOULD REPAIR: ", "# Would repair: "),
        (Answer::Rollback, "WOULD ROLL BACK: ", "# Would roll back: "),
        (
            Answer::NotEnoughEvidence,
            "WOULD FIND NOT ENOUGH EVIDENCE: ",
            "# Would find not enough evidence: ",
        ),
    ] {
        for enforce in [Enforce::Advise, Enforce::Observe] {
            let mut page = page();
            page.decision.enforce = enforce;
            let answered = Proposal {
                answer,
                ..proposal()
            };
            let view = made(&page, &answered, &analysis());
            let text = terminal(&view, &PLAIN);
            assert!(text.starts_with(upper), "{text}");
            let text = markdown(&view);
            assert!(text.starts_with(heading), "{text}");
            assert!(text.contains(&format!("**{upper}")), "{text}");
        }
        let view = made(
            &page(),
            &Proposal {
                answer,
                ..proposal()
            },
            &analysis(),
        );
        let word = format!("{}: ", answer.word().to_uppercase());
        assert!(terminal(&view, &PLAIN).starts_with(&word));
    }
}

/// The summary gives away whole entries only, says what left, and keeps the first thing to do.
#[test]
fn room_is_made_by_whole_entries() {
    let mut proposal = proposal();
    let item = proposal.work_items[0].clone();
    proposal.work_items = ["alpha", "beta", "gamma", "delta"]
        .map(|what| WorkItem {
            what: format!("repair {what} where the handlers meet the policy, and look at every answer that cites two versions of one section"),
            ..item.clone()
        })
        .to_vec();
    proposal.needs = (0..6)
        .map(|at| format!("no-worse: {at} more examples of traffic, from sources that are independent of each other, and of this one"))
        .collect();
    proposal.unseen = (0..9)
        .map(|at| format!("limit {at}: a loss under 3 examples in a guarded segment (thinnest: risk high, 3 of 29), and everything that nobody thought of"))
        .collect();
    let view = made(&page(), &proposal, &analysis());
    let text = terminal(&view, &PLAIN);
    assert!(text.lines().count() <= terminal::LINES_MAX, "{text}");
    let plain = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let shown = |words: &str| plain.matches(words).count();
    // Every sentence that begins ends.
    assert!(shown("Retrieval team: repair") >= 1, "{text}");
    assert_eq!(
        shown("Retrieval team: repair"),
        shown("of one section"),
        "{text}"
    );
    assert_eq!(
        shown("limit"),
        shown("nobody thought of") + shown("9 limits") + shown("8 limits"),
        "{text}"
    );
    assert!(shown("Not seen: limit 0") == 1, "{text}");
    assert!(
        plain.contains("To do: Retrieval team: repair alpha"),
        "{text}"
    );
    assert!(plain.contains("More in gatewright report: "), "{text}");
    assert!(plain.contains("work items"), "{text}");
    assert!(plain.contains("Next: gatewright triage"), "{text}");
    assert!(!plain.contains(" … "), "{text}");
}

/// One boundary that breaks in two places is one piece of work, with both places and both rules.
#[test]
fn the_same_repair_in_two_places_is_told_once() {
    let mut proposal = proposal();
    let item = |place: &str, value: &str, rule: &str| WorkItem {
        what: format!("repair grounded in {place} {value}: grounding rules; then run {rule} again"),
        slice: vec![(place.to_owned(), value.to_owned())],
        ..proposal.work_items[0].clone()
    };
    proposal.work_items = vec![
        item("task", "cancellation", "no-task-breaks"),
        item("risk", "high", "high-risk"),
    ];
    let text = terminal(&made(&page(), &proposal, &analysis()), &PLAIN);
    let plain = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        plain.contains("To do: Retrieval team: repair grounded in cancellation and risk high: grounding rules; then run no-task-breaks and high-risk again"),
        "{text}"
    );
}

/// Where there is no other system nothing was traded, and nothing is left uncompared.
#[test]
fn a_page_with_one_system_trades_nothing() {
    let mut page = page();
    let mut analysis = analysis();
    analysis.classes[0].unpaired = 126;
    let two = made(&page, &proposal(), &analysis).trade_offs;
    assert!(two.is_some_and(|text| text.contains("126 failing examples not compared")));
    page.systems.remove(&Role::Production);
    let view = made(&page, &proposal(), &analysis);
    assert_eq!(view.trade_offs, None);
    assert!(!terminal(&view, &PLAIN).contains("Traded"));
}

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
fn colour_adds_no_meaning() {
    let view = made(&page(), &proposal(), &analysis());
    let coloured = terminal(
        &view,
        &TerminalOptions {
            colour: true,
            ..PLAIN
        },
    );
    let bare = coloured
        .replace("\u{1b}[1;31m", "")
        .replace("\u{1b}[0m", "");
    assert_eq!(bare, terminal(&view, &PLAIN));
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
