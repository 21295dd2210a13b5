use std::fmt::Write as _;

use super::*;
use crate::manifest::Grader;

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

/// A4: duplicate keys and tags are errors with line and column, and the rest is still read.
#[test]
fn a4_duplicate_keys_and_tags() {
    check(&[("product", "a\nproduct: b")], "9:1 duplicate-key");
    check(
        &[("product", "!!str a"), ("uses", "[!x policy, polcy]")],
        "8:10 tag\n9:8 tag\n9:19 unknown-word",
    );
    check(
        &[("owners", "{product: Maria, product: Otto}")],
        "5:26 duplicate-key",
    );
}

/// A4: types follow the schema: `NO` is a text, `1.10` stays a text, `1e3` and octal numbers are refused.
#[test]
fn a4_types_follow_the_schema() {
    let text = page(&[
        ("product", "NO"),
        ("segments", "{version: [1.10, 1e3, 007, yes]}"),
    ]);
    let (manifest, problems) = read(text.as_bytes(), "g.yaml");
    let manifest = manifest.unwrap_or_else(|| panic!("{problems:?}"));
    assert_eq!(manifest.product, "NO");
    let values: Vec<&str> = manifest.dimensions[1]
        .values
        .iter()
        .map(|it| it.name.as_str())
        .collect();
    assert_eq!(values, ["1.10", "1e3", "007", "yes"]);
    for number in [
        "1e3", "0o17", "017", "0x1F", "1_000", ".inf", ".nan", "-1", "yes",
    ] {
        check(&[("seed", number)], "8:7 bad-quantity");
        check(
            &[("traffic", &format!("{{per_week: {number}}}"))],
            "8:21 bad-quantity",
        );
    }
    for word in ["yes", "NO", "on", "\"true\"", "1"] {
        check(
            &[("decision", &format!("{{exposed: {word}}}"))],
            "8:21 wrong-kind",
        );
    }
}

/// A4: an alias bomb is refused before it grows; an honest alias is read.
#[test]
fn a4_alias_bomb() {
    let mut bomb = String::from("gatewright: 1\na0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..30 {
        let _ = writeln!(
            bomb,
            "a{level}: &a{level} [{}]",
            vec![format!("*a{}", level - 1); 10].join(", ")
        );
    }
    let started = std::time::Instant::now();
    let found = codes(&bomb);
    assert!(found.ends_with(" too-many-values\n"), "{found}");
    assert!(started.elapsed() < std::time::Duration::from_secs(5));
    check(&[("evidence", "&a [{id: x, at: y, *a : z}]")], "8:30 alias");
    let text = page(&[(
        "failures",
        "{unsupported-claim: &high {severity: high}, latency: *high}",
    )]);
    assert_eq!(codes(text), "");
}

/// A4: nesting of 10,000 levels and a page of 50 MB end early, with a clear error.
#[test]
fn a4_depth_and_size() {
    assert_eq!(codes("[".repeat(10_000)), "1:49 too-deep\n");
    let block: String = (0..10_000)
        .map(|level| format!("{}a:\n", " ".repeat(level.min(90))))
        .collect();
    assert!(codes(block).ends_with(" too-deep\n"));
    assert_eq!(codes("- ".repeat(10_000)), "1:97 too-deep\n");
    let large = vec![b'a'; 50 << 20];
    assert_eq!(codes(large), "0:0 page-too-large\n");
}

/// A4: encodings: BOM and CRLF are read, invalid UTF-8 is named with its place.
#[test]
fn a4_bytes() {
    assert_eq!(codes(format!("\u{feff}{SMALLEST}")), "");
    assert_eq!(codes(SMALLEST.replace('\n', "\r\n")), "");
    assert_eq!(
        codes(page(&[("sed", "1")]).replace('\n', "\r\n")),
        "8:1 unknown-key\n"
    );
    assert_eq!(
        codes(b"gatewright: 1\npromise: \xC3\xA4\xFF\n"),
        "2:11 not-utf-8\n"
    );
    assert_eq!(codes(""), "1:1 empty-page\n");
    assert_eq!(codes("\n# only a comment\n"), "1:1 empty-page\n");
    assert_eq!(codes("a: 1\n---\nb: 2\n"), "2:1 two-documents\n");
    assert_eq!(codes("gatewright: 1\nproduct: [a\n"), "2:10 syntax\n");
    assert_eq!(codes("gatewright: 1\n? [a]\n: b\n"), "2:3 bad-key\n");
    assert_eq!(codes("text"), "1:1 wrong-kind\n");
    assert_eq!(codes("gatewright: 1\na: *b\n"), "2:4 syntax\n");
}

/// A6: a pattern that cannot be used is an error at the character at fault.
#[test]
fn a6_patterns() {
    check(
        &[(
            "segments",
            "{risk: {high: {input_matches: \"a(b\"}, low: rest}}",
        )],
        "8:43 bad-pattern",
    );
    check(
        &[(
            "criteria",
            "{contains: {grader: {regex: {pattern: '(?<=a)b'}}, fails_as: latency}}",
        )],
        "8:50 bad-pattern",
    );
    let long = format!(
        "{{contains: {{grader: {{regex: {{pattern: '{}'}}}}, fails_as: latency}}}}",
        "a".repeat(900_000)
    );
    check(&[("criteria", &long)], "8:49 bad-pattern");
}

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

/// A page that somebody is in the middle of writing: whatever is cut, doubled or overwritten, reading ends, and says what to write.
#[test]
fn broken_pages_never_panic() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let page =
        std::fs::read(root.join("examples/billing-support/gatewright.yaml")).expect("committed");
    let noise = b"{}[]:,-#&*!|>'\"%@`\t\n 0aZ~?\xff\xc3";
    let mut state = 7_u64;
    let mut next = |below: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    for _ in 0..600 {
        let mut bytes = page.clone();
        for _ in 0..=next(4) {
            let (at, length) = (next(bytes.len()), next(40));
            let end = (at + length).min(bytes.len());
            match next(3) {
                0 => drop(bytes.drain(at..end)),
                1 => bytes[at] = noise[next(noise.len())],
                _ => {
                    let copy = bytes[at..end].to_vec();
                    let to = next(bytes.len());
                    bytes.splice(to..to, copy);
                }
            }
        }
        codes(&bytes);
    }
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
