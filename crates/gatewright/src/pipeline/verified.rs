//! `gatewright verify`: everything that a record says, against what is there. It stops at the first thing that differs.

mod signatures;

use std::path::Path;

use gatewright_core::digest::Digest;
use gatewright_core::event::{Event, ProjectEvent};
use gatewright_core::record::statement::RecordedBy;
use gatewright_core::record::{
    Checkpoint, Envelope, Keys, Kind, Predicate, PublicKey, Statement, first_difference, permit,
    recorded,
};
use gatewright_store::{ProjectLog, RunLog};
use serde_json::Value;

use crate::commands::Context;
use crate::error::Failure;
use crate::exit;
use crate::now::Now;
use crate::pipeline::recompute::{Claim, Place, Recomputed, recompute};
use crate::pipeline::records::{self, ENVELOPE, PROPOSAL, RecordFolder};

use self::signatures::signatures;
pub(crate) use self::signatures::signers;

/// What is asked of a verification besides the record.
pub(crate) struct Asks {
    /// A checkpoint that somebody kept.
    pub(crate) against: Option<Checkpoint>,
    /// Public keys from elsewhere: only these count.
    pub(crate) trusted: Vec<PublicKey>,
}

/// A record that is what it was.
pub(crate) struct Verified {
    /// What was signed.
    pub(crate) statement: Statement,
    /// The hash of what was signed.
    pub(crate) payload: Digest,
    /// Who signed, with key, time and reason.
    pub(crate) signed: Vec<RecordedBy>,
    /// Enough persons signed, and no later decision took its place.
    pub(crate) stands: bool,
    /// A later decision took its place.
    pub(crate) superseded: bool,
    /// Where the project's log stands.
    pub(crate) log: Checkpoint,
    /// What was looked at, in words.
    pub(crate) checked: Vec<String>,
    /// What a reader must know.
    pub(crate) notes: Vec<String>,
}

/// The record under verification.
struct Subjected<'a> {
    folder: &'a RecordFolder,
    state: &'a Path,
}

impl Subjected<'_> {
    /// Says what differs.
    fn differs(&self, what: &str, why: impl Into<String>) -> Failure {
        Failure::expected(
            exit::ALTERED,
            format!("record {} is not what was signed: {what}", self.folder.name),
        )
        .why(why)
        .next("compare with a copy: gatewright verify PATH/records/…")
    }

    /// Says that a signature, good as it is, does not count.
    fn void(&self, number: usize, why: String) -> Failure {
        Failure::expected(
            exit::ALTERED,
            format!(
                "record {}: signature {number} does not count",
                self.folder.name
            ),
        )
        .why(why)
        .next("gatewright sign --anew --reason WHY   (a new decision, with a key that counts)")
    }

    /// Turns whatever kept a part from being read into what differs.
    fn unreadable(&self, what: &str, failure: Failure) -> Failure {
        let said = match failure {
            Failure::Expected(expected) => format!("{}: {}", expected.what, expected.why),
            Failure::Problems(problems) => problems
                .first()
                .map_or_else(String::new, |one| format!("{}: {}", one.at, one.what)),
            Failure::Unexpected { doing, source } => {
                let mut said = format!("could not {doing}");
                let mut cause: Option<&dyn std::error::Error> = Some(source.as_ref());
                while let Some(one) = cause {
                    said.push_str(&format!(": {one}"));
                    cause = one.source();
                }
                said
            }
        };
        self.differs(what, said.trim_end_matches([':', ' ']).to_owned())
    }
}

/// Verifies a record, offline, from its folder and the state folder it is in.
///
/// # Errors
/// Altered (112), with the first thing that differs.
pub(crate) fn verify(
    context: &Context,
    folder: &RecordFolder,
    state: &Path,
    asks: &Asks,
) -> Result<Verified, Failure> {
    let it = Subjected { folder, state };
    let bytes = records::read(&folder.dir, ENVELOPE).map_err(|e| it.unreadable(ENVELOPE, e))?;
    let (envelope, mut notes) =
        Envelope::read(&bytes).map_err(|fault| it.differs(ENVELOPE, fault.to_string()))?;
    let payload = Digest::of(&envelope.payload);
    // The signatures come before anything of the payload is believed: without a log there are no keys.
    let log = log_events(&it)?;
    let head = head_of(&log);
    if let Some(checkpoint) = asks.against {
        against(&log, checkpoint)?;
    }
    let signed = signatures(&it, &envelope, payload, &log, asks)?;
    let (statement, besides) = Statement::read(&envelope.payload)
        .map_err(|fault| it.differs("the statement", fault.to_string()))?;
    notes.extend(besides);
    for note in &mut notes {
        *note = format!("the field `{note}` is not known and was ignored");
    }
    let predicate = &statement.predicate;
    let decision = in_log(&it, payload, predicate, &log)?;
    permitted(&it, predicate, &signed)?;
    let other = records::first_other_file(&folder.dir, &predicate.files);
    if let Some((path, was, is)) = other.map_err(|e| it.unreadable("its files", e))? {
        let why = format!("recorded {was}, found {is}");
        return Err(it.differs(&format!("file:{path}"), why));
    }
    run_log(&it, &statement)?;
    let computed = computed(context, &it, &statement, &log)?;
    compare(&it, &statement, &computed)?;
    if asks.trusted.is_empty() {
        notes.push(
            "whose keys these are is said by the project's own log; --trust PUBLIC-KEY asks for a key from elsewhere"
                .to_owned(),
        );
    }
    let checked = checked(predicate, signed.len(), head);
    let keys = Keys::fold(&log);
    for account in signed
        .iter()
        .filter_map(|one| keys.get(&one.key)?.account.as_deref())
    {
        notes.push(format!(
            "the review server signed for whoever was logged in as {account}: no person holds that key"
        ));
    }
    let all = recorded(&log, &keys);
    let standing = all.iter().find(|one| one.seq == decision);
    Ok(Verified {
        stands: standing.is_some_and(|one| one.stands() && !one.superseded),
        superseded: standing.is_some_and(|one| one.superseded),
        statement,
        payload,
        signed,
        log: head,
        checked,
        notes,
    })
}

/// Says what was looked at.
fn checked(predicate: &Predicate, signed: usize, log: Checkpoint) -> Vec<String> {
    let counts = &predicate.evidence;
    vec![
        match signed {
            1 => "1 signature".to_owned(),
            count => format!("{count} signatures"),
        },
        format!("the project's log, {} events", log.size),
        format!("{} files", predicate.files.len()),
        format!(
            "{} events of the run and {} kept bytes",
            counts.events, counts.kept
        ),
        format!(
            "{} outcomes and the decision, computed again",
            counts.outcomes
        ),
    ]
}

fn head_of(log: &[Event<ProjectEvent>]) -> Checkpoint {
    let mut at = Checkpoint::default();
    log.iter().for_each(|event| at.take(event));
    at
}

/// Reads the project's log, checking pages, ids, order and links.
fn log_events(it: &Subjected<'_>) -> Result<Vec<Event<ProjectEvent>>, Failure> {
    let read = || -> Result<Vec<Event<ProjectEvent>>, Failure> {
        let log = ProjectLog::read_only(it.state)?;
        log.integrity_check()?;
        Ok(log.events().collect::<Result<_, _>>()?)
    };
    read().map_err(|failure| it.unreadable("the project's log", failure))
}

/// Holds a log against a checkpoint that somebody kept.
///
/// # Errors
/// Altered (112) when the log was cut, put back or rewritten.
pub(crate) fn log_against(state: &Path, checkpoint: Checkpoint) -> Result<Checkpoint, Failure> {
    let log = ProjectLog::read_only(state)?;
    log.integrity_check()?;
    let events: Vec<_> = log.events().collect::<Result<_, _>>()?;
    against(&events, checkpoint)?;
    Ok(head_of(&events))
}

fn against(log: &[Event<ProjectEvent>], checkpoint: Checkpoint) -> Result<(), Failure> {
    let differs = |what: String, why: &str| {
        Err(Failure::expected(exit::ALTERED, what)
            .why(why)
            .next("restore the project's log from a copy that is not older than the checkpoint"))
    };
    let size = log.len() as u64;
    if size < checkpoint.size {
        return differs(
            format!(
                "the project's log ends at event {size}, and event {} was there at the checkpoint",
                checkpoint.size
            ),
            "its end was cut off, or an older copy was put in its place",
        );
    }
    let then = head_of(&log[..checkpoint.size as usize]);
    if then != checkpoint {
        return differs(
            format!(
                "the project's log has another history up to event {}",
                checkpoint.size
            ),
            "an event was changed, taken out or put elsewhere, and everything after it linked again",
        );
    }
    Ok(())
}

/// Finds the decision in the project's log: it must say what the record says. Returns its place.
fn in_log(
    it: &Subjected<'_>,
    payload: Digest,
    predicate: &Predicate,
    log: &[Event<ProjectEvent>],
) -> Result<u64, Failure> {
    let found = log.iter().find_map(|event| match &event.body {
        ProjectEvent::Decided {
            payload: of,
            decision,
        } if *of == payload => Some((event.seq, decision)),
        _ => None,
    });
    let Some((seq, summary)) = found else {
        return Err(it.differs("the project's log", "it does not know this decision"));
    };
    let own = predicate.summary(&summary.record);
    if own != **summary {
        let (said, own) = (json(&**summary), json(&own));
        let where_ = first_difference(&own, &said).map_or_else(String::new, |one| one.path);
        return Err(it.differs(
            "the project's log",
            format!("event {seq} says another `{where_}`"),
        ));
    }
    if summary.record != it.folder.name {
        let why = format!("it was recorded as {}", summary.record);
        return Err(it.differs("its folder", why));
    }
    let known = |parent: &Digest| {
        log.iter().any(|event| {
            event.seq < seq
                && matches!(&event.body, ProjectEvent::Decided { payload: of, .. } if of == parent)
        })
    };
    if let Some(parent) = &predicate.parent
        && !known(parent)
    {
        let why = format!(
            "the decision before it, {}, is not in the project's log",
            parent.short()
        );
        return Err(it.differs("its parent", why));
    }
    Ok(seq)
}

fn json<T: serde::Serialize>(value: &T) -> Value {
    serde_json::to_value(value).unwrap_or(Value::Null)
}

/// Checks that those who signed might.
fn permitted(
    it: &Subjected<'_>,
    predicate: &Predicate,
    signed: &[RecordedBy],
) -> Result<(), Failure> {
    let authors = [predicate.sign.authors.as_slice(), &predicate.authors].concat();
    let mut before: Vec<String> = Vec::new();
    for one in signed {
        permit::may_sign(&predicate.sign, &one.by, &authors, &before)
            .map_err(|refusal| it.differs("who signed", refusal.to_string()))?;
        permit::reason(&one.reason)
            .map_err(|refusal| it.differs("who signed", format!("{}: {refusal}", one.by)))?;
        before.push(one.by.clone());
    }
    // In any order: who recorded it must be one of them, in the very words.
    if !signed.contains(&predicate.recorded) {
        let why = format!(
            "{} recorded it and has not signed it",
            predicate.recorded.by
        );
        return Err(it.differs("who signed", why));
    }
    Ok(())
}

/// Checks the run's log: pages, every event's hash and order, kept bytes, and the chain over all of it.
fn run_log(it: &Subjected<'_>, statement: &Statement) -> Result<(), Failure> {
    let predicate = &statement.predicate;
    let name = &predicate.run;
    let part = format!("run {name}");
    let plain = Path::new(name).components().count() == 1 && !name.starts_with('.');
    let dir = it.state.join("runs").join(name);
    let read = || -> Result<Checkpoint, Failure> {
        let log = RunLog::read_only(&dir)?;
        Ok(log.verified()?)
    };
    let found = match plain {
        true => read().map_err(|failure| it.unreadable(&part, failure))?,
        false => return Err(it.differs(&part, "its name is no folder's")),
    };
    if found.size != predicate.evidence.events {
        let why = format!(
            "it has {} events, and {} were recorded",
            found.size, predicate.evidence.events
        );
        return Err(it.differs(&part, why));
    }
    subject(it, statement, "run:events", &found.head)
}

/// Compares one digest with what was recorded under its name.
fn subject(
    it: &Subjected<'_>,
    statement: &Statement,
    name: &str,
    found: &Digest,
) -> Result<(), Failure> {
    let recorded = statement
        .subject
        .iter()
        .find(|subject| subject.name == name)
        .and_then(|subject| subject.digest.get("sha256"));
    if recorded.map(String::as_str) == Some(found.hex().as_str()) {
        return Ok(());
    }
    let why = format!(
        "recorded sha256:{}, found {found}",
        recorded.map_or("nothing", String::as_str)
    );
    Err(it.differs(name, why))
}

fn computed(
    context: &Context,
    it: &Subjected<'_>,
    statement: &Statement,
    log: &[Event<ProjectEvent>],
) -> Result<Recomputed, Failure> {
    let predicate = &statement.predicate;
    let size = predicate.evidence.log;
    if size > log.len() as u64 {
        let why = format!(
            "it has {} events, and the decision rests on {size}",
            log.len()
        );
        return Err(it.differs("the project's log", why));
    }
    let now = Now::read(Some(&predicate.recorded.at), None)
        .map_err(|failure| it.unreadable("its time", failure))?;
    if predicate
        .files
        .iter()
        .all(|file| file.path != predicate.page)
    {
        return Err(it.differs("its files", "none of them is the page"));
    }
    let place = Place {
        dir: &it.folder.dir,
        state: it.state,
        page: &predicate.page,
        run: &predicate.run,
        log: head_of(&log[..size as usize]),
    };
    recompute(context, &place, predicate.files.clone(), &now)
        .map_err(|failure| it.unreadable("computing it again", failure))
}

/// Compares what was recorded with what was computed again, in the order of the evidence.
fn compare(
    it: &Subjected<'_>,
    statement: &Statement,
    computed: &Recomputed,
) -> Result<(), Failure> {
    let predicate = &statement.predicate;
    let found = computed.evidence.subjects();
    let own_tool = predicate.tool == computed.evidence.tool;
    for one in &found {
        // The proposal comes last and is compared field by field first.
        let is_part = one.name.starts_with("sealed:") || one.name == "seal";
        if one.name == "proposal" || (!own_tool && (is_part || one.name == "tool")) {
            continue;
        }
        let digest = one.digest.get("sha256").and_then(|hex| Digest::parse(hex));
        subject(it, statement, &one.name, &digest.unwrap_or_default())?;
    }
    if let Some(more) = statement
        .subject
        .iter()
        .find(|subject| found.iter().all(|one| one.name != subject.name))
    {
        let why = "the record rests on it, and it is not there".to_owned();
        return Err(it.differs(&more.name, why));
    }
    if let Some(part) = computed.judged.context.broken_seal.first()
        && own_tool
    {
        let why = "the run was sealed on other terms than the copied page's".to_owned();
        return Err(it.differs(&format!("sealed:{part}"), why));
    }
    proposal(it, statement, computed)?;
    let claim = Claim {
        recorded: predicate.recorded.clone(),
        other: (predicate.kind == Kind::Override).then(|| {
            (
                predicate.answer,
                predicate.expires.clone().unwrap_or_default(),
            )
        }),
        authors: predicate.authors.clone(),
        parent: predicate.parent,
    };
    let own = computed
        .predicate(&claim)
        .map_err(|refusal| it.differs("the override", refusal.to_string()))?;
    let (mut said, mut own) = (json(predicate), json(&own));
    if !own_tool {
        (said["tool"], own["tool"]) = (Value::Null, Value::Null);
    }
    match first_difference(&said, &own) {
        None => Ok(()),
        Some(one) => Err(it.differs(
            &format!("`{}`", one.path),
            format!("recorded {}, computed {}", one.recorded, one.computed),
        )),
    }
}

/// Compares the proposal: the file with its digest, then with what is computed, field by field.
fn proposal(
    it: &Subjected<'_>,
    statement: &Statement,
    computed: &Recomputed,
) -> Result<(), Failure> {
    let bytes = records::read(&it.folder.dir, PROPOSAL).map_err(|e| it.unreadable(PROPOSAL, e))?;
    subject(it, statement, "proposal", &Digest::of(&bytes))?;
    let said = gatewright_core::json::parse(&bytes)
        .map_err(|error| it.differs(PROPOSAL, error.to_string()))?;
    let (mut said, mut own) = (said, json(&computed.judged.view));
    let mut by = String::new();
    let tool = &statement.predicate.tool;
    if *tool != computed.evidence.tool {
        (said["run"]["tool"], own["run"]["tool"]) = (Value::Null, Value::Null);
        by = format!(" by {} (it was decided by {tool})", computed.evidence.tool);
    }
    match first_difference(&said, &own) {
        None => Ok(()),
        Some(one) => Err(it.differs(
            &format!("the decision's `{}`", one.path),
            format!("recorded {}, computed {}{by}", one.recorded, one.computed),
        )),
    }
}
