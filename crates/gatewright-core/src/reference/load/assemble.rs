//! Examples become a reference set: sorted, without duplicates, clustered, in segments.

use std::collections::HashMap;

use super::content::case_hash;
use crate::digest::Hasher;
use crate::manifest::Manifest;
use crate::problem::{Problem, nearest};
use crate::reference::{Example, ReferenceSet, Status};
use crate::segment;

/// Groups of same-content examples that are named one by one.
const NAMED_GROUPS: usize = 10;
/// Undefined bases that are named one by one.
const NAMED_BASES: usize = 20;

/// Assembles the set. Of two examples with one id the first is kept and the pair is reported.
pub fn assemble(
    manifest: &Manifest,
    mut examples: Vec<Example>,
    problems: &mut Vec<Problem>,
) -> ReferenceSet {
    // Stable: of equal ids, the first read stays first.
    examples.sort_by(|a, b| a.id.cmp(&b.id));
    examples.dedup_by(|later, first| {
        let same = later.id == first.id;
        if same {
            let what = format!(
                "the id `{}` is taken by the example at {}",
                first.id, first.at
            );
            problems.push(
                Problem::error("duplicate-id", later.at.clone(), what)
                    .why("outcomes could not be told apart")
                    .instead("give it another id, or remove one of the two"),
            );
        }
        same
    });
    // Examples are large: where all are active, none is moved.
    let (examples, set_aside): (Vec<_>, Vec<_>) = if examples
        .iter()
        .all(|example| example.status == Status::Active)
    {
        (examples, Vec::new())
    } else {
        examples
            .into_iter()
            .partition(|example| example.status == Status::Active)
    };
    // Both sides only read, and their problems are joined in a fixed order.
    let ((cluster, clusters), (values, assigned)) = std::thread::scope(|scope| {
        let other = scope.spawn(|| {
            let mut found = Vec::new();
            let assigned = segment::assign(manifest, &examples, &mut found);
            (assigned, found)
        });
        same_content(&examples, problems);
        let clustered = cluster(&examples, &set_aside, problems);
        let (assigned, found) = other.join().unwrap_or_else(|_| {
            // A worker does not panic; should one, its work is done here and fails here.
            let mut found = Vec::new();
            (segment::assign(manifest, &examples, &mut found), found)
        });
        problems.extend(found);
        (clustered, assigned)
    });
    let mut hasher = Hasher::default();
    for example in &examples {
        hasher.update(example.digest.bytes());
    }
    ReferenceSet {
        examples,
        set_aside,
        values,
        assigned,
        cluster,
        clusters,
        digest: hasher.finish(),
    }
}

/// Reports examples that ask and expect the same under different ids (hardening.md A30).
fn same_content(examples: &[Example], problems: &mut Vec<Problem>) {
    let mut groups: Vec<Vec<usize>> = Vec::new();
    let mut hashes: Vec<(u64, usize)> = examples
        .iter()
        .enumerate()
        .filter_map(|(index, example)| Some((case_hash(example)?, index)))
        .collect();
    hashes.sort_unstable();
    let same = hashes
        .chunk_by(|a, b| a.0 == b.0)
        .filter(|same| same.len() > 1);
    groups.extend(same.map(|same| same.iter().map(|(_, index)| *index).collect()));
    groups.sort();
    for group in groups.iter().take(NAMED_GROUPS) {
        let ids: Vec<&str> = group
            .iter()
            .take(5)
            .map(|&index| examples[index].id.as_str())
            .collect();
        let dots = if group.len() > 5 { ", …" } else { "" };
        let what = format!(
            "{} examples are the same case: {}{dots}",
            group.len(),
            ids.join(", ")
        );
        problems.push(
            Problem::suggestion("same-content", examples[group[1]].at.clone(), what)
                .why("they count as independent evidence")
                .instead("retire all but one, or give them one `cluster`"),
        );
    }
    if let Some(further) = groups.len().checked_sub(NAMED_GROUPS).filter(|n| *n > 0) {
        let at = examples[groups[NAMED_GROUPS][1]].at.clone();
        let what = format!("and {further} more groups of examples that are the same case");
        problems.push(Problem::suggestion("same-content", at, what));
    }
}

/// What an example must not be counted independently of.
#[derive(PartialEq, Eq, Hash)]
enum ClusterKey<'e> {
    Stated(&'e str),
    Alone(&'e str),
}

fn cluster(
    examples: &[Example],
    set_aside: &[Example],
    problems: &mut Vec<Problem>,
) -> (Vec<u32>, u32) {
    let find = |id: &str| {
        [examples, set_aside].into_iter().find_map(|sorted| {
            let index = sorted
                .binary_search_by(|example| example.id.as_str().cmp(id))
                .ok()?;
            Some(&sorted[index])
        })
    };
    let mut missing = 0;
    // Only looked up: the order of a hash map reaches nothing.
    let mut keys: HashMap<ClusterKey<'_>, u32> = HashMap::with_capacity(examples.len());
    let mut cluster = Vec::with_capacity(examples.len());
    for example in examples {
        let mut base = example;
        // A chain of variants is followed to its first base; a circle ends after a few steps.
        for _ in 0..16 {
            let Some(variant) = &base.variant else { break };
            match find(variant.of.as_str()) {
                Some(found) if found.id != base.id => base = found,
                _ => {
                    missing += usize::from(base.id == example.id);
                    if base.id == example.id && missing <= NAMED_BASES {
                        problems.push(missing_base(example, variant.of.as_str(), examples));
                    }
                    break;
                }
            }
        }
        let key = match (&example.cluster, &base.cluster) {
            (Some(own), _) if example.variant.is_none() => ClusterKey::Stated(own),
            (_, Some(stated)) => ClusterKey::Stated(stated),
            (_, None) => ClusterKey::Alone(base.id.as_str()),
        };
        let next = keys.len() as u32;
        cluster.push(*keys.entry(key).or_insert(next));
    }
    (cluster, keys.len() as u32)
}

fn missing_base(example: &Example, of: &str, examples: &[Example]) -> Problem {
    let ids = examples.iter().map(|example| example.id.as_str());
    let what = if of == example.id.as_str() {
        format!("`{of}` is a variant of itself")
    } else {
        format!(
            "`{}` is a variant of `{of}`, which is no example",
            example.id
        )
    };
    let problem = Problem::error("unknown-base", example.at.clone(), what);
    match nearest(of, ids.filter(|id| *id != example.id.as_str())) {
        Some(near) => problem.instead(format!("did you mean `{near}`?")),
        None => problem.instead("the id of an example of this set"),
    }
}
