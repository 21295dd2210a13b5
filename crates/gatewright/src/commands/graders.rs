//! `gatewright graders`

use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufReader, Read as _};
use std::path::Path;

use gatewright_core::grade::{Measures, Sheet, Tried, sheet, sheets, try_one};
use gatewright_core::json;
use gatewright_core::manifest::read;
use gatewright_core::problem::{Location, has_errors};
use gatewright_core::reference::{Example, load};
use gatewright_core::report::untrusted::{line, wrap};
use gatewright_core::response::Response;
use gatewright_core::source::Source;

use crate::args::{GradersAction, GradersArgs, GradersTryArgs};
use crate::commands::{Context, pairs, unknown};
use crate::error::Failure;
use crate::exit;

/// Largest response that is read from a file, in bytes.
const RESPONSE_BYTES_MAX: u64 = 64 << 20;
/// Names the options in messages.
const OPTIONS: &str = "--options";
/// Keys of a response in a file; the same as in the format of outputs.
const KEYS: [&str; 9] = [
    "output",
    "behaviour",
    "citations",
    "tool_calls",
    "usage",
    "latency_ms",
    "first_token_ms",
    "finish",
    "fields",
];

pub(crate) fn graders(context: &Context, args: &GradersArgs) -> Result<u8, Failure> {
    match &args.action {
        None => list(context),
        Some(GradersAction::Try(args)) => attempt(context, args),
    }
}

fn list(context: &Context) -> Result<u8, Failure> {
    let all = sheets();
    if context.console.json {
        let graders: Vec<_> = all.iter().map(|sheet| described(sheet)).collect();
        context.console.document(&serde_json::json!({
            "format": "gatewright-graders/1", "graders": graders,
        }))?;
        return Ok(exit::SHIP);
    }
    let width = context.console.options.width;
    let name = all.iter().map(|sheet| sheet.kind.len()).max().unwrap_or(0);
    let mut text = String::new();
    for sheet in all {
        let mut said = vec![sheet.checks.to_owned()];
        if context.console.verbose {
            if !sheet.protects.is_empty() {
                said.push(format!("protects: {}", sheet.protects.join(", ")));
            }
            said.push(format!("cost: {}", sheet.cost));
            said.push(format!("blind spot: {}", sheet.blind_spot));
        }
        let rows = said
            .iter()
            .flat_map(|one| wrap(one, width.saturating_sub(name + 2), 2));
        let mut first = sheet.kind;
        for row in rows {
            let _ = writeln!(text, "{first:<name$}  {row}");
            first = "";
        }
    }
    context.console.out(&text)?;
    context
        .console
        .note("`gatewright graders --verbose` says what each protects and does not see");
    Ok(exit::SHIP)
}

fn described(sheet: &Sheet) -> serde_json::Value {
    let mut value = serde_json::json!(sheet);
    value["options"] = read::grader_options(sheet.kind).unwrap_or_default().into();
    value
}

fn attempt(context: &Context, args: &GradersTryArgs) -> Result<u8, Failure> {
    if read::grader_options(&args.kind).is_none() {
        return Err(unknown(
            "grader",
            &args.kind,
            read::grader_kinds().collect::<Vec<_>>(),
        ));
    }
    if sheet(&args.kind).is_some_and(|sheet| sheet.measures == Measures::Judgement) {
        let failure = Failure::usage(format!("`{}` cannot be tried", args.kind));
        return Err(match args.kind.as_str() {
            "judge" => failure
                .why("it asks a model, and only a run does that: within a budget, and kept")
                .next("gatewright grade --ask"),
            "program" => failure
                .why("it asks a program, and only a run does that: what it says is kept")
                .next("gatewright grade --ask"),
            _ => failure
                .why("it reads recorded labels, and a single response has none")
                .next("gatewright graders"),
        });
    }
    let (grader, problems) = read::grader(&args.kind, &args.options, OPTIONS);
    let Some(grader) = grader.filter(|_| !has_errors(&problems)) else {
        return Err(Failure::Problems(problems));
    };
    let response = response(context, &args.response)?;
    let example = example(context, args)?;
    let tried = try_one(&grader, &example, &response).map_err(|why| {
        Failure::usage(format!("`{}` cannot be tried", args.kind))
            .why(why)
            .next("gatewright graders")
    })?;
    if context.console.json {
        context.console.document(&serde_json::json!({
            "format": "gatewright-try/1", "grader": args.kind, "example": example.id, "tried": tried,
        }))?;
    } else {
        let text = shown(&args.kind, &tried, context.console.options.width);
        context.console.out(&text)?;
    }
    Ok(exit::SHIP)
}

fn shown(kind: &str, tried: &Tried, width: usize) -> String {
    let mut text = String::new();
    for row in wrap(&format!("{kind}: {}", said(tried)), width, 2) {
        let _ = writeln!(text, "{row}");
    }
    for part in &tried.parts {
        let row = format!("  {}: {}", part.part, said(&part.said));
        for row in wrap(&row, width, 5) {
            let _ = writeln!(text, "{row}");
        }
    }
    text
}

/// One verdict on one line; what quotes the response is data.
fn said(tried: &Tried) -> String {
    let mut text = tried.verdict.to_owned();
    if let Some(value) = tried.value {
        let _ = write!(text, " {value}");
    }
    if let Some(symptom) = &tried.symptom {
        let _ = write!(text, " ({})", line(symptom, 80));
    }
    if let Some(why) = &tried.why {
        let _ = write!(text, ": {}", line(why, 400));
    }
    text
}

/// Takes the response from the command line, or from a file.
fn response(context: &Context, given: &str) -> Result<Response, Failure> {
    let Some(name) = given.strip_prefix('@') else {
        return Ok(Response {
            output: given.to_owned(),
            ..Response::default()
        });
    };
    let bytes = bytes(&context.here.join(name), name)?;
    if Path::new(name).extension().is_none_or(|it| it != "json") {
        let output = String::from_utf8(bytes).map_err(|_| {
            Failure::usage(format!("`{name}` is not UTF-8")).next("save it as UTF-8")
        })?;
        return Ok(Response {
            output,
            ..Response::default()
        });
    }
    let object = json::parse_object(&bytes).map_err(|error| {
        let column = error.column(&bytes);
        Failure::usage(format!(
            "`{name}` is no response: {error} (column {column})"
        ))
        .next("{\"output\": \"…\", \"citations\": [\"…\"]}")
    })?;
    if let Some(key) = object.keys().find(|key| !KEYS.contains(&key.as_str())) {
        return Err(unknown("key of a response", key, KEYS));
    }
    serde_json::from_value(object.into()).map_err(|error| {
        Failure::usage(format!("`{name}` is no response"))
            .why(error.to_string())
            .next("{\"output\": \"…\", \"citations\": [\"…\"]}")
    })
}

fn bytes(path: &Path, name: &str) -> Result<Vec<u8>, Failure> {
    let cannot = |why: String| Failure::usage(format!("cannot read `{name}`")).why(why);
    let file = File::open(path).map_err(|error| cannot(error.to_string()))?;
    let mut bytes = Vec::new();
    file.take(RESPONSE_BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| cannot(error.to_string()))?;
    if bytes.len() as u64 > RESPONSE_BYTES_MAX {
        return Err(cannot(format!(
            "it has more than {} MiB",
            RESPONSE_BYTES_MAX >> 20
        )));
    }
    Ok(bytes)
}

/// Finds the example, or makes one that expects nothing.
fn example(context: &Context, args: &GradersTryArgs) -> Result<Example, Failure> {
    let (Some(path), Some(id)) = (&args.example, &args.id) else {
        let nothing: &[u8] = br#"{"id":"example","input":"(none)"}"#;
        let mut found = examples(&Source::plain("example", Location::default()), nothing)?;
        return found.pop().ok_or_else(|| Failure::Unexpected {
            doing: "make an example that expects nothing".to_owned(),
            source: "it could not be read".into(),
        });
    };
    let name = path.display().to_string();
    let mut source = Source::plain(name.as_str(), Location::file(&name));
    source.map = pairs(&args.map, "--map input=question")?
        .into_iter()
        .collect();
    let file = File::open(context.here.join(path))
        .map_err(|error| Failure::usage(format!("cannot read `{name}`")).why(error.to_string()))?;
    let found = examples(&source, BufReader::new(file))?;
    match found.iter().position(|example| example.id.as_str() == id) {
        Some(index) => Ok(found[index].clone()),
        None => {
            let known = found.iter().map(|example| example.id.as_str());
            Err(unknown("example", id, known))
        }
    }
}

fn examples(source: &Source, reader: impl std::io::BufRead) -> Result<Vec<Example>, Failure> {
    let mut problems = Vec::new();
    let found = load::whole(source, &source.file, reader, &mut problems);
    if has_errors(&problems) {
        return Err(Failure::Problems(problems));
    }
    Ok(found)
}
