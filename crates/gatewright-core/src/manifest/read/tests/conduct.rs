//! Behaviour read from words, labels that name it, and expressions, each error at its place.

use super::*;
use crate::response::Behaviour;

fn with(grader: &str) -> String {
    page(&[
        (
            "criteria",
            &format!("\n  c: {{grader: {grader}, fails_as: scope-mismatch}}"),
        ),
        (
            "gate",
            "[{guard: c, against: production, margin: 10 pts, then: {violated: hold}, owner: product}]",
        ),
    ])
}

/// The errors of a page with one grader, as `line:column code: what / instead`.
fn said(grader: &str) -> Vec<String> {
    let (_, problems) = read(with(grader).as_bytes(), "g.yaml");
    let show = |it: &crate::problem::Problem| {
        let (at, what) = (&it.at, &it.what);
        format!(
            "{}:{} {}: {what} / {}",
            at.line, at.column, it.code, it.instead
        )
    };
    problems.iter().map(show).collect()
}

#[test]
fn signs_of_behaviour_are_read_in_the_order_of_the_page() {
    let text = with(
        "{behaviour: {stated: false, otherwise: missing, read: {refuse: ['^no', never], ask: {when: \"output.endsWith('?')\", patterns: which, ignore_case: false}, answer: '.'}}}",
    );
    let (page, problems) = read(text.as_bytes(), "g.yaml");
    let page = page.unwrap_or_else(|| panic!("{problems:#?}"));
    let Grader::Behaviour(reading) = &page.criteria[0].grader else {
        panic!("{:?}", page.criteria[0].grader);
    };
    assert!(!reading.stated && reading.otherwise.is_none());
    let order: Vec<Behaviour> = reading.read.iter().map(|it| it.behaviour).collect();
    assert_eq!(
        order,
        [Behaviour::Refuse, Behaviour::Ask, Behaviour::Answer]
    );
    assert_eq!(reading.read[0].patterns, ["^no", "never"]);
    assert!(reading.read[0].ignore_case && !reading.read[1].ignore_case);
    let bare = read(with("behaviour").as_bytes(), "g.yaml")
        .0
        .expect("sound");
    assert_eq!(bare.criteria[0].grader, Grader::Behaviour(Box::default()));
}

#[test]
fn what_cannot_be_used_is_said_where_it_stands() {
    for (grader, expected) in [
        (
            "{behaviour: {read: {refuses: [no]}}}",
            "9:35 unknown-word: `refuses` is no behaviour / did you mean `refuse`?",
        ),
        ("{behaviour: {read: {refuse: ['a(']}}}", "9:46 bad-pattern"),
        (
            "{behaviour: {read: {ask: {ignore_case: true}}}}",
            "9:40 missing-key: `criteria.c.grader.behaviour.read.ask` says nothing that shows it",
        ),
        (
            "{behaviour: {otherwise: refusal}}",
            "9:39 unknown-word: `refusal` is not known",
        ),
        ("{behaviour: {signs: {}}}", "unknown-key"),
        (
            "{behaviour: {read: {ask: {when: \"size(output) > 3 && outpt == ''\"}}}}",
            "9:68 bad-rule: there is no variable `outpt` / did you mean `output`?",
        ),
        (
            "{behaviour: {read: {ask: {when: call.step > 1}}}}",
            "9:47 bad-rule: `call` is not there",
        ),
        (
            "{trajectory: {rules: [{must: call.arguments.amount <= 5.0}, {when: cal.name == 'x', must: 'true'}]}}",
            "9:82 bad-rule: there is no variable `cal` / did you mean `call`?",
        ),
        (
            "{trajectory: {rules: [{must: 'startWith(call.name)'}]}}",
            "9:45 bad-rule: there is no function `startWith` / did you mean `startsWith`?",
        ),
        (
            "{trajectory: {final: calls.size() > 0 && call.step == 1}}",
            "9:56 bad-rule: `call` is not there",
        ),
        (
            "{label: {from: l.jsonl, by: person, behaviour: {answer: yes, refuse: yes}}}",
            "label-twice: the label `yes` names two behaviours",
        ),
        (
            "{label: {from: l.jsonl, by: person, behaviour: {answer: ok}, values: {pass: ok}}}",
            "two-meanings",
        ),
    ] {
        let said = said(grader);
        assert!(
            said.iter().any(|line| line.contains(expected)),
            "{grader}: {said:#?}"
        );
    }
}
