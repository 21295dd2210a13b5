//! The program that docs/command-systems.md shows is a system.

use gatewright_core::response::Behaviour;
use gatewright_testkit::shared::project_root;

use crate::runner::{candidate, command, first, limits, run};

#[test]
fn the_documented_program_answers() {
    let page = project_root().join("docs/command-systems.md");
    let page = std::fs::read_to_string(page).expect("the page");
    let program = page
        .split("```python\n")
        .nth(1)
        .and_then(|rest| rest.split("```").next())
        .expect("a program on the page");
    let target = command(&["python3", "-c", program]);
    let ran = run(&candidate(target), first(3), &limits());
    ran.complete();
    let response = ran.answer(2);
    assert_eq!(response.output, "You asked: question 2");
    assert_eq!(response.behaviour, Some(Behaviour::Answer));
    assert_eq!(response.citations, ["policy-1"]);
}

#[test]
fn the_shipped_example_answers_in_every_version() {
    for version in ["10", "11", "12", "13"] {
        let mut target = command(&["python3", "assistant.py", "--version", version]);
        target.cwd = project_root().join("examples/billing-support");
        target.workers = 2;
        let ran = run(&candidate(target), first(4), &limits());
        ran.complete();
        assert_eq!(ran.answers(), 4, "version {version}");
    }
}
