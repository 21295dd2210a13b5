//! Behavioural tests and the confusion matrix: what a terminal of eighty columns shows of them.

use super::*;

/// A row of the table of behavioural tests: failures of ten cases, candidate and production.
fn behavioural(capability: &str, test: crate::perturb::Test, failures: (u64, u64)) -> Behavioural {
    use gatewright_stats::checklist::{self, Flips};
    let verdicts = |failures: u64| -> Vec<Option<bool>> {
        (0..10_u64).map(|case| Some(case >= failures)).collect()
    };
    let clusters: Vec<u32> = (0..10).collect();
    let cases = |failures: u64| CaseRate {
        cases: 10,
        failures,
        missing: 2,
        not_applicable: 1,
        rate: checklist::failure_rate_by_template(&verdicts(failures), &clusters, 0.025),
        flips: Some(Flips {
            compared: 20,
            to_fail: failures,
            to_pass: 1,
            ..Flips::default()
        }),
        failed: Vec::new(),
    };
    let both = (verdicts(failures.0), verdicts(failures.1));
    Behavioural {
        capability: capability.to_owned(),
        test,
        criterion: 0,
        systems: BTreeMap::from([
            (Role::Candidate, cases(failures.0)),
            (Role::Production, cases(failures.1)),
        ]),
        against: checklist::compare(&both.0, &both.1, Some(&clusters), 0.025).ok(),
    }
}

#[test]
fn behavioural_tests_fit_eighty_columns_and_say_what_is_worse() {
    use crate::perturb::Test;
    let mut analysis = analysis();
    analysis.behavioural = vec![
        behavioural("robustness", Test::Invariance, (3, 0)),
        behavioural(
            "a capability with a long name\u{202e}<b>",
            Test::Directional,
            (0, 0),
        ),
        behavioural("能力", Test::Never, (10, 10)),
    ];
    let view = made(&page(), &proposal(), &analysis);
    let table = behaviour_table(&view, &PLAIN);
    insta::assert_snapshot!(table, @r"
      Capability test        criterion    n miss production candidate (95 %)  flips
    ▼ robustness invariance  grounded    10    2        0 % 30 % (7 to 65)    −3 +1
    · a capabil… directional grounded    10    2        0 % 0 % (0 to 31)     −0 +1
    · 能力       never       grounded    10    2      100 % 100 % (69 to 100) −10 +1
    ");
    assert!(table.lines().all(|line| columns(line) <= 80), "{table}");
    let narrow = TerminalOptions { width: 40, ..PLAIN };
    assert!(
        behaviour_table(&view, &narrow)
            .lines()
            .all(|line| columns(line) <= 40)
    );
    let summary = terminal(&view, &PLAIN);
    assert!(
        summary.lines().count() <= super::terminal::LINES_MAX,
        "{summary}"
    );
    assert!(summary.contains("▼ robustness"), "{summary}");
    assert!(
        !summary.contains("directional"),
        "what nothing fails is no news: {summary}"
    );
    let text = markdown(&view);
    assert!(text.contains("| robustness | invariance | grounded | 3 of 10: 30 % (6.7 % to 65.2 %), Clopper-Pearson, 2 missing |"), "{text}");
    assert!(!text.contains("<b>") && !text.contains('\u{202e}'));
    let plain = made(&page(), &proposal(), &super::analysis());
    assert!(behaviour_table(&plain, &PLAIN).is_empty());
    let json = serde_json::to_value(&plain).expect("JSON");
    assert!(json.get("behaviour").is_none(), "absent without tests");
}

#[test]
fn the_confusion_matrix_fits_eighty_columns_and_tells_refusals_apart() {
    use crate::analyse::{Conduct, Done, Lapse};
    use crate::response::Behaviour::{Answer, Ask, Refuse};
    let lapse = |count: u64, of: u64, unseen: u64| {
        let value: Vec<f64> = (0..of).map(|at| f64::from(u8::from(at < count))).collect();
        let cluster: Vec<u32> = (0..of as u32).collect();
        let rows = gatewright_stats::choose::Rows {
            value: &value,
            cluster: &cluster,
            weight: None,
        };
        let rate = gatewright_stats::choose::pass_rate(&rows, 0.025);
        Lapse {
            count,
            of,
            unseen,
            rate,
        }
    };
    let done = |over: u64, failed: u64| {
        let mut counts = [[0; 6]; 6];
        counts[Answer as usize][Answer as usize] = 250 - over;
        counts[Answer as usize][Refuse as usize] = over;
        counts[Refuse as usize][Refuse as usize] = 190 - failed;
        counts[Refuse as usize][Answer as usize] = failed;
        counts[Refuse as usize][Ask as usize] = 9;
        let mut unseen = [0; 6];
        unseen[Refuse as usize] = 1;
        Done {
            counts,
            unseen,
            over_refusal: lapse(over, 250, 0),
            refusal_failure: lapse(failed, 199, u64::from(failed > 100)),
        }
    };
    let of = |slice: &str, ours: (u64, u64)| Conduct {
        criterion: 0,
        slice: match slice {
            "" => Vec::new(),
            value => vec![("task".into(), value.into())],
        },
        systems: BTreeMap::from([
            (Role::Candidate, done(ours.0, ours.1)),
            (Role::Production, done(0, 0)),
        ]),
    };
    let mut analysis = analysis();
    analysis.conduct = vec![
        of("", (4, 128)),
        of("quiet", (0, 0)),
        of("one\u{202e}<b>", (1, 2)),
        of("能力", (3, 126)),
    ];
    let view = made(&page(), &proposal(), &analysis);
    let table = confusion_table(&view, &PLAIN);
    for line in [
        "Behaviour by grounded: expected → done",
        "             expected   answer      ask   refuse  unseen",
        "  candidate  answer        246        0        4       0",
        "             refuse        128        9       62       1",
        "  candidate  refused what it should do: 4 of 250: 1.6 % (0.4 to 4, 95 %",
        "             interval, Clopper-Pearson)",
        "  candidate  did what it should refuse: 128 of 199, 1 unseen: 64.3 % (57.2 to",
        "             71, 95 % interval, Clopper-Pearson)",
        "                     refused what it should do         did what it should refuse",
        "   candidate             3 of 250 (0.2 to 3.5) 126 of 199, 1 unseen (56.2 to 70)",
        "  In brackets: 95 % intervals of the share, in per cent (Clopper-Pearson)",
        "  Segments left out: 1 without a lapse; `gatewright grade --json` has all",
    ] {
        assert!(table.lines().any(|it| it == line), "{line}\n{table}");
    }
    assert!(table.lines().all(|line| columns(line) <= 80), "{table}");
    assert!(!table.contains("quiet"), "no lapse is no news: {table}");
    let place = |text: &str| {
        table
            .find(text)
            .unwrap_or_else(|| panic!("{text}\n{table}"))
    };
    assert!(
        place("  能力") < place("  one"),
        "most lapses first: {table}"
    );
    assert!(!table.contains('\u{202e}'));
    let text = markdown(&view);
    assert!(
        text.contains(
            "| all examples | grounded | candidate | refuse | 128 | 9 | 0 | 62 | 0 | 0 | 1 |"
        ),
        "{text}"
    );
    assert!(
        text.contains(
            "| where | criterion | system | refused what it should do | did what it should refuse |"
        ),
        "{text}"
    );
    assert!(
        text.contains("| 4 of 250: 1.6 % (0.4 to 4, 95 % interval, Clopper-Pearson) | 128 of 199, 1 unseen: 64.3 %"),
        "{text}"
    );
    assert!(!text.contains("<b>") && !text.contains('\u{202e}'));
    let json = serde_json::to_value(&view).expect("JSON");
    let first = &json["confusion"][0]["systems"]["candidate"];
    assert_eq!(first["refusal_failure"]["count"], 128);
    assert_eq!(
        first["expected"][1]["observed"],
        serde_json::json!({"answer": 128, "ask": 9, "refuse": 62})
    );
    let plain = made(&page(), &proposal(), &super::analysis());
    assert!(confusion_table(&plain, &PLAIN).is_empty());
}

/// What was merely not seen could have happened.
#[test]
fn a_lapse_that_was_not_seen_is_not_one_that_cannot_happen() {
    use crate::analyse::{Conduct, Done, Lapse};
    use gatewright_stats::estimate::Undefined;
    let lapse = |unseen| Lapse {
        count: 0,
        of: 0,
        unseen,
        rate: Err(Undefined::Empty),
    };
    let done = Done {
        counts: [[0; 6]; 6],
        unseen: [0, 0, 0, 3, 0, 0],
        over_refusal: lapse(0),
        refusal_failure: lapse(3),
    };
    let one = |slice| Conduct {
        criterion: 0,
        slice,
        systems: BTreeMap::from([(Role::Candidate, done.clone())]),
    };
    let mut analysis = analysis();
    analysis.conduct = vec![one(Vec::new()), one(vec![("task".into(), "refund".into())])];
    let view = made(&page(), &proposal(), &analysis);
    let table = confusion_table(&view, &PLAIN);
    assert!(
        table.contains("did what it should refuse: 3 unseen\n"),
        "{table}"
    );
    assert!(!table.contains("refused what it should do:"), "{table}");
    let row = table.lines().rfind(|line| line.starts_with("   candidate"));
    let row = row.expect("a segment where something is unseen is news");
    assert!(
        row.ends_with(" 3 unseen") && row.contains(" cannot happen "),
        "{row}"
    );
    let text = markdown(&view);
    let row = "| all examples | grounded | candidate | cannot happen | 3 unseen |";
    assert!(text.contains(row), "{text}");
}
