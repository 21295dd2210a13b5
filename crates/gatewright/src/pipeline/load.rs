//! Reads the page and everything it names; everything wrong is collected.

use std::collections::BTreeMap;
use std::io::{BufReader, Read as _};
use std::num::NonZeroUsize;
use std::sync::Arc;

use gatewright_core::calibrate;
use gatewright_core::check::{self, Facts};
use gatewright_core::digest::Digest;
use gatewright_core::grade::Graders;
use gatewright_core::incident::{self, Incident};
use gatewright_core::judge::Rubric;
use gatewright_core::label::{self, Labels};
use gatewright_core::manifest::{self, Grader, Manifest, Role, System, Target, Trials};
use gatewright_core::outcome::{Bin, Outcome};
use gatewright_core::plan::{Plan, RunOptions};
use gatewright_core::problem::{Location, Problem, Weight, has_errors};
use gatewright_core::prompt;
use gatewright_core::recorded::{self, Recorded};
use gatewright_core::reference::load as reference;
use gatewright_core::reference::{Changed, Example, ReferenceSet};
use gatewright_core::seal::Seal;

use crate::error::Failure;
use crate::now::Now;
use crate::pipeline::hashing::{Hashing, digest};
use crate::pipeline::rows::Files;
use crate::pipeline::{TOOL, prompts};
use crate::project::{PAGE_BYTES_MAX, Project, Refused};

/// Bytes that are read from a file at a time.
const READ_BYTES: usize = 1 << 18;

/// How much is wanted of what could be better.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Depth {
    /// Only what stops the work: suggestions may miss what production passes today.
    Errors,
    /// Everything that `check` can say.
    Suggestions,
}

/// The page and its data.
pub(crate) struct Loaded {
    /// Where they are.
    pub(crate) project: Project,
    /// The page.
    pub(crate) manifest: Manifest,
    /// The examples.
    pub(crate) reference: ReferenceSet,
    /// Production failures.
    pub(crate) incidents: Vec<Incident>,
    /// Labels of people, programs and judges.
    pub(crate) labels: Labels,
    /// Recorded outputs.
    pub(crate) recorded: BTreeMap<Role, Recorded>,
    /// Digests of the files that outputs and labels come from, by path as written.
    pub(crate) files: BTreeMap<String, Digest>,
    /// Everything wrong, and everything that could be better.
    pub(crate) problems: Vec<Problem>,
    /// What the run at hand differs in from the page.
    options: RunOptions,
    /// Trials and seed as the page states them.
    stated: (Trials, u64),
    /// The trials an example that each system carries whose answers are there already.
    carried: BTreeMap<Role, u32>,
    /// The systems' names as the page states them.
    own_names: BTreeMap<Role, String>,
}

/// Reads the page alone.
///
/// # Errors
/// When it cannot be opened. What is wrong inside it is returned as problems.
pub(crate) fn page(project: &Project) -> Result<(Option<Manifest>, Vec<Problem>), Failure> {
    let unreadable = |error: std::io::Error| {
        Failure::usage(format!("cannot read the page `{}`", project.name)).why(error.to_string())
    };
    let file = std::fs::File::open(&project.page).map_err(unreadable)?;
    let mut bytes = Vec::new();
    file.take(PAGE_BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    // One byte more than the limit is enough to see that the page is too large. Also a page with errors is looked through: `sound` refuses it before anything is judged.
    Ok(manifest::read::survey(&bytes, &project.name))
}

impl Loaded {
    /// Reads everything.
    ///
    /// # Errors
    /// When the page cannot be read at all; every other problem is in `problems`.
    pub(crate) fn read(project: Project, now: &Now, depth: Depth) -> Result<Self, Failure> {
        Self::read_as(project, now, depth, &BTreeMap::new())
    }

    /// Reads everything, with other systems in the roles of the page: labels are joined by their names.
    ///
    /// # Errors
    /// When the page cannot be read at all; every other problem is in `problems`.
    pub(crate) fn read_as(
        project: Project,
        now: &Now,
        depth: Depth,
        names: &BTreeMap<Role, String>,
    ) -> Result<Self, Failure> {
        let (manifest, problems) = page(&project)?;
        let Some(mut manifest) = manifest else {
            return Err(Failure::Problems(problems));
        };
        let own = manifest.systems.iter();
        let own_names = own
            .map(|(role, system)| (*role, system.name.clone()))
            .collect();
        for (role, name) in names {
            if let Some(system) = manifest.systems.get_mut(role) {
                system.name.clone_from(name);
            }
        }
        let of_page = problems.clone();
        let mut reader = Reader {
            project: &project,
            files: BTreeMap::new(),
            problems,
        };
        reader.schemas(&mut manifest);
        reader.live_files(&mut manifest);
        reader.rubrics(&mut manifest);
        reader.fingerprint(&mut manifest);
        let reference = reader.reference(&manifest, depth);
        let incidents = reader.incidents(&manifest);
        let labels = reader.labels(&manifest, &reference);
        let recorded = reader.recorded(&manifest, &reference);
        match check::parts_from(&manifest, &reference, &recorded) {
            Ok(found) => reader.problems.extend(found),
            Err(changed) => reader.problems.push(changed.problem()),
        }
        match check::labels_beyond(&manifest, &reference, &labels) {
            Ok(found) => reader.problems.extend(found),
            Err(changed) => reader.problems.push(changed.problem()),
        }
        reader
            .problems
            .extend(check::other_rubrics(&manifest, &labels));
        let rates = match depth {
            Depth::Suggestions => pass_rates(&manifest, &reference, &labels, &recorded),
            Depth::Errors => Ok(BTreeMap::new()),
        };
        let facts = Facts {
            file_digests: reader.sources(&reference),
            incidents: incidents.clone(),
            pass_rates: rates.unwrap_or_else(|changed| {
                reader.problems.push(changed.problem());
                BTreeMap::new()
            }),
            ..Facts::new(now.today)
        };
        let Reader {
            files,
            mut problems,
            ..
        } = reader;
        problems.extend(check::check(&manifest, &reference, &facts));
        let carried = carried(&manifest, &labels, &recorded);
        problems.extend(check::unequal_trials(&manifest, &carried));
        problems.sort();
        problems.dedup();
        // Reading the page knows a closer place than whoever takes the same text up later.
        let said = |later: &Problem| of_page.iter().any(|first| is_same(first, later));
        problems.retain(|problem| of_page.contains(problem) || !said(problem));
        Ok(Self {
            options: RunOptions::default(),
            stated: (manifest.trials, manifest.seed),
            carried,
            own_names,
            project,
            manifest,
            reference,
            incidents,
            labels,
            recorded,
            files,
            problems,
        })
    }

    /// Returns the loaded project when nothing is wrong.
    ///
    /// # Errors
    /// Every error at once.
    pub(crate) fn sound(self) -> Result<Self, Failure> {
        if has_errors(&self.problems) {
            // What is only weak stops nothing, and would hide what does; `gatewright check` says both.
            let mut errors = self.problems;
            errors.retain(|problem| problem.weight == Weight::Error);
            // A page without fault and without an example is valid: there is nothing to judge.
            if errors.iter().all(|problem| problem.code == "no-examples") {
                return Err(Failure::nothing_to_judge());
            }
            return Err(Failure::Problems(errors));
        }
        Ok(self)
    }

    /// Takes over what a run was asked to differ in from the page. Plan and seal follow from it.
    pub(crate) fn adopt(&mut self, options: RunOptions) {
        let (trials, seed) = self.stated;
        self.manifest.trials = options.trials.map_or(trials, Trials::Fixed);
        self.manifest.seed = options.seed.unwrap_or(seed);
        self.options = options;
    }

    /// Names the systems by role as the page does, whatever systems it was read with.
    pub(crate) fn own_names(&self) -> &BTreeMap<Role, String> {
        &self.own_names
    }

    /// Names the systems by role.
    pub(crate) fn names(&self) -> BTreeMap<Role, String> {
        let systems = self.manifest.systems.iter();
        systems
            .map(|(role, system)| (*role, system.name.clone()))
            .collect()
    }

    /// Returns options without what the page says anyway.
    pub(crate) fn beyond_the_page(&self, options: RunOptions) -> RunOptions {
        let (trials, seed) = self.stated;
        RunOptions {
            trials: options
                .trials
                .filter(|&asked| trials != Trials::Fixed(asked)),
            seed: options.seed.filter(|&asked| seed != asked),
            shard: options.shard,
        }
    }

    /// Plans the first look.
    pub(crate) fn plan(&self) -> Plan {
        let trials = |role| self.carried.get(&role).copied().unwrap_or_default();
        let mut plan = Plan::first_look(&self.manifest, &self.reference, trials);
        plan.shard = self.options.shard;
        plan
    }

    /// Seals what is agreed now.
    pub(crate) fn seal(&self) -> Seal {
        let after_outputs = self
            .manifest
            .systems
            .values()
            .any(|system| !system.target.can_rerun());
        Seal::of(
            &self.manifest,
            &self.reference,
            &self.incidents,
            self.files.clone(),
            after_outputs,
            TOOL,
        )
    }
}

/// The trials an example that each system carries whose answers are there already.
fn carried(
    manifest: &Manifest,
    labels: &Labels,
    recorded: &BTreeMap<Role, Recorded>,
) -> BTreeMap<Role, u32> {
    let systems = manifest.systems.iter();
    let there = systems.filter(|(_, system)| !system.target.can_rerun());
    let trials = there.map(|(role, system)| {
        let labelled = || labels.trials(&system.name);
        (
            *role,
            recorded.get(role).map_or_else(labelled, |it| it.trials),
        )
    });
    trials.collect()
}

/// Says whether two problems are one: the same said of the same line.
fn is_same(first: &Problem, later: &Problem) -> bool {
    (first.code, first.at.line, &first.what) == (later.code, later.at.line, &later.what)
        && first.at.file == later.at.file
}

/// Threads for the loaders; their results do not depend on it.
fn threads() -> NonZeroUsize {
    std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}

/// Opens what the page names and keeps what is wrong.
struct Reader<'p> {
    project: &'p Project,
    files: BTreeMap<String, Digest>,
    problems: Vec<Problem>,
}

impl Reader<'_> {
    fn refuse(&mut self, refused: &Refused, at: &Location) {
        let problem = Problem::error("unreadable-file", at.clone(), refused.to_string());
        self.problems.push(problem.instead(refused.instead()));
    }

    /// Opens a file, hands it to a loader and returns the digest of all its bytes.
    fn with<T>(
        &mut self,
        path: &str,
        at: &Location,
        load: impl FnOnce(BufReader<&mut Hashing<std::fs::File>>, &mut Vec<Problem>) -> T,
    ) -> Option<(T, Digest)> {
        let file = match self.project.open(path) {
            Ok(file) => file,
            Err(refused) => {
                self.refuse(&refused, at);
                return None;
            }
        };
        let mut hashing = Hashing::new(file);
        let loaded = load(
            BufReader::with_capacity(READ_BYTES, &mut hashing),
            &mut self.problems,
        );
        // A loader may stop early; the seal is about the whole file.
        let drained = std::io::copy(&mut hashing, &mut std::io::sink());
        if let Err(error) = drained {
            let what = format!("`{path}` cannot be read to its end: {error}");
            self.problems
                .push(Problem::error("unreadable-file", at.clone(), what));
        }
        Some((loaded, hashing.finish()))
    }

    /// Adds the content of a command's own files to its fingerprint: an edited program is another system, judge or grader.
    fn fingerprint(&mut self, manifest: &mut Manifest) {
        let systems = manifest.systems.values_mut();
        let systems = systems.map(|it| (&it.target, &mut it.fingerprint));
        let judges = manifest.judges.values_mut();
        let judges = judges.map(|it| (&it.target, &mut it.fingerprint));
        let mut commands: Vec<(&Vec<String>, &mut Digest)> = Vec::new();
        for (target, fingerprint) in systems.chain(judges) {
            if let Target::Command { argv, .. } = target {
                commands.push((argv, fingerprint));
            }
        }
        for criterion in &mut manifest.criteria {
            if let Grader::Program(program) = &mut criterion.grader {
                let program = &mut **program;
                commands.push((&program.argv, &mut program.fingerprint));
            }
        }
        for (argv, fingerprint) in commands {
            let mut own = BTreeMap::new();
            for word in argv {
                let named = word.strip_prefix("./").unwrap_or(word);
                if let Some(digest) = self.project.open(named).ok().and_then(digest) {
                    own.insert(named.to_owned(), digest);
                }
            }
            if !own.is_empty() {
                *fingerprint = Digest::of_json(&(*fingerprint, own));
            }
        }
    }

    /// Reads the JSON Schemas that graders name as files.
    fn schemas(&mut self, manifest: &mut Manifest) {
        for (criterion, path) in manifest.schema_files() {
            let at = manifest.at(&format!(
                "criteria.{}.grader",
                manifest.criteria[usize::from(criterion)].id
            ));
            let mut bytes = Vec::new();
            let read = self.with(&path, &at, |mut reader, _| reader.read_to_end(&mut bytes));
            let Some((_, digest)) = read else { continue };
            match serde_json::from_slice(&bytes) {
                Ok(content) => {
                    manifest.provide_schema(criterion, content);
                    self.files.insert(path, digest);
                }
                Err(error) => {
                    let place = Location {
                        file: path.as_str().into(),
                        line: error.line() as u32,
                        column: error.column() as u32,
                    };
                    self.problems.push(
                        Problem::error(
                            "bad-schema",
                            place,
                            format!("`{path}` is not JSON: {error}"),
                        )
                        .instead("a JSON Schema"),
                    );
                }
            }
        }
    }

    /// Reads the rubrics that judged criteria name, and the files of judges.
    fn rubrics(&mut self, manifest: &mut Manifest) {
        for (criterion, path) in manifest.rubric_files() {
            let id = &manifest.criteria[usize::from(criterion)].id;
            let at = manifest.at(&format!("criteria.{id}.grader.judge.rubric"));
            let Some((text, digest)) = self.text(&path, &at) else {
                continue;
            };
            match Rubric::read(&text, &path) {
                Ok(rubric) => {
                    manifest.provide_rubric(criterion, rubric);
                    self.files.insert(path, digest);
                }
                Err(problems) => self.problems.extend(problems),
            }
        }
        for (judge, path) in manifest.judge_files() {
            let at = manifest.at(&format!("judges.{judge}"));
            let Some((text, digest)) = self.text(&path, &at) else {
                continue;
            };
            match manifest.provide_judge_file(&judge, &path, &text) {
                Ok(()) => {
                    self.files.insert(path, digest);
                }
                Err(what) => {
                    self.problems
                        .push(Problem::error("bad-tools", Location::file(&path), what))
                }
            }
        }
    }

    /// Reads a file as text.
    fn text(&mut self, path: &str, at: &Location) -> Option<(String, Digest)> {
        let mut bytes = Vec::new();
        let (_, digest) = self.with(path, at, |reader, _| {
            reader.take(PAGE_BYTES_MAX).read_to_end(&mut bytes)
        })?;
        let text = String::from_utf8(bytes).ok();
        if text.is_none() {
            let what = format!("`{path}` is not UTF-8");
            self.problems.push(Problem::error(
                "not-utf8",
                Location::new(&path.into(), 1, 1),
                what,
            ));
        }
        text.map(|text| (text, digest))
    }

    /// Reads the prompts and lists of tools that live systems name as files.
    fn live_files(&mut self, manifest: &mut Manifest) {
        for (role, path) in manifest.live_files() {
            let at = manifest.at(&format!("systems.{}", role.word()));
            let mut bytes = Vec::new();
            let read = self.with(&path, &at, |reader, _| {
                reader.take(PAGE_BYTES_MAX).read_to_end(&mut bytes)
            });
            let Some((_, digest)) = read else { continue };
            let Ok(text) = String::from_utf8(bytes) else {
                let what = format!("`{path}` is not UTF-8");
                self.problems
                    .push(Problem::error("not-utf8", Location::file(&path), what));
                continue;
            };
            if let Some(live) = manifest.systems.get(&role).and_then(System::live)
                && live.tools_file.as_deref() != Some(&path)
            {
                let problems = prompt::check(&text, &live.variables, &path.as_str().into());
                self.problems.extend(problems);
            }
            match manifest.provide_file(role, &path, &text) {
                Ok(()) => {
                    self.files.insert(path, digest);
                }
                Err(what) => {
                    let problem = Problem::error("bad-tools", Location::file(&path), what);
                    self.problems.push(problem.instead("a JSON list of tools"));
                }
            }
        }
    }

    /// Digests of the files that examples rest on, for staleness; `None` for one that cannot be opened.
    fn sources(&self, reference: &ReferenceSet) -> BTreeMap<String, Option<Digest>> {
        let files = reference.source_files();
        files
            .map(|path| {
                let file = self.project.look_at(path).ok();
                (path.to_owned(), file.and_then(digest))
            })
            .collect()
    }

    fn reference(&mut self, manifest: &Manifest, depth: Depth) -> ReferenceSet {
        // Whether a prompt can be filled in is tried while the example is at hand; what cannot is named later.
        let tried = (depth == Depth::Suggestions).then(|| prompts::tried(manifest));
        let noted = |example: &Example| tried.as_ref().is_some_and(|tried| tried.fails(example));
        let mut loader = reference::Loader::new(manifest).noting(&noted);
        let mut rows = Files::default();
        for source in &manifest.reference {
            let files = match self.project.expand(&source.file) {
                Ok(files) => files,
                Err(refused) => {
                    self.refuse(&refused, &source.at);
                    continue;
                }
            };
            for file in files {
                let opened = self.project.open(&file);
                let opened = opened.and_then(|it| Ok((it, self.project.resolve(&file)?)));
                let (opened, path) = match opened {
                    Ok(opened) => opened,
                    Err(refused) => {
                        self.refuse(&refused, &source.at);
                        continue;
                    }
                };
                let reader = BufReader::with_capacity(READ_BYTES, &opened);
                loader.file(threads(), source, &file, reader, &mut self.problems);
                rows.keep(opened, path);
            }
        }
        loader.finish(Arc::new(rows), &mut self.problems)
    }

    fn incidents(&mut self, manifest: &Manifest) -> Vec<Incident> {
        let path = &manifest.incidents;
        let stated = manifest.spans.contains_key("incidents");
        if !stated && matches!(self.project.resolve(path), Err(Refused::Unreadable { .. })) {
            return Vec::new();
        }
        let at = manifest.at("incidents");
        self.with(path, &at, |reader, problems| {
            incident::read(path, reader, problems)
        })
        .map(|(incidents, _)| incidents)
        .unwrap_or_default()
    }

    fn labels(&mut self, manifest: &Manifest, reference: &ReferenceSet) -> Labels {
        let mut labels = Labels::default();
        for (file, requests) in label::requests(manifest) {
            let at = requests
                .first()
                .map(|request| request.source.at.clone())
                .unwrap_or_default();
            let first = |requests: &[label::Request<'_>]| match requests {
                [one, ..] => {
                    let id = &manifest.criteria[usize::from(one.criterion)].id;
                    let (_, drawn) = calibrate::first_labels(manifest, one.criterion);
                    format!(" {id} --plan {drawn}")
                }
                [] => String::new(),
            };
            // People label what was judged, after the run: their file may come later, and grow, without breaking the seal.
            let beside = requests.iter().all(|request| request.people);
            if beside && matches!(self.project.resolve(file), Err(Refused::Unreadable { .. })) {
                let what = format!("`{file}` is not there yet: nobody has labelled anything");
                self.problems.push(
                    Problem::suggestion("no-labels-yet", at, what)
                        .why("until people's labels show the judge fit, its rules stay undecided")
                        .instead(format!(
                            "gatewright calibrate{} -o {file}",
                            first(&requests)
                        )),
                );
                continue;
            }
            let read = self.with(file, &at, |reader, problems| {
                label::load(
                    manifest,
                    reference,
                    &requests,
                    file,
                    reader,
                    threads(),
                    &mut labels,
                    problems,
                );
            });
            if let Some(((), digest)) = read
                && !beside
            {
                self.files.insert(file.to_owned(), digest);
            }
        }
        labels
    }

    fn recorded(
        &mut self,
        manifest: &Manifest,
        reference: &ReferenceSet,
    ) -> BTreeMap<Role, Recorded> {
        let mut all = BTreeMap::new();
        for (role, system) in &manifest.systems {
            let Target::Recorded(source) = &system.target else {
                continue;
            };
            let file = &source.file;
            let read = self.with(file, &source.at, |reader, problems| {
                recorded::read(source, file, reader, *role, reference, problems)
            });
            let Some((recorded, digest)) = read else {
                continue;
            };
            self.files.insert(file.clone(), digest);
            if recorded.unknown_rows > 0 {
                let what = recorded.unknown_said(*role);
                let problem = Problem::suggestion("unknown-example", source.at.clone(), what);
                self.problems.push(problem);
            }
            all.insert(*role, recorded);
        }
        all
    }
}

/// What production passes of each criterion on its recorded outputs and labels, for what `check` says about power.
fn pass_rates(
    manifest: &Manifest,
    reference: &ReferenceSet,
    labels: &Labels,
    recorded: &BTreeMap<Role, Recorded>,
) -> Result<BTreeMap<String, f64>, Changed> {
    let mut counts = vec![(0_u64, 0_u64); manifest.criteria.len()];
    let mut outcomes: Vec<Outcome> = Vec::new();
    let Ok(graders) = Graders::new(manifest, reference, labels) else {
        return Ok(BTreeMap::new());
    };
    let mut take = |outcomes: &mut Vec<Outcome>| {
        for outcome in outcomes.drain(..) {
            let count = &mut counts[usize::from(outcome.criterion)];
            match outcome.bin {
                Bin::Pass => *count = (count.0 + 1, count.1 + 1),
                Bin::Fail(_) => count.1 += 1,
                _ => {}
            }
        }
    };
    match recorded.get(&Role::Production) {
        Some(recorded) => {
            for one in &recorded.attempts {
                graders.grade(
                    one.attempt,
                    Some(one.recorded_trial),
                    &one.end,
                    &mut outcomes,
                )?;
                take(&mut outcomes);
            }
        }
        None => {
            let system = manifest.systems.get(&Role::Production);
            if system.is_some_and(|system| matches!(system.target, Target::LabelsOnly)) {
                graders.labels_only(Role::Production, &mut outcomes);
                take(&mut outcomes);
            }
        }
    }
    let known = manifest.criteria.iter().zip(counts);
    Ok(known
        .filter(|(_, (_, graded))| *graded > 0)
        .map(|(criterion, (passed, graded))| {
            (criterion.id.to_string(), passed as f64 / graded as f64)
        })
        .collect())
}
