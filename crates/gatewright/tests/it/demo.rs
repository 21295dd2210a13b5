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
    let again = place
        .run(&["init", "--example", "billing-support", "billing"])
        .expect(2);
    assert!(again.stderr.contains("never overwrites"), "{again}");
}
