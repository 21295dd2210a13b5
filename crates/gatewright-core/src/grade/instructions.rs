//! The grader of instructions about form: each one that an example lists is a part of the answer, strictly or loosely read.
//!
//! The 25 kinds and their arguments are those of IFEval (Zhou et al., Instruction-Following Evaluation for Large Language Models, 2023). The
//! checks were written anew from what that paper and its checkers do; where they differ on recorded answers, docs/real-data.md says so.

mod layout;
mod rules;
mod words;

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::sheet::{Measures, Sheet};
use super::verdict::{Graded, Verdict};
use crate::json::lookup;
use crate::manifest::{PartsRule, Reading};
use crate::reference::Example;
use crate::response::Response;

pub(super) use rules::IDS;

/// What this grader can tell.
pub(super) const SHEETS: [Sheet; 1] = [Sheet {
    kind: "instructions",
    measures: Measures::Form,
    checks: "each instruction about form that the example lists is followed, as the answer stands or in one of eight loose variants",
    protects: &["format-violation"],
    cost: "one pass for each instruction; eight when read loosely",
    deterministic: true,
    blind_spot: "form only: an answer that says nothing true can follow all; the loose reading forgives a first or last line and every asterisk",
}];

/// Most instructions of one example that are graded: lists come from files.
const LIST_MAX: usize = 1000;

/// Returns the list that an example holds under a field; `None` when it has none.
fn list<'e>(field: &str, example: &'e Example) -> Option<&'e Value> {
    lookup(&example.fields, field)
        .or_else(|| lookup(&example.context, field))
        .filter(|value| !value.is_null())
}

/// Says whether the example lists instructions.
pub(super) fn applies(field: &str, example: &Example) -> bool {
    list(field, example).is_some_and(|value| value.as_array().is_none_or(|list| !list.is_empty()))
}

/// Judges every instruction of the example's list, in its order; symptoms are their ids (`punctuation:no_comma`). An instruction that this
/// grader does not know, or whose arguments do not fit, is missing.
pub(super) fn grade(
    field: &str,
    reading: Reading,
    example: &Example,
    response: &Response,
) -> Vec<Graded> {
    let Some(instructions) = list(field, example).and_then(Value::as_array) else {
        let what = format!("the field `{field}` of the example is no list of instructions");
        return vec![Graded::missing(what)];
    };
    let variants = variants(&response.output, reading);
    instructions
        .iter()
        .take(LIST_MAX)
        .map(|instruction| judge(instruction, &variants))
        .collect()
}

fn judge(instruction: &Value, variants: &[Cow<'_, str>]) -> Graded {
    let Some(id) = instruction.get("id").and_then(Value::as_str) else {
        return Graded::missing("an instruction without `id`");
    };
    let Some(known) = IDS.iter().find(|known| **known == id) else {
        return Graded::missing(format!("`{id}` is no instruction that this grader knows"));
    };
    let none = Map::new();
    let args = instruction
        .get("args")
        .and_then(Value::as_object)
        .unwrap_or(&none);
    for variant in variants {
        // An answer that is empty follows nothing, not even `no comma`.
        if variant.trim().is_empty() {
            continue;
        }
        match rules::follows(known, args, variant) {
            Ok(true) => return Graded::pass(),
            Ok(false) => {}
            Err(why) => return Graded::missing(format!("`{id}`: {why}")),
        }
    }
    Graded::fail(*known, format!("does not follow `{id}` {}", shown(args)))
}

fn shown(args: &Map<String, Value>) -> String {
    let pairs = args.iter().map(|(key, value)| format!("{key} {value}"));
    pairs.collect::<Vec<_>>().join(", ")
}

/// The texts of which one must follow the instruction.
fn variants(output: &str, reading: Reading) -> Vec<Cow<'_, str>> {
    if reading == Reading::Strict {
        return vec![output.into()];
    }
    let after_first = output.split_once('\n').map_or("", |(_, rest)| rest);
    let before_last = output.rsplit_once('\n').map_or("", |(rest, _)| rest);
    // Without both: of what is left after the first line, without the last.
    let inside = after_first.rsplit_once('\n').map_or("", |(rest, _)| rest);
    let lines = [
        output,
        after_first.trim(),
        before_last.trim(),
        inside.trim(),
    ];
    let plain = lines.map(|text| text.replace('*', "").into());
    lines.map(Cow::from).into_iter().chain(plain).collect()
}

/// Makes one verdict of the parts'.
pub(super) fn join(rule: PartsRule, parts: &[Graded]) -> Graded {
    let failed = parts
        .iter()
        .find(|part| matches!(part.verdict, Verdict::Fail { .. }));
    let passed = parts
        .iter()
        .filter(|part| part.verdict == Verdict::Pass)
        .count();
    let open = parts
        .iter()
        .find(|part| matches!(part.verdict, Verdict::Missing(_)));
    match (rule, failed, open) {
        (PartsRule::All, Some(failed), _) => failed.clone(),
        (PartsRule::Any, _, _) if passed > 0 => Graded::pass(),
        (_, _, Some(open)) => open.clone(),
        (PartsRule::Any, Some(failed), None) => failed.clone(),
        (PartsRule::All | PartsRule::Any, None, None) => Graded::pass(),
        (PartsRule::Share, _, None) => {
            Verdict::Value(passed as f64 / parts.len().max(1) as f64).into()
        }
    }
}
