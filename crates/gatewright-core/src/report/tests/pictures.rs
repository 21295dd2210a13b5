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
        "Retrieval team answers for the costliest failures of the candidate: 9 unsupported claims, 3,600 USD at the page's costs."
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
