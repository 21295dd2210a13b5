//! What the pictures say, and what comes first in them.

use super::*;

#[test]
fn pictures_say_their_finding_and_put_the_worst_first() {
    let view = made(&page(), &proposal(), &analysis());
    let forest = view.forest.expect("there is production");
    assert_eq!(
        forest.caption.finding,
        "grounded in cancellation: −20.8 points against production (n 24). 1 of 1 comparisons are violated."
    );
    assert_eq!((forest.axis, forest.ticks.len()), ((-0.4, 0.1), 6));
    assert!(forest.ticks.contains(&0.0));
    let row = &forest.rows[0];
    assert_eq!((row.fired, row.n, row.level), (true, 24, Some(0.95)));
    assert_eq!(row.fresh.map(|fresh| fresh.difference), Some(-0.2));
    let heat = view.heat.expect("cells");
    assert!(heat.caption.finding.starts_with(
        "The largest loss is grounded in cancellation: −20.8 points (n 24). Of 3 cells, 1 are worse"
    ));
    let words: Vec<&str> = heat
        .rows
        .iter()
        .map(|row| row.slice.words.as_str())
        .collect();
    assert_eq!(words, ["all examples", "cancellation", "refund"]);
    let shades: Vec<i8> = heat
        .rows
        .iter()
        .map(|row| row.cells[0].expect("graded").shade)
        .collect();
    assert_eq!(shades, [1, -2, 3]);
    let owners = view.class_owners.expect("failures");
    assert_eq!(
        owners.caption.finding,
        "Retrieval team answers for the costliest failures of the candidate: 9 unsupported claims, 3,600 USD at the page's costs, on 0 examples."
    );
    assert_eq!(
        view.would_change,
        [
            "no-task-breaks in cancellation holds when fresh runs lose fewer than 2.4 of 24 examples net (its margin is 10 points); they lost 4.8.",
            "Or narrow to refund and plan-change (81 % of traffic): every rule holds there by itself.",
        ]
    );
}

#[test]
fn thin_cells_are_marked_and_lead_nothing() {
    let mut analysis = analysis();
    analysis.cells[1] = cell(cancellation(), 19, 9, 0, (0.5, 0.97));
    let heat = made(&page(), &proposal(), &analysis).heat.expect("cells");
    let row = heat.rows.last().expect("rows");
    assert_eq!(row.slice.words, "cancellation");
    assert!(row.cells[0].expect("graded").thin);
    assert!(
        heat.caption
            .finding
            .starts_with("Nothing that rests on 20 examples or more lost 2 points")
    );
}

/// The lowest is the one with the least value, not the first that is undecided.
#[test]
fn the_caption_of_the_forest_names_the_lowest_of_what_decides() {
    let mut analysis = analysis();
    analysis.findings[0].standing = Standing::Holds;
    let refund = vec![("task".to_owned(), "refund".to_owned())];
    let mut other = analysis.findings[0].clone();
    other.slice = refund.clone();
    other.standing = Standing::Undecided(Undecided::Missing { units: 1 });
    analysis.findings.insert(0, other);
    let forest = made(&page(), &proposal(), &analysis).forest.expect("rows");
    assert_eq!(forest.rows[0].slice.words, "refund", "undecided ones first");
    assert_eq!(
        forest.caption.finding,
        "No comparison with production is violated; the lowest of 2 is grounded in cancellation, −20.8 points (n 24)."
    );
    // A violated row without a value does not make the others "not violated".
    analysis.findings[0].standing = Standing::Violated;
    let cell = analysis.cells.iter_mut().find(|cell| cell.slice == refund);
    let paired = cell.and_then(|cell| cell.against.get_mut(&Role::Production));
    paired.expect("there").difference = Err(Undefined::TooFewClusters { clusters: 1 });
    let forest = made(&page(), &proposal(), &analysis).forest.expect("rows");
    assert_eq!(
        forest.caption.finding,
        "1 of 2 comparisons are violated; none of them has a value to show."
    );
}

#[test]
fn owners_whose_costs_do_not_add_up_lead_nothing() {
    let mut page = page();
    let refusal = page.class_index("over-refusal").expect("shipped");
    let scope = page.class_index("scope-mismatch").expect("shipped");
    page.classes[scope as usize].owner = page.classes[refusal as usize].owner.clone();
    page.classes[refusal as usize].cost.currency = Some("EUR".to_owned());
    let mut analysis = analysis();
    let one = |class| ClassCount {
        change: 0,
        unpaired: 0,
        class,
        ..analysis.classes[0].clone()
    };
    let added = one(scope);
    analysis.classes.push(added);
    let owners = made(&page, &proposal(), &analysis)
        .class_owners
        .expect("some");
    let names: Vec<&str> = owners
        .owners
        .iter()
        .map(|row| row.owner.name.as_str())
        .collect();
    assert_eq!(names, ["Retrieval team", "policy"]);
    assert_eq!(owners.owners[1].cost, None);
    // Where no failure costs anything, nobody has the costliest.
    for class in &mut page.classes {
        class.cost.amount = 0.0;
    }
    let owners = made(&page, &proposal(), &analysis)
        .class_owners
        .expect("some");
    assert!(
        !owners.caption.finding.contains("costliest"),
        "{}",
        owners.caption.finding
    );
}

/// What is missing could have been the event: nothing holds "with no such failure" by what was seen.
#[test]
fn an_undecided_never_says_what_it_needs_and_nothing_else() {
    let mut page = page();
    page.gate[0].verb = Verb::Never;
    page.gate[0].compare = Compare::Nothing {
        of: Role::Candidate,
    };
    let mut analysis = analysis();
    analysis.findings[0].standing = Standing::Undecided(Undecided::Missing { units: 7 });
    let mut proposal = proposal();
    proposal.alternative = None;
    proposal.needs = vec!["7 outcomes that are missing".to_owned()];
    let view = made(&page, &proposal, &analysis);
    assert_eq!(
        view.would_change,
        ["To decide it: 7 outcomes that are missing."]
    );
    analysis.findings[0].standing = Standing::Violated;
    analysis.findings[0].measured.events = 2;
    let view = made(&page, &proposal, &analysis);
    assert_eq!(
        view.would_change[0],
        "no-task-breaks in cancellation holds with no such failure; there were 2 in 24 examples."
    );
}

fn floor(page: &mut Manifest, analysis: &mut Analysis) {
    let rule = &mut page.gate[0];
    (rule.id, rule.verb, rule.from) = ("most".into(), Verb::Require, None);
    rule.compare = Compare::AtLeast {
        of: Role::Candidate,
        floor: 0.55,
    };
    let finding = &mut analysis.findings[0];
    finding.slice = Vec::new();
    finding.standing = Standing::Holds;
    finding.measured = Measured {
        planned: 96,
        n: 96,
        n_eff: 96.0,
        value: Some(0.99),
        limit: Some(0.55),
        for_holds: Some(bounds(0.99, 0.951, 1.0, 96)),
        covered: Some(0.6 * 0.951),
        ..Measured::default()
    };
}

/// 40 % of traffic has no example: what is sure, and what is left, is of all traffic.
#[test]
fn what_is_left_is_left_of_the_bound_that_was_judged() {
    let (mut page, mut analysis) = (page(), analysis());
    floor(&mut page, &mut analysis);
    let ship = Proposal {
        answer: Answer::Ship,
        fired: Vec::new(),
        alternative: None,
        work_items: Vec::new(),
        ..proposal()
    };
    let view = made(&page, &ship, &analysis);
    assert_eq!(
        view.would_change,
        [
            "The demand that holds by the least is most in all examples: 2.1 points are left between its bound and its limit (n 96)."
        ]
    );
    let finding = &view.findings[0];
    assert!(
        finding
            .sentence
            .ends_with("at least 55 % is demanded, 57.1 % is sure"),
        "{}",
        finding.sentence
    );
    assert!((finding.covered.expect("a bound") - 0.5706).abs() < 1e-12);
    assert!(
        finding
            .rests_on
            .ends_with(", 57.1 % with traffic that has no example at its worst"),
        "{}",
        finding.rests_on
    );
    // A mean has no worst value: no bound of it is sure. What is undecided does not hold by anything.
    analysis.findings[0].measured.covered = Some(f64::NEG_INFINITY);
    analysis.findings[0].standing = Standing::Undecided(Undecided::CoverageGap {
        uncovered: 0.4,
        trimmed: 0.0,
    });
    let view = made(&page, &ship, &analysis);
    assert!(!view.findings[0].sentence.contains("is sure"));
    assert_eq!(view.would_change, Vec::<String>::new());
}

#[test]
fn a_demand_beside_others_in_other_units_is_called_a_share() {
    let (mut page, mut analysis) = (page(), analysis());
    floor(&mut page, &mut analysis);
    let mut cost = page.gate[0].clone();
    (cost.id, cost.metric) = ("cheap".into(), Metric::CostPerSolved);
    page.gate.push(cost);
    let mut finding = analysis.findings[0].clone();
    finding.rule = 1;
    analysis.findings.push(finding);
    let ship = Proposal {
        answer: Answer::Ship,
        fired: Vec::new(),
        ..proposal()
    };
    let said = made(&page, &ship, &analysis).would_change;
    assert!(
        said[0].starts_with("The share that holds by the least is most in"),
        "{said:?}"
    );
}

#[test]
fn what_was_seen_is_said_with_n_and_interval() {
    let (mut page, mut analysis) = (page(), analysis());
    floor(&mut page, &mut analysis);
    let finding = &mut analysis.findings[0];
    finding.standing = Standing::Violated;
    finding.measured.value = Some(0.5);
    finding.measured.for_violated = Some(bounds(0.5, 0.45, 0.54, 96));
    let said = made(&page, &proposal(), &analysis).would_change;
    assert_eq!(
        said[0],
        "most in all examples holds when at least 55 % is shown; 50 % was seen (n 96, 45 to 54, 95 % interval, Tango score)."
    );
}
