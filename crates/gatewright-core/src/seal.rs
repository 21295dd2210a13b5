//! The seal: what was agreed before the first outcome, by hash.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::incident::Incident;
use crate::manifest::{Criterion, Grader, Manifest, SignRules};
use crate::problem::Location;
use crate::reference::ReferenceSet;
use crate::source::Source;

/// Hashes of everything that must not change between the seal and the decision.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Seal {
    /// Version of the tool that sealed.
    pub tool: String,
    /// Part (`gate`, `criteria`, `segments`, `classes`, `reference`, `labels`, `systems`, `seed`, `rubrics`, `incidents`) to hash.
    pub parts: BTreeMap<String, Digest>,
    /// Digests of the files that recorded systems and labels come from, by path as written.
    pub files: BTreeMap<String, Digest>,
    /// True when recorded outputs existed before the seal ("sealed after outputs existed").
    pub after_outputs: bool,
}

impl Seal {
    /// Hashes what is agreed. `files` are the digests of the files that recorded outputs and labels come from, by path as written.
    ///
    /// Where a key stands on the page is left out: a comment above the gate changes nothing that was agreed.
    pub fn of(
        manifest: &Manifest,
        reference: &ReferenceSet,
        incidents: &[Incident],
        files: BTreeMap<String, Digest>,
        after_outputs: bool,
        tool: &str,
    ) -> Self {
        let criteria: Vec<Criterion> = manifest.criteria.iter().cloned().map(placeless).collect();
        let rubrics: Vec<_> = manifest
            .criteria
            .iter()
            .filter_map(|criterion| match &criterion.grader {
                Grader::Label(label) => Some((&criterion.id, &label.rubric)),
                Grader::Preference(preference) => Some((&criterion.id, &preference.rubric)),
                _ => None,
            })
            .collect();
        let systems: Vec<_> = manifest
            .systems
            .values()
            .map(|system| {
                (
                    system.role,
                    &system.name,
                    system.fingerprint,
                    system.timeout_ms,
                )
            })
            .collect();
        let segments = (&manifest.dimensions, &reference.values, &reference.assigned);
        let parts = [
            ("gate", shape(&manifest.gate)),
            ("decision", shape(&(&manifest.decision, &manifest.traffic))),
            ("criteria", shape(&criteria)),
            ("rubrics", shape(&rubrics)),
            ("segments", shape(&segments)),
            ("classes", Digest::of_json(&manifest.classes)),
            ("reference", reference.digest),
            ("systems", Digest::of_json(&systems)),
            (
                "seed",
                Digest::of_json(&(manifest.seed, format!("{:?}", manifest.trials))),
            ),
            ("incidents", Digest::of_json(&incidents)),
        ];
        // Pages without judges keep the seal they have always had.
        let judges: Vec<_> = manifest
            .judges
            .values()
            .map(|judge| (&judge.name, judge.fingerprint, judge.timeout_ms))
            .collect();
        let judges = (!judges.is_empty()).then(|| ("judges", Digest::of_json(&judges)));
        // Nor do pages that say nothing of signing get another one.
        let stated = manifest.signing != SignRules::default();
        let sign = stated.then(|| ("sign", Digest::of_json(&manifest.signing)));
        Self {
            tool: tool.to_owned(),
            parts: parts
                .into_iter()
                .chain(judges)
                .chain(sign)
                .map(|(name, digest)| (name.to_owned(), digest))
                .collect(),
            files,
            after_outputs,
        }
    }

    /// Names the parts and files that differ, in order.
    pub fn differences(&self, other: &Seal) -> Vec<String> {
        let mut names = Vec::new();
        let keys: std::collections::BTreeSet<&String> =
            self.parts.keys().chain(other.parts.keys()).collect();
        names.extend(
            keys.into_iter()
                .filter(|key| self.parts.get(*key) != other.parts.get(*key))
                .cloned(),
        );
        let files: std::collections::BTreeSet<&String> =
            self.files.keys().chain(other.files.keys()).collect();
        names.extend(
            files
                .into_iter()
                .filter(|key| self.files.get(*key) != other.files.get(*key))
                .cloned(),
        );
        names
    }

    /// Says of each part or file that differs what it was and what it is: `gate (sha256 0123456789ab, now abcdef012345)`.
    pub fn changes(&self, other: &Seal) -> Vec<String> {
        let shown = |digest: Option<&Digest>| digest.map_or("none".to_owned(), Digest::short);
        let of = |seal: &Seal, name: &String| {
            let found = seal.parts.get(name).or_else(|| seal.files.get(name));
            shown(found)
        };
        self.differences(other)
            .into_iter()
            .map(|name| {
                let (was, is) = (of(self, &name), of(other, &name));
                format!("{name} (sealed {was}, now {is})")
            })
            .collect()
    }

    /// Hashes the seal itself.
    pub fn digest(&self) -> Digest {
        Digest::of_json(self)
    }
}

/// Hashes the structure of a domain value, which has no file format of its own.
fn shape<T: std::fmt::Debug>(value: &T) -> Digest {
    Digest::of(format!("{value:?}").as_bytes())
}

/// Takes away where a criterion's source stands on the page.
fn placeless(mut criterion: Criterion) -> Criterion {
    let forget = |source: &mut Source| source.at = Location::default();
    match &mut criterion.grader {
        Grader::Label(label) => label.sources.iter_mut().for_each(forget),
        Grader::Preference(preference) => preference.sources.iter_mut().for_each(forget),
        _ => {}
    }
    if let Some(people) = &mut criterion.people {
        people.labels.sources.iter_mut().for_each(forget);
    }
    criterion
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seal_names_what_changed() {
        let mut page = crate::testing::page();
        let reference = ReferenceSet::default();
        let files = BTreeMap::from([("runs/v11.jsonl".to_owned(), Digest::of(b"1"))]);
        let seal = |page: &Manifest, files: &BTreeMap<String, Digest>| {
            Seal::of(page, &reference, &[], files.clone(), false, "t")
        };
        let before = seal(&page, &files);
        assert_eq!(
            before.differences(&seal(&page, &files)),
            Vec::<String>::new()
        );
        page.seed = 2;
        page.decision.exposed = true;
        let changed = BTreeMap::from([("runs/v11.jsonl".to_owned(), Digest::of(b"2"))]);
        assert_eq!(
            before.differences(&seal(&page, &changed)),
            ["decision", "seed", "runs/v11.jsonl"]
        );
    }
}
