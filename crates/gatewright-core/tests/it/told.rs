//! What no rule could have seen is said, and what was not judged is not claimed.

use gatewright_core::decide::Answer;
use gatewright_core::manifest::Role;
use gatewright_core::outcome::Bin;
use gatewright_core::report::{RunFacts, TerminalOptions, View, markdown, terminal, view};

use crate::judged::judged;
use crate::release::{Release, release};

const UNBROKEN: &str = "standard: unbroken";
const GUARD: &str = "{id: tasks, guard: right, by: [task], against: production, margin: 10 pts, then: {violated: hold}, owner: team}";
const WHOLE: &str = "{id: whole, guard: right, against: production, margin: 10 pts, then: {violated: hold}, owner: team}";

fn shown(case: &Release) -> View {
    let facts = RunFacts {
        run: "r",
        tool: "t",
        seal: None,
        notes: &[],
        judges: &[],
        incidents: &[],
    };
    view(
        &case.manifest,
        &case.reference,
        &case.plan,
        &case.analysis(),
        &case.decide(),
        &case.context,
        &facts,
    )
}

fn text(view: &View) -> String {
    let options = TerminalOptions {
        width: 80,
        colour: false,
        symbols: true,
    };
    terminal(view, &options)
}

#[test]
fn a_declared_value_without_an_example_is_named_with_its_traffic() {
    let cells = [("a", "high", 30), ("a", "low", 30)];
    let shares: [(&str, &[(&str, f64)]); 1] = [("task", &[("a", 0.88), ("b", 0.12)])];
    let case = release(30, UNBROKEN, &[WHOLE], false).of_cells(&cells, &shares);
    let found = shown(&case);
    assert_eq!(found.answer, Answer::Ship);
    let line = "no example at all of task b (12 % of traffic)";
    assert!(found.unseen.iter().any(|it| it == line), "{found:#?}");
    assert!(text(&found).contains(line), "{}", text(&found));
    let page = markdown(&found);
    assert!(page.contains(line), "{page}");
    // Several in one sentence, of every dimension.
    let cells = [("a", "high", 60)];
    let shares: [(&str, &[(&str, f64)]); 1] = [("task", &[("a", 0.655), ("b", 0.345)])];
    let case = release(30, UNBROKEN, &[WHOLE], false).of_cells(&cells, &shares);
    let line = "no example at all of task b (34.5 % of traffic), risk low";
    assert_eq!(shown(&case).unseen[0], line);
    // Where every value has one, nothing is said.
    let cells = [("a", "high", 30), ("b", "low", 30)];
    let case = release(30, UNBROKEN, &[WHOLE], false).of_cells(&cells, &shares);
    let said = shown(&case).unseen.join("\n");
    assert!(!said.contains("no example at all"), "{said}");
}

#[test]
fn a_ship_counts_the_examples_that_were_judged() {
    let mut case = release(30, UNBROKEN, &[GUARD], false);
    let whole = shown(&case);
    assert!(
        whole
            .sentence
            .starts_with("SHIP: nothing broke on these 60 examples;"),
        "{}",
        whole.sentence
    );
    // The other criterion still judges all of them, and no rule reads it.
    for outcome in &mut case.outcomes {
        if outcome.criterion == 0 && outcome.example < 8 {
            outcome.bin = Bin::NotApplicable;
        }
    }
    let found = shown(&case);
    assert_eq!(found.answer, Answer::Ship);
    assert!(
        found
            .sentence
            .starts_with("SHIP: nothing broke on 52 of 60 examples ("),
        "{}",
        found.sentence
    );
    let line = "8 of 60 examples, on which no rule that decides has a verdict";
    assert!(found.unseen.iter().any(|it| it == line), "{found:#?}");
    assert!(!whole.unseen.iter().any(|it| it.contains("verdict")));
    // One arm without a verdict is no comparison.
    let case = release(30, UNBROKEN, &[GUARD], false).lose(Role::Production, "a", 1);
    assert!(shown(&case).sentence.contains("59 of 60 examples"));
}

const NO_WORSE: &str = "{id: no-worse, require: right, against: production, margin: 5 pts, then: {violated: hold}, owner: team}";

/// 60 examples, of which those of b are a tenth and nine tenths of traffic; the candidate loses five of b.
fn weighed(rule: &str) -> View {
    let cells = [("a", "high", 54), ("b", "high", 6)];
    let shares: [(&str, &[(&str, f64)]); 1] = [("task", &[("a", 0.1), ("b", 0.9)])];
    let case = release(30, UNBROKEN, &[rule], false).of_cells(&cells, &shares);
    shown(&case.fail(Role::Candidate, "b", 5))
}

#[test]
fn a_week_is_the_same_in_sentence_and_table() {
    // 1,000 requests a week, of which 900 are of b, where 5 of 6 are lost.
    let guard = WHOLE.replace("margin: 10", "margin: 5");
    for rule in [NO_WORSE, &guard] {
        let found = weighed(rule);
        let row = found.segments.iter().find(|it| it.slice.values.is_empty());
        let row = row.and_then(|it| it.per_week).expect("traffic is stated");
        assert!((row - 750.0).abs() < 1e-9, "{rule}: {row}");
        let week = found.per_week.map(|it| it.failures);
        assert_eq!(week.map(f64::round), Some(750.0), "{rule}: {week:?}");
    }
}

/// What timed out fails as a class that no criterion names; production's answers in time have verdicts by the same criteria.
#[test]
fn what_timed_out_is_compared_with_what_came_in_time() {
    let mut case = release(30, UNBROKEN, &[GUARD], false).fail(Role::Candidate, "a", 4);
    let late = case.manifest.class_index("latency").expect("it ships");
    for outcome in &mut case.outcomes {
        if matches!(outcome.bin, Bin::Fail(_)) {
            outcome.bin = Bin::Fail(late);
        }
    }
    let found = shown(&case);
    let class = &found.classes[0];
    assert_eq!(class.class, "latency");
    assert_eq!((class.change, class.unpaired), (Some(4), 0));
}

#[test]
fn failures_are_compared_where_both_have_a_verdict() {
    let case = release(30, UNBROKEN, &[GUARD], false)
        .fail(Role::Candidate, "a", 4)
        .lose(Role::Production, "a", 3)
        .fail(Role::Production, "b", 2)
        .lose(Role::Candidate, "b", 1);
    let found = shown(&case);
    // Of the four only one has a counterpart; of production's two likewise.
    let class = &found.classes[0];
    assert_eq!((class.change, class.unpaired), (Some(0), 4));
    assert_eq!(class.examples.get(&Role::Candidate), Some(&4));
    let traded = found.trade_offs.expect("something to say");
    assert_eq!(
        traded,
        "4 failing examples not compared (the other system has no verdict)"
    );
}

#[test]
fn the_number_that_would_show_it_is_said_where_there_is_one() {
    let said = |rule: &str, fails: usize| {
        let case = release(30, "standard: shown", &[rule], false);
        let found = shown(&case.fail(Role::Candidate, "a", fails));
        found.findings[0].undecided.clone().expect("undecided")
    };
    let at_most = "{id: few, require: unsupported-claim, metric: share, at_least: 95 %, then: {violated: hold}, owner: team}";
    assert!(
        said(at_most, 1).contains("more example"),
        "{}",
        said(at_most, 1)
    );
    let cost = "{id: cost, require: right, metric: failure_cost, at_most: 1, then: {violated: hold}, owner: team}";
    let more = said(cost, 4);
    let number = more.split(' ').next().map(|it| it.replace(',', ""));
    let number: u64 = number.and_then(|it| it.parse().ok()).expect(&more);
    assert!((100..10_000).contains(&number), "{more}");
    // What was seen costs more than the limit: more of the same never show less.
    assert!(
        said(cost, 7).contains("no number of examples"),
        "{}",
        said(cost, 7)
    );
}

#[test]
fn one_segment_has_one_effective_number_and_one_interval() {
    // Twenty sources of three examples each, alike in themselves.
    let mut case = release(30, UNBROKEN, &[WHOLE], false).fail(Role::Candidate, "a", 2);
    case.reference.cluster = (0..60).map(|example| example / 3).collect();
    case.reference.clusters = 20;
    let found = shown(&case);
    let cell = found.tables.iter().find(|it| it.slice.values.is_empty());
    let paired = &cell.expect("all examples").against[&Role::Production];
    let beside = paired.difference.as_ref().expect("bounded");
    assert!(beside.n_eff < 59.0, "{beside:?}");
    assert_eq!(found.findings[0].n_eff, beside.n_eff);
    let words = format!("effective n {:.1}", beside.n_eff);
    let rests_on = &found.findings[0].rests_on;
    assert!(
        rests_on.contains(words.trim_end_matches(".0")),
        "{words}: {rests_on}"
    );
    // A rule of another kind of examples has no share in a row of all of them.
    let only = WHOLE.replace("against", "from: [traffic], against");
    let mut some = release(30, UNBROKEN, &[&only], false);
    some.reference.examples[0].kind = gatewright_core::manifest::Kind::Edge;
    let found = shown(&some);
    assert_eq!((found.findings[0].n, found.findings[0].n_eff), (59, 59.0));
    assert!(found.findings[0].rests_on.contains("other examples"));
    // The picture has the bounds that stand beside the rule.
    let critical = NO_WORSE.replace("then", "severity: critical, then");
    let found = shown(&release(90, "standard: shown", &[&critical], false));
    let row = &found.forest.as_ref().expect("a comparison").rows[0];
    let drawn = row.difference.as_ref().expect("bounded");
    let judged = found.findings[0].for_holds.as_ref().expect("bounded");
    assert_eq!((drawn.lower, drawn.alpha), (judged.lower, 0.01));
}

#[test]
fn a_narrow_without_a_share_or_without_a_route_says_so() {
    let narrow = GUARD.replace("violated: hold", "violated: narrow");
    let routed = "standard: unbroken, route_by: [task]";
    let mut case = release(40, routed, &[&narrow], false).fail(Role::Candidate, "a", 9);
    case.manifest.traffic = None;
    for example in &mut case.reference.examples {
        example.kind = gatewright_core::manifest::Kind::Edge;
    }
    let found = shown(&case);
    assert_eq!(found.answer, Answer::Narrow);
    assert!(
        found
            .sentence
            .starts_with("NARROW: release to b (share of traffic unknown) only;"),
        "{}",
        found.sentence
    );
    // What is left does not pass: the narrow is a hold, and the hold says why.
    let case = release(40, routed, &[&narrow], false)
        .fail(Role::Candidate, "a", 9)
        .lose(Role::Candidate, "b", 9);
    let found = shown(&case);
    assert_eq!(found.answer, Answer::Hold);
    let why = "Not narrowed: by task, no value is left.";
    assert!(
        found.follows.iter().any(|it| it == why),
        "{:?}",
        found.follows
    );
    let other = WHOLE
        .replace("id: whole", "id: floor")
        .replace("margin: 10", "margin: 1");
    let case = release(40, routed, &[&narrow, &other], false).fail(Role::Candidate, "a", 9);
    let found = shown(&case);
    let why = "Not narrowed: floor is violated too, and asks for more.";
    assert!(
        found.follows.iter().any(|it| it == why),
        "{:?}",
        found.follows
    );
}

#[test]
fn means_and_a_judge_s_own_rates_are_called_so() {
    let watch = "{id: seen, watch: open, owner: team}";
    let mut case = release(30, UNBROKEN, &[GUARD, watch], false).fail(Role::Candidate, "a", 1);
    for outcome in &mut case.outcomes {
        if outcome.criterion == 1 {
            let slower = u32::from(outcome.system == Role::Candidate);
            outcome.bin = Bin::Value(f64::from(outcome.example % 7 + slower));
        }
    }
    let found = shown(&case);
    let note = |found: &View, criterion: &str| {
        let mut rows = found.segments.iter();
        rows.find(|row| row.criterion == criterion)
            .and_then(|row| row.note.clone())
    };
    assert_eq!(note(&found, "open").as_deref(), Some("mean"));
    assert_eq!(note(&found, "right"), None);
    assert!(markdown(&found).contains("open (mean)"));
    let judged = judged(30, UNBROKEN, &[GUARD], |role, example| {
        (None, role != Role::Candidate || example > 0)
    });
    let found = shown(&judged);
    let own = "judge's own, not corrected";
    assert_eq!(note(&found, "right").as_deref(), Some(own));
    assert!(
        found
            .tables
            .iter()
            .all(|cell| match cell.criterion.as_str() {
                "right" => cell.note.as_deref() == Some(own),
                _ => cell.note.is_none(),
            })
    );
    assert!(markdown(&found).contains(&format!("right ({own})")));
}
