//! Every code with why it matters and what to write instead, where the place that finds it knows nothing better.

/// Codes, why, and what to write instead. A problem is found by a code of this table and no other.
#[rustfmt::skip]
const TABLE: &[(&[&str], &str, &str)] = &[
    // The page and its form.
    (&["alias", "tag"], "a page means what stands there, for every reader and every tool", "write the value out"),
    (&["syntax", "two-documents", "empty-page", "bad-key"], "nothing of the page can be read before its form is right", "write one YAML mapping of keys and values; `gatewright init` writes one to begin with"),
    (&["too-deep", "too-many-values", "page-too-large", "version"], "a page is one that people read, and a larger one could exhaust the machine that checks it", "move the data into files, and name them on the page"),
    (&["unknown-key"], "a misspelt key would be silently without effect", "write one of the known keys, or leave it out"),
    (&["duplicate-key"], "only one of the two would count, and a reader cannot tell which", "keep one of the two"),
    (&["wrong-kind", "wrong-type"], "what is read as something else would be graded as something else", "write the kind of value that is named"),
    (&["unknown-word"], "a word that is not known would be taken for nothing, and what it should say would not count", "write one of the known words"),
    (&["missing-key"], "without it the rest has no meaning", "add the key"),
    (&["bad-quantity", "bad-number", "bad-value", "out-of-range"], "a limit that is misread moves the decision", "write a number with its unit, inside the range that is named"),
    (&["min-above-max"], "no answer could ever be inside", "exchange the two, or leave one out"),
    (&["bad-name", "bad-identity"], "names are keys of files, commands and reports", "write letters, digits, `-`, `_` and `.`"),
    (&["bad-date"], "what is stale and what has lapsed is read from dates", "write a date such as 2027-03-01"),
    (&["bad-digest"], "a digest that is none proves nothing about its source", "write sha256: and 64 hexadecimal digits"),
    (&["bad-pattern", "bad-glob"], "a pattern that cannot be read matches nothing, and everything would pass or fail by it", "write a pattern that is whole; a literal sign has a backslash before it"),
    (&["bad-path", "outside-project", "no-file", "no-place"], "only files inside of the project, or below a folder named with --root, are read", "write a path inside of the project, or data:FILE with --root data=DIR"),
    (&["bad-address", "bad-header", "bad-model", "no-model"], "nothing can be asked of an endpoint that cannot be addressed", "write the address, header or model as the provider's documentation has it"),
    (&["secret-on-page", "missing-secret"], "a secret on a page ends in its history and its reports, and without one nothing can be asked", "name it as env:NAME or file:PATH, and set it there"),
    (&["shell-line"], "a command is started as it stands, without a shell, so that no answer can become a command", "write a list of words: [\"python3\", \"assistant.py\"]"),
    // Promise, tasks, owners.
    (&["no-promise", "promise-incomplete", "promise-vague"], "the promise heads every report, and people decide by it", "say what it does, for whom, on what evidence, and what it does when it cannot"),
    (&["no-tasks", "few-tasks"], "failures hide in the task that is not named", "name the few tasks that users come with"),
    (&["no-failures", "no-kind"], "what costs most must be named before it can be looked for", "name the few failures that cost most, each with severity, cost and owner"),
    (&["no-owner", "no-owners", "undefined-owner"], "a failure that nobody owns is repaired by nobody", "name an owner under `owners`, and use that name"),
    (&["no-decider", "no-question"], "a decision without a question or a name is nobody's", "add decision.question and decision.decided_by"),
    (&["undefined-class"], "a failure of a class that does not exist has no owner, no cost and no repair", "declare it under `failures`, or use one of the classes that ship"),
    (&["undefined-criterion"], "a rule on a criterion that does not exist looks at nothing", "declare it under `criteria`, or name one that is there"),
    (&["undefined-dimension", "unknown-dimension"], "a rule on segments that do not exist looks at nothing", "declare it under `segments`, or name one that is there"),
    (&["undefined-value", "undeclared-value"], "a segment without examples is not looked at", "name a value that the examples have"),
    (&["undefined-system", "missing-system", "no-candidate", "no-target", "two-targets"], "answers of a system that is not there cannot be compared", "give every system of `systems` one way to get its answers"),
    (&["mixed-currencies"], "costs in two currencies have no sum", "write all costs in one currency"),
    (&["shares-above-one", "no-volume"], "shares of traffic weigh what is found", "write shares that add up to at most 100 %, and per_week"),
    (&["unknown-tool"], "a rule on a tool that nobody calls says nothing", "write the tool's name as the system calls it"),
    (&["unmet-demand"], "what a product uses can go wrong in its own way, and no example or criterion here would show it", "add examples and a criterion for it, or take the word out of `uses`"),
    (&["unused-slot", "empty-slot", "bad-slot", "unknown-slot", "bad-template", "no-template", "undeclared-variable", "no-vary"], "a text that is filled in wrongly asks another question", "write the names that the examples have, in double braces"),
    (&["rest-not-last", "duplicate-word", "two-meanings"], "one value would be two, and which one counts would depend on the order", "give every value one meaning, `rest` last"),
    (&["bad-rule"], "a condition that cannot be read decides nothing", "write it as the documentation of the grader has it"),
    // Gate.
    (&["no-gate", "no-verb", "two-verbs"], "without a rule of one verb nothing is decided", "begin each rule with one of guard, require, never, watch"),
    (&["no-action", "unknown-answer"], "a rule that is violated must say what follows", "add then: {violated: hold}, or another of the actions"),
    (&["no-against", "against-itself", "two-comparisons", "no-margin", "no-threshold", "no-version"], "a rule needs exactly one thing that it is compared with, and by how much", "write against: and margin:, or at_least:, or at_most:"),
    (&["guard-of-class", "metric-of-class", "metric-of-comparison", "metric-of-verb", "metric-without-pass", "metric-without-value", "unknown-metric", "at-most-of-class"], "the rule asks what its criterion cannot say", "choose a metric that fits the verb and the criterion: docs/manifest.md has the table"),
    (&["narrow-without-route", "rollback-of-nothing", "never-ships", "cannot-hold", "weak-gate", "weak-power"], "a rule that cannot follow or cannot hold at this n decides nothing", "gatewright check --explain RULE says what it can see"),
    (&["empty-segment", "thin-segment", "outside-segments", "empty-test-cell"], "in a segment with few examples a loss cannot be seen", "add examples to it"),
    (&["undetected-failure", "protects-nothing", "idle-criterion", "standing-criteria", "form-over-substance", "presence-for-correctness", "symptom-without-class", "unknown-symptom"], "a failure that no criterion detects passes every gate", "give it a criterion that would see it"),
    // Graders, judges, labels.
    (&["no-grader", "not-one-grader", "unknown-grader", "no-answer", "no-schema", "bad-schema", "unknown-field", "unknown-criterion"], "what is not graded has no verdict", "write one grader of `gatewright graders`, with what it needs"),
    (&["bad-tools"], "a call of a tool is checked against what the tool takes", "write the tools as a JSON list of names and schemas"),
    (&["judge-in-a-sum", "judge-twice", "label-twice", "large-panel", "no-judge", "unknown-judge", "uncalibrated-judge", "not-people", "verdict-not-counted", "other-rubric"], "a model that judges decides nothing before people's labels show how far it can be trusted", "gatewright calibrate says what is missing"),
    (&["bad-levels", "empty-rubric", "long-rubric", "no-rubric-head"], "people and models label by the rubric, and only by it", "write a first line, the levels, and what tells them apart"),
    (&["duplicate-label", "missing-label", "too-many-annotators", "cannot-be-joined", "no-labels-yet"], "a label that cannot be read is a missing verdict", "give each answer one label of each person, with its example's id"),
    // Data.
    (&["no-reference", "no-examples", "no-incidents", "nothing-retired", "much-set-aside", "handpicked", "synthetic-share", "near-empty", "expects-nothing", "stale-example"], "the gate sees only what the examples show", "collect examples from what users do, and set aside those that decide nothing any more"),
    (&["missing-id"], "an example, an answer and a label find each other by id", "give every row the id of its example"),
    (&["duplicate-id", "duplicate-output", "duplicate-column"], "two rows of one name are one example to every report, and one of them would not count", "give each its own, or keep one"),
    (&["missing-input", "missing-output", "missing-column", "missing-trial"], "without it the row cannot be asked or graded", "map the field that has it, or add it"),
    (&["same-content", "near-content"], "two examples that ask the same are counted as two, and are one", "keep one of the two, or give both one `cluster`"),
    (&["half-variant", "unknown-base"], "a variant is compared with its base", "write both variant_of and relation, and keep the base active"),
    (&["bad-inclusion"], "examples are weighed by the probability with which they were drawn", "write a number above 0 and at most 1"),
    (&["unknown-example"], "outputs and labels of examples that are not in the reference set are left out, and count nowhere", "add the examples, or take the rows out; ids are compared byte by byte"),
    (&["unequal-trials"], "a system that is asked more often has more chances", "record equally many trials of each system"),
    (&["example-changed"], "an answer to another question is not graded", "undo the change, or run again"),
    (&["stale-source", "stale", "overdue"], "an example that rests on an old source demands an old answer", "look at the example again, and renew its date or digest"),
    (&["more-problems"], "one mistake often makes many", "mend those that are shown, and check again; --json has up to 100 of a file"),
    (&["unreadable-file", "not-here"], "nothing is decided on a file that could not be read", "check that it is there, and that you may read it"),
    (&["invalid-utf8", "not-utf8", "not-utf-8", "bad-encoding", "byte-order-mark"], "bytes that are no text could be shown as another text than the one that was graded", "save the file as UTF-8, without a byte order mark"),
    (&["bad-json", "not-an-object", "bad-string", "bad-row", "lone-surrogate", "nul-in-key", "not-a-number", "number-too-large"], "a line that one program reads and another does not is two different examples", "write one JSON object a line"),
    (&["line-too-long"], "a line of any length could exhaust the machine that checks it", "split the record, or keep the large part in a file of its own"),
    (&["not-their-format", "nothing-recorded", "several-runs", "same-system", "same-trial", "other-question", "unclear-verdict", "unknown-column"], "what cannot be told apart would be counted as something that it is not", "choose what is meant with the options of `gatewright import --help`"),
    // Around a run.
    (&["no-adapters", "no-price", "no-program", "no-script", "no-trials", "prompt-not-filled", "unknown-host"], "the run would stop there, after it had begun", "mend it on the page before the run"),
];

/// Why a problem of this code matters, and what to write instead; `None` for a code that nobody declared.
pub(super) fn known(code: &str) -> Option<(&'static str, &'static str)> {
    let row = TABLE.iter().find(|(codes, ..)| codes.contains(&code));
    row.map(|(_, why, instead)| (*why, *instead))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_one_row_with_why_and_what_to_write_instead() {
        let mut seen = std::collections::BTreeSet::new();
        for (codes, why, instead) in TABLE {
            assert!(why.len() > 20 && instead.len() > 10, "{codes:?}");
            for code in *codes {
                assert!(seen.insert(code), "{code} stands twice");
            }
        }
        assert_eq!(known("no-such-code"), None);
    }
}
