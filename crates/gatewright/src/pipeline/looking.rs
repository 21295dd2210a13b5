//! Who has looked at what regressed: events of the project's log.

use std::collections::BTreeMap;

use gatewright_core::analyse::Flip;
use gatewright_core::event::{Event, ProjectEvent};

use crate::pipeline::load::Loaded;

/// Says that somebody looked at an example that changed.
pub(crate) fn look(loaded: &Loaded, run: &str, flip: &Flip, by: &str, at: &str) -> ProjectEvent {
    let (example, criterion) = names(loaded, flip);
    ProjectEvent::Looked {
        run: run.to_owned(),
        example,
        criterion,
        by: by.to_owned(),
        at: at.to_owned(),
    }
}

/// Names the example and the criterion of a flip.
pub(crate) fn names(loaded: &Loaded, flip: &Flip) -> (String, String) {
    let example = &loaded.reference.examples[flip.example as usize].id;
    let criterion = &loaded.manifest.criteria[usize::from(flip.criterion)].id;
    (example.to_string(), criterion.to_string())
}

/// Who looked at what in a run, and when: by example and criterion, in the order of the log. Whoever set a cause has looked.
pub(crate) fn looks(
    events: &[Event<ProjectEvent>],
    run: &str,
) -> BTreeMap<(String, String), Vec<(String, String)>> {
    let mut looks: BTreeMap<(String, String), Vec<(String, String)>> = BTreeMap::new();
    for event in events {
        let (of, example, criterion, by, at) = match &event.body {
            ProjectEvent::Looked {
                run,
                example,
                criterion,
                by,
                at,
            } => (run, example, criterion, by, at),
            ProjectEvent::Triaged {
                run,
                example,
                criterion,
                author,
                at,
                ..
            } => (run, example, criterion, author, at),
            _ => continue,
        };
        if of != run {
            continue;
        }
        let all = looks
            .entry((example.clone(), criterion.clone()))
            .or_default();
        if all.iter().all(|(before, _)| before != by) {
            all.push((by.clone(), at.clone()));
        }
    }
    looks
}
