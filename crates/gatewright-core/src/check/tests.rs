use std::path::{Path, PathBuf};

use super::*;
use crate::manifest::read::read;
use crate::problem::{Weight, has_errors};
use crate::reference::load;

fn facts() -> Facts {
    Facts::new(jiff::civil::date(2026, 11, 1))
}

/// Reads a page and its examples as the program would.
fn open(page: &Path) -> (Manifest, ReferenceSet) {
    let bytes = std::fs::read(page).expect("readable");
    let (manifest, problems) = read(&bytes, "gatewright.yaml");
    let manifest = manifest.unwrap_or_else(|| panic!("{problems:#?}"));
    let mut problems = Vec::new();
    let all = manifest.reference.iter().flat_map(|source| {
        files(page, &source.file).into_iter().map(|file| {
            let bytes =
                std::fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
            (source.clone(), source.file.clone(), bytes)
        })
    });
    let set = load::in_memory(&manifest, all, &mut problems);
    assert!(!has_errors(&problems), "{problems:#?}");
    (manifest, set)
}

fn files(page: &Path, source: &str) -> Vec<PathBuf> {
    if let Some(path) = source.strip_prefix("data:") {
        let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
        return vec![shared.join(path)];
    }
    let folder = page.parent().expect("a folder");
    match source.strip_suffix("*.jsonl") {
        Some(inner) => {
            let mut files: Vec<PathBuf> = std::fs::read_dir(folder.join(inner))
                .expect("a folder")
                .map(|entry| entry.expect("readable").path())
                .collect();
            files.sort();
            files
        }
        None => vec![folder.join(source)],
    }
}

#[test]
fn the_committed_pages_can_be_run() {
    for path in crate::testing::committed_pages() {
        let (manifest, set) = open(&path);
        let problems = check(&manifest, &set, &facts());
        println!(
            "{}\n{:#?}",
            path.display(),
            crate::testing::lines(&problems)
        );
        let errors: Vec<&Problem> = problems
            .iter()
            .filter(|it| it.weight == Weight::Error)
            .collect();
        assert!(errors.is_empty(), "{}: {errors:#?}", path.display());
        for rule in &manifest.gate {
            println!(
                "{}",
                explain(&manifest, &set, rule.id.as_str())
                    .expect("a rule")
                    .text()
            );
        }
    }
}

/// A page with six owners' worth of freedom: two tasks, a high failure that a criterion detects, and whatever the test adds.
const PAGE: &str = "\
gatewright: 1
product: support
promise: {does: Answer billing questions from the current policy., for: customers on a paid plan, evidence: every answer cites the policy section it used, constraints: [no refunds above 50 USD], when_not_ready: escalate when policy and account conflict}
tasks: {refund: Give money back, invoice: Explain an invoice}
failures: {unsupported-claim: {severity: high, cost: 100 USD}}
owners: {product: {name: Billing product, contact: \"#billing\"}}
decision: {question: Release it?, decided_by: product}
systems: {candidate: {command: [./a]}, production: {command: [./b]}}
trials: 1
criteria:
  grounded: {grader: {contains: {}}, fails_as: unsupported-claim}
  behaviour: {grader: {behaviour: {}}, fails_as: {answered-when-refuse: refusal-failure, otherwise: scope-mismatch}}
gate:
  - {id: tasks, guard: grounded, by: [task], against: production, margin: 10 pts, then: {violated: hold}, owner: product}
";

/// Makes `n` traffic examples, in turn of both tasks; `more` is put into each line.
fn lines(n: usize, more: &str) -> String {
    (0..n)
        .map(|index| {
            let task = ["refund", "invoice"][index % 2];
            format!("{{\"id\":\"e{index:05}\",\"input\":\"May I have my money back?\",\"segments\":{{\"task\":\"{task}\"}},\"expect\":{{\"contains\":[\"30 days\"],\"behaviour\":\"answer\"}},\"provenance\":{{\"kind\":\"traffic\"}}{more}}}\n")
        })
        .collect()
}

fn given(page: &str, examples: &str) -> (Manifest, ReferenceSet) {
    let (manifest, problems) = read(page.as_bytes(), "g.yaml");
    let manifest = manifest.unwrap_or_else(|| panic!("{:#?}", crate::testing::lines(&problems)));
    let file = (
        manifest.reference[0].clone(),
        "r.jsonl".to_owned(),
        examples.as_bytes().to_vec(),
    );
    let set = load::in_memory(&manifest, [file], &mut Vec::new());
    (manifest, set)
}

/// Replaces a text of the page and compares what `check` says, as `place code`, without what every page here earns.
#[track_caller]
fn says(from: &str, to: &str, examples: &str, expect: &[&str]) -> Vec<Problem> {
    assert!(PAGE.contains(from), "{from}");
    let (manifest, set) = given(&PAGE.replacen(from, to, 1), examples);
    let problems = super::check(&manifest, &set, &facts());
    let found: Vec<String> = problems
        .iter()
        .filter(|it| !["no-incidents", "presence-for-correctness"].contains(&it.code))
        .map(|it| format!("{} {}", it.at, it.code))
        .collect();
    assert_eq!(found, expect, "{:#?}", crate::testing::lines(&problems));
    problems
}

/// Examples that state no value of a rule's dimension are in no segment of it; an empty value is none.
#[test]
fn what_lies_outside_of_a_rule_s_segments_is_told() {
    let stated = lines(60, "");
    for (from, to) in [
        ("\"segments\":{\"task\":\"refund\"},", ""),
        ("\"task\":\"refund\"", "\"task\":\"\""),
    ] {
        let some = stated.replacen(from, to, 3);
        let problems = says("", "", &some, &["g.yaml:14:5 outside-segments"]);
        let told = problems.iter().find(|it| it.code == "outside-segments");
        let what = &told.expect("told").what;
        assert!(
            what.contains("`tasks` is by task: 3 of its 60 examples state none"),
            "{what}"
        );
    }
}

/// A page that promises nothing and names no task has nothing to decide on.
#[test]
fn an_empty_promise_and_no_tasks_are_errors() {
    for (from, to, code) in [
        (
            "promise: {does: Answer billing questions from the current policy., for: customers on a paid plan, evidence: every answer cites the policy section it used, constraints: [no refunds above 50 USD], when_not_ready: escalate when policy and account conflict}",
            "promise: \" \"",
            "no-promise",
        ),
        (
            "tasks: {refund: Give money back, invoice: Explain an invoice}",
            "tasks: {}",
            "no-tasks",
        ),
    ] {
        let page = PAGE.replacen(from, to, 1);
        assert_ne!(page, PAGE);
        let (_, problems) = read(page.as_bytes(), "g.yaml");
        let found = problems.iter().find(|it| it.code == code);
        assert!(
            found.is_some_and(|it| it.weight == Weight::Error),
            "{problems:#?}"
        );
    }
}

/// A criterion that has its own texts applies to examples that expect nothing.
#[test]
fn what_a_criterion_judges_by_itself_needs_no_expectation() {
    let bare = lines(60, "").replace(
        "\"expect\":{\"contains\":[\"30 days\"],\"behaviour\":\"answer\"},",
        "",
    );
    let page = PAGE.replacen("{contains: {}}", "{contains: {texts: [days]}}", 1);
    let (manifest, set) = given(&page, &bare);
    let problems = super::check(&manifest, &set, &facts());
    assert!(
        !problems.iter().any(|it| it.code == "expects-nothing"),
        "{problems:#?}"
    );
}

#[test]
fn a_sound_page_is_silent() {
    says("", "", &lines(60, ""), &[]);
}

#[test]
fn failures_that_nothing_detects() {
    says(
        "unsupported-claim: {severity",
        "privacy-leak: {severity: critical}, unsupported-claim: {severity",
        &lines(60, ""),
        &["g.yaml:5:12 undetected-failure"],
    );
    says(
        "unsupported-claim: {severity",
        "tone: {severity: medium}, unsupported-claim: {severity",
        &lines(60, ""),
        &[],
    );
    says(
        "gate:\n",
        "gate:\n  - {never: wrong-source, then: {violated: hold}, owner: product}\n",
        &lines(60, ""),
        &["g.yaml:14:5 undetected-failure", "g.yaml:14:5 cannot-hold"],
    );
}

#[test]
fn demands_of_uses() {
    says(
        "trials: 1",
        "trials: 1\nuses: [policy]",
        &lines(60, ""),
        &["g.yaml:10:1 unmet-demand"],
    );
    says(
        "trials: 1",
        "trials: 1\nuses: [policy]\nsegments: {sources: [current, conflicting]}",
        &lines(60, ",\"x\":1").replace(",\"x\":1", ""),
        &["g.yaml:11:12 empty-segment"],
    );
    says(
        "trials: 1",
        "trials: 1\nuses: [retrieval]",
        &lines(60, ""),
        &["g.yaml:10:1 unmet-demand"],
    );
    says(
        "trials: 1",
        "trials: 1\nuses: [support]",
        &lines(60, ""),
        &["g.yaml:10:1 unmet-demand"],
    );
    says(
        "trials: 1",
        "trials: 1\nuses: [tools]",
        &lines(60, ""),
        &["g.yaml:10:1 undetected-failure", "g.yaml:10:1 unmet-demand"],
    );
    says(
        "criteria:\n",
        "uses: [tools]\ncriteria:\n  calls: {grader: {must_not_call: {tools: [pay]}}, fails_as: unsafe-tool-action}\n",
        &lines(60, ""),
        &[],
    );
}

#[test]
fn holds_that_no_data_could_reach() {
    let gate =
        |rule: &str| format!("gate:\n  - {{{rule}, then: {{violated: hold}}, owner: product}}\n");
    let few = lines(30, "");
    // 30 of 30 only show 90.5 %; severity high tests at 2.5 %: 88.4 %.
    let found = says(
        "gate:\n",
        &gate("require: grounded, at_least: 95 %"),
        &few,
        &["g.yaml:14:5 cannot-hold"],
    );
    assert!(
        found[0]
            .what
            .contains("30 of 30 independent passes only show 88.4 %, not 95 %"),
        "{}",
        found[0].what
    );
    says(
        "gate:\n",
        &gate("require: grounded, at_least: 100 %"),
        &lines(500, ""),
        &["g.yaml:14:5 cannot-hold", "g.yaml:4:1 nothing-retired"].map(|it| {
            if it.ends_with("retired") {
                "g.yaml:1:1 nothing-retired"
            } else {
                it
            }
        }),
    );
    says(
        "gate:\n",
        &gate("require: grounded, at_least: 50 %, from: [policy]"),
        &few,
        &["g.yaml:14:5 cannot-hold"],
    );
    says(
        "gate:\n",
        &gate("never: unsupported-claim, cap: 5 %"),
        &few,
        &["g.yaml:14:5 cannot-hold"],
    );
    says(
        "gate:\n",
        &gate("require: grounded, metric: pass^4, at_least: 50 %"),
        &few,
        &[],
    );
    says("trials: 1", "trials: 2", &few, &[]);
    let cluster = lines(30, ",\"cluster\":\"one\"");
    says(
        "gate:\n",
        &gate("require: grounded, at_least: 50 %"),
        &cluster,
        &["g.yaml:14:5 cannot-hold"],
    );
    says(
        "criteria:\n",
        "criteria:\n  speed: {grader: {latency: {}}, fails_as: latency}\n",
        &few,
        &[],
    );
    let p95 = PAGE.replacen(
        "criteria:\n",
        "criteria:\n  speed: {grader: {latency: {}}, fails_as: latency}\n",
        1,
    ) + "  - {require: speed, metric: p95, at_most: 4 s, then: {violated: hold}, owner: product}\n";
    let (manifest, set) = given(&p95, &few);
    let found = super::check(&manifest, &set, &facts());
    assert!(
        found[0]
            .what
            .ends_with("a bound on this quantile needs 59 examples, and 30 carry it"),
        "{found:#?}"
    );
    // Ranks are counted as the analysis counts them: what weights take away is gone, what clusters may take away is only likely.
    let about = |page: &str, examples: &str| {
        let (manifest, set) = given(page, examples);
        let found = super::check(&manifest, &set, &facts());
        let mut about = found.into_iter().filter(|it| it.what.contains("quantile"));
        let found = about.next().map(|it| (it.code, it.what));
        found.map_or_else(String::new, |(code, what)| format!("{code} {what}"))
    };
    let shares =
        "trials: 1\ntraffic: {per_week: 1000, share: {task: {refund: 0.9, invoice: 0.1}}}\n";
    let said = about(&p95.replacen("trials: 1\n", shares, 1), &lines(60, ""));
    let wanted = "a bound on this quantile needs 59 examples, and 36 carry it";
    assert!(
        said.starts_with("cannot-hold") && said.ends_with(wanted),
        "{said}"
    );
    let halves = |n| {
        lines(n, "")
            .lines()
            .enumerate()
            .map(|(at, line)| {
                line.replace(
                    "\"provenance\"",
                    &format!("\"cluster\":\"c{}\",\"provenance\"", at % 2),
                ) + "\n"
            })
            .collect::<String>()
    };
    let said = about(&p95, &halves(60));
    let wanted = "needs 59 examples, and 60 in 2 clusters are worth about 15";
    assert!(
        said.starts_with("weak-power") && said.ends_with(wanted),
        "{said}"
    );
}

/// The words that the issue asks for.
#[test]
fn weak_power_in_words() {
    let rule = "gate:\n  - {id: no-worse, require: behaviour, against: production, margin: 5 pts, then: {violated: hold}, owner: product}\n";
    let found = says(
        "gate:\n",
        rule,
        &lines(120, ""),
        &["g.yaml:14:5 weak-power"],
    );
    let weak = found
        .iter()
        .find(|it| it.code == "weak-power")
        .expect("said");
    assert_eq!(
        weak.what,
        "`no-worse`: 120 examples carry a margin of 8 points; 5 needs 248, or 3 trials if disagreement is run noise; production itself passes this margin 49 % of the time"
    );
    // Four trials carry it as far as disagreement is run noise.
    let (manifest, set) = given(
        &PAGE
            .replacen("gate:\n", rule, 1)
            .replace("trials: 1", "trials: 4"),
        &lines(120, ""),
    );
    assert!(
        super::check(&manifest, &set, &facts())
            .iter()
            .all(|it| it.code != "weak-power")
    );
    let floor = "gate:\n  - {id: floor, require: behaviour, at_least: 90 %, then: {violated: hold}, owner: product}\n";
    let (manifest, set) = given(&PAGE.replacen("gate:\n", floor, 1), &lines(60, ""));
    let mut facts = facts();
    facts.pass_rates.insert("behaviour".to_owned(), 0.9);
    let found = super::check(&manifest, &set, &facts);
    let weak = found
        .iter()
        .find(|it| it.code == "weak-power")
        .expect("said");
    assert!(
        weak.what
            .contains("production itself passes this floor 1 % of the time"),
        "{}",
        weak.what
    );
}

#[test]
fn thin_segments_and_words_that_mean_nothing() {
    says("", "", &lines(12, ""), &["g.yaml:14:5 thin-segment"]);
    says(
        "violated: hold",
        "violated: rollback",
        &lines(60, ""),
        &["g.yaml:14:100 rollback-of-nothing"],
    );
    says(
        "decided_by: product}",
        "decided_by: product, standard: shown}",
        &lines(60, ""),
        &["g.yaml:7:66 never-ships"],
    );
    says(
        "Answer billing questions from the current policy.",
        "Be helpful.",
        &lines(60, ""),
        &["g.yaml:3:17 promise-vague"],
    );
    says(
        "constraints: [no refunds above 50 USD], ",
        "",
        &lines(60, ""),
        &["g.yaml:3:1 promise-incomplete"],
    );
    says(
        "criteria:\n",
        "criteria:\n  tone: {grader: {regex: {pattern: please}}, fails_as: scope-mismatch}\n  format: {grader: {regex: {pattern: x}}, fails_as: format-violation}\n  speed: {grader: {latency: {}}, fails_as: latency}\n",
        &lines(60, ""),
        &["g.yaml:10:1 form-over-substance"],
    );
    says(
        "otherwise: scope-mismatch",
        "asked-when-answer: scope-mismatch",
        &lines(60, ""),
        &["g.yaml:12:40 symptom-without-class"],
    );
}

#[test]
fn stale_and_nearly_empty_examples() {
    says(
        "",
        "",
        &lines(60, ",\"review_by\":\"2026-10-31\""),
        &["r.jsonl:1:1 stale-example"],
    );
    says("", "", &lines(60, ",\"review_by\":\"2026-11-01\""), &[]);
    let source = |digest: &str| {
        format!(
            ",\"sources\":[{{\"id\":\"s\",\"file\":\"policy/refund.md\",\"digest\":\"{digest}\"}}]"
        )
    };
    let old = Digest::of(b"old").to_string();
    let (manifest, set) = given(PAGE, &lines(60, &source(&old)));
    for (now, expect) in [
        (Some(Some(Digest::of(b"old"))), None),
        (Some(Some(Digest::of(b"new"))), Some("has changed since")),
        (Some(None), Some("is gone")),
        (None, None),
    ] {
        let mut facts = facts();
        if let Some(now) = now {
            facts
                .file_digests
                .insert("policy/refund.md".to_owned(), now);
        }
        let found = super::check(&manifest, &set, &facts);
        let stale = found
            .iter()
            .find(|it| it.code == "stale-source")
            .map(|it| it.what.as_str());
        assert_eq!(stale.is_some(), expect.is_some(), "{found:?}");
        assert!(
            stale
                .unwrap_or_default()
                .contains(expect.unwrap_or_default())
        );
    }
    let empty = lines(60, "").replace("May I have my money back?", "?");
    says("", "", &empty, &["r.jsonl:1:1 near-empty"]);
    let nothing = lines(60, "").replace("\"contains\":[\"30 days\"],\"behaviour\":\"answer\"", "");
    says(
        "",
        "",
        &nothing,
        &[
            "g.yaml:14:5 cannot-hold",
            "g.yaml:14:5 cannot-hold",
            "g.yaml:11:3 idle-criterion",
            "g.yaml:12:3 idle-criterion",
            "r.jsonl:1:1 expects-nothing",
        ],
    );
    says("", "", "", &["g.yaml:1:1 no-examples"]);
    says(
        "",
        "",
        &lines(60, "").replace("traffic", "synthetic"),
        &["g.yaml:1:1 synthetic-share"],
    );
}

#[test]
fn explain_says_what_follows_and_what_can_be_seen() {
    let (manifest, set) = given(PAGE, &lines(120, ""));
    let explained = explain(&manifest, &set, "tasks").expect("a rule");
    assert_eq!(explained.sees.len(), 2);
    assert_eq!(explained.sees[0].smallest_loss, Some(6));
    assert_eq!(
        explained
            .follows
            .iter()
            .map(|it| it.result.as_str())
            .collect::<Vec<_>>(),
        ["holds", "violated", "undecided"]
    );
    assert!(
        explained.text().contains("Billing product (#billing)"),
        "{}",
        explained.text()
    );
    assert_eq!(explain(&manifest, &set, "nothing"), None);
}

/// `check` on 100,000 examples within a second, in release builds.
#[test]
fn a_large_set_is_checked_in_linear_time() {
    let page = PAGE.replacen(
        "criteria:\n",
        "segments: {risk: {high: {input_matches: \"refund|charge\"}, low: rest}}\ncriteria:\n",
        1,
    );
    let mut spent = Vec::new();
    let large = if cfg!(debug_assertions) {
        20_000
    } else {
        100_000
    };
    for n in [10_000, large] {
        let (manifest, set) = given(&page, &lines(n, ",\"review_by\":\"2026-10-31\""));
        let started = std::time::Instant::now();
        let found = super::check(&manifest, &set, &facts());
        spent.push(started.elapsed());
        assert!(found.iter().any(|it| it.code == "stale-example"));
    }
    println!("10,000: {:?}, {large}: {:?}", spent[0], spent[1]);
    let limit = if cfg!(debug_assertions) { 10 } else { 1 };
    assert!(
        spent[1] < std::time::Duration::from_secs(limit),
        "{spent:?}"
    );
}

#[test]
fn empty_cells_of_behavioural_tests_are_named_with_what_fills_them() {
    let variant = |more: &str| {
        format!(
            "{{\"id\":\"e00000~typos\",\"input\":\"May I have my mony back?\",\"segments\":{{\"task\":\"refund\"}},\"expect\":{{\"contains\":[\"30 days\"]}},\"provenance\":{{\"kind\":\"synthetic\",\"ref\":\"gap\"}},\"variant_of\":\"e00000\",\"relation\":\"invariance\",\"fields\":{{\"capability\":\"robustness\"{more}}}}}\n"
        )
    };
    let found = |examples: &str| {
        let (manifest, set) = given(PAGE, examples);
        super::check(&manifest, &set, &facts())
    };
    let cells = |problems: &[Problem]| {
        let cells = problems.iter().filter(|it| it.code == "empty-test-cell");
        cells
            .map(|it| format!("{}: {} / {}", it.at, it.what, it.instead))
            .collect::<Vec<_>>()
    };
    assert_eq!(cells(&found(&lines(60, ""))), Vec::<String>::new());
    let said = cells(&found(&(lines(60, "") + &variant(""))));
    assert!(
        said.contains(
            &"r.jsonl: no behavioural test of firmness x invariance / gatewright perturb --kind false-memory --kind pressure -o FILE".to_owned()
        ),
        "{said:#?}"
    );
    let security = said.iter().find(|it| it.contains("security x never"));
    assert!(
        security.is_some_and(|it| it.contains("examples with `sources` that hold a `text`")),
        "{said:#?}"
    );
    assert!(
        !said.iter().any(|it| it.contains("robustness")),
        "{said:#?}"
    );
    let mft = "{\"id\":\"m\",\"input\":\"m?\",\"segments\":{\"task\":\"refund\"},\"expect\":{\"contains\":[\"x\"]},\"provenance\":{\"kind\":\"synthetic\",\"ref\":\"gap\"},\"fields\":{\"capability\":\"vocabulary\",\"test\":\"mft\"}}\n";
    let said = cells(&found(&(lines(60, "") + &variant("") + mft)));
    assert!(
        said.iter()
            .any(|it| it.contains("no minimum-functionality test of robustness")),
        "{said:#?}"
    );
    for (more, code) in [
        (",\"tolerance\":-1", "bad-quantity"),
        (",\"tolerance\":\"much\"", "bad-quantity"),
    ] {
        let problems = found(&(lines(60, "") + &variant(more)));
        let error = problems.iter().find(|it| it.code == code);
        assert!(
            error.is_some_and(|it| it.at.line == 61),
            "{more}: {problems:#?}"
        );
    }
    let wrong = mft.replace("\"mft\"", "\"mtf\"");
    assert!(
        found(&(lines(60, "") + &wrong))
            .iter()
            .any(|it| it.code == "unknown-word")
    );
    let sideways = variant(",\"direction\":\"sideways\"").replace("invariance", "directional");
    assert!(
        found(&(lines(60, "") + &sideways))
            .iter()
            .any(|it| it.code == "unknown-word")
    );
}
