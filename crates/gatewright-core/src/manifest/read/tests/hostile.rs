//! Pages that nobody would write by hand: bombs, odd bytes, patterns that cannot be used, half a page (hardening.md A4, A6).

use super::*;

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
    assert_eq!(codes(large), "1:1048577 page-too-large\n");
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
