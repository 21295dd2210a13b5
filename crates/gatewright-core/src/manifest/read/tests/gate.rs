//! Rules: what they say, and thresholds that mean nothing (hardening.md A31).

use super::*;

/// A31: thresholds that mean nothing, misspelt keys and unknown names, each with its place.
#[test]
fn a31_thresholds_and_names() {
    let rule = |text: &str| format!("[{{{text}, then: {{violated: hold}}, owner: product}}]");
    let gate = |text: &str, expect: &str| check(&[("gate", &rule(text))], expect);
    for value in ["NaN", ".nan", "inf", ".inf", "110 %", "-5 %", "2", "9e1 %"] {
        gate(
            &format!("require: contains, at_least: {value}"),
            "7:38 bad-quantity",
        );
    }
    gate(
        "guard: contains, against: production, margin: 110 pts",
        "7:55 bad-quantity",
    );
    gate(
        "guard: contains, against: production, margn: 10 pts",
        "7:8 no-margin\n7:47 unknown-key",
    );
    gate(
        "require: contains, at_least: 95 %, at_most: 90 %",
        "7:8 min-above-max",
    );
    gate(
        "require: contains, at_least: 90 %, at_most: 95 %",
        "7:8 two-comparisons",
    );
    gate(
        "require: contians, at_least: 90 %",
        "7:18 undefined-criterion",
    );
    gate(
        "requir: contains, at_least: 90 %",
        "7:8 no-verb\n7:9 unknown-key",
    );
    gate(
        "require: contains, at_least: 90 %, metric: pas^4",
        "7:52 unknown-metric",
    );
    gate(
        "require: contains, at_least: 90 %, metric: pass^0",
        "7:52 unknown-metric",
    );
    gate("never: latency, cap: 0 %", "7:30 out-of-range");
    assert!(
        full(&page(&[("gate", &rule("requir: contains"))])).contains("did you mean `require`?")
    );
}

#[test]
fn a_rule_says_one_thing() {
    let gate = |text: &str, expect: &str| check(&[("gate", &format!("[{{{text}}}]"))], expect);
    let rest = "then: {violated: hold}, owner: product";
    gate(&format!("require: contains, at_least: 90 %, {rest}"), "");
    gate(
        "require: contains, at_least: 90 %, then: {violated: hold}",
        "7:8 no-owner",
    );
    gate(
        "require: contains, at_least: 90 %, owner: product",
        "7:8 no-action",
    );
    gate(
        "require: contains, at_least: 90 %, then: {}, owner: product",
        "7:50 no-action",
    );
    gate(
        "require: contains, at_least: 90 %, then: {violated: holt}, owner: product",
        "7:61 unknown-word",
    );
    gate(
        "require: contains, at_least: 90 %, then: {violated: hold}, owner: produkt",
        "7:75 undefined-owner",
    );
    gate(&format!("require: contains, {rest}"), "7:8 no-threshold");
    gate(
        &format!("require: contains, against: production, {rest}"),
        "7:8 no-threshold",
    );
    gate(
        &format!("require: contains, margin: 5 pts, {rest}"),
        "7:36 no-against",
    );
    gate(
        &format!("require: contains, better_by: 5 pts, {rest}"),
        "7:39 no-against",
    );
    gate(
        &format!("require: contains, against: fallback, margin: 5 pts, {rest}"),
        "7:37 undefined-system",
    );
    gate(
        &format!("require: contains, against: candidate, margin: 5 pts, {rest}"),
        "7:37 against-itself",
    );
    gate(
        &format!("guard: contains, against: production, {rest}"),
        "7:8 no-margin",
    );
    gate(
        &format!("guard: contains, margin: 5 pts, {rest}"),
        "7:8 no-against\n7:34 no-against",
    );
    gate(
        &format!("guard: unsupported-claim, against: production, margin: 5 pts, {rest}"),
        "7:16 guard-of-class",
    );
    gate(
        &format!("never: unsupported-claim, at_least: 5 %, {rest}"),
        "7:45 not-here",
    );
    gate(
        &format!("never: unsupported-claim, watch: contains, {rest}"),
        "7:8 two-verbs",
    );
    gate(&format!("watch: contains, {rest}"), "7:32 not-here");
    gate("watch: contains, owner: product", "");
    gate(
        "watch: contains, by: [tusk], owner: product",
        "7:31 undefined-dimension",
    );
    gate(
        "watch: contains, where: {task: [refund, refunds]}, owner: product",
        "7:49 undefined-value",
    );
    gate(
        "watch: contains, where: {risk: high}, owner: product",
        "7:34 undefined-dimension",
    );
    gate("watch: contains, cap: 5 %, owner: product", "7:31 not-here");
    gate(
        "watch: contains, metric: p95, owner: product",
        "7:34 metric-without-value",
    );
    let measured = "{contains: {grader: {cost: {}}, fails_as: scope-mismatch}, right: {grader: {contains: {}}, fails_as: unsupported-claim}}";
    let solved = |what: &str, expect: &str| {
        let rule = format!("[{{watch: {what}, metric: cost_per_solved, owner: product}}]");
        check(&[("criteria", measured), ("gate", &rule)], expect);
    };
    solved("contains", "7:34 metric-without-pass");
    solved("right", "");
    gate(
        "watch: contains, severity: hihg, owner: product",
        "7:36 unknown-word",
    );
    gate(
        "watch: contains, from: [trafic], owner: product",
        "7:33 unknown-word",
    );
    gate(
        "watch: contains, owner: product}, {watch: contains, owner: product",
        "7:43 duplicate-id",
    );
    gate(
        "require: contains, at_least: 90 %, then: {violated: narrow}, owner: product",
        "7:61 narrow-without-route",
    );
    gate(
        "require: contains, at_least: 90 %, then: {violated: hold, undecided: narrow}, owner: product",
        "",
    );
    gate(
        "require: contains, at_least: 90 %, then: {violated: hold, undecided: hold}, owner: product",
        "7:78 unknown-word",
    );
    gate(
        &format!("guard: contains, against: production, margin: 10 %, {rest}"),
        "7:55 bad-quantity",
    );
    gate(
        &format!("guard: contains, against: production, margin: 5 pts, metric: pass^4, {rest}"),
        "7:70 metric-of-verb",
    );
    check(&[("gate", "[]")], "1:1 no-gate");
    check(&[("gate", "{a: b}")], "7:7 wrong-kind");
}
