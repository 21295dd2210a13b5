//! The summary in a terminal: what it says, in which order, and what leaves when there is no room.

use super::*;

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
        repair: Some(Repair {
            does: "repair grounded".to_owned(),
            path: "grounding rules".to_owned(),
            rule: rule.to_owned(),
        }),
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

/// A class that only the fallback fails has a row in the report; in the summary it would compare nothing with nothing.
#[test]
fn a_class_that_only_the_fallback_fails_is_no_row_of_zeros() {
    let mut analysis = analysis();
    let class = &mut analysis.classes[0];
    class.change = 0;
    for counts in [&mut class.examples, &mut class.outcomes] {
        *counts = BTreeMap::from([
            (Role::Candidate, 0),
            (Role::Production, 0),
            (Role::Fallback, 4),
        ]);
    }
    let mut page = page();
    let mut fallback = page.systems[&Role::Production].clone();
    fallback.role = Role::Fallback;
    page.systems.insert(Role::Fallback, fallback);
    let view = made(&page, &proposal(), &analysis);
    assert!(view.classes.iter().any(|row| row.class == "over-refusal"));
    let text = terminal(&view, &PLAIN);
    assert!(!text.contains("over-refusal"), "{text}");
    assert!(text.contains("unsupported-claim"), "{text}");
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
