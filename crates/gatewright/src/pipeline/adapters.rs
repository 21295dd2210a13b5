//! Adapters to further providers, where this build has them.

use gatewright_core::manifest::{Manifest, Protocol};
use gatewright_core::problem::Problem;
use gatewright_engine::OpenDoor;

use crate::pipeline::caller::callers;

/// How a door to a further provider is opened; nothing in a build without the feature `providers`.
#[cfg(feature = "providers")]
pub(super) const OPEN: Option<OpenDoor> = Some(gatewright_providers::open);
/// How a door to a further provider is opened; nothing in a build without the feature `providers`.
#[cfg(not(feature = "providers"))]
pub(super) const OPEN: Option<OpenDoor> = None;

/// Names every system and judge that is reached through an adapter which this build does not have.
pub(crate) fn problems(manifest: &Manifest) -> Vec<Problem> {
    if OPEN.is_some() {
        return Vec::new();
    }
    callers(manifest)
        .filter(|(_, live)| live.protocol == Protocol::Provider)
        .map(|(caller, live)| {
            let at = manifest.at(&format!("{}.provider", caller.path()));
            let adapter = live.adapter.map_or("", |adapter| adapter.name);
            let what = format!(
                "the {caller} is reached through the adapter `{adapter}`, and this build has no adapters"
            );
            Problem::error("no-adapters", at, what)
                .why("they are an optional part, which the everyday build leaves out")
                .instead(
                    "from a checkout: `cargo install --locked --path crates/gatewright --features providers`",
                )
        })
        .collect()
}
