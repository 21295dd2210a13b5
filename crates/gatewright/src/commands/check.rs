//! `gatewright check`

use gatewright_core::check;
use gatewright_core::problem::{Problem, Weight};
use gatewright_core::report::untrusted::{LINE_CHARS_MAX, columns, line, wrap};

use crate::args::CheckArgs;
use crate::commands::{Context, unknown};
use crate::error::{Failure, problems_text};
use crate::exit;
use crate::pipeline::{Depth, Loaded, adapter_problems, program_problems, prompt_problems};

pub(crate) fn check(context: &Context, args: &CheckArgs) -> Result<u8, Failure> {
    let project = context.project()?;
    let name = project.name.clone();
    let mut loaded = match Loaded::read(project, &context.now, Depth::Suggestions) {
        // The page is no page at all: what is wrong with it is the answer.
        Err(Failure::Problems(problems)) => return show(context, &name, &problems, None),
        other => other?,
    };
    // Every prompt is tried out on every example: what fails here would fail after it was paid for.
    loaded.problems.extend(prompt_problems(&loaded));
    loaded.problems.extend(adapter_problems(&loaded.manifest));
    loaded.problems.extend(program_problems(&loaded));
    match &args.explain {
        Some(rule) => explain(context, &loaded, rule),
        None => show(context, &name, &loaded.problems, Some(&loaded)),
    }
}

fn show(
    context: &Context,
    name: &str,
    problems: &[Problem],
    loaded: Option<&Loaded>,
) -> Result<u8, Failure> {
    let is_error = |problem: &&Problem| problem.weight == Weight::Error;
    let errors = problems.iter().filter(is_error).count();
    let suggestions = problems.len() - errors;
    let code = if errors > 0 { exit::USAGE } else { exit::SHIP };
    let examples = loaded.map_or(0, |loaded| loaded.reference.examples.len());
    let rules = loaded.map_or(0, |loaded| loaded.manifest.gate.len());
    if context.console.json {
        context.console.document(&serde_json::json!({
            "format": "gatewright-check/1",
            "exit_code": code,
            "errors": errors,
            "suggestions": suggestions,
            "rules": rules,
            "examples": examples,
            "problems": problems,
        }))?;
        return Ok(code);
    }
    let mut shown = problems.to_vec();
    // Whoever wants the answer and the errors has both in fewer lines.
    shown.retain(|it| !context.console.quiet || it.weight == Weight::Error);
    let mut text = problems_text(&shown, context.console.options.width);
    let s = |count: usize| if count == 1 { "" } else { "s" };
    text.push_str(&format!(
        "{name}: {rules} rule{} over {examples} example{}; {errors} error{}, {suggestions} suggestion{}\n",
        s(rules),
        s(examples),
        s(errors),
        s(suggestions),
    ));
    context.console.out(&text)?;
    Ok(code)
}

fn explain(context: &Context, loaded: &Loaded, rule: &str) -> Result<u8, Failure> {
    let Some(explanation) = check::explain(&loaded.manifest, &loaded.reference, rule) else {
        let rules = loaded.manifest.gate.iter();
        let known: Vec<&str> = rules.map(|rule| rule.id.as_str()).collect();
        return Err(unknown("rule", rule, known));
    };
    if context.console.json {
        context.console.document(&explanation)?;
    } else {
        let width = context.console.options.width;
        let mut text = String::new();
        for row in explanation.text().lines() {
            let row = line(row, LINE_CHARS_MAX);
            let rows = match columns(&row) <= width {
                true => vec![row],
                false => wrap(&row, width, 12),
            };
            text.push_str(&(rows.join("\n") + "\n"));
        }
        context.console.out(&text)?;
    }
    Ok(exit::SHIP)
}
