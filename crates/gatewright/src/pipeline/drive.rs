//! How systems are driven now: which hosts may be called, with which secrets, how much may be spent, and which attempts are made.

use std::collections::BTreeMap;
use std::time::Duration;

use gatewright_core::manifest::{Live, System, Target as Reach};
use gatewright_core::plan::AttemptSpec;
use gatewright_core::problem::Problem;
use gatewright_engine::{
    CommandTarget, Limits, LiveTarget, SecretText, Target, Targets, environment,
};

use crate::args::Budget;
use crate::console::{self, Console};
use crate::error::Failure;
use crate::pipeline::hosts::{self, Allowed};
use crate::pipeline::load::Loaded;
use crate::pipeline::secrets;
use crate::pipeline::select::Selection;

/// Everything that a run is driven with, besides its plan.
pub(crate) struct Drive {
    /// How each system is reached.
    pub(super) targets: Targets,
    /// What goes on where it was.
    pub(super) command: &'static str,
    /// Which examples are asked now; all of them without one.
    pub(super) selection: Option<Selection>,
    limits: Limits,
    calls_made: u64,
    dollars_spent: f64,
}

impl Drive {
    /// Asks for consent to new hosts, reads secrets and checks that a budget can be kept, before anything is written or sent.
    ///
    /// # Errors
    /// Hosts that nobody allowed, secrets that are not there, a budget without a price: each kind with all its places.
    pub(crate) fn new(
        loaded: &Loaded,
        allow_host: &[String],
        budget: &Budget,
        selection: Option<Selection>,
        console: &Console,
        command: &'static str,
    ) -> Result<Self, Failure> {
        priced(loaded, budget)?;
        let var = |name: &str| std::env::var(name).ok();
        let called = hosts::called(&loaded.manifest);
        let known = match called.is_empty() {
            true => BTreeMap::new(),
            false => Allowed::read(allow_host, var, console)?.consent(&called, console)?,
        };
        let secrets = secrets::resolve(&loaded.manifest, &loaded.project, var)?;
        let mut private = BTreeMap::new();
        for one in &called {
            let allowed = known
                .get(&one.role)
                .is_some_and(|why| why.private_allowed(one));
            private.insert(one.role, allowed);
        }
        let mut by_role = BTreeMap::new();
        for (&role, system) in &loaded.manifest.systems {
            let values = secrets.get(&role).cloned().unwrap_or_default();
            let allowed = private.get(&role).copied().unwrap_or(false);
            if let Some(target) = target(loaded, system, budget, values, allowed) {
                by_role.insert(role, target);
            }
        }
        console::guard(guarded(&by_role));
        let mut limits = Limits::standard();
        limits.calls_max = budget.max_calls;
        limits.cost_max_usd = budget.max_cost;
        if let Some(concurrency) = budget.concurrency {
            limits.concurrency = concurrency;
        }
        Ok(Self {
            targets: Targets {
                seed: loaded.manifest.seed,
                by_role,
                begun: BTreeMap::new(),
                answered: std::collections::BTreeSet::new(),
            },
            command,
            selection,
            limits,
            calls_made: 0,
            dollars_spent: 0.0,
        })
    }

    /// Says whether an attempt is made now, when it is outstanding.
    pub(super) fn takes(&self, attempt: &AttemptSpec) -> bool {
        self.targets.by_role.contains_key(&attempt.system)
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
fn guarded(by_role: &BTreeMap<gatewright_core::manifest::Role, Target>) -> Vec<&SecretText> {
    by_role
        .values()
        .filter_map(|target| match target {
            Target::Live(live) => Some(live.secrets.iter().chain(&live.proxy)),
            _ => None,
        })
        .flatten()
        .collect()
}

/// Builds how one system is reached; nothing for one of which only labels were recorded.
fn target(
    loaded: &Loaded,
    system: &System,
    budget: &Budget,
    secrets: Vec<SecretText>,
    private_allowed: bool,
) -> Option<Target> {
    let timeout = system.timeout_ms.map(Duration::from_millis);
    Some(match &system.target {
        Reach::LabelsOnly => return None,
        Reach::Recorded(_) => Target::Recorded(
            loaded
                .recorded
                .get(&system.role)
                .map(|one| one.attempts.clone())
                .unwrap_or_default(),
        ),
        Reach::Command { argv, workers, env } => Target::Command(CommandTarget {
            argv: argv.clone(),
            workers: budget
                .concurrency
                .map_or(*workers, |most| most.min(Limits::WORKERS_MAX)),
            timeout,
            env: environment(env, |name| std::env::var_os(name)),
            cwd: loaded.project.root.clone(),
        }),
        Reach::Live(live) => {
            let mut live = Live::clone(live);
            if budget.concurrency.is_some() {
                live.pace.concurrency = budget.concurrency;
            }
            Target::Live(Box::new(LiveTarget {
                proxy: secrets::proxy(&live.url, |name| std::env::var(name).ok()),
                live,
                secrets,
                timeout,
                private_allowed,
            }))
        }
    })
}

/// Refuses a budget of money where the money cannot be counted.
fn priced(loaded: &Loaded, budget: &Budget) -> Result<(), Failure> {
    let Some(most) = budget.max_cost else {
        return Ok(());
    };
    if !most.is_finite() || most <= 0.0 {
        return Err(Failure::usage("`--max-cost` is no amount of money").next("--max-cost 20"));
    }
    let unpriced: Vec<Problem> = loaded
        .manifest
        .systems
        .values()
        .filter(|system| system.live().is_some_and(|live| !states_cost(live)))
        .map(|system| {
            let role = system.role.word();
            let at = loaded.manifest.at(&format!("systems.{role}"));
            let what = format!("`--max-cost` needs a price, and the {role} has none");
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
