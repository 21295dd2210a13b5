//! Templates that make cases.

use super::*;

const FILE: &str = r#"- id: wish
  template: ["I want to {verb} my {thing}", "{verb} my {thing} {{now}}"]
  lexicon: {verb: [cancel, end], thing: [plan, account, 合同]}
  expect: {contains: ["{thing}"]}
  capability: vocabulary
- id: fair
  template: "My name is {name}. May I have a refund of {sum} USD?"
  lexicon: {name: [Emily, Mohammed, Priya], sum: ["20", "40"]}
  vary: name
  test: invariance
  expect: {behaviour: answer}
  capability: fairness
  segments: {task: refund}
"#;

fn making(limit: Option<u64>, seed: u64) -> Making<'static> {
    Making {
        seed,
        limit,
        by_capability: true,
        added: "2026-11-02",
    }
}

#[test]
fn templates_make_cases_in_one_cluster() {
    let templates = templates(FILE.as_bytes(), "t.yaml").expect("sound");
    let wish = expand(&templates[0], making(None, 1)).expect("made");
    assert_eq!(wish.len(), 12);
    let texts: BTreeSet<String> = wish.iter().map(said).collect();
    assert_eq!(texts.len(), 12);
    assert!(texts.contains("end my 合同 {now}"), "{texts:?}");
    assert!(
        wish.iter()
            .all(|it| it.cluster.as_deref() == Some("template wish"))
    );
    assert!(
        wish.iter()
            .all(|it| said(it).contains(&it.expect.contains[0]))
    );
    assert!(
        wish.iter()
            .all(|it| probe(it).map(|it| (it.test, it.capability))
                == Some((Test::Mft, "vocabulary".into())))
    );
    let some = expand(&templates[0], making(Some(5), 1)).expect("made");
    assert_eq!(
        some,
        expand(&templates[0], making(Some(5), 1)).expect("made")
    );
    assert_eq!(some.len(), 5);
    assert!(
        some.iter().all(|it| wish.contains(it)),
        "what is drawn is what all of them hold"
    );
    assert_ne!(
        some,
        expand(&templates[0], making(Some(5), 2)).expect("made")
    );

    let fair = expand(&templates[1], making(None, 1)).expect("made");
    assert_eq!(fair.len(), 6);
    let bases: Vec<&Example> = fair.iter().filter(|it| it.variant.is_none()).collect();
    assert_eq!(bases.len(), 2);
    assert!(
        bases
            .iter()
            .all(|it| said(it).contains("Emily") && probe(it).is_none())
    );
    assert!(
        fair.iter()
            .all(|it| it.segments.get("capability") == Some("fairness"))
    );
    let page = crate::testing::page();
    let rows: String = fair.iter().map(|it| row::line(it) + "\n").collect();
    let source = Source::plain("r.jsonl", Location::default());
    let (set, problems) = crate::testing::set(&page, &source, rows.as_bytes());
    assert!(!has_errors(&problems), "{:?}", lines(&problems));
    assert_eq!(set.clusters, 1, "two bases of one template are one cluster");
}

#[test]
fn templates_that_are_wrong_say_where() {
    let said = |text: &str| match templates(text.as_bytes(), "t.yaml") {
        Err(problems) => lines(&problems),
        Ok(templates) => templates
            .iter()
            .filter_map(|it| expand(it, making(None, 1)).err())
            .flat_map(|unmade| match unmade {
                Unmade::Wrong(problems) => lines(&problems),
                Unmade::TooMany { ways } => vec![format!("{ways} ways")],
            })
            .collect(),
    };
    let good =
        "template: \"a {x}\"\nlexicon: {x: [b, c]}\nexpect: {contains: [d]}\ncapability: k\n";
    assert_eq!(said(good), Vec::<String>::new());
    for (from, to, expected) in [
        (
            "a {x}",
            "a {y}",
            &[
                "t.yaml:1:11 unknown-slot: the slot `{y}` has no words / did you mean `{x}`?",
                "t.yaml:2:10 unused-slot: no text names the slot `x` / write `{x}` where its words go, or take it away",
            ][..],
        ),
        (
            "a {x}",
            "a {x",
            &[
                "t.yaml:1:11 bad-slot: a brace that opens no slot / `{name}` for a slot, `{{` and `}}` for braces",
            ],
        ),
        (
            "a {x}",
            "a {x} }",
            &[
                "t.yaml:1:11 bad-slot: a brace that closes no slot / `{name}` for a slot, `{{` and `}}` for braces",
            ],
        ),
        (
            "[b, c]",
            "[b, b]",
            &[
                "t.yaml:2:14 duplicate-word: `b` stands twice in the slot `x` / keep one: two equal cases would count as two",
            ],
        ),
        (
            "capability: k",
            "capabilty: k",
            &[
                "t.yaml:4:1 unknown-key: `capabilty` is no key of `templates[0]` / did you mean `capability`?",
                "t.yaml:1:1 missing-key: the template has no `capability` / `capability: vocabulary`, or another name for what is tested",
            ],
        ),
        (
            "capability: k",
            "capability: k\ntest: invariance",
            &["t.yaml:1:1 no-vary: `test: invariance` does not say what changes / `vary: SLOT`"],
        ),
        (
            "capability: k",
            "capability: k\nvary: x",
            &[
                "t.yaml:5:7 not-here: `test: mft` compares nothing that could vary / `test: invariance` or `directional`, or take `vary` away",
            ],
        ),
        (
            "capability: k",
            "capability: k\ntest: mtf",
            &[
                "t.yaml:5:7 unknown-word: `mtf` is not known as `templates[0].test` / did you mean `mft`?",
            ],
        ),
        (
            "contains: [d]",
            "contians: [d]",
            &[
                "t.yaml:1:1 unknown-key: unknown key `contians` in `expect` / did you mean `contains`?",
            ],
        ),
    ] {
        assert!(good.contains(from));
        assert_eq!(said(&good.replacen(from, to, 1)), expected, "{to}");
    }
    assert_eq!(said("[]").len(), 1);
    let many: Vec<String> = (0..40).map(|it| it.to_string()).collect();
    let many = format!(
        "template: \"{{x}} {{y}}\"\nlexicon: {{x: [{0}], y: [{0}]}}\nexpect: {{}}\ncapability: k\n",
        many.join(", ")
    );
    assert_eq!(said(&many), ["1600 ways"]);
    let json = r#"{"template": "a {x}", "lexicon": {"x": ["b"]}, "expect": {"contains": ["b"]}, "capability": "k"}"#;
    assert_eq!(said(json), Vec::<String>::new());
}
