//! IFEval's recorded verdicts, from its recorded answers: how often our reading of each instruction is theirs.

use std::collections::BTreeMap;

use super::*;
use crate::manifest::Reading;

/// At least so many of the 832 instructions are judged as the original checkers judged them: 99 %.
const AGREE: usize = 824;

#[test]
fn real_ifeval_outputs_get_their_recorded_verdicts() {
    if !crate::testing::has_data() {
        return;
    }
    let mut source = mapped(
        "ifeval_gpt4/examples.jsonl",
        &[("fields.instructions", "instructions")],
    );
    source.withheld = true;
    let (reference, problems) = set(&page(), &source, &data(&source.file));
    assert!(
        !crate::problem::has_errors(&problems),
        "{:?}",
        lines(&problems)
    );
    let rows = |file: &str| -> Vec<serde_json::Value> {
        let bytes = data(file);
        let text = String::from_utf8(bytes).expect("UTF-8");
        text.lines()
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect()
    };
    let outputs: BTreeMap<String, String> = rows("ifeval_gpt4/outputs.jsonl")
        .iter()
        .map(|row| (text(row, "example_id"), text(row, "output")))
        .collect();
    let labels = rows("ifeval_gpt4/labels.jsonl");
    for (annotator, reading) in [
        ("ifeval_strict", Reading::Strict),
        ("ifeval_loose", Reading::Loose),
    ] {
        let mut differ = Vec::new();
        let mut compared = 0;
        for row in labels
            .iter()
            .filter(|row| text(row, "annotator") == annotator)
        {
            let id = text(row, "example_id");
            let index = reference.index_of(&id).expect("an example");
            let example = reference.example(index).expect("unchanged");
            let response = says(&outputs[&id]);
            let each = instructions::grade("instructions", reading, &example, &response);
            let part = row["instruction"].as_u64().expect("a number") as usize;
            let ours = &each[part].verdict;
            let theirs = text(row, "label") == "followed";
            compared += 1;
            if (*ours == Verdict::Pass) != theirs || matches!(ours, Verdict::Missing(_)) {
                differ.push(format!(
                    "{id} {part} {}: theirs {theirs}, ours {ours:?}",
                    text(row, "instruction_id")
                ));
            }
        }
        println!(
            "{annotator}: {} of {compared} agree",
            compared - differ.len()
        );
        assert_eq!(compared, 832);
        assert!(
            compared - differ.len() >= AGREE,
            "{annotator}:\n{}",
            differ.join("\n")
        );
        println!("{}", differ.join("\n"));
    }
}

fn text(row: &serde_json::Value, key: &str) -> String {
    row[key].as_str().expect("a text").to_owned()
}
