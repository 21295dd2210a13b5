//! What is due of the newest decided run: a signature, and causes that nobody has set.

use gatewright_core::event::{Event, ProjectEvent};
use gatewright_core::manifest::{identity, may_be_one};
use gatewright_core::record::permit::{self, Refusal};
use gatewright_core::record::{Keys, recorded};
use gatewright_store::RunLog;

use crate::commands::Context;
use crate::error::Failure;
use crate::pipeline::ledger::project_events;
use crate::pipeline::load::Loaded;
use crate::pipeline::recompute::changed;
use crate::pipeline::runs;
use crate::pipeline::session::Session;
use crate::pipeline::triage;

/// What is due of a decided run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Due {
    /// The run, where a decision about it waits for a signature that this person may give.
    pub(crate) to_sign: Option<String>,
    /// Failing outcomes without a cause that this person's team repairs; of anybody's where nobody is named.
    pub(crate) without_cause: u64,
}

/// Says what is due of the newest decided run; nothing where what was sealed has changed since. The run's options are taken over.
///
/// # Errors
/// When a log cannot be read.
pub(crate) fn due(
    context: &Context,
    command: &'static str,
    loaded: &mut Loaded,
    person: Option<&str>,
) -> Result<Due, Failure> {
    let folders = runs::list(&loaded.project.state);
    let decided = folders.into_iter().rev().find(|folder| {
        let log = RunLog::read_only(&folder.dir);
        log.and_then(|log| log.answer())
            .is_ok_and(|answer| answer.is_some())
    });
    let Some(folder) = decided else {
        return Ok(Due::default());
    };
    let (now, console) = (&context.now, &context.console);
    let session = Session::read(loaded, Some(&folder.name), now, console, command)?;
    if !changed(loaded, &session).is_empty() {
        return Ok(Due::default());
    }
    let events = project_events(&loaded.project)?;
    let to_sign = waits(loaded, &session.name, &events, person);
    let failing = triage::failing(loaded, &session)?;
    let open = failing.iter().filter(|one| one.cause.is_none());
    let own = open.filter(|one| person.is_none_or(|person| repairs(loaded, &one.class, person)));
    Ok(Due {
        to_sign: to_sign.then(|| session.name.clone()),
        without_cause: own.count() as u64,
    })
}

/// Says whether a run waits for somebody's signature.
fn waits(loaded: &Loaded, run: &str, events: &[Event<ProjectEvent>], person: Option<&str>) -> bool {
    let product = &loaded.manifest.product;
    let all = recorded(events, &Keys::fold(events));
    let last = all
        .iter()
        .rfind(|one| one.summary.run == run && one.summary.product == *product);
    if last.is_some_and(|last| last.stands()) {
        return false;
    }
    let signed = last.iter().flat_map(|last| &last.signed);
    let signed: Vec<String> = signed.map(|one| one.by.clone()).collect();
    let rules = &loaded.manifest.signing;
    person.is_none_or(|person| {
        let has_signed = signed.iter().any(|one| may_be_one(one, person));
        let may = permit::may_sign(rules, person, &rules.authors, &signed);
        // Who wrote the change may be said with the signature.
        !has_signed && matches!(may, Ok(()) | Err(Refusal::AuthorUnknown))
    })
}

/// Says whether a person is the owner of a class, by the owner's id, name or contact.
fn repairs(loaded: &Loaded, class: &str, person: &str) -> bool {
    let index = loaded.manifest.class_index(class);
    let class = index.and_then(|index| loaded.manifest.classes.get(usize::from(index)));
    let Some(class) = class else { return false };
    let same = |name: &str| {
        name.eq_ignore_ascii_case(person)
            || identity(name).is_some_and(|name| Some(name) == identity(person))
    };
    let owner = loaded.manifest.owners.get(&class.owner);
    same(&class.owner.to_string())
        || owner
            .is_some_and(|owner| same(&owner.name) || owner.contact.as_deref().is_some_and(same))
}
