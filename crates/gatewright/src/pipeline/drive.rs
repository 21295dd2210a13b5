//! How systems are driven now: which hosts may be called, with which secrets, how much may be spent, and which attempts are made.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use gatewright_core::manifest::{Live, Role, System, Target as Reach};
use gatewright_core::plan::{AttemptSpec, Plan, Progress, outstanding};
use gatewright_core::problem::Problem;
use gatewright_engine::{
    CommandTarget, Limits, LiveTarget, SecretText, Target, Targets, environment,
};

use crate::args::Budget;
use crate::console::{self, Console};
use crate::error::Failure;
use crate::pipeline::adapters;
use crate::pipeline::caller::{Caller, callers};
use crate::pipeline::dry;
use crate::pipeline::hosts::{self, Allowed};
use crate::pipeline::load::Loaded;
use crate::pipeline::programs::{self, Whose};
use crate::pipeline::secrets;
use crate::pipeline::select::Selection;
use crate::pipeline::session::{Asked, Session, Start};

/// Everything that a run is driven with, besides its plan.
pub(crate) struct Drive {
    /// How each system is reached.
    pub(super) targets: Targets,
    /// How each judge is reached, once live ones are open.
    pub(super) judges: BTreeMap<String, Target>,
    /// What goes on where it was.
    pub(super) command: &'static str,
    /// Which examples are asked now; all of them without one.
    pub(super) selection: Option<Selection>,
    /// Systems that are reached over HTTP. They are among the targets once they are open.
    lives: BTreeSet<Role>,
    is_open: bool,
    allow_host: Vec<String>,
    budget: Budget,
    limits: Limits,
    calls_made: u64,
    dollars_spent: f64,
}

impl Drive {
    /// Checks that a budget can be kept, and prepares everything but live systems: those are opened when something is to be sent.
    ///
    /// # Errors
    /// A budget without a price, with all its places.
    pub(crate) fn new(
        loaded: &Loaded,
        allow_host: &[String],
        budget: &Budget,
        selection: Option<Selection>,
        command: &'static str,
    ) -> Result<Self, Failure> {
        priced(loaded, budget)?;
        let mut by_role = BTreeMap::new();
        for (&role, system) in &loaded.manifest.systems {
            if let Some(target) = unasked(loaded, system, budget) {
                by_role.insert(role, target);
            }
        }
        let mut limits = Limits::standard();
        limits.calls_max = budget.max_calls;
        limits.cost_max_usd = budget.max_cost;
        if let Some(concurrency) = budget.concurrency {
            limits.concurrency = concurrency;
        }
        let mut judges = BTreeMap::new();
        for (name, judge) in &loaded.manifest.judges {
            if let Reach::Command { argv, workers, env } = &judge.target {
                let timeout = judge.timeout_ms.map(Duration::from_millis);
                let most = budget.concurrency.unwrap_or(*workers);
                let target = program(loaded, argv, most, env, timeout, None);
                judges.insert(name.clone(), target);
            }
        }
        let lives = loaded.manifest.systems.values();
        Ok(Self {
            judges,
            targets: Targets {
                seed: loaded.manifest.seed,
                by_role,
                begun: BTreeMap::new(),
                answered: BTreeSet::new(),
                refused: BTreeMap::new(),
            },
            command,
            selection,
            lives: lives
                .filter(|system| system.live().is_some())
                .map(|system| system.role)
                .collect(),
            is_open: false,
            allow_host: allow_host.to_vec(),
            budget: budget.clone(),
            limits,
            calls_made: 0,
            dollars_spent: 0.0,
        })
    }

    /// Looks for every program and opens live systems before anything is written, when the run that would go on has something for them. What
    /// only a later round sends is asked about then.
    ///
    /// # Errors
    /// Programs that are not there, with their places; as [`Drive::open`]; and when a log cannot be read.
    pub(crate) fn open_for(
        &mut self,
        loaded: &mut Loaded,
        start: Start,
        asks: &Asked,
        console: &Console,
    ) -> Result<(), Failure> {
        let missing = programs::present(loaded, |_| true).err();
        if self.lives.is_empty() && missing.is_none() {
            return Ok(());
        }
        let standing = Session::standing(loaded, start, asks)?;
        if start == Start::Only && standing.is_none() {
            // Nothing is begun, so nothing is sent: nobody is asked.
            return Ok(());
        }
        let is_new = standing.is_none();
        let (plan, progress, again) = match standing {
            None => (loaded.plan(), Progress::default(), false),
            Some(session) => {
                let progress = session.log.progress()?;
                let again = asks.retry_errors && !session.log.errors()?.is_empty();
                (session.plan, progress, again)
            }
        };
        let todo = || outstanding(&plan, &progress);
        if is_new || again || todo().any(|attempt| self.calls(loaded, &attempt)) {
            // A part is judged where all of them are put together.
            let here = |whose: &Whose| plan.shard.is_none() || matches!(whose, Whose::System(_));
            programs::present(loaded, here)?;
        }
        if !self.lives.is_empty() && (again || todo().any(|attempt| self.sends(&attempt))) {
            self.open(loaded, &plan, console)?;
        }
        Ok(())
    }

    /// Asks for consent to new hosts and reads secrets: once, before the first attempt that is sent.
    ///
    /// # Errors
    /// Hosts that nobody allowed, secrets that are not there: each kind with all its places.
    pub(super) fn open(
        &mut self,
        loaded: &Loaded,
        plan: &Plan,
        console: &Console,
    ) -> Result<(), Failure> {
        if self.is_open {
            return Ok(());
        }
        let missing = adapters::problems(&loaded.manifest);
        if !missing.is_empty() {
            return Err(Failure::Problems(missing));
        }
        let var = |name: &str| std::env::var(name).ok();
        let called = hosts::called(&loaded.manifest);
        let mut allowed = Allowed::read(&self.allow_host, var, console)?;
        let more = dry::confirmation(loaded, plan, &allowed, &self.budget);
        let known = allowed.consent(&called, more.as_deref(), console)?;
        let secrets = secrets::resolve(&loaded.manifest, &loaded.project, var)?;
        for one in &called {
            let Some(live) = one.caller.live(&loaded.manifest) else {
                continue;
            };
            let private_allowed = known
                .get(&one.caller)
                .is_some_and(|why| why.private_allowed(one));
            let timeout = one.caller.timeout_ms(&loaded.manifest);
            let mut live = Live::clone(live);
            if self.budget.concurrency.is_some() {
                live.pace.concurrency = self.budget.concurrency;
            }
            let target = LiveTarget {
                proxy: secrets::proxy(&live.url, var),
                live,
                secrets: secrets.get(&one.caller).cloned().unwrap_or_default(),
                timeout: timeout.map(Duration::from_millis),
                private_allowed,
                door: adapters::OPEN,
            };
            let target = Target::Live(Box::new(target));
            match &one.caller {
                Caller::System(role) => {
                    self.targets.by_role.insert(*role, target);
                }
                Caller::Judge(name) => {
                    self.judges.insert(name.clone(), target);
                }
                // Not on the page, so not among those that it calls.
                Caller::Forge => {}
            }
        }
        let targets = self.targets.by_role.values().chain(self.judges.values());
        console::guard(guarded(targets));
        self.is_open = true;
        Ok(())
    }

    /// Says whether an attempt asks somebody now, when it is outstanding: a program or an endpoint.
    fn calls(&self, loaded: &Loaded, attempt: &AttemptSpec) -> bool {
        let system = loaded.manifest.systems.get(&attempt.system);
        system.is_some_and(|system| system.target.can_rerun()) && self.takes(attempt)
    }

    /// Says whether an attempt of a live system is made now, when it is outstanding.
    pub(super) fn sends(&self, attempt: &AttemptSpec) -> bool {
        self.lives.contains(&attempt.system) && self.takes(attempt)
    }

    /// Says whether an attempt is made now, when it is outstanding.
    pub(super) fn takes(&self, attempt: &AttemptSpec) -> bool {
        let is_reached = self.targets.by_role.contains_key(&attempt.system)
            || self.lives.contains(&attempt.system);
        is_reached
            && self
                .selection
                .as_ref()
                .is_none_or(|selection| selection.holds(attempt.example))
    }

    /// Returns the limits of what is made next: what was spent since the command began counts.
    pub(super) fn limits(&self) -> Limits {
        let mut limits = self.limits.clone();
        limits.calls_max = limits
            .calls_max
            .map(|max| max.saturating_sub(self.calls_made));
        limits.cost_max_usd = limits
            .cost_max_usd
            .map(|max| (max - self.dollars_spent).max(0.0));
        limits
    }

    /// Notes what was spent.
    pub(super) fn spend(&mut self, calls: u64, dollars: f64) {
        self.calls_made += calls;
        self.dollars_spent += dollars;
    }
}

/// Names the values that must never be written: keys, headers, and passwords of proxies.
fn guarded<'t>(targets: impl Iterator<Item = &'t Target>) -> Vec<&'t SecretText> {
    targets
        .filter_map(|target| match target {
            Target::Live(live) => Some(live.secrets.iter().chain(&live.proxy)),
            _ => None,
        })
        .flatten()
        .collect()
}

/// Builds how a system is reached for which nobody is asked: a recorded one, or a program; nothing for others.
fn unasked(loaded: &Loaded, system: &System, budget: &Budget) -> Option<Target> {
    Some(match &system.target {
        Reach::LabelsOnly | Reach::Live(_) => return None,
        Reach::Recorded(_) => Target::Recorded(
            loaded
                .recorded
                .get(&system.role)
                .map(|one| one.attempts.clone())
                .unwrap_or_default(),
        ),
        Reach::Command { argv, workers, env } => {
            let timeout = system.timeout_ms.map(Duration::from_millis);
            let workers = budget.concurrency.unwrap_or(*workers);
            program(loaded, argv, workers, env, timeout, None)
        }
    })
}

/// Builds how a program is reached.
pub(super) fn program(
    loaded: &Loaded,
    argv: &[String],
    workers: u32,
    env: &[String],
    timeout: Option<Duration>,
    memory_mib: Option<u64>,
) -> Target {
    Target::Command(CommandTarget {
        argv: argv.to_vec(),
        workers: workers.min(Limits::WORKERS_MAX),
        timeout,
        env: environment(env, |name| std::env::var_os(name)),
        cwd: loaded.project.root.clone(),
        memory_mib,
    })
}

/// Refuses a budget of money where the money cannot be counted.
fn priced(loaded: &Loaded, budget: &Budget) -> Result<(), Failure> {
    if budget.max_cost.is_none() {
        return Ok(());
    }
    let unpriced: Vec<Problem> = callers(&loaded.manifest)
        .filter(|(_, live)| !states_cost(live))
        .map(|(caller, _)| {
            let at = loaded.manifest.at(&caller.path());
            let what = format!("`--max-cost` needs a price, and the {caller} has none");
            Problem::error("no-price", at, what)
                .why("money that is not counted has no limit")
                .instead("`price: {input: 2.50 USD, output: 10 USD}` for a million tokens; or --max-calls N")
        })
        .collect();
    if unpriced.is_empty() {
        Ok(())
    } else {
        Err(Failure::Problems(unpriced))
    }
}

/// Says whether it is known what an answer costs: by price, or because the answer says so.
pub(super) fn states_cost(live: &Live) -> bool {
    let said = live
        .http
        .as_ref()
        .is_some_and(|http| http.fields.iter().any(|(name, _)| name == "cost_usd"));
    live.price.is_some() || said
}
