//! `gatewright verify`

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use gatewright_core::decide::Answer;
use gatewright_core::event::ProjectEvent;
use gatewright_core::record::{Checkpoint, Kind};
use gatewright_core::report::untrusted::{line, wrap};
use gatewright_store::{ProjectLog, RunLog};

use crate::args::VerifyArgs;
use crate::commands::key::short;
use crate::commands::{Context, shell};
use crate::error::Failure;
use crate::exit;
use crate::pipeline::{
    ENVELOPE, RecordFolder, Verified, VerifyAsks, find_record, keys, list_records, log_against,
    newer_run, page_of, verify as verify_record,
};

pub(crate) fn verify(context: &Context, args: &VerifyArgs) -> Result<u8, Failure> {
    let against = args.against.as_deref().map(checkpoint).transpose()?;
    let trusted = args
        .trust
        .iter()
        .map(|path| keys::public(&context.here.join(path)));
    let trusted = trusted.collect::<Result<Vec<_>, Failure>>()?;
    let (state, folder) = place(context, args.record.as_deref())?;
    let Some(folder) = folder else {
        return log_alone(context, &state, against);
    };
    let asks = VerifyAsks { against, trusted };
    let verified = verify_record(context, &folder, &state, &asks)?;
    if let Some(to) = &args.export {
        export(&state, &folder, &verified, &context.here.join(to))?;
        let copy = to.join("records").join(&folder.name);
        context.console.note(&format!(
            "Copied. To verify the copy: gatewright verify {}",
            shell(&copy)
        ));
    }
    show(context, &folder, &verified)?;
    demand(context, args, &state, &verified)
}

fn checkpoint(text: &str) -> Result<Checkpoint, Failure> {
    Checkpoint::parse(text.trim().strip_prefix("Log:").unwrap_or(text)).ok_or_else(|| {
        Failure::usage(format!("`{}` is no checkpoint", line(text, 120)))
            .next("--against SIZE:HEX, as `Log:` in a report says it")
    })
}

/// Finds the record and the state folder that it is in. Nothing for a project that has none and of which only the log is asked.
fn place(
    context: &Context,
    wanted: Option<&Path>,
) -> Result<(PathBuf, Option<RecordFolder>), Failure> {
    if let Some(path) = wanted {
        let whole = context.here.join(path);
        let dir = match whole.file_name().is_some_and(|name| name == ENVELOPE) {
            true => whole.parent().map(Path::to_path_buf).unwrap_or_default(),
            false => whole,
        };
        if dir.join(ENVELOPE).is_file() {
            let dir = dir.canonicalize().unwrap_or(dir);
            let state = dir
                .parent()
                .and_then(Path::parent)
                .unwrap_or(Path::new("/"));
            let name = dir.file_name().unwrap_or_default().to_string_lossy();
            let folder = RecordFolder {
                name: name.into_owned(),
                dir: dir.clone(),
            };
            return Ok((state.to_path_buf(), Some(folder)));
        }
    }
    let state = match &context.global.state {
        Some(state) => context.here.join(state),
        None => context.project()?.state,
    };
    let name = wanted.map(|path| path.to_string_lossy().into_owned());
    if name.is_none() && list_records(&state).is_empty() && state.join(ProjectLog::FILE).is_file() {
        return Ok((state, None));
    }
    let folder = match &name {
        Some(_) => find_record(&state, name.as_deref())?,
        None => find_record(&state, newest(context, &state)?.as_deref())?,
    };
    Ok((state, Some(folder)))
}

/// Finds the newest record of the page's product: several pages may share a state folder. Nothing where only one product has records.
fn newest(context: &Context, state: &Path) -> Result<Option<String>, Failure> {
    let mut records: Vec<(String, String)> = Vec::new();
    // A log that cannot be read is what verifying says first.
    let log = ProjectLog::read_only(state).ok();
    for event in log.iter().flat_map(ProjectLog::events).flatten() {
        if let ProjectEvent::Decided { decision, .. } = event.body {
            records.push((decision.product, decision.record));
        }
    }
    let products: BTreeSet<&str> = records.iter().map(|(of, _)| of.as_str()).collect();
    let page = context.project().ok();
    let page = page.and_then(|project| page_of(&project).ok()?.0);
    let Some(product) = page.map(|page| page.product) else {
        return match products.len() {
            0 | 1 => Ok(None),
            _ => Err(Failure::usage("records of several products are here")
                .why(products.into_iter().collect::<Vec<_>>().join(", "))
                .next("gatewright verify RECORD")),
        };
    };
    let own = records.iter().rfind(|(of, _)| *of == product);
    match (own, records.is_empty()) {
        (Some((_, record)), _) => Ok(Some(record.clone())),
        (None, true) => Ok(None),
        (None, false) => Err(Failure::usage(format!(
            "there is no record of {} yet",
            line(&product, 100)
        ))
        .why(format!(
            "there are records of {}",
            line(&products.into_iter().collect::<Vec<_>>().join(", "), 200)
        ))
        .next("gatewright sign --reason WHY")),
    }
}

/// Checks the log of a project in which nobody has signed anything.
fn log_alone(context: &Context, state: &Path, against: Option<Checkpoint>) -> Result<u8, Failure> {
    let at = log_against(state, against.unwrap_or_default())?;
    if context.console.json {
        context.console.document(&serde_json::json!({
            "format": "gatewright-verify/1", "intact": true, "record": null, "checkpoint": at.to_string(),
        }))?;
    } else {
        context.console.out(&format!(
            "Intact: the project's log, {} events. Nobody has signed a decision yet.\nLog: {at}\nNext: gatewright sign --reason WHY\n",
            at.size
        ))?;
    }
    Ok(exit::SHIP)
}

fn show(context: &Context, folder: &RecordFolder, verified: &Verified) -> Result<(), Failure> {
    let predicate = &verified.statement.predicate;
    let today = context.now.today.to_string();
    let standing = standing(verified, &today);
    if context.console.json {
        let signed: Vec<_> = verified.signed.iter().collect();
        return context.console.document(&serde_json::json!({
            "format": "gatewright-verify/1", "intact": true, "record": folder.name, "payload": verified.payload,
            "kind": predicate.kind, "run": predicate.run, "answer": predicate.answer, "proposed": predicate.proposed,
            "bypasses": predicate.bypasses, "expires": predicate.expires, "signed": signed, "persons": predicate.sign.persons,
            "counts": standing.is_none(), "why_not": standing, "not_looked_at": predicate.not_looked_at,
            "checkpoint": verified.log.to_string(), "checked": verified.checked, "notes": verified.notes,
        }));
    }
    let what = match predicate.kind {
        Kind::Proposal => predicate.answer.word().to_owned(),
        Kind::Override => format!(
            "{} instead of {} until {}, over {}",
            predicate.answer.word(),
            predicate.proposed.word(),
            predicate.expires.as_deref().unwrap_or_default(),
            match predicate.bypasses.as_slice() {
                [] => "no rule".to_owned(),
                rules => line(&rules.join(", "), 300),
            }
        ),
    };
    let mut rows = vec![format!(
        "Intact: record {}, {what}, of run {}.",
        folder.name, predicate.run
    )];
    if context.console.quiet {
        rows.extend(standing.map(|why| format!("It does not count today: {why}.")));
        return context.console.out(&(rows.join("\n") + "\n"));
    }
    rows.extend(verified.signed.iter().map(|one| {
        format!(
            "Signed: {} with key {}, {}: {}",
            one.by,
            short(&one.key),
            line(&one.at, 40),
            line(&one.reason, 300)
        )
    }));
    rows.push(format!("Checked: {}.", verified.checked.join("; ")));
    rows.extend(standing.map(|why| format!("It does not count today: {why}.")));
    if !predicate.not_looked_at.is_empty() {
        rows.push(format!(
            "Not looked at: {} regressed examples; the reason says why.",
            predicate.not_looked_at.len()
        ));
    }
    rows.extend(
        verified
            .notes
            .iter()
            .map(|note| format!("Note: {}", line(note, 300))),
    );
    rows.push(format!("Log: {}", verified.log));
    let width = context.console.options.width.max(80);
    let mut text = String::new();
    for row in rows.iter().flat_map(|row| wrap(row, width, 2)) {
        text.push_str(&row);
        text.push('\n');
    }
    context.console.out(&text)
}

/// Says why a decision does not count today, if it does not.
fn standing(verified: &Verified, today: &str) -> Option<String> {
    let predicate = &verified.statement.predicate;
    let (signed, needs) = (verified.signed.len() as u32, predicate.sign.persons);
    if signed < needs {
        return Some(format!("{signed} of {needs} persons have signed"));
    }
    if verified.superseded {
        return Some("a later decision took its place".to_owned());
    }
    let ended = predicate.expires.as_deref().filter(|last| today > *last);
    match ended {
        Some(last) => Some(format!("the override ended on {last}")),
        None => (!verified.stands).then(|| "a signature does not count any more".to_owned()),
    }
}

/// Says whether the decision is one that was asked for.
fn demand(
    context: &Context,
    args: &VerifyArgs,
    state: &Path,
    verified: &Verified,
) -> Result<u8, Failure> {
    if args.require.is_empty() {
        return Ok(exit::SHIP);
    }
    // Whoever names no record means what is to be released now: the decision of an earlier run is another release's.
    let newer = match args.record {
        Some(_) => None,
        None => {
            let predicate = &verified.statement.predicate;
            newer_run(state, &predicate.run, &predicate.product)?
        }
    };
    if let Some(newer) = newer {
        context.console.say_wrapped(&format!(
            "run {} is newer than the decision",
            line(&newer, 60)
        ));
        return Ok(Answer::Hold.exit_code());
    }
    let answer = verified.statement.predicate.answer;
    let why = standing(verified, &context.now.today.to_string());
    match (args.require.contains(&answer), why) {
        (true, None) => Ok(exit::SHIP),
        (false, _) => {
            context
                .console
                .say(&format!("the decision is {}", answer.word()));
            Ok(Answer::Hold.exit_code())
        }
        (true, Some(why)) => {
            context
                .console
                .say(&format!("the decision does not count today: {why}"));
            Ok(Answer::Hold.exit_code())
        }
    }
}

/// Copies everything that verifying takes into a new folder, laid out as it was.
fn export(
    state: &Path,
    folder: &RecordFolder,
    verified: &Verified,
    to: &Path,
) -> Result<(), Failure> {
    let failed = |path: &Path, error: std::io::Error| {
        let failure = Failure::usage(format!("cannot export to {}", path.display()));
        match error.kind() {
            std::io::ErrorKind::AlreadyExists => failure
                .why("it is there already, and nothing is overwritten")
                .next("--export with the name of a new folder"),
            _ => failure.why(error.to_string()),
        }
    };
    std::fs::create_dir(to).map_err(|error| failed(to, error))?;
    let run = &verified.statement.predicate.run;
    let (runs, records) = (to.join("runs").join(run), to.join("records"));
    for dir in [&runs, &records] {
        std::fs::create_dir_all(dir).map_err(|error| failed(dir, error))?;
    }
    ProjectLog::read_only(state)?.copy_to(&to.join(ProjectLog::FILE))?;
    RunLog::read_only(&state.join("runs").join(run))?.copy_to(&runs.join(RunLog::FILE))?;
    copy_tree(&folder.dir, &records.join(&folder.name)).map_err(|error| failed(to, error))
}

fn copy_tree(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::create_dir(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        let kind = entry.file_type()?;
        if kind.is_dir() {
            copy_tree(&entry.path(), &target)?;
        } else if kind.is_file() {
            std::fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
