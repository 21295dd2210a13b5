mod conduct;
mod gate;
mod hostile;

use super::*;
use crate::manifest::Grader;
use std::fmt::Write as _;

/// The smallest page that works, with room for more.
pub(crate) const SMALLEST: &str = "\
gatewright: 1
promise: Answer billing questions from the current policy.
tasks: {refund: Give money back, invoice: Explain an invoice}
failures: {unsupported-claim: {severity: high}}
owners: {product: Maria}
systems: {candidate: {recorded: runs/v12.jsonl}, production: {recorded: runs/v11.jsonl}}
gate: [{guard: contains, against: production, margin: 10 pts, then: {violated: hold}, owner: product}]
";

/// Replaces a top-level key of the smallest page, or adds it at the end.
fn page(changes: &[(&str, &str)]) -> String {
    let mut lines: Vec<String> = SMALLEST.lines().map(str::to_owned).collect();
    for (key, value) in changes {
        let line = if value.is_empty() {
            String::new()
        } else {
            format!("{key}: {value}")
        };
        match lines
            .iter_mut()
            .find(|it| it.starts_with(&format!("{key}:")))
        {
            Some(found) => *found = line,
            None => lines.push(line),
        }
    }
    lines.join("\n") + "\n"
}

/// The errors of a page as `line:column code`.
fn codes(bytes: impl AsRef<[u8]>) -> String {
    let (manifest, problems) = read(bytes.as_ref(), "g.yaml");
    assert_eq!(manifest.is_some(), !has_errors(&problems));
    let mut text = String::new();
    for it in &problems {
        assert!(
            !it.instead.is_empty(),
            "{it:?} says nothing to write instead"
        );
        let _ = writeln!(text, "{}:{} {}", it.at.line, it.at.column, it.code);
    }
    text
}

/// Checks the errors of the smallest page with changes.
#[track_caller]
fn check(changes: &[(&str, &str)], expect: &str) {
    let found = codes(page(changes));
    let expect: Vec<&str> = expect
        .lines()
        .map(str::trim)
        .filter(|it| !it.is_empty())
        .collect();
    assert_eq!(
        found.lines().collect::<Vec<_>>(),
        expect,
        "\n{}",
        full(&page(changes))
    );
}

fn full(page: &str) -> String {
    let (_, problems) = read(page.as_bytes(), "g.yaml");
    crate::testing::lines(&problems).join("\n")
}

#[test]
fn the_smallest_page_works() {
    let (manifest, problems) = read(SMALLEST.as_bytes(), "gatewright.yaml");
    assert_eq!(problems, []);
    let page = manifest.expect("no errors");
    assert_eq!(page.decision.standard, Standard::Unbroken);
    assert_eq!(page.reference[0].file, "reference/*.jsonl");
    assert_eq!(page.incidents, "incidents.jsonl");
    assert_eq!(page.gate[0].id.as_str(), "guard-contains");
    assert_eq!(page.gate[0].alpha_holds, 0.025);
    assert_eq!(page.classes.len(), 12);
    assert!(page.classes.iter().all(|it| it.owner.as_str() == "product"));
}

#[test]
fn the_committed_pages_have_no_errors() {
    for path in crate::testing::committed_pages() {
        let bytes = std::fs::read(&path).expect("readable");
        let (manifest, problems) = read(&bytes, &path.display().to_string());
        assert!(
            manifest.is_some(),
            "{:#?}",
            crate::testing::lines(&problems)
        );
    }
}

/// The pages that docs/format-manifest.md shows are read without an error, and it names every key and every default class.
#[test]
fn the_documented_pages_are_true() {
    let docs = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
    let text = std::fs::read_to_string(docs.join("format-manifest.md")).expect("committed");
    let pages: Vec<&str> = text
        .split("```yaml\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .collect();
    assert_eq!(pages.len(), 2);
    assert_eq!(pages[0], SMALLEST);
    for page in pages {
        assert_eq!(codes(page), "", "{}", full(page));
    }
    let known = known_keys();
    let options = GRADERS
        .iter()
        .flat_map(|(kind, options)| options.iter().chain([kind]));
    for key in KEYS
        .iter()
        .chain(known.values().flat_map(|keys| keys.iter()))
        .chain(options)
    {
        assert!(
            text.contains(&format!("`{key}")) || text.contains(&format!("{key}`")),
            "`{key}` is not documented"
        );
    }
    let classes = std::fs::read_to_string(docs.join("failure-classes.md")).expect("committed");
    for (id, role, repair) in crate::class::SHIPPED {
        assert!(classes.contains(&format!("| `{id}` | ")), "{id}");
        assert!(
            classes.contains(&format!(" | `{role}` | {repair} |")),
            "{id}"
        );
    }
}

#[test]
fn places_of_keys() {
    let text = "\
gatewright: 1
promise: Answer billing questions from the current policy.
tasks: {refund: a, invoice: b}
failures:
  unsupported-claim:
    owner: product
owners: {product: Maria}
systems:
  candidate:
    recorded: runs/v12.jsonl
  production: {recorded: runs/v11.jsonl}
criteria:
  grounded:
    grader: {regex: {pattern: x}}
    fails_as: unsupported-claim
gate:
  - {watch: grounded, owner: product}
  - {watch: grounded, id: again, owner: product}
  - id: third
    guard: grounded
    against: production
    margin: 5 pts
    then: {violated: hold}
    owner: product
";
    let (manifest, problems) = read(text.as_bytes(), "g.yaml");
    let manifest = manifest.unwrap_or_else(|| panic!("{problems:?}"));
    let place = |path: &str| manifest.at(path).to_string();
    assert_eq!(place(""), "g.yaml:1:1");
    assert_eq!(place("gate"), "g.yaml:16:1");
    assert_eq!(place("gate[2]"), "g.yaml:19:5");
    assert_eq!(place("gate[2].margin"), "g.yaml:22:13");
    assert_eq!(place("gate[2].by[0]"), "g.yaml:19:5");
    assert_eq!(place("criteria.grounded.grader"), "g.yaml:14:5");
    assert_eq!(
        place("criteria.grounded.grader.regex.pattern"),
        "g.yaml:14:31"
    );
    assert_eq!(place("failures.unsupported-claim.owner"), "g.yaml:6:12");
    assert_eq!(place("systems.candidate"), "g.yaml:9:3");
    assert_eq!(place("nothing.here"), "g.yaml:1:1");
}

#[test]
fn names_and_shares_of_the_page() {
    check(&[("product", ""), ("gatewright", "2")], "1:13 version");
    check(&[("gatewright", "")], "2:1 no-version");
    check(
        &[(
            "traffic",
            "{per_week: 10, share: {task: {refund: 0.7, invoice: 40 %}}}",
        )],
        "8:39 shares-above-one",
    );
    check(
        &[(
            "traffic",
            "{per_week: 10, share: {task: {refunds: 0.7}, risk: {}}}",
        )],
        "8:40 undefined-value\n8:55 undefined-dimension",
    );
    check(
        &[(
            "decision",
            "{route_by: [tasks], decided_by: Otto, standard: showm}",
        )],
        "8:23 undefined-dimension\n8:43 undefined-owner\n8:59 unknown-word",
    );
    check(
        &[("decision", "{narrow_share: 100 %, attempts: 0}")],
        "8:26 out-of-range\n8:43 out-of-range",
    );
    check(
        &[(
            "failures",
            "{unsupported-claim: {owner: Maria}, x: {cost: 4 USD}, y: {cost: 4 EUR}}",
        )],
        "4:39 undefined-owner\n4:65 mixed-currencies",
    );
    check(
        &[("owners", "{a: A, b: B}"), ("failures", "{mine: {}}")],
        "4:12 no-owner\n7:114 undefined-owner"
            .replace(
                "7:114",
                &format!(
                    "7:{}",
                    SMALLEST
                        .lines()
                        .last()
                        .unwrap()
                        .find("owner: product")
                        .unwrap()
                        + 8
                ),
            )
            .as_str(),
    );
    check(
        &[(
            "segments",
            "{risk: {high: rest, low: {field: a, equals: b}}}",
        )],
        "8:25 rest-not-last",
    );
    check(
        &[("segments", "{risk: {high: {feld: a}}}")],
        "8:25 bad-value\n8:26 unknown-key",
    );
    check(&[("uses", "[policy, tool]")], "8:16 unknown-word");
    check(
        &[
            (
                "criteria",
                "{contains: {grader: {contians: {}}, fails_as: latency}}",
            ),
            ("gate", "[{watch: latency, owner: product}]"),
        ],
        "8:32 unknown-grader",
    );
    check(
        &[("criteria", "{contains: {grader: {contains: {text: a}}}}")],
        "8:12 protects-nothing\n8:43 unknown-key",
    );
    check(
        &[(
            "criteria",
            "{contains: {grader: behaviour, fails_as: {answerd-when-refuse: latency, otherwise: latncy}}}",
        )],
        "8:53 unknown-symptom\n8:94 undefined-class",
    );
    check(
        &[
            ("criteria", "{contains: {fails_as: latency}}"),
            ("gate", "[{watch: latency, owner: product}]"),
        ],
        "8:12 no-grader",
    );
    check(
        &[(
            "criteria",
            "{contains: {grader: {label: {from: l.jsonl, by: person, values: {pass: [a], fail: [a]}}}, fails_as: latency}}",
        )],
        "8:75 label-twice",
    );
    check(
        &[(
            "criteria",
            "{contains: {grader: {label: {from: {file: l.jsonl, map: {exampel: id}}, by: person, score: true}}, fails_as: latency}}",
        )],
        "8:68 unknown-key",
    );
}

#[test]
fn systems_and_paths() {
    let systems = |text: &str, expect: &str| {
        check(
            &[
                ("systems", text),
                ("gate", "[{watch: contains, owner: product}]"),
            ],
            expect,
        );
    };
    systems("{production: {recorded: a}}", "6:10 no-candidate");
    systems("{candidate: {}}", "6:22 no-target");
    systems(
        "{candidate: {recorded: a, command: [b]}}",
        "6:45 two-targets",
    );
    systems("{candidate: {recorded: a, workers: 2}}", "6:45 not-here");
    systems("{candidate: {command: ./a --b 12}}", "6:32 shell-line");
    systems(
        "{candidate: {command: [./a], workers: 0}}",
        "6:48 out-of-range",
    );
    systems(
        "{candidate: {command: [./a], env: [KEY=secret]}}",
        "6:44 bad-name",
    );
    let text = full(&page(&[(
        "systems",
        "{candidate: {command: [./a], env: [KEY=secret]}}",
    )]));
    assert!(!text.contains("secret"), "a value is not repeated: {text}");
    systems(
        "{candidate: {command: [./a], timeout: 30}}",
        "6:48 bad-quantity",
    );
    systems(
        "{candidate: {recordet: a}}",
        "6:22 no-target\n6:23 unknown-key",
    );
    for path in [
        "/etc/passwd",
        "../a",
        "a/../../b",
        "'a\\b'",
        "c:/a",
        "https://x/a",
        "\"a\\0b\"",
        "'data:'",
        "data:/a",
        "data:../a",
    ] {
        systems(
            &format!("{{candidate: {{recorded: {path}}}}}"),
            "6:33 outside-project",
        );
    }
    systems("{candidate: {recorded: 'a/*.jsonl'}}", "6:33 bad-glob");
    systems("{candidate: {recorded: data:a/b.jsonl}}", "");
    check(
        &[("reference", "['*/a.jsonl', 'a/*.jsonl']")],
        "8:13 bad-glob",
    );
}

/// The labels of one criterion may come from several sources; each is checked in its own place.
#[test]
fn labels_come_from_one_source_or_a_list() {
    let label = |from: &str| {
        let grader =
            format!("{{label: {{from: {from}, by: person, values: {{pass: [a], fail: [b]}}}}}}");
        page(&[(
            "criteria",
            &format!("{{contains: {{grader: {grader}, fails_as: latency}}}}"),
        )])
    };
    let files = |from: &str| {
        let (manifest, problems) = read(label(from).as_bytes(), "g.yaml");
        assert!(!has_errors(&problems), "{problems:?}");
        match &manifest.expect("no errors").criteria[0].grader {
            Grader::Label(grader) => {
                let files = grader.sources.iter().map(|source| source.file.clone());
                files.collect::<Vec<_>>()
            }
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(files("l.jsonl"), ["l.jsonl"]);
    assert_eq!(
        files(
            "[{file: w.jsonl, map: {label: cand}, set: {system: candidate}}, w.jsonl, more.jsonl]"
        ),
        ["w.jsonl", "w.jsonl", "more.jsonl"]
    );
    assert_eq!(codes(label("[]")), "8:46 missing-key\n");
    assert_eq!(
        codes(label("[l.jsonl, {file: l.jsonl, map: {exampel: id}}]")),
        "8:78 unknown-key\n"
    );
}
