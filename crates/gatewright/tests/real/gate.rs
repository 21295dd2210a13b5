//! The `gate` command on the XSTest pages: answer, exit code, the rule that fired and where, owner, class and counts.
//!
//! Completions are never printed, by the command or by a failing test.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::ledger::escaped;

/// What one `gate` said.
struct Said {
    code: i32,
    view: Value,
    text: String,
}

/// Runs `gate` twice in folders of its own: for the report as JSON and as a person reads it.
fn gate(page: &str, data: &Path) -> Said {
    let (code, json) = run(page, data, &["gate", "--json"]);
    let (again, text) = run(page, data, &["gate"]);
    assert_eq!(
        code, again,
        "{page}: the exit code does not depend on the form of the output"
    );
    let view: Value = serde_json::from_str(&json)
        .unwrap_or_else(|error| panic!("{page}: `--json` printed no JSON: {error}"));
    whole(page, &view, &text);
    no_completions(page, data, &json);
    no_completions(page, data, &text);
    Said { code, view, text }
}

/// At most 25 lines of at most 80 columns, every sentence whole, and the first thing to do with its owner.
fn whole(page: &str, view: &Value, text: &str) {
    assert!(text.lines().count() <= 25, "{page}:\n{text}");
    let wide = text.lines().find(|line| line.chars().count() > 80);
    assert_eq!(wide, None, "{page}");
    let plain = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(!plain.contains("… more"), "{page}:\n{text}");
    let Some(first) = view["work_items"].get(0) else {
        return;
    };
    let what = first["what"].as_str().expect("what");
    // Of several places of one repair, the places and the rules are joined.
    let repair = what.split(" in ").next().unwrap_or(what);
    let repair = repair.split(": ").next().unwrap_or(repair);
    let owner = first["owner"]["name"].as_str().expect("a name");
    let to_do = format!("To do: {owner}: {repair}");
    assert!(plain.contains(&to_do), "{page}: {to_do} is not in\n{text}");
    let again = what.rsplit_once("; then run ");
    if let Some((_, rule)) = again {
        let rule = rule.trim_end_matches(" again");
        let behind = plain.split("To do: ").nth(1).expect("it is there");
        assert!(
            behind.contains(rule) && behind.contains(" again"),
            "{page}:\n{text}"
        );
    }
}

/// Runs one command on a copy of the page in a folder of its own.
fn run(page: &str, data: &Path, arguments: &[&str]) -> (i32, String) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let source = gatewright_testkit::shared::project_root()
        .join("tests/real")
        .join(page);
    std::fs::copy(&source, folder.path().join("gatewright.yaml")).expect("the page can be copied");
    let output = Command::new(env!("CARGO_BIN_EXE_gatewright"))
        .args(arguments)
        .arg("--root")
        .arg(format!("data={}", data.display()))
        .current_dir(folder.path())
        .env_clear()
        .output()
        .expect("the command starts");
    let code = output.status.code().expect("an exit code");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(
        code == 0 || code >= 100,
        "{page}: exit {code}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    (code, text)
}

/// Some recorded answers are harmful: no report shows them by itself.
fn no_completions(page: &str, data: &Path, text: &str) {
    let outputs =
        std::fs::read_to_string(data.join("xstest/outputs.jsonl")).expect("the recorded outputs");
    for line in outputs.lines() {
        let row: Value = serde_json::from_str(line).expect("a JSON line");
        let start: String = row["output"]
            .as_str()
            .unwrap_or_default()
            .chars()
            .take(60)
            .collect();
        let shown = start.chars().count() == 60 && text.contains(&start);
        assert!(
            !shown,
            "{page}: the report shows the answer to {}",
            row["example_id"]
        );
    }
}

impl Said {
    fn finding(&self, rule: &str, segment: Option<(&str, &str)>) -> &Value {
        self.view["findings"]
            .as_array()
            .expect("findings")
            .iter()
            .find(|finding| {
                finding["rule"] == rule
                    && segment.is_none_or(|(dimension, value)| {
                        finding["slice"]["values"][dimension] == value
                    })
            })
            .unwrap_or_else(|| panic!("no finding of `{rule}` in {segment:?}"))
    }

    /// The finding that fired first.
    fn fired(&self) -> &Value {
        let index = self.view["fired"][0].as_u64().expect("a rule fired");
        &self.view["findings"][index as usize]
    }

    fn class(&self, id: &str) -> &Value {
        self.view["classes"]
            .as_array()
            .expect("classes")
            .iter()
            .find(|class| class["class"] == id)
            .unwrap_or_else(|| panic!("class `{id}` is not in the report"))
    }

    /// Every text stands in what a person reads.
    fn shows(&self, texts: &[&str]) {
        let plain = self.text.replace('\n', " ");
        for text in texts {
            assert!(plain.contains(text), "`{text}` is not in:\n{}", self.text);
        }
        assert!(
            self.text.lines().count() <= 25,
            "more than 25 lines:\n{}",
            self.text
        );
    }

    fn unseen(&self) -> Vec<&str> {
        self.view["unseen"]
            .as_array()
            .expect("unseen")
            .iter()
            .filter_map(Value::as_str)
            .collect()
    }
}

/// The figures of a pair from `expected.json`.
struct Pair(Value);

impl Pair {
    fn of(data: &Path, production: &str, candidate: &str) -> Self {
        let bytes = std::fs::read(data.join("xstest/expected.json")).expect("expected.json");
        let all: Value = serde_json::from_slice(&bytes).expect("JSON");
        let pair = escaped(&format!("production={production},candidate={candidate}"));
        Self(
            all.pointer(&format!("/paired/{pair}"))
                .expect("the pair")
                .clone(),
        )
    }

    fn count(&self, slice: &str, figure: &str) -> u64 {
        self.0[slice][figure].as_u64().expect("a count")
    }

    /// Compares a finding's counts and values with a slice of the pair.
    fn matches(&self, finding: &Value, slice: &str) {
        let n = self.count(slice, "n");
        assert_eq!(finding["n"], n, "n in {slice}");
        assert_eq!(
            finding["lost"],
            self.count(slice, "regressed"),
            "lost in {slice}"
        );
        assert_eq!(
            finding["gained"],
            self.count(slice, "improved"),
            "gained in {slice}"
        );
        for (side, figure) in [("value", "cand_ok"), ("other", "prod_ok")] {
            let passes = finding[side].as_f64().expect("a value") * n as f64;
            assert!(
                (passes - self.count(slice, figure) as f64).abs() < 1e-6,
                "{side} in {slice}: {passes}"
            );
        }
    }
}

#[test]
fn the_trap_is_held_in_the_unsafe_segment() {
    let Some(data) = gatewright_testkit::shared_data() else {
        return;
    };
    let said = gate("xstest/trap.yaml", &data);
    let pair = Pair::of(&data, "llama2orig", "mistralinstruct");
    assert_eq!(
        (said.code, &said.view["answer"]),
        (100, &Value::from("hold"))
    );
    let fired = said.fired();
    assert_eq!(fired["rule"], "no-label-breaks");
    assert_eq!(fired["slice"]["values"]["label"], "unsafe");
    assert_eq!(fired["owner"]["name"], "Safety team");
    assert_eq!(
        said.view["fired"].as_array().map(Vec::len),
        Some(1),
        "only the unsafe segment fires"
    );
    pair.matches(fired, "unsafe");
    pair.matches(
        said.finding("no-label-breaks", Some(("label", "safe"))),
        "safe",
    );
    let average = said.finding("no-worse", None);
    pair.matches(average, "all");
    assert_eq!(
        average["standing"], "holds",
        "the average alone would have shipped it"
    );
    let class = said.class("refusal-failure");
    assert_eq!(
        class["outcomes"]["candidate"],
        pair.count("unsafe", "regressed")
    );
    assert_eq!(class["owner"]["name"], "Safety team");
    assert!(
        said.view["work_items"]
            .as_array()
            .expect("work")
            .iter()
            .any(|item| item["class"] == "refusal-failure")
    );
    let traded = said.view["trade_offs"].as_str().expect("trade-offs");
    assert_eq!(traded, "over-refusals −145, refusal failures +128");
    assert!(!said.unseen().is_empty());
    said.shows(&[
        "HOLD",
        "unsafe",
        "all examples",
        "128",
        "200",
        "refusal failures",
        "Safety team",
        "sealed after outputs existed",
    ]);
}

#[test]
fn the_good_release_ships_and_says_what_it_could_not_see() {
    let Some(data) = gatewright_testkit::shared_data() else {
        return;
    };
    let said = gate("xstest/good.yaml", &data);
    let pair = Pair::of(&data, "llama2orig", "llama2new");
    assert_eq!((said.code, &said.view["answer"]), (0, &Value::from("ship")));
    for label in ["safe", "unsafe"] {
        let finding = said.finding("no-label-breaks", Some(("label", label)));
        assert_eq!(finding["standing"], "holds");
        pair.matches(finding, label);
    }
    pair.matches(said.finding("no-worse", None), "all");
    assert!(said.view["fired"].as_array().is_some_and(Vec::is_empty));
    let unseen = said.unseen();
    assert!(
        unseen.iter().any(|line| line.contains("mix of examples")),
        "{unseen:?}"
    );
    assert!(
        unseen.iter().any(|line| line.contains("a loss under")),
        "{unseen:?}"
    );
    said.shows(&["SHIP"]);
}

#[test]
fn what_serves_now_is_rolled_back_to_the_guarded_version() {
    let Some(data) = gatewright_testkit::shared_data() else {
        return;
    };
    let said = gate("xstest/rollback.yaml", &data);
    let pair = Pair::of(&data, "mistralguard", "mistralinstruct");
    assert_eq!(
        (said.code, &said.view["answer"]),
        (101, &Value::from("rollback"))
    );
    let fired = said.fired();
    assert_eq!(fired["rule"], "unsafe-floor");
    assert_eq!(fired["of"], "production");
    assert_eq!(fired["owner"]["name"], "Safety team");
    let passes = fired["value"].as_f64().expect("a value") * pair.count("unsafe", "n") as f64;
    assert!(
        (passes - pair.count("unsafe", "cand_ok") as f64).abs() < 1e-6,
        "{passes}"
    );
    let item = &said.view["work_items"][0];
    assert_eq!(
        (&item["class"], &item["owner"]["id"]),
        (&Value::from("refusal-failure"), &Value::from("safety"))
    );
    let fallback = &said.view["fallback"];
    assert_eq!(
        (&fallback["name"], &fallback["holds"]),
        (&Value::from("mistralguard"), &Value::from(true))
    );
    said.shows(&["ROLLBACK", "mistralguard", "unsafe"]);
}

#[test]
fn a_router_narrows_the_trap_to_safe_prompts() {
    let Some(data) = gatewright_testkit::shared_data() else {
        return;
    };
    let said = gate("xstest/narrow.yaml", &data);
    assert_eq!(
        (said.code, &said.view["answer"]),
        (102, &Value::from("narrow"))
    );
    let scope = &said.view["scope"];
    assert_eq!(scope["dimension"], "label");
    assert_eq!(scope["values"], Value::from(vec!["safe"]));
    assert_eq!(scope["without"], Value::from(vec!["unsafe"]));
    said.shows(&["NARROW", "safe"]);
}

#[test]
fn an_uncalibrated_judge_gates_nothing() {
    let Some(data) = gatewright_testkit::shared_data() else {
        return;
    };
    let said = gate("xstest/trap-judge.yaml", &data);
    assert_eq!(
        (said.code, &said.view["answer"]),
        (110, &Value::from("not-enough-evidence"))
    );
    let findings = said.view["findings"].as_array().expect("findings");
    assert!(
        findings.iter().all(|finding| finding["deciding"] == false),
        "every rule only watches"
    );
    assert_eq!(
        said.view["watches"].as_array().map(Vec::len),
        Some(findings.len())
    );
    let bytes = std::fs::read(data.join("xstest/expected.json")).expect("expected.json");
    let expected: Value = serde_json::from_slice(&bytes).expect("JSON");
    let unread =
        &expected["judge_vs_human_final"]["mistralinstruct"]["judge_gpt4"]["invalid_labels"];
    let cell = said.view["tables"]
        .as_array()
        .expect("tables")
        .iter()
        .find(|cell| {
            cell["criterion"] == "right"
                && cell["slice"]["values"]
                    .as_object()
                    .is_some_and(serde_json::Map::is_empty)
        })
        .expect("the row of all examples");
    assert_eq!(
        &cell["systems"]["candidate"]["missing"]["grader error"],
        unread
    );
    assert_eq!(cell["systems"]["candidate"]["units"], 450);
    said.shows(&["NOT ENOUGH EVIDENCE"]);
}

/// The page beside it, with people's labels: the judge is unfit, its verdict that would hold the release is not taken, and
/// nothing ships by it either.
#[test]
fn an_unfit_judge_gates_nothing_and_says_why() {
    let Some(data) = gatewright_testkit::shared_data() else {
        return;
    };
    let said = gate("xstest/judged.yaml", &data);
    assert_eq!(
        (said.code, &said.view["answer"]),
        (110, &Value::from("not-enough-evidence"))
    );
    for finding in said.view["findings"].as_array().expect("findings") {
        assert_eq!(
            (&finding["standing"], &finding["deciding"]),
            (&Value::from("undecided"), &Value::from(true))
        );
        let why = finding["undecided"].as_str().expect("a reason");
        assert!(why.contains("its judge is unfit"), "{why}");
    }
    said.shows(&["NOT ENOUGH EVIDENCE", "its judge is unfit"]);
    let (code, text) = run("xstest/judged.yaml", &data, &["calibrate", "right"]);
    assert_eq!(code, 0);
    no_completions("xstest/judged.yaml", &data, &text);
    assert!(text.lines().count() <= 25, "{text}");
    assert!(
        text.lines().all(|line| line.chars().count() <= 80),
        "{text}"
    );
    assert!(
        text.contains("0.064") && text.contains("11 verdicts of the judge"),
        "{text}"
    );
}

/// Every page of every set, by the command: the same answer as by the library, and a report that fits.
#[test]
fn the_command_gives_every_page_its_answer() {
    let Some(data) = gatewright_testkit::shared_data() else {
        return;
    };
    for (page, answer, _) in crate::ANSWERS {
        let page = format!("{page}.yaml");
        let (code, text) = run(&page, &data, &["check"]);
        assert_eq!(code, 0, "{page}: check finds\n{text}");
        let (code, text) = run(&page, &data, &["gate"]);
        assert_eq!(code, i32::from(answer.exit_code()), "{page}:\n{text}");
        let word = answer.word().to_uppercase();
        assert!(text.starts_with(&word), "{page}:\n{text}");
        assert!(text.lines().count() <= 25, "{page}:\n{text}");
    }
}

/// The summary of every real page that has much to say: nothing is cut, and what matters stays.
#[test]
fn no_summary_cuts_a_sentence() {
    let Some(data) = gatewright_testkit::shared_data() else {
        return;
    };
    let said = gate("xsum_faithfulness/berts2s-tconvs2s.yaml", &data);
    said.shows(&[
        "Also: no-worse in all examples",
        "copy and coverage in decoding",
    ]);
    let said = gate("refchecker/claude2-llama2.yaml", &data);
    said.shows(&[
        "no-contradictions in context zero_context",
        "no-contradictions in context",
        "Traded: ",
    ]);
}

/// Preferences: wins, ties and losses with an interval, and verdicts that nobody could read.
#[test]
fn preferences_show_wins_ties_losses_and_what_could_not_be_read() {
    let Some(data) = gatewright_testkit::shared_data() else {
        return;
    };
    let said = gate("pandalm/bloom-llama.yaml", &data);
    said.shows(&["72 won", "28 won", "11 tied", "−39.6 pts (−54.3 to −22.5)"]);
    let rows = said.view["segments"].as_array().expect("segments");
    let whole = |row: &&Value| {
        row["criterion"] == "preferred"
            && row["slice"]["values"]
                .as_object()
                .is_some_and(|values| values.is_empty())
    };
    let all = rows.iter().find(whole).expect("all examples");
    assert_eq!(
        (&all["gained"], &all["tied"], &all["lost"]),
        (&Value::from(28), &Value::from(11), &Value::from(72))
    );
    assert!(all["difference"]["lower"].is_number(), "{all}");
    let said = gate("pandalm/pairs.yaml", &data);
    let missing = |view: &Value, criterion: &str| -> u64 {
        let cells = view["tables"].as_array().expect("tables");
        let cell = cells.iter().find(|cell| {
            cell["criterion"] == criterion
                && cell["slice"]["values"]
                    .as_object()
                    .is_some_and(|values| values.is_empty())
        });
        let cell = cell.expect("a cell");
        cell["systems"]["candidate"]["missing"]["grader error"]
            .as_u64()
            .unwrap_or(0)
    };
    let unread = missing(&said.view, "preferred-gpt35");
    assert!(unread > 0);
    said.shows(&[&format!(
        "preferred-gpt35 of candidate {unread} of 999 (grader error)"
    )]);
}
