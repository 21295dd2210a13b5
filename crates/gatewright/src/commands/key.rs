//! `gatewright key`

use std::fmt::Write as _;

use gatewright_core::event::ProjectEvent;
use gatewright_core::manifest::identity;
use gatewright_core::record::key::KeyEntry;
use gatewright_core::record::{Keys, PublicKey, permit};
use gatewright_core::report::untrusted::{line, wrap};
use gatewright_store::ProjectLog;

use crate::args::{KeyAction, KeyAddArgs, KeyArgs, KeyNewArgs, KeyRevokeArgs};
use crate::commands::Context;
use crate::error::Failure;
use crate::exit;
use crate::pipeline::{keys, project_events, writer};
use crate::project::Project;

const COMMAND: &str = "gatewright key";
/// Digits of a key's id that are shown.
pub(crate) const ID_SHOWN: usize = 16;

pub(crate) fn key(context: &Context, args: &KeyArgs) -> Result<u8, Failure> {
    let project = context.project()?;
    match &args.action {
        KeyAction::New(args) => new(context, &project, args),
        KeyAction::Add(args) => add(context, &project, args),
        KeyAction::List(_) => list(context, &project),
        KeyAction::Revoke(args) => revoke(context, &project, args),
    }
}

fn new(context: &Context, project: &Project, args: &KeyNewArgs) -> Result<u8, Failure> {
    let whose = person(&args.identity)?;
    let known = Keys::fold(&project_events(project)?);
    let old = match &args.replaces {
        Some(name) => {
            let old = chosen(&known, name)?;
            if old.identity != whose {
                return Err(Failure::usage(format!(
                    "the key {} is {}'s, and not {whose}'s",
                    short(&old.id),
                    old.identity
                ))
                .why("a key takes the place of one of the same person"));
            }
            Some(old.id.clone())
        }
        None => None,
    };
    let path = match (&args.output, &args.account) {
        (_, Some(account)) => keys::at_server(&project.state, account)?,
        (Some(path), None) => context.here.join(path),
        (None, None) => {
            let folder = keys::folder().ok_or_else(|| {
                Failure::usage("there is no folder of your own for keys")
                    .why("neither XDG_CONFIG_HOME nor HOME is set")
                    .next("-o FILE")
            })?;
            let names = (1..).map(|n| match n {
                1 => format!("{whose}.pem"),
                n => format!("{whose}-{n}.pem"),
            });
            let mut free = names
                .map(|name| folder.join(name))
                .filter(|path| !path.exists());
            free.next().unwrap_or(folder)
        }
    };
    let secret = keys::make()?;
    let beside = keys::write(&path, &secret)?;
    let mut events = vec![ProjectEvent::KeyAdded {
        key: secret.public().id(),
        public: secret.public().pem(),
        identity: whose.clone(),
        replaces: old.clone(),
        account: args.account.clone(),
        at: context.now.at.clone(),
    }];
    if let Some(old) = old {
        events.push(ProjectEvent::KeyRevoked {
            key: old,
            since: None,
            reason: format!("{} took its place", short(&secret.public().id())),
            by: whose.clone(),
            at: context.now.at.clone(),
        });
    }
    append(context, project, &events)?;
    let others = known.entries.iter();
    let others = others.filter(|entry| {
        entry.identity == whose && entry.revoked.is_none() && args.replaces.is_none()
    });
    for other in others {
        context.console.wrapped(&format!(
            "{whose} has the key {} in use too: `sign` has to be told which (--key); --replaces takes the old one out",
            short(&other.id)
        ));
    }
    told(
        context,
        &secret.public(),
        &whose,
        &format!(
            "Private key: {} (only you can read it; keep a copy)\nPublic key: {} (give it to whoever verifies)\n",
            path.display(),
            beside.display()
        ),
    )
}

fn add(context: &Context, project: &Project, args: &KeyAddArgs) -> Result<u8, Failure> {
    let whose = person(&args.identity)?;
    let public = keys::public(&context.here.join(&args.file))?;
    let known = Keys::fold(&project_events(project)?);
    if let Some(entry) = known.get(&public.id()) {
        return Err(Failure::usage(format!(
            "the key {} is in the list already, as {}'s",
            short(&entry.id),
            entry.identity
        ))
        .why("one key is one person's"));
    }
    let added = ProjectEvent::KeyAdded {
        key: public.id(),
        public: public.pem(),
        identity: whose.clone(),
        replaces: None,
        account: None,
        at: context.now.at.clone(),
    };
    append(context, project, &[added])?;
    told(context, &public, &whose, "")
}

/// Says that nobody holds a key but the review server.
pub(crate) fn kept_by(account: &str) -> String {
    format!("kept by the review server for {}", line(account, 40))
}

fn told(context: &Context, key: &PublicKey, whose: &str, more: &str) -> Result<u8, Failure> {
    if context.console.json {
        context.console.document(&serde_json::json!({
            "format": "gatewright-key/1", "key": key.id(), "identity": whose, "public": key.pem(),
        }))?;
    } else {
        let said = format!(
            "Key {} of {whose} is in the project's list.\n{more}Next: gatewright sign --reason WHY\n",
            short(&key.id())
        );
        out(context, &said)?;
    }
    Ok(exit::SHIP)
}

/// Writes lines, none wider than the terminal.
fn out(context: &Context, text: &str) -> Result<(), Failure> {
    let width = context.console.options.width;
    let rows: Vec<String> = text.lines().flat_map(|row| wrap(row, width, 2)).collect();
    context.console.out(&(rows.join("\n") + "\n"))
}

fn list(context: &Context, project: &Project) -> Result<u8, Failure> {
    let known = Keys::fold(&project_events(project)?);
    if context.console.json {
        let keys: Vec<serde_json::Value> = known.entries.iter().map(|entry| serde_json::json!({
            "key": entry.id, "identity": entry.identity, "public": entry.public.pem(), "added": entry.added_at,
            "replaces": entry.replaces, "account": entry.account, "revoked": entry.revoked.as_ref().map(|revoked| serde_json::json!({
                "at": revoked.at, "since": revoked.since, "reason": revoked.reason,
            })),
        })).collect();
        context
            .console
            .document(&serde_json::json!({"format": "gatewright-keys/1", "keys": keys}))?;
        return Ok(exit::SHIP);
    }
    let mut text = String::new();
    for entry in &known.entries {
        let state = match &entry.revoked {
            None => "in use".to_owned(),
            Some(revoked) => {
                let since = revoked.since.as_ref();
                let since = since.map_or_else(String::new, |since| format!(", void since {since}"));
                format!(
                    "revoked {}{since}: {}",
                    day(&revoked.at),
                    line(&revoked.reason, 200)
                )
            }
        };
        let kept = entry.account.as_deref();
        let kept = kept.map_or_else(String::new, |account| format!(" ({})", kept_by(account)));
        let shown = format!(
            "{} {}{kept} added {}, {state}",
            short(&entry.id),
            line(&entry.identity, 100),
            day(&entry.added_at)
        );
        for row in wrap(&shown, context.console.options.width, 2) {
            let _ = writeln!(text, "{row}");
        }
    }
    if text.is_empty() {
        text.push_str("There is no key yet.\nNext: gatewright key new --identity YOU\n");
    }
    context.console.out(&text)?;
    Ok(exit::SHIP)
}

fn revoke(context: &Context, project: &Project, args: &KeyRevokeArgs) -> Result<u8, Failure> {
    let known = Keys::fold(&project_events(project)?);
    let entry = chosen(&known, &args.key)?;
    permit::reason(&args.reason).map_err(crate::commands::sign::refused)?;
    let since = match &args.since {
        Some(text) => Some(crate::now::Now::read(Some(text), None)?.today.to_string()),
        None => None,
    };
    let today = context.now.today.to_string();
    if let Some(since) = since.as_ref().filter(|since| **since > today) {
        return Err(Failure::usage(format!("{since} has not come yet"))
            .why("a key signs no more from the moment it is revoked; `--since` voids what it signed before")
            .next(format!("--since with {today} or a day before, or without --since")));
    }
    if entry.revoked.is_some() && since.is_none() {
        return Err(
            Failure::usage(format!("the key {} is revoked already", short(&entry.id)))
                .next("gatewright key list")
                .next("--since DATE, when what it signed before is void too"),
        );
    }
    let event = ProjectEvent::KeyRevoked {
        key: entry.id.clone(),
        since: since.clone(),
        reason: args.reason.trim().to_owned(),
        by: writer(COMMAND, &context.now).actor,
        at: context.now.at.clone(),
    };
    append(context, project, std::slice::from_ref(&event))?;
    if context.console.json {
        context
            .console
            .document(&serde_json::json!({"format": "gatewright-key-revoked/1", "event": event}))?;
    } else {
        let before = match since {
            Some(since) => format!("What it signed since {since} is void"),
            None => "What it signed before this stays valid".to_owned(),
        };
        let said = format!(
            "Key {} of {} signs no more. {before}.\nNext: gatewright key new --identity {}\n",
            short(&entry.id),
            entry.identity,
            entry.identity
        );
        out(context, &said)?;
    }
    Ok(exit::SHIP)
}

fn append(context: &Context, project: &Project, events: &[ProjectEvent]) -> Result<(), Failure> {
    let mut log = ProjectLog::open(&project.state, writer(COMMAND, &context.now))?;
    log.append(events, &context.now.at)?;
    Ok(())
}

/// Finds the one key that is meant.
fn chosen<'k>(keys: &'k Keys, name: &str) -> Result<&'k KeyEntry, Failure> {
    match keys.find(name).as_slice() {
        [one] => Ok(one),
        [] => Err(
            Failure::usage(format!("there is no key `{name}` in the list"))
                .next("gatewright key list"),
        ),
        several => {
            let names: Vec<&str> = several.iter().map(|entry| short(&entry.id)).collect();
            Err(Failure::usage(format!("`{name}` means several keys"))
                .why(names.join(", "))
                .next("one of these"))
        }
    }
}

fn person(text: &str) -> Result<String, Failure> {
    identity(text).ok_or_else(|| {
        Failure::usage(format!("`{text}` is no identity"))
            .why("letters that only look like others would make two persons of one")
            .next("a plain name or a mail address in ASCII, such as ana@example.com")
    })
}

/// The part of a key's id that is shown.
pub(crate) fn short(id: &str) -> &str {
    id.get(..ID_SHOWN).unwrap_or(id)
}

fn day(at: &str) -> &str {
    at.get(..10).unwrap_or(at)
}
