//! The product on real recorded data: its readers, graders, statistics and decisions against figures that others
//! published or that were recomputed apart from it, in Python. Needs the shared data beside the project.
//!
//! `cargo test -p gatewright --test real -- --nocapture` prints the table of figures.

mod gate;
mod ifeval_gpt4;
mod ledger;
mod llmperf_latency;
mod pandalm;
mod refchecker;
mod reviewed;
mod run;
mod tau_airline;
mod xstest;
mod xsum_faithfulness;

use gatewright_core::analyse::slice_words;
use gatewright_core::decide::Answer;

use ledger::{Ledger, Row};
use run::Run;

/// Computes and compares the figures of one set.
type Check = fn(&mut Ledger);

const SETS: [(&str, Check); 7] = [
    ("xstest", xstest::check),
    ("tau_airline", tau_airline::check),
    ("xsum_faithfulness", xsum_faithfulness::check),
    ("refchecker", refchecker::check),
    ("ifeval_gpt4", ifeval_gpt4::check),
    ("llmperf_latency", llmperf_latency::check),
    ("pandalm", pandalm::check),
];

#[test]
fn every_figure_of_the_real_sets() {
    let Some(data) = gatewright_testkit::shared_data() else {
        return;
    };
    let rows: Vec<Row> = SETS
        .iter()
        .map(|(set, check)| {
            let mut ledger = Ledger::open(set, &data);
            check(&mut ledger);
            ledger.close()
        })
        .collect();
    let table = table(&rows);
    println!("{table}");
    let wrong: Vec<String> = rows
        .iter()
        .flat_map(|row| row.wrong.iter().map(|line| format!("{}: {line}", row.set)))
        .collect();
    assert!(
        wrong.is_empty(),
        "{} figures differ:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    stands_in_the_page(&table);
}

/// Every page with the answer it gets, and the rule that fires first.
const ANSWERS: [(&str, Answer, &str); 22] = [
    (
        "xstest/trap",
        Answer::Hold,
        "no-label-breaks in label unsafe",
    ),
    ("xstest/good", Answer::Ship, ""),
    (
        "xstest/rollback",
        Answer::Rollback,
        "unsafe-floor in label unsafe",
    ),
    (
        "xstest/narrow",
        Answer::Narrow,
        "no-label-breaks in label unsafe",
    ),
    ("xstest/trap-judge", Answer::NotEnoughEvidence, ""),
    (
        "tau_airline/aa",
        Answer::NotEnoughEvidence,
        "no-worse in all examples",
    ),
    (
        "tau_airline/passk",
        Answer::Hold,
        "every-time in all examples",
    ),
    ("tau_airline/policy", Answer::Ship, ""),
    (
        "xsum_faithfulness/ptgen-berts2s",
        Answer::NotEnoughEvidence,
        "no-worse in all examples",
    ),
    (
        "xsum_faithfulness/berts2s-tconvs2s",
        Answer::Hold,
        "no-story-lost in all examples",
    ),
    ("refchecker/chatgpt-gpt4", Answer::Ship, ""),
    (
        "refchecker/claude2-llama2",
        Answer::Hold,
        "no-worse in all examples",
    ),
    ("ifeval_gpt4/format", Answer::Ship, ""),
    ("ifeval_gpt4/rules", Answer::Ship, ""),
    (
        "llmperf_latency/latency",
        Answer::NotEnoughEvidence,
        "first-token-p95 in all examples",
    ),
    (
        "llmperf_latency/served",
        Answer::Hold,
        "served in all examples",
    ),
    (
        "pandalm/bloom-llama",
        Answer::Hold,
        "not-liked-less in all examples",
    ),
    (
        "pandalm/pairs",
        Answer::Hold,
        "not-liked-less in all examples",
    ),
    (
        "xstest/behaviour",
        Answer::Hold,
        "no-label-breaks in label unsafe",
    ),
    (
        "xstest/judged",
        Answer::NotEnoughEvidence,
        "no-label-breaks in label unsafe",
    ),
    (
        "xsum_faithfulness/metrics",
        Answer::NotEnoughEvidence,
        "entailed in all examples",
    ),
    ("pandalm/judges", Answer::NotEnoughEvidence, ""),
];

#[test]
fn every_page_gets_its_answer() {
    if gatewright_testkit::shared_data().is_none() {
        return;
    }
    let mut table = "| page | answer | fired first |\n|---|---|---|\n".to_owned();
    for (page, answer, fired) in ANSWERS {
        let run = Run::of(&format!("{page}.yaml"), &[]);
        let first = run
            .proposal
            .fired
            .first()
            .map_or_else(String::new, |&index| {
                let finding = &run.analysis.findings[index];
                let rule = &run.manifest.gate[finding.rule].id;
                format!("{rule} in {}", slice_words(&finding.slice))
            });
        assert_eq!(
            (run.proposal.answer, first.as_str()),
            (answer, fired),
            "{page}"
        );
        table += &format!("| `{page}.yaml` | {} | {first} |\n", answer.word());
    }
    println!("{table}");
    stands_in_the_page(&table);
}

/// Every page under `tests/real` is read by a test of this target.
#[test]
fn no_page_is_forgotten() {
    let folder = gatewright_testkit::shared::project_root().join("tests/real");
    let mut pages = Vec::new();
    for set in std::fs::read_dir(&folder).expect("the folder of pages") {
        let set = set.expect("a folder").path();
        for page in std::fs::read_dir(&set).expect("a folder of pages") {
            let page = page.expect("a page").path();
            if page.extension().is_none_or(|kind| kind != "yaml") {
                continue;
            }
            let name = page
                .strip_prefix(&folder)
                .expect("below it")
                .with_extension("");
            pages.push(name.to_string_lossy().into_owned());
        }
    }
    let known =
        |page: &String| page == "xstest/labels" || ANSWERS.iter().any(|(known, ..)| known == page);
    let forgotten: Vec<&String> = pages.iter().filter(|page| !known(page)).collect();
    assert!(forgotten.is_empty(), "{forgotten:?}");
}

/// `docs/real-data.md` shows what this target prints.
fn stands_in_the_page(table: &str) {
    let file = gatewright_testkit::shared::project_root().join("docs/real-data.md");
    let text = std::fs::read_to_string(&file).expect("docs/real-data.md");
    assert!(
        text.contains(table),
        "docs/real-data.md shows another table; it should be:\n{table}"
    );
}

/// One line for each set and one for all.
fn table(rows: &[Row]) -> String {
    let mut table = "| set | figures in the file | checked | described only, checked | matched | not computed here |\n|---|---|---|---|---|---|\n".to_owned();
    for row in rows {
        table += &format!(
            "| {} | {} | {} | {} | {} | {} |\n",
            row.set,
            row.in_file,
            row.checked,
            row.further,
            row.checked + row.further - row.wrong.len(),
            row.left.join(", "),
        );
    }
    let sum = |field: fn(&Row) -> usize| rows.iter().map(field).sum::<usize>();
    let wrong = sum(|row| row.wrong.len());
    let (checked, further) = (sum(|row| row.checked), sum(|row| row.further));
    let matched = checked + further - wrong;
    table += &format!(
        "| all | {} | {checked} | {further} | {matched} | |\n",
        sum(|row| row.in_file)
    );
    table
}
