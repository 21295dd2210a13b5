//! Stability against sets that really are what is drawn or left out: the same answers come of both.

use std::collections::BTreeMap;

use gatewright_core::analyse::{self, Analysis, People, Resolution, Standing};
use gatewright_core::decide::{Answer, DecisionContext, decide};
use gatewright_core::manifest::{Manifest, Role, read};
use gatewright_core::outcome::{Bin, GraderKind, Missing, Outcome};
use gatewright_core::plan::Plan;
use gatewright_core::reference::{ReferenceSet, load};
use gatewright_core::stability::{Effort, LEVELS, Stability, Verdict, stability};
use gatewright_stats::bootstrap::draw;
use gatewright_stats::rng::Stream;

const PAGE: &str = "gatewright: 1
promise: Answer.
tasks: {a: A, b: B}
failures: {unsupported-claim: {severity: medium, cost: 10}, unsafe-tool-action: {severity: high, cost: 90}}
owners: {team: Team}
decision: {question: Release?, decided_by: team, standard: unbroken, route_by: [task]}
traffic: {per_week: 1000, share: {task: {a: 0.7, b: 0.3}}}
systems: {candidate: {labels_only: true}, production: {labels_only: true}}
trials: 2
reference: r.jsonl
criteria:
  right: {grader: {contains: {}}, fails_as: unsupported-claim}
  banned: {grader: {not_contains: {}}, fails_as: unsafe-tool-action}
gate:
  - {id: tasks, guard: right, by: [task], against: production, margin: 10 pts, then: {violated: narrow}, owner: team}
  - {id: never, never: unsafe-tool-action, then: {violated: hold}, owner: team}
  - {id: floor, require: right, at_least: 60 %, then: {violated: hold}, owner: team}
  - {id: no-worse, require: right, against: production, margin: 5 pts, then: {violated: hold}, owner: team}
  - {id: cheap, require: right, metric: failure_cost, against: production, margin: 3, then: {violated: hold}, owner: team}
  - {id: same, require: right, metric: invariance, from: [synthetic], at_least: 50 %, then: {violated: hold}, owner: team}
";

/// Draws that are made again on sets that are there.
const DRAWS: u32 = 50;

/// A base with its variants and what is in their cluster besides.
#[derive(Clone)]
struct Cluster {
    task: &'static str,
    /// Questions of the same thread.
    threads: usize,
    variants: usize,
}

/// What happens: cluster, question or variant, system, trial and criterion to a verdict.
type World = fn(usize, usize, Role, u32, u16) -> Bin;

struct Case {
    page: Manifest,
    clusters: Vec<Cluster>,
    world: World,
    people: People,
}

/// A set that is really there, with its outcomes.
struct Set {
    reference: ReferenceSet,
    plan: Plan,
    outcomes: Vec<Outcome>,
    people: People,
}

impl Case {
    fn new(page: &str, clusters: Vec<Cluster>, world: World) -> Self {
        let (page, problems) = read::read(page.as_bytes(), "p.yaml");
        Self {
            page: page.unwrap_or_else(|| panic!("{problems:#?}")),
            clusters,
            world,
            people: People::default(),
        }
    }

    /// Writes these clusters, each as often as it is named, as a set of its own.
    fn set(&self, clusters: &[usize]) -> Set {
        let mut rows = String::new();
        let mut of_id: BTreeMap<String, (usize, usize)> = BTreeMap::new();
        for (copy, &index) in clusters.iter().enumerate() {
            let cluster = &self.clusters[index];
            let task = cluster.task;
            for thread in 0..cluster.threads {
                let id = format!("c{copy:03}-{thread}");
                rows += &format!(
                    "{{\"id\":\"{id}\",\"input\":\"question {id}\",\"cluster\":\"k{copy}\",\"segments\":{{\"task\":\"{task}\"}},\"provenance\":\"traffic\"}}\n"
                );
                of_id.insert(id, (index, thread));
            }
            for variant in 0..cluster.variants {
                let id = format!("c{copy:03}-0~{variant}");
                rows += &format!(
                    "{{\"id\":\"{id}\",\"input\":\"variant {id}\",\"segments\":{{\"task\":\"{task}\"}},\"provenance\":\"synthetic\",\"variant_of\":\"c{copy:03}-0\",\"relation\":\"invariance\"}}\n"
                );
                of_id.insert(id, (index, 100 + variant));
            }
        }
        let file = (
            self.page.reference[0].clone(),
            "r.jsonl".to_owned(),
            rows.into_bytes(),
        );
        let mut problems = Vec::new();
        let reference = load::in_memory(&self.page, [file], &mut problems);
        assert!(problems.is_empty(), "{problems:#?}");
        assert_eq!(reference.clusters as usize, clusters.len());
        let plan = Plan::first_look(&self.page, &reference, |_| 2);
        let (mut outcomes, mut people) = (Vec::new(), People::default());
        for (example, entry) in (0..).zip(&reference.examples) {
            let (cluster, place) = of_id[entry.id.as_str()];
            for ((of, criterion), said) in &self.people.resolutions {
                // Told by the cluster: the first question of it.
                if *of as usize == cluster && place == 0 {
                    people.resolutions.insert((example, *criterion), *said);
                }
            }
            for system in [Role::Candidate, Role::Production] {
                for trial in 0..2 {
                    for criterion in 0..2 {
                        outcomes.push(Outcome {
                            example,
                            system,
                            trial,
                            criterion,
                            part: None,
                            bin: (self.world)(cluster, place, system, trial, criterion),
                            value: None,
                            by: GraderKind::Rule,
                            why: None,
                            beside: None,
                            observed: None,
                        });
                    }
                }
            }
        }
        Set {
            reference,
            plan,
            outcomes,
            people,
        }
    }

    fn all(&self) -> Vec<usize> {
        (0..self.clusters.len()).collect()
    }

    fn analysis(&self, page: &Manifest, set: &Set) -> Analysis {
        analyse::analyse(
            page,
            &set.reference,
            &set.plan,
            set.outcomes.clone(),
            &set.people,
            BTreeMap::new(),
        )
    }

    /// The answer on these clusters, and how every rule stands.
    fn decided(&self, page: &Manifest, clusters: &[usize]) -> (Answer, Vec<Verdict>) {
        let set = self.set(clusters);
        let analysis = self.analysis(page, &set);
        let verdicts = analysis
            .findings
            .iter()
            .map(|finding| match finding.standing {
                Standing::Holds => Verdict::Holds,
                Standing::Violated => Verdict::Violated,
                Standing::Undecided(_) => Verdict::Undecided,
            });
        let verdicts = verdicts.collect();
        let answer = decide(page, &analysis, &DecisionContext::default()).answer;
        (answer, verdicts)
    }

    fn stability(&self, threads: usize) -> Stability {
        let set = self.set(&self.all());
        stability(
            &self.page,
            (&set.reference, &set.plan),
            set.outcomes.clone(),
            &set.people,
            &DecisionContext::default(),
            Effort {
                resamples: DRAWS,
                threads,
            },
        )
    }

    fn without(&self, cluster: usize) -> Vec<usize> {
        self.all().into_iter().filter(|&it| it != cluster).collect()
    }

    /// Everything that is computed, computed again on sets that are there.
    fn agrees(&self) -> Stability {
        let found = self.stability(2);
        let (answer, verdicts) = self.decided(&self.page, &self.all());
        assert_eq!(found.answer, answer);
        let stands: Vec<Verdict> = found.findings.iter().map(|mix| mix.stands).collect();
        assert_eq!(stands, verdicts);
        let mut answers: BTreeMap<Answer, u32> = BTreeMap::new();
        let mut counts = vec![[0_u32; 3]; verdicts.len()];
        for replicate in 0..u64::from(DRAWS) {
            let mut stream = Stream::new(self.page.seed, "*", "*", "stability", replicate);
            let (answer, verdicts) =
                self.decided(&self.page, &draw(&mut stream, self.clusters.len()));
            *answers.entry(answer).or_default() += 1;
            for (count, verdict) in counts.iter_mut().zip(verdicts) {
                count[verdict as usize] += 1;
            }
        }
        assert_eq!(found.answers, answers);
        let mixes: Vec<[u32; 3]> = found.findings.iter().map(|mix| mix.counts).collect();
        assert_eq!(mixes, counts);
        let deciding: Vec<bool> = found.findings.iter().map(|mix| mix.deciding).collect();
        let (mut changed, mut moved) = (Vec::new(), 0);
        for cluster in self.all() {
            let (other, after) = self.decided(&self.page, &self.without(cluster));
            let differs =
                |(at, verdict): (usize, &Verdict)| deciding[at] && verdicts[at] != *verdict;
            moved += u64::from(after.iter().enumerate().any(differs));
            if other != answer {
                changed.push((
                    self.clusters[cluster].threads + self.clusters[cluster].variants,
                    other,
                ));
            }
        }
        let left = found.left_out.as_ref().expect("few clusters");
        assert_eq!(left.verdicts, moved);
        let sizes = left
            .answers
            .iter()
            .map(|(examples, answer)| (examples.len(), *answer));
        assert_eq!(sizes.collect::<Vec<_>>(), changed);
        for (level, answer) in found.levels {
            let mut page = self.page.clone();
            for rule in &mut page.gate {
                (rule.alpha_holds, rule.alpha_violated) = (level, level);
            }
            assert_eq!(answer, self.decided(&page, &self.all()).0);
        }
        assert_eq!(found.levels.map(|(level, _)| level), LEVELS);
        let sizes = self.clusters.iter().map(|one| one.threads + one.variants);
        match (found.largest.as_ref(), sizes.max()) {
            (Some((examples, _)), Some(most)) => assert_eq!(examples.len(), most),
            (largest, most) => assert!(largest.is_none() && most < Some(2)),
        }
        found
    }
}

fn lone(count: usize) -> Vec<Cluster> {
    let task = |at: usize| if at.is_multiple_of(2) { "a" } else { "b" };
    let one = |at| Cluster {
        task: task(at),
        threads: 1,
        variants: 0,
    };
    (0..count).map(one).collect()
}

#[test]
fn draws_are_decided_as_sets_of_those_clusters_are() {
    let mut clusters = lone(30);
    for at in 0..10 {
        clusters[at * 3].threads = 1 + at % 3;
        clusters[at].variants = at % 3;
    }
    let case = Case::new(
        PAGE,
        clusters,
        |cluster, place, system, trial, criterion| {
            let lost = system == Role::Candidate && cluster.is_multiple_of(11) && place < 100;
            let odd = (cluster + trial as usize).is_multiple_of(4);
            match (criterion, place) {
                (0, _) if lost => Bin::Fail(11),
                (0, 101) if cluster == 8 && system == Role::Candidate => Bin::Fail(11),
                (0, _) if odd && trial == 1 => Bin::Fail(11),
                (0, 2) if cluster == 3 => Bin::Missing(Missing::ProviderError),
                _ => Bin::Pass,
            }
        },
    );
    let found = case.agrees();
    assert!(found.answers.len() > 1, "{:?}", found.answers);
    for threads in [1, 3, 64] {
        assert_eq!(case.stability(threads), found);
    }
}

#[test]
fn the_one_example_that_the_answer_hangs_on_is_named() {
    // What must never happen happens once: without that example everything holds.
    let mut case = Case::new(PAGE, lone(24), |cluster, _, system, _, criterion| {
        match (cluster, system, criterion) {
            (7, Role::Candidate, 1) => Bin::Fail(9),
            _ => Bin::Pass,
        }
    });
    case.page.gate.truncate(2);
    let class = case
        .page
        .class_index("unsafe-tool-action")
        .expect("declared");
    assert_eq!(class, 9, "the class that the world fails with");
    let found = case.agrees();
    assert_eq!(found.answer, Answer::Hold);
    let left = found.left_out.expect("few clusters");
    assert_eq!(left.answers, [(vec![7], Answer::Ship)]);
    // (23/24)^24 of the draws are without it.
    let ships = f64::from(found.answers[&Answer::Ship]) / f64::from(DRAWS);
    let expected = (23.0_f64 / 24.0).powi(24);
    let error = (expected * (1.0 - expected) / f64::from(DRAWS)).sqrt();
    assert!(
        (ships - expected).abs() < 4.0 * error,
        "{ships} against {expected}"
    );
}

#[test]
fn a_rule_that_barely_holds_is_fragile() {
    let case = Case::new(PAGE, lone(60), |cluster, _, _, _, criterion| {
        match criterion == 0 && cluster < 15 {
            true => Bin::Fail(11),
            false => Bin::Pass,
        }
    });
    let found = case.agrees();
    let floor = &found.findings[3];
    assert_eq!(case.page.gate[floor.rule].id.as_str(), "floor");
    assert_eq!(floor.stands, Verdict::Holds);
    assert!(floor.fragile(), "{floor:?}");
    let never = &found.findings[2];
    assert!(!never.fragile() && never.flip_share() == 0.0, "{never:?}");
}

#[test]
fn what_people_said_of_a_flip_goes_with_its_copies() {
    let mut case = Case::new(PAGE, lone(30), |cluster, _, system, _, criterion| {
        match (cluster, system, criterion) {
            (2 | 4, Role::Candidate, 0) => Bin::Fail(11),
            _ => Bin::Pass,
        }
    });
    case.page.gate.truncate(1);
    for example in [2, 4] {
        case.people
            .resolutions
            .insert((example, 0), Resolution::Noise);
    }
    let found = case.agrees();
    assert_eq!(found.answers, BTreeMap::from([(Answer::Ship, DRAWS)]));
}

#[test]
fn nothing_to_draw_says_so() {
    let case = Case::new(PAGE, Vec::new(), |_, _, _, _, _| Bin::Pass);
    let found = case.stability(2);
    assert_eq!((found.clusters, found.answers.len()), (0, 0));
    assert_eq!(found.flip_share(), 0.0);
}
