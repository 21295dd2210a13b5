//! `gatewright check`

use gatewright_core::check;
use gatewright_core::problem::{Weight, has_errors, nearest};

use crate::args::CheckArgs;
use crate::commands::Context;
use crate::error::{Failure, problems_text};
use crate::exit;
use crate::pipeline::Loaded;

pub(crate) fn check(context: &Context, args: &CheckArgs) -> Result<u8, Failure> {
    let loaded = Loaded::read(context.project()?, &context.now)?;
    if let Some(rule) = &args.explain {
        return explain(context, &loaded, rule);
    }
    let errors = loaded
        .problems
        .iter()
        .filter(|problem| problem.weight == Weight::Error)
        .count();
    let suggestions = loaded.problems.len() - errors;
    let code = if has_errors(&loaded.problems) {
        exit::USAGE
    } else {
        exit::SHIP
    };
    if context.console.json {
        context.console.document(&serde_json::json!({
            "format": "gatewright-check/1",
            "exit_code": code,
            "errors": errors,
            "suggestions": suggestions,
            "examples": loaded.reference.examples.len(),
            "problems": loaded.problems,
        }))?;
        return Ok(code);
    }
    let mut text = problems_text(&loaded.problems);
    let s = |count: usize| if count == 1 { "" } else { "s" };
    text.push_str(&format!(
        "{}: {} rules over {} examples; {errors} error{}, {suggestions} suggestion{}\n",
        loaded.project.name,
        loaded.manifest.gate.len(),
        loaded.reference.examples.len(),
        s(errors),
        s(suggestions),
    ));
    context.console.out(&text)?;
    Ok(code)
}

/// What follows each result of a rule, what it can see, and why.
fn explain(context: &Context, loaded: &Loaded, rule: &str) -> Result<u8, Failure> {
    let Some(found) = check::explain(&loaded.manifest, &loaded.reference, rule) else {
        let rules: Vec<&str> = loaded
            .manifest
            .gate
            .iter()
            .map(|rule| rule.id.as_str())
            .collect();
        let near = nearest(rule, rules.iter().copied());
        let failure = Failure::usage(format!("the gate has no rule `{rule}`"))
            .why(format!("its rules are {}", rules.join(", ")));
        return Err(match near {
            Some(near) => failure.next(format!("gatewright check --explain {near}")),
            None => failure,
        });
    };
    if context.console.json {
        context.console.document(&found)?;
    } else {
        context.console.out(&found.text())?;
    }
    Ok(exit::SHIP)
}
