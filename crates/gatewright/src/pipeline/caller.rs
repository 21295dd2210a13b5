//! Who calls a host: a system under test, a judge, or whoever keeps issues at a forge.

use std::fmt;

use gatewright_core::manifest::{Live, Manifest, Role};

/// Who calls a host.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Caller {
    /// A system under test.
    System(Role),
    /// A judge, by its name on the page.
    Judge(String),
    /// The issues of a forge: what is on the command line, and not on the page.
    Forge,
}

impl fmt::Display for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Caller::System(role) => f.write_str(role.word()),
            Caller::Judge(name) => write!(f, "judge {name}"),
            Caller::Forge => f.write_str("forge"),
        }
    }
}

impl Caller {
    /// Returns where the page says how it is reached.
    pub(crate) fn path(&self) -> String {
        match self {
            Caller::System(role) => format!("systems.{}", role.word()),
            Caller::Judge(name) => format!("judges.{name}"),
            Caller::Forge => String::new(),
        }
    }

    /// Returns its promise of time, in milliseconds.
    pub(crate) fn timeout_ms(&self, manifest: &Manifest) -> Option<u64> {
        match self {
            Caller::System(role) => manifest.systems.get(role)?.timeout_ms,
            Caller::Judge(name) => manifest.judges.get(name)?.timeout_ms,
            Caller::Forge => None,
        }
    }

    /// Returns its endpoint.
    pub(crate) fn live<'m>(&self, manifest: &'m Manifest) -> Option<&'m Live> {
        match self {
            Caller::System(role) => manifest.systems.get(role)?.live(),
            Caller::Judge(name) => manifest.judges.get(name)?.live(),
            Caller::Forge => None,
        }
    }
}

/// Lists everybody on the page who calls a host: systems in the order of roles, then judges by name.
pub(crate) fn callers(manifest: &Manifest) -> impl Iterator<Item = (Caller, &Live)> {
    let systems = manifest
        .systems
        .values()
        .filter_map(|system| Some((Caller::System(system.role), system.live()?)));
    let judges = manifest
        .judges
        .values()
        .filter_map(|judge| Some((Caller::Judge(judge.name.clone()), judge.live()?)));
    systems.chain(judges)
}
