//! Which examples are asked now: by segment, by id, the first ones, or some drawn by lot. The others stay outstanding.

use gatewright_core::digest::Digest;
use gatewright_core::manifest::Manifest;
use gatewright_core::reference::ReferenceSet;

use crate::args::Select;
use crate::commands::{pairs, unknown};
use crate::error::Failure;
use crate::exit;
use crate::project::matches;

/// Some of the examples, by index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Selection {
    holds: Vec<bool>,
}

impl Selection {
    /// Picks what the flags say (`flag` is the one that filters): filters first, then the lot, then the first ones. Nothing when no flag was given.
    ///
    /// # Errors
    /// For a dimension or value that is not there, and when nothing is left (exit code 4).
    pub(crate) fn read(
        manifest: &Manifest,
        reference: &ReferenceSet,
        seed: u64,
        select: &Select,
        flag: &str,
    ) -> Result<Option<Self>, Failure> {
        if select.filter.is_empty() && select.limit.is_none() && select.sample.is_none() {
            return Ok(None);
        }
        let mut indices: Vec<u32> = (0..reference.examples.len() as u32).collect();
        for (name, value) in pairs(&select.filter, &format!("{flag} task=refund"))? {
            if name == "id" {
                let id = |index: &u32| reference.examples[*index as usize].id.as_str();
                indices.retain(|index| matches(&value, id(index)));
                continue;
            }
            let Some((dimension, _)) = manifest.dimension(&name) else {
                let known = manifest.dimensions.iter().map(|it| it.name.as_str());
                return Err(unknown("dimension", &name, known.chain(["id"])));
            };
            let values = &reference.values[dimension];
            if !values.contains(&value) {
                let known = values.iter().map(String::as_str);
                return Err(unknown(&format!("value of `{name}`"), &value, known));
            }
            indices.retain(|&index| reference.value(dimension, index) == Some(value.as_str()));
        }
        if let Some(sample) = select.sample {
            // By digest and seed: neither order nor other examples matter, and one more drawn keeps those that were.
            indices.sort_by_cached_key(|&index| {
                let digest = reference.examples[index as usize].digest;
                (Digest::of_json(&("sample", seed, digest)), index)
            });
            indices.truncate(sample);
            indices.sort_unstable();
        }
        if let Some(limit) = select.limit {
            indices.truncate(limit);
        }
        if indices.is_empty() {
            return Err(Failure::expected(
                exit::NOTHING,
                "no example was selected: nothing to run",
            )
            .why("an answer about nothing would look like a green build")
            .next(format!(
                "another {flag}; gatewright check counts the examples"
            )));
        }
        let mut holds = vec![false; reference.examples.len()];
        for index in indices {
            holds[index as usize] = true;
        }
        Ok(Some(Self { holds }))
    }

    /// Says whether an example is selected.
    pub(crate) fn holds(&self, example: u32) -> bool {
        self.holds.get(example as usize).copied().unwrap_or(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::now::Now;
    use crate::pipeline::{Depth, Loaded};
    use crate::project::Project;

    fn loaded() -> (tempfile::TempDir, Loaded) {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(
            folder.path().join("gatewright.yaml"),
            "gatewright: 1\npromise: Answer.\ntasks: {cold: Cold, warm: Warm}\nfailures: {unsupported-claim: {severity: high}}\nowners: {product: Maria}\nsystems: {candidate: {openai: {model: m}}, production: {openai: {model: n}}}\nreference: all.jsonl\ngate: [{guard: contains, against: production, margin: 10 pts, then: {violated: hold}, owner: product}]\n",
        )
        .expect("written");
        let mut text = String::new();
        for index in 0..20 {
            let task = if index % 2 == 0 { "cold" } else { "warm" };
            text += &format!(
                "{{\"id\":\"{task}-{index:02}\",\"input\":\"x{index}\",\"segments\":{{\"task\":\"{task}\"}},\"expect\":{{\"contains\":[\"x\"]}},\"provenance\":{{\"kind\":\"policy\"}}}}\n"
            );
        }
        std::fs::write(folder.path().join("all.jsonl"), text).expect("written");
        let project = Project::find(None, None, &[], folder.path()).expect("found");
        let now = Now::read(Some("2026-11-20T10:00:00Z"), None).expect("a time");
        let loaded = Loaded::read(project, &now, Depth::Errors).expect("read");
        (folder, loaded)
    }

    fn chosen(loaded: &Loaded, seed: u64, select: &Select) -> Vec<String> {
        let selection = Selection::read(
            &loaded.manifest,
            &loaded.reference,
            seed,
            select,
            "--filter",
        )
        .expect("selected")
        .expect("something was asked for");
        let examples = &loaded.reference.examples;
        (0..examples.len() as u32)
            .filter(|&index| selection.holds(index))
            .map(|index| examples[index as usize].id.to_string())
            .collect()
    }

    #[test]
    fn filters_limits_and_lots() {
        let (_folder, loaded) = loaded();
        let filter = |texts: &[&str]| Select {
            filter: texts.iter().map(|&text| text.to_owned()).collect(),
            ..Select::default()
        };
        assert_eq!(chosen(&loaded, 1, &filter(&["task=warm"])).len(), 10);
        assert_eq!(
            chosen(&loaded, 1, &filter(&["task=warm", "id=*-0*"])),
            ["warm-01", "warm-03", "warm-05", "warm-07", "warm-09"]
        );
        let first = Select {
            limit: Some(2),
            ..filter(&["task=warm"])
        };
        assert_eq!(chosen(&loaded, 1, &first), ["warm-01", "warm-03"]);
        let drawn = |count, seed| {
            let select = Select {
                sample: Some(count),
                ..Select::default()
            };
            chosen(&loaded, seed, &select)
        };
        assert_eq!(drawn(5, 1), drawn(5, 1));
        assert_ne!(drawn(5, 1), drawn(5, 2));
        let more = drawn(6, 1);
        assert!(drawn(5, 1).iter().all(|id| more.contains(id)));
    }

    #[test]
    fn what_is_not_there_is_said() {
        let (_folder, loaded) = loaded();
        let read = |text: &str| {
            let select = Select {
                filter: vec![text.to_owned()],
                ..Select::default()
            };
            let failure =
                Selection::read(&loaded.manifest, &loaded.reference, 1, &select, "--filter");
            let failure = failure.expect_err("refused");
            (failure.code(), failure.text(100))
        };
        assert!(read("tsk=warm").1.contains("did you mean `task`?"));
        assert!(read("task=wram").1.contains("did you mean `warm`?"));
        assert_eq!(read("id=nothing*").0, exit::NOTHING);
        assert_eq!(read("task").0, exit::USAGE);
    }
}
