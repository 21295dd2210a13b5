//! `gatewright sign`

use std::path::Path;

use gatewright_core::event::ProjectEvent;
use gatewright_core::manifest::identity;
use gatewright_core::record::permit::Refusal;
use gatewright_core::record::{Checkpoint, Keys, Kind, SecretKey, recorded};
use gatewright_core::report::untrusted::{line, wrap};

use crate::args::SignArgs;
use crate::commands::Context;
use crate::commands::key::short;
use crate::error::Failure;
use crate::exit;
use crate::pipeline::{
    ENVELOPE, Loaded, Session, Signed, Signer, Signing, Stopped, Wish, keys, project_events,
    project_log, refuse_changed,
};

const COMMAND: &str = "gatewright sign";
/// Ids of examples that a message names.
const NAMED_MAX: usize = 8;

pub(crate) fn sign(context: &Context, args: &SignArgs) -> Result<u8, Failure> {
    let wish = Wish {
        reason: args.reason.clone(),
        other: args.other,
        expires: args.expires.clone(),
        authors: authors(&args.change_author)?,
        without_looking: args.without_looking,
        anew: args.anew,
        seen: None,
    };
    let mut loaded = context.sound()?;
    let run = args.stored.run.as_deref();
    let session = Session::read(&mut loaded, run, &context.now, &context.console, COMMAND)?;
    decided(&session)?;
    refuse_changed(&loaded, &session)?;
    let path = args.key.as_ref().map(|path| context.here.join(path));
    let own = Own {
        path: path.as_deref(),
    };
    let signing = Signing::begin(context, COMMAND, (&loaded, &session.name), &own)?;
    let who = signing.who.clone();
    let done = signing.put(&wish);
    let done = done.map_err(|stopped| failure(stopped, &session.name, &who))?;
    told(context, &loaded, &done)
}

/// Refuses a run that is not whole, or not decided: there is nothing to stand behind.
///
/// # Errors
/// What to do first.
pub(crate) fn decided(session: &Session) -> Result<(), Failure> {
    session.whole()?;
    match session.decided {
        Some(_) => Ok(()),
        None => Err(
            Failure::usage(format!("run {} is not decided yet", session.name))
                .why("there is no proposal to stand behind")
                .next(format!("gatewright decide {}", session.name)),
        ),
    }
}

/// Reads who wrote the change.
///
/// # Errors
/// For a text that is no identity.
pub(crate) fn authors(written: &[String]) -> Result<Vec<String>, Failure> {
    let of = |text: &String| {
        identity(text).ok_or_else(|| {
            Failure::usage(format!("`{text}` is no identity")).next(
                "--change-author with a plain name or a mail address, such as ana@example.com",
            )
        })
    };
    written.iter().map(of).collect()
}

/// A key that the person holds.
struct Own<'a> {
    path: Option<&'a Path>,
}

impl Own<'_> {
    fn secret(&self, known: &Keys) -> Result<SecretKey, Failure> {
        match self.path {
            Some(path) => keys::secret(path),
            None => keys::own(known),
        }
    }
}

impl Signer for Own<'_> {
    fn who(&self, known: &Keys) -> Result<String, Failure> {
        let id = self.secret(known)?.public().id();
        let Some(entry) = known.get(&id) else {
            return Err(Failure::usage(format!(
                "the key {} is not in the project's list",
                short(&id)
            ))
            .why("nobody could say whose signature it is")
            .next("gatewright key add FILE.pub.pem --identity YOU"));
        };
        keys::in_use(entry)?;
        Ok(entry.identity.clone())
    }

    fn key(&self, known: &Keys, _: &str) -> Result<(SecretKey, Option<ProjectEvent>), Failure> {
        Ok((self.secret(known)?, None))
    }
}

/// Says why somebody may not sign.
pub(crate) fn refused(refusal: Refusal) -> Failure {
    let failure = Failure::usage(refusal.to_string());
    match refusal {
        Refusal::Reason => failure
            .why("somebody will read it in a year")
            .next("--reason with 10 to 2,000 characters, and more than one word"),
        Refusal::NotAmong(_) => failure.next("somebody of `decision.sign.by` on the page signs"),
        Refusal::Author(_) => failure
            .why("who wrote a change sees what it was meant to do")
            .next("somebody else signs"),
        Refusal::AuthorUnknown => failure
            .why("`decision.sign.author_may_sign` is false on the page")
            .next("--change-author IDENTITY (GATEWRIGHT_CHANGE_AUTHOR in CI)"),
        Refusal::Twice { .. } => failure.next("another person signs"),
        Refusal::NotOverridable(_) => failure
            .why("the page says `overridable: false`, and it was sealed before the run")
            .next("repair what the rule found, and run again"),
        Refusal::Invalid(_) => failure
            .why("its numbers are of something else than what was agreed")
            .next("gatewright gate --fresh"),
        Refusal::NothingToOverride(_) => failure.next("gatewright sign --reason WHY"),
        Refusal::Expiry { to, .. } => failure
            .why("an override that nobody ends is a rule nobody wrote")
            .next(format!("--expires {to}, or sooner")),
    }
}

/// Says why nothing was recorded, and what to type.
fn failure(stopped: Stopped, run: &str, who: &str) -> Failure {
    match stopped {
        Stopped::Refused(refusal) => refused(refusal),
        Stopped::Failed(failure) => failure,
        Stopped::Moved { by, what } => Failure::usage(format!(
            "what {} signed rests on something else by now",
            by.as_deref().unwrap_or("somebody")
        ))
        .why(format!("moved since: {}", what.join(", ")))
        .next(format!("gatewright report {run}   (look at it again)"))
        .next("gatewright sign --anew --reason WHY   (a new decision, after that one)"),
        Stopped::NotLookedAt(left) => {
            let named: Vec<String> = left.iter().take(NAMED_MAX).map(|id| line(id, 60)).collect();
            let more = match left.len() - named.len() {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            Failure::usage(format!(
                "nobody has looked at {} of the regressed examples",
                left.len()
            ))
            .why(format!("{}{more}", named.join(", ")))
            .next(format!(
                "gatewright diff {run} --not-looked-at --looked-by {who}"
            ))
            .next("--without-looking, where the reason says why not")
        }
    }
}

fn told(context: &Context, loaded: &Loaded, done: &Signed) -> Result<u8, Failure> {
    let Signed {
        folder,
        predicate,
        payload,
    } = done;
    let events = project_events(&loaded.project)?;
    let all = recorded(&events, &Keys::fold(&events));
    let signed: Vec<String> = all
        .iter()
        .filter(|one| one.payload == *payload)
        .flat_map(|one| one.signed.iter().map(|sign| sign.by.clone()))
        .collect();
    let needs = predicate.sign.persons;
    let stands = signed.len() as u32 >= needs;
    let checkpoint = match project_log(&loaded.project.state)? {
        Some(log) => log.checkpoint()?,
        None => Checkpoint::default(),
    };
    let path = folder.dir.join(ENVELOPE);
    if context.console.json {
        context.console.document(&serde_json::json!({
            "format": "gatewright-sign/1", "record": folder.name, "path": path, "payload": payload, "kind": predicate.kind,
            "answer": predicate.answer, "signed": signed, "persons": needs, "stands": stands, "checkpoint": checkpoint.to_string(),
            "bypasses": predicate.bypasses, "expires": predicate.expires,
        }))?;
        return Ok(exit::SHIP);
    }
    let what = match predicate.kind {
        Kind::Proposal => format!("{} of run {}", predicate.answer.word(), predicate.run),
        Kind::Override => format!(
            "{} instead of {} for run {} until {}, over {}",
            predicate.answer.word(),
            predicate.proposed.word(),
            predicate.run,
            predicate.expires.as_deref().unwrap_or_default(),
            match predicate.bypasses.as_slice() {
                [] => "no rule".to_owned(),
                rules => line(&rules.join(", "), 300),
            }
        ),
    };
    let persons = match stands {
        true => format!("signed by {}", signed.join(", ")),
        false => format!(
            "signed by {}: {} of {needs} persons, so it does not stand yet",
            signed.join(", "),
            signed.len()
        ),
    };
    let width = context.console.options.width;
    let mut text = String::new();
    for row in [
        format!("Recorded: {what}; {persons}."),
        format!("Record: {}", path.display()),
        format!("Log: {checkpoint}"),
        format!("Next: gatewright verify {}", folder.name),
    ]
    .iter()
    .flat_map(|row| wrap(row, width.max(80), 2))
    {
        text.push_str(&row);
        text.push('\n');
    }
    context.console.out(&text)?;
    Ok(exit::SHIP)
}
