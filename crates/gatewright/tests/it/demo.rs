//! The shipped example, from the binary alone.

use crate::project::environment;

#[test]
fn the_example_is_written_checked_and_held() {
    let place = environment();
    let _ = place
        .run(&["init", "--example", "billing-support", "billing"])
        .expect(0);
    let inside = |arguments: &[&str]| {
        place
            .command(arguments)
            .env("COLUMNS", "80")
            .current_dir(place.project().join("billing"))
            .output()
            .expect("runs")
    };
    let check = inside(&["check"]);
    assert_eq!(
        check.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&check.stdout)
    );
    let gate = inside(&["gate"]);
    let text = String::from_utf8_lossy(&gate.stdout).into_owned();
    assert_eq!(
        gate.status.code(),
        Some(100),
        "{text}{}",
        String::from_utf8_lossy(&gate.stderr)
    );
    assert!(text.starts_with("HOLD: cancellation lost "), "{text}");
    assert!(text.contains("reproduced"), "{text}");
    assert!(text.lines().count() <= 25, "{text}");
    assert!(String::from_utf8_lossy(&gate.stderr).contains("tripped a guard"));
    assert_eq!(text.lines().find(|line| line.chars().count() > 80), None);
    let plain = text.split_whitespace().collect::<Vec<_>>().join(" ");
    // The rule that fired, every other one, who repairs what, and what was lost and gained, the largest loss first.
    for said in [
        "Rule: no-task-breaks (guard, gatewright.yaml:",
        "Also: high-risk in risk high",
        "To do: Retrieval team: repair grounded in cancellation and risk high: grounding rules, then retrieval; then run no-task-breaks and high-risk again",
        "Traded: ",
        "Examples: ",
        "Not seen: a loss under 3 examples",
        "More in gatewright report: ",
        "Next: gatewright diff --segment task=cancellation --criterion grounded",
    ] {
        assert!(plain.contains(said), "{said}\n{text}");
    }
    let marks: String = text
        .lines()
        .filter_map(|line| line.chars().next().filter(|mark| "▼▲·".contains(*mark)))
        .collect();
    let (lost, gained) = marks.split_at(marks.rfind('▼').expect("lost") + '▼'.len_utf8());
    assert!(
        lost.chars().all(|mark| mark == '▼') && lost.chars().count() >= 3,
        "{text}"
    );
    // One that gained, and all examples.
    assert!(gained.chars().count() >= 2, "{text}");
    assert!(text.contains("▼ source_quality conflicting "), "{text}");
    let last = text.lines().rfind(|line| line.starts_with(['▼', '▲', '·']));
    assert!(
        last.is_some_and(|line| line.contains("all examples")),
        "{text}"
    );
    // What was settled by fresh trials is not settled twice.
    let confirm = inside(&["confirm"]);
    let said = String::from_utf8_lossy(&confirm.stdout).into_owned();
    assert!(
        said.contains("what tripped was confirmed already"),
        "{said}"
    );
    let again = place
        .run(&["init", "--example", "billing-support", "billing"])
        .expect(2);
    assert!(again.stderr.contains("never overwrites"), "{again}");
}
