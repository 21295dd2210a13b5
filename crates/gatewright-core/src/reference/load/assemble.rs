//! Examples become a reference set: sorted, without duplicates, clustered, in segments.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::draft::{Drafts, Ties};
use crate::digest::Hasher;
use crate::json;
use crate::problem::{Location, Problem, nearest};
use crate::reference::bodies::{Bodies, File, Filed};
use crate::reference::{Entry, ReferenceSet, Rows, Standing};
use crate::segment::Dimensions;

/// Groups of same-content examples that are named one by one.
const NAMED_GROUPS: usize = 10;
/// Undefined bases that are named one by one.
const NAMED_BASES: usize = 20;
/// Stands for an example that is not among the active ones.
const NOWHERE: u32 = u32::MAX;

/// Assembles the set. Of two examples with one id the first is kept and the pair is reported.
pub(super) fn assemble(
    dimensions: &Dimensions<'_>,
    drafts: Drafts,
    files: Vec<File>,
    rows: Arc<dyn Rows>,
    problems: &mut Vec<Problem>,
) -> ReferenceSet {
    let read = Read {
        entries: &drafts.entries,
        ties: &drafts.ties,
        bases: &drafts.bases.texts,
        files: &files,
        rows: &*rows,
    };
    let (active, aside) = read.sorted(problems);
    read.same_content(&active, problems);
    read.near_content(&active, problems);
    let stated = drafts.clusters.texts.len();
    let (cluster, clusters) = read.cluster(&active, &aside, stated, problems);
    let mut places = vec![NOWHERE; drafts.entries.len()];
    for (place, &example) in (0..).zip(&active) {
        places[example as usize] = place;
    }
    let place = |example: u32| Some(places[example as usize]).filter(|it| *it != NOWHERE);
    let mut unknown: Vec<(u32, u32, &str)> = drafts
        .unknown
        .iter()
        .filter_map(|(example, name)| Some((place(*example)?, *example, &**name)))
        .collect();
    // Stable: what one example states stays in its order.
    unknown.sort_by_key(|(place, ..)| *place);
    let mut said = BTreeSet::new();
    for (_, example, name) in unknown {
        if said.insert(name) {
            let at = read.member(example, &format!("segments.{name}"));
            problems.push(dimensions.unknown_dimension(name, at));
        }
    }
    let (values, assigned) = (0..dimensions.len())
        .map(|index| {
            let given = active.iter();
            let given = given.map(|&example| drafts.values[index][example as usize]);
            let member = format!("segments.{}", dimensions.name(index));
            let at = |place: usize| read.member(active[place], &member);
            dimensions.settle(index, &drafts.texts[index].texts, given, at, problems)
        })
        .unzip();
    let marks = match is_as_read(&active, drafts.entries.len()) {
        true => drafts.marks,
        false => drafts.marks.reordered(&active),
    };
    let claims = drafts.claims.finish(place);
    let (examples, set_aside) = picked(drafts.entries, &active, &aside);
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
        dates: drafts.dates.texts,
        claims,
        marks: Some(Arc::new(marks)),
        files,
        bodies: Bodies::Filed(Arc::new(Filed::new(rows))),
    }
}

/// Says whether all examples are there in the order in which they were read.
fn is_as_read(active: &[u32], all: usize) -> bool {
    active.len() == all && active.is_sorted()
}

/// Puts entries in order. Where they are so already, none is moved.
fn picked(all: Vec<Entry>, active: &[u32], aside: &[u32]) -> (Vec<Entry>, Vec<Entry>) {
    if is_as_read(active, all.len()) {
        return (all, Vec::new());
    }
    let pick = |order: &[u32]| -> Vec<Entry> {
        order
            .iter()
            .map(|&example| all[example as usize].clone())
            .collect()
    };
    (pick(active), pick(aside))
}

/// Examples as they were read, by number.
struct Read<'d> {
    entries: &'d [Entry],
    ties: &'d [Ties],
    bases: &'d [Arc<str>],
    files: &'d [File],
    rows: &'d dyn Rows,
}

impl<'d> Read<'d> {
    fn id(&self, example: u32) -> &'d str {
        self.entries[example as usize].id.as_str()
    }

    fn at(&self, example: u32) -> Location {
        let entry = &self.entries[example as usize];
        Location::new(&self.files[entry.file as usize].name, entry.line, 0)
    }

    /// Points at one of our members of an example. Its line is read again: only once something is wrong with it.
    fn member(&self, example: u32, ours: &str) -> Location {
        let (entry, mut at) = (&self.entries[example as usize], self.at(example));
        let mut line = vec![0; entry.bytes as usize];
        if self.rows.read(entry.file, entry.offset, &mut line).is_ok() {
            let theirs = self.files[entry.file as usize].source.map.get(ours);
            at.column = json::column(&line, theirs.map_or(ours, String::as_str));
        }
        at
    }

    /// Sorts examples by id; returns the active ones and those that are set aside. Of equal ids, the first read stays.
    fn sorted(&self, problems: &mut Vec<Problem>) -> (Vec<u32>, Vec<u32>) {
        let mut order: Vec<u32> = (0..self.entries.len() as u32).collect();
        order.sort_by(|&a, &b| self.id(a).cmp(self.id(b)));
        order.dedup_by(|later, first| {
            let same = self.id(*later) == self.id(*first);
            if same {
                let (id, at) = (self.id(*first), self.at(*first));
                let what = format!("the id `{id}` is taken by the example at {at}");
                problems.push(
                    Problem::error("duplicate-id", self.member(*later, "id"), what)
                        .why("outcomes could not be told apart")
                        .instead("give it another id, or remove one of the two"),
                );
            }
            same
        });
        order
            .into_iter()
            .partition(|&example| self.entries[example as usize].standing == Standing::Active)
    }

    /// Reports examples that ask and expect the same under different ids (hardening.md A30).
    fn same_content(&self, active: &[u32], problems: &mut Vec<Problem>) {
        let case = |example: u32| {
            let withheld = self.entries[example as usize].traits.withheld;
            (!withheld).then_some(self.ties[example as usize].case)
        };
        let mut hashes: Vec<(u64, u32)> = (0..)
            .zip(active)
            .filter_map(|(place, &example)| Some((case(example)?, place)))
            .collect();
        hashes.sort_unstable();
        let same = hashes
            .chunk_by(|a, b| a.0 == b.0)
            .filter(|same| same.len() > 1);
        let mut groups: Vec<Vec<u32>> = same
            .map(|same| same.iter().map(|(_, place)| *place).collect())
            .collect();
        groups.sort();
        let example = |place: u32| active[place as usize];
        for group in groups.iter().take(NAMED_GROUPS) {
            let ids: Vec<&str> = group
                .iter()
                .take(5)
                .map(|&place| self.id(example(place)))
                .collect();
            let dots = if group.len() > 5 { ", …" } else { "" };
            let what = format!(
                "{} examples are the same case: {}{dots}",
                group.len(),
                ids.join(", ")
            );
            problems.push(
                Problem::suggestion(
                    "same-content",
                    self.member(example(group[1]), "input"),
                    what,
                )
                .why("they count as independent evidence")
                .instead("retire all but one, or give them one `cluster`"),
            );
        }
        if let Some(further) = groups.len().checked_sub(NAMED_GROUPS).filter(|n| *n > 0) {
            let at = self.member(example(groups[NAMED_GROUPS][1]), "input");
            let what = format!("and {further} more groups of examples that are the same case");
            problems.push(Problem::suggestion("same-content", at, what));
        }
    }

    /// Reports examples that ask the same in another form: capitals, punctuation, white space (hardening.md A30). Variants, and examples
    /// that the team has put into one cluster, are known to be alike.
    fn near_content(&self, active: &[u32], problems: &mut Vec<Problem>) {
        let ties = |example: u32| &self.ties[example as usize];
        let mut hashes: Vec<(u64, u32)> = (0..)
            .zip(active)
            .filter(|(_, example)| ties(**example).base == Ties::NONE)
            .filter_map(|(place, &example)| Some((ties(example).near?.get(), place)))
            .collect();
        hashes.sort_unstable();
        let example = |place: u32| active[place as usize];
        let known = |group: &[(u64, u32)]| {
            let first = ties(example(group[0].1));
            let of = |other: &(u64, u32)| ties(example(other.1));
            let same = group.iter().all(|other| of(other).case == first.case);
            let tied = first.cluster != Ties::NONE;
            same || (tied && group.iter().all(|other| of(other).cluster == first.cluster))
        };
        let mut groups: Vec<Vec<u32>> = hashes
            .chunk_by(|a, b| a.0 == b.0)
            .filter(|group| group.len() > 1 && !known(group))
            .map(|group| group.iter().map(|(_, place)| *place).collect())
            .collect();
        groups.sort();
        for group in groups.iter().take(NAMED_GROUPS) {
            let named = group.iter().take(5);
            let ids: Vec<&str> = named.map(|&place| self.id(example(place))).collect();
            let dots = if group.len() > 5 { ", …" } else { "" };
            let what = format!(
                "{} examples ask the same but for capitals, punctuation or white space: {}{dots}",
                group.len(),
                ids.join(", ")
            );
            let at = self.member(example(group[1]), "input");
            problems.push(
                Problem::suggestion("near-content", at, what)
                    .why("they count as independent evidence: what is asked often would decide by being asked often")
                    .instead("retire all but one, or give them one `cluster`"),
            );
        }
        if let Some(further) = groups.len().checked_sub(NAMED_GROUPS).filter(|n| *n > 0) {
            let at = self.member(example(groups[NAMED_GROUPS][1]), "input");
            let what = format!("and {further} more groups of examples that ask nearly the same");
            problems.push(Problem::suggestion("near-content", at, what));
        }
    }

    /// Returns each active example's cluster, and how many there are; so many are stated by name.
    fn cluster(
        &self,
        active: &[u32],
        aside: &[u32],
        stated: usize,
        problems: &mut Vec<Problem>,
    ) -> (Vec<u32>, u32) {
        let find = |id: &str| {
            [active, aside].into_iter().find_map(|sorted| {
                let index = sorted.binary_search_by(|&example| self.id(example).cmp(id));
                Some(sorted[index.ok()?])
            })
        };
        let ties = |example: u32| &self.ties[example as usize];
        let mut missing = 0;
        let mut next = 0..;
        let mut stated = vec![NOWHERE; stated];
        // Only looked up: the order of a hash map reaches nothing.
        let mut alone: HashMap<u32, u32> = HashMap::new();
        let varied = active
            .iter()
            .any(|&example| ties(example).base != Ties::NONE);
        let cluster = active.iter().map(|&example| {
            let mut base = example;
            // A chain of variants is followed to its first base; a circle ends after a few steps.
            for _ in 0..16 {
                let Some(of) = self.bases.get(ties(base).base as usize) else {
                    break;
                };
                match find(of) {
                    Some(found) if found != base => base = found,
                    _ => {
                        missing += usize::from(base == example);
                        if base == example && missing <= NAMED_BASES {
                            problems.push(self.missing_base(example, of, active));
                        }
                        break;
                    }
                }
            }
            let mut new = || next.next().unwrap_or(NOWHERE);
            match stated.get_mut(ties(base).cluster as usize) {
                Some(known) if *known == NOWHERE => {
                    *known = new();
                    *known
                }
                Some(known) => *known,
                // Without variants nobody else can be of its cluster.
                None if !varied => new(),
                None => *alone.entry(base).or_insert_with(new),
            }
        });
        let cluster = cluster.collect();
        (cluster, next.next().unwrap_or(NOWHERE))
    }

    fn missing_base(&self, example: u32, of: &str, active: &[u32]) -> Problem {
        let id = self.id(example);
        let what = if of == id {
            format!("`{of}` is a variant of itself")
        } else {
            format!("`{id}` is a variant of `{of}`, which is no example")
        };
        let problem = Problem::error("unknown-base", self.member(example, "variant_of"), what);
        let ids = active.iter().map(|&example| self.id(example));
        match nearest(of, ids.filter(|other| *other != id)) {
            Some(near) => problem.instead(format!("did you mean `{near}`?")),
            None => problem.instead("the id of an example of this set"),
        }
    }
}
