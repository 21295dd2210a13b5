//! How far the answer hangs on which examples are in the set (statistics.md §2.4, §11). It is shown beside an answer and never makes one.
//!
//! Clusters are drawn again as many as there are, each is left out once, and the rules' levels are moved; each time every rule is evaluated and
//! the answer computed by the same code as on the whole set.

use std::collections::{BTreeMap, HashMap};

use gatewright_stats::backtest::FRAGILE_SHARE;
use gatewright_stats::bootstrap::draw;
use gatewright_stats::rng::Stream;

use crate::analyse::drawn::Whole;
use crate::analyse::{Analysis, People, Slice, Standing};
use crate::decide::{Answer, DecisionContext, answer_of};
use crate::manifest::Manifest;
use crate::outcome::Outcome;
use crate::plan::Plan;
use crate::reference::ReferenceSet;

/// Resamples of the clusters (statistics.md §11).
pub const RESAMPLES: u32 = 1_000;
/// Fewest clusters before shares of resamples are more than a rough picture (statistics.md §2.4).
pub const LEAST_CLUSTERS: u64 = 30;
/// Most clusters that are left out one by one: those that differ for some rule.
pub const LEFT_OUT_MAX: usize = 2_000;
/// One-sided levels that are tried for every rule instead of the page's.
pub const LEVELS: [f64; 2] = [0.025, 0.1];

/// How stable an answer is.
#[derive(Clone, Debug, PartialEq)]
pub struct Stability {
    /// The answer on all examples.
    pub answer: Answer,
    /// Clusters that are drawn.
    pub clusters: u64,
    /// How often each answer came out of the resamples.
    pub answers: BTreeMap<Answer, u32>,
    /// One for each finding, in their order.
    pub findings: Vec<Mix>,
    /// What leaving out one cluster changes; `None` where more than [`LEFT_OUT_MAX`] would have to be left out one by one.
    pub left_out: Option<LeftOut>,
    /// The cluster with the most examples, where one has more than another: its examples, and the answer without it.
    pub largest: Option<(Vec<u32>, Answer)>,
    /// The answers at other one-sided levels.
    pub levels: [(f64, Answer); 2],
}

/// How often one rule stood how in one slice.
#[derive(Clone, Debug, PartialEq)]
pub struct Mix {
    /// The rule's index in the gate.
    pub rule: usize,
    /// The slice.
    pub slice: Slice,
    /// False for watches.
    pub deciding: bool,
    /// How it stands on all examples.
    pub stands: Verdict,
    /// Resamples in which it held, was violated, was undecided.
    pub counts: [u32; 3],
}

/// How a rule stands, whatever the reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Holds.
    Holds = 0,
    /// Is violated.
    Violated = 1,
    /// Undecided.
    Undecided = 2,
}

/// What leaving out one cluster changes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LeftOut {
    /// Clusters whose removal changes the answer, by their examples in set order, with the answer without them.
    pub answers: Vec<(Vec<u32>, Answer)>,
    /// Clusters whose removal changes how a deciding rule stands.
    pub verdicts: u64,
}

impl Mix {
    /// Share of resamples in which it stood otherwise, in [0, 1]. Near a bound it is about one half by construction, and it is no p-value.
    pub fn flip_share(&self) -> f64 {
        let all: u32 = self.counts.iter().sum();
        let same = self.counts[self.stands as usize];
        f64::from(all - same) / f64::from(all.max(1))
    }

    /// True for a rule that holds on all examples and not in more than a fifth of the resamples.
    pub fn fragile(&self) -> bool {
        self.deciding && self.stands == Verdict::Holds && self.flip_share() > FRAGILE_SHARE
    }
}

impl Stability {
    /// Resamples.
    pub fn resamples(&self) -> u32 {
        self.answers.values().sum()
    }

    /// Share of resamples with another answer, in [0, 1].
    pub fn flip_share(&self) -> f64 {
        let all = self.resamples();
        let same = self.answers.get(&self.answer).copied().unwrap_or(0);
        f64::from(all - same) / f64::from(all.max(1))
    }
}

/// How much is computed, and how fast.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// Resamples: [`RESAMPLES`] for a report.
    pub resamples: u32,
    /// Threads, from 1; their number changes no figure.
    pub threads: usize,
}

/// Computes an answer's stability. Randomness is the plan's seed.
///
/// A run that is invalid holds whatever is drawn: callers leave it out.
pub fn stability(
    manifest: &Manifest,
    (reference, plan): (&ReferenceSet, &Plan),
    outcomes: impl IntoIterator<Item = Outcome>,
    people: &People,
    context: &DecisionContext,
    effort: Effort,
) -> Stability {
    let whole = Whole::fold(manifest, (reference, plan), outcomes, people);
    let all = whole.analysis(manifest);
    let asked = Asked {
        manifest,
        whole: &whole,
        context,
        seed: plan.seed,
        effort,
    };
    let mut found = Stability {
        answer: asked.answer(&all),
        clusters: whole.clusters() as u64,
        answers: BTreeMap::new(),
        findings: all.findings.iter().map(Mix::of).collect(),
        left_out: None,
        largest: asked.without_largest(),
        levels: LEVELS.map(|level| (level, asked.at_level(level))),
    };
    if whole.clusters() > 0 {
        for (answer, verdicts) in asked.resampled() {
            *found.answers.entry(answer).or_default() += 1;
            for (mix, verdict) in found.findings.iter_mut().zip(verdicts) {
                mix.counts[verdict as usize] += 1;
            }
        }
    }
    found.left_out = asked.left_out(&all);
    found
}

/// The answer of one draw, and how its findings stand.
type Seen = (Answer, Vec<Verdict>);

struct Asked<'a> {
    manifest: &'a Manifest,
    whole: &'a Whole<'a>,
    context: &'a DecisionContext,
    seed: u64,
    effort: Effort,
}

impl Asked<'_> {
    fn answer(&self, analysis: &Analysis) -> Answer {
        answer_of(self.manifest, analysis, self.context)
    }

    fn seen(&self, clusters: &[usize]) -> Seen {
        let analysis = self.whole.analysis_of(self.manifest, clusters);
        let verdicts = analysis
            .findings
            .iter()
            .map(|one| Verdict::of(&one.standing));
        (self.answer(&analysis), verdicts.collect())
    }

    fn resampled(&self) -> Vec<Seen> {
        let one = |replicate: usize| {
            let mut stream = Stream::new(self.seed, "*", "*", "stability", replicate as u64);
            self.seen(&draw(&mut stream, self.whole.clusters()))
        };
        in_order(self.effort.resamples as usize, self.effort.threads, &one)
    }

    fn without(&self, cluster: usize) -> Seen {
        let rest = (0..self.whole.clusters()).filter(|&other| other != cluster);
        self.seen(&rest.collect::<Vec<usize>>())
    }

    fn without_largest(&self) -> Option<(Vec<u32>, Answer)> {
        let sizes = (0..self.whole.clusters()).map(|at| (self.whole.members(at).len(), at));
        // The first of several that are as large.
        let (most, at) = sizes.max_by(|a, b| a.0.cmp(&b.0).then(b.1.cmp(&a.1)))?;
        (most > 1).then(|| (self.whole.members(at).to_vec(), self.without(at).0))
    }

    fn at_level(&self, level: f64) -> Answer {
        let mut manifest = self.manifest.clone();
        for rule in &mut manifest.gate {
            (rule.alpha_holds, rule.alpha_violated) = (level, level);
        }
        answer_of(&manifest, &self.whole.analysis(&manifest), self.context)
    }

    /// Clusters with the same evidence stand for each other: each kind is left out once.
    fn left_out(&self, all: &Analysis) -> Option<LeftOut> {
        let mut kinds: HashMap<_, usize> = HashMap::new();
        let (mut first, mut kind_of) = (Vec::new(), Vec::new());
        for cluster in 0..self.whole.clusters() {
            let signature = self.whole.signature(self.manifest, cluster);
            let kind = *kinds.entry(signature).or_insert_with(|| {
                first.push(cluster);
                first.len() - 1
            });
            if first.len() > LEFT_OUT_MAX {
                return None;
            }
            kind_of.push(kind);
        }
        // Alone there is nothing to compare with: a set of one cluster hangs on it.
        let seen = in_order(first.len(), self.effort.threads, &|kind| {
            self.without(first[kind])
        });
        let (answer, deciding) = (self.answer(all), |at: usize| all.findings[at].deciding);
        let mut found = LeftOut::default();
        for (cluster, kind) in (0..).zip(kind_of) {
            let (other, verdicts) = &seen[kind];
            let moved = (0..)
                .zip(&all.findings)
                .zip(verdicts)
                .any(|((at, old), new)| deciding(at) && Verdict::of(&old.standing) != *new);
            found.verdicts += u64::from(moved);
            if *other != answer {
                let members = self.whole.members(cluster).to_vec();
                found.answers.push((members, *other));
            }
        }
        Some(found)
    }
}

impl Mix {
    fn of(finding: &crate::analyse::Finding) -> Self {
        Self {
            rule: finding.rule,
            slice: finding.slice.clone(),
            deciding: finding.deciding,
            stands: Verdict::of(&finding.standing),
            counts: [0; 3],
        }
    }
}

impl Verdict {
    fn of(standing: &Standing) -> Self {
        match standing {
            Standing::Holds => Verdict::Holds,
            Standing::Violated => Verdict::Violated,
            Standing::Undecided(_) => Verdict::Undecided,
        }
    }
}

/// Computes `count` results on some threads, in their order.
fn in_order<T: Send>(count: usize, threads: usize, one: &(impl Fn(usize) -> T + Sync)) -> Vec<T> {
    let threads = threads.clamp(1, count.max(1));
    let part = count.div_ceil(threads).max(1);
    std::thread::scope(|scope| {
        let starts = (0..count).step_by(part);
        let parts: Vec<_> = starts
            .map(|from| {
                let to = (from + part).min(count);
                (
                    from,
                    to,
                    scope.spawn(move || (from..to).map(one).collect::<Vec<T>>()),
                )
            })
            .collect();
        let mut all = Vec::with_capacity(count);
        for (from, to, part) in parts {
            // A worker does not panic; should one, its work is done here and fails here.
            all.extend(
                part.join()
                    .unwrap_or_else(|_| (from..to).map(one).collect()),
            );
        }
        all
    })
}
