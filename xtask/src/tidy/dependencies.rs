//! Which crate may know which, and what must not enter the tree (design: a wall must forbid something).

use std::process::Command;

use serde_json::Value;

use super::Finding;
use crate::repository::{self, Failure};

/// For each crate: the crates of ours that it may depend on. What is not listed is forbidden.
const ARROWS: [(&str, &[&str]); 10] = [
    ("gatewright-stats", &[]),
    ("gatewright-core", &["gatewright-stats"]),
    ("gatewright-engine", &["gatewright-core"]),
    ("gatewright-store", &["gatewright-core"]),
    (
        "gatewright-providers",
        &["gatewright-core", "gatewright-engine"],
    ),
    ("gatewright-web", &["gatewright-core", "gatewright-store"]),
    ("gatewright-traffic", &["gatewright-core"]),
    (
        "gatewright",
        &[
            "gatewright-stats",
            "gatewright-core",
            "gatewright-engine",
            "gatewright-providers",
            "gatewright-store",
            "gatewright-web",
        ],
    ),
    (
        "gatewright-testkit",
        &[
            "gatewright-stats",
            "gatewright-core",
            "gatewright-engine",
            "gatewright-store",
        ],
    ),
    ("xtask", &["gatewright-core", "gatewright-stats"]),
];

/// Dependencies that only a feature brings: the first crate, the second, and the feature, which nothing turns on by itself.
const OPTIONAL: [(&str, &str, &str); 2] = [
    ("gatewright", "gatewright-providers", "providers"),
    ("gatewright-providers", "genai", "genai"),
];

/// Crates that must not be in the tree, each with the reason.
const BANNED: [(&str, &str); 4] = [
    (
        "openssl-sys",
        "a system library in the everyday build; TLS is rustls with ring",
    ),
    (
        "aws-lc-sys",
        "minutes of C in every clean build; TLS is rustls with ring",
    ),
    ("cmake", "a build tool that a clean machine does not have"),
    ("prost-build", "needs protoc on a clean machine"),
];

/// Features of serde_json that change what a number or an object is for every crate at once.
const BANNED_JSON_FEATURES: [&str; 2] = ["arbitrary_precision", "preserve_order"];

/// Which build a tree is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Build {
    /// The everyday one.
    Everyday,
    /// With the adapters to further providers.
    Providers,
}

/// Asks cargo for the resolved tree of all platforms.
pub(crate) fn metadata(build: Build) -> Result<Value, Failure> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let features: &[&str] = match build {
        Build::Everyday => &[],
        Build::Providers => &["--features", "gatewright/providers"],
    };
    let output = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--locked"])
        .args(features)
        .current_dir(repository::root())
        .output()?;
    if !output.status.success() {
        return Err(format!(
            "cargo metadata failed: {}",
            String::from_utf8_lossy(&output.stderr)
        )
        .into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// Checks that our crates know only those below them, and that test crates are never shipped.
pub(crate) fn arrows(metadata: &Value) -> Vec<Finding> {
    let mut findings = Vec::new();
    let packages: Vec<&Value> = list(metadata, "packages")
        .filter(|package| package["source"].is_null())
        .collect();
    for package in &packages {
        let name = text(package, "name");
        let Some((_, allowed)) = ARROWS.iter().find(|(known, _)| *known == name) else {
            findings.push(Finding::error(
                name,
                "a crate that the table of arrows does not know: say in xtask/src/tidy/dependencies.rs what it may depend on",
            ));
            continue;
        };
        for dependency in list(package, "dependencies") {
            let other = text(dependency, "name");
            let ours = packages
                .iter()
                .any(|package| text(package, "name") == other);
            let only_tests = text(dependency, "kind") == "dev";
            if !ours || allowed.contains(&other) || (only_tests && other == "gatewright-testkit") {
                continue;
            }
            findings.push(Finding::error(
                name,
                format!("must not depend on {other} (design: arrows between crates)"),
            ));
        }
    }
    findings
}

/// Checks that what only a feature may bring is optional, and that no feature which is on by itself brings it.
pub(crate) fn optional(metadata: &Value) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (name, other, feature) in OPTIONAL {
        for package in named(metadata, name) {
            let dependency = list(package, "dependencies")
                .find(|one| text(one, "name") == other && text(one, "kind").is_empty());
            let is_optional = dependency.is_none_or(|one| one["optional"] == true);
            let by_default = list(&package["features"], "default").next().is_some();
            if !is_optional || by_default {
                findings.push(Finding::error(
                    name,
                    format!("must not bring {other} into the everyday build: only its feature `{feature}` does"),
                ));
            }
        }
    }
    findings
}

/// Checks the whole resolved tree for crates and features that must not be there. A build with adapters keeps the order of keys, whatever we want:
/// what rests on sorted keys sorts them (`Digest::of_json`).
pub(crate) fn banned(metadata: &Value, build: Build) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (name, reason) in BANNED {
        if named(metadata, name).next().is_some() {
            findings.push(Finding::error(name, format!("is banned: {reason}")));
        }
    }
    if named(metadata, "libsqlite3-sys").count() > 1 {
        findings.push(Finding::error(
            "libsqlite3-sys",
            "two versions: two SQLite libraries in one process corrupt each other's locks",
        ));
    }
    let json_ids: Vec<&str> = named(metadata, "serde_json")
        .map(|package| text(package, "id"))
        .collect();
    for node in list(&metadata["resolve"], "nodes") {
        if !json_ids.contains(&text(node, "id")) {
            continue;
        }
        for feature in list(node, "features").filter_map(Value::as_str) {
            let is_known = build == Build::Providers && feature == "preserve_order";
            if BANNED_JSON_FEATURES.contains(&feature) && !is_known {
                findings.push(Finding::error(
                    "serde_json",
                    format!(
                        "feature `{feature}` is on: digests rest on sorted keys and plain numbers"
                    ),
                ));
            }
        }
    }
    findings
}

fn named<'a>(metadata: &'a Value, name: &'a str) -> impl Iterator<Item = &'a Value> {
    list(metadata, "packages").filter(move |package| text(package, "name") == name)
}

/// Iterates over an array field; an absent one is empty.
pub(super) fn list<'a>(value: &'a Value, field: &str) -> impl Iterator<Item = &'a Value> {
    value[field].as_array().into_iter().flatten()
}

/// Returns a text field; an absent one is empty.
pub(super) fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn tree(name: &str, dependency: &str, kind: &Value) -> Value {
        json!({"packages": [
            {"name": name, "source": null, "dependencies": [{"name": dependency, "kind": kind}]},
            {"name": dependency, "source": null, "dependencies": []},
        ]})
    }

    #[test]
    fn crates_point_one_way() {
        let here = metadata(Build::Everyday).expect("cargo metadata runs in a checkout");
        assert_eq!(arrows(&here), []);
        assert_eq!(banned(&here, Build::Everyday), []);
    }

    #[test]
    fn adapters_are_not_in_the_everyday_build() {
        let everyday = metadata(Build::Everyday).expect("cargo metadata runs in a checkout");
        assert_eq!(optional(&everyday), []);
        assert_eq!(named(&everyday, "genai").count(), 0);
        let more = metadata(Build::Providers).expect("cargo metadata runs in a checkout");
        assert_eq!(named(&more, "genai").count(), 1);
        assert_eq!(banned(&more, Build::Providers), []);
        assert!(!banned(&more, Build::Everyday).is_empty(), "keys in order");
    }

    #[test]
    fn what_should_be_optional_and_is_not_is_found() {
        let tree = |optional: bool, default: Value| {
            json!({"packages": [{
                "name": "gatewright", "features": {"providers": [], "default": default},
                "dependencies": [{"name": "gatewright-providers", "kind": null, "optional": optional}],
            }]})
        };
        assert_eq!(optional(&tree(true, json!([]))), []);
        assert_eq!(optional(&tree(false, json!([]))).len(), 1);
        assert_eq!(optional(&tree(true, json!(["providers"]))).len(), 1);
    }

    #[test]
    fn an_arrow_upwards_is_found() {
        assert_eq!(
            arrows(&tree("gatewright-core", "gatewright-stats", &Value::Null)),
            []
        );
        assert_eq!(
            arrows(&tree("gatewright-stats", "gatewright-core", &Value::Null)).len(),
            1
        );
        assert_eq!(
            arrows(&tree(
                "gatewright-store",
                "gatewright-engine",
                &json!("dev")
            ))
            .len(),
            1
        );
    }

    #[test]
    fn the_testkit_is_for_tests_only() {
        assert_eq!(
            arrows(&tree("gatewright", "gatewright-testkit", &json!("dev"))),
            []
        );
        assert_eq!(
            arrows(&tree("gatewright", "gatewright-testkit", &Value::Null)).len(),
            1
        );
    }

    #[test]
    fn banned_crates_and_features_are_found() {
        let tree = json!({
            "packages": [
                {"name": "cmake", "id": "c"},
                {"name": "libsqlite3-sys", "id": "a"}, {"name": "libsqlite3-sys", "id": "b"},
                {"name": "serde_json", "id": "j"},
            ],
            "resolve": {"nodes": [{"id": "j", "features": ["std", "preserve_order"]}]},
        });
        let at: Vec<String> = banned(&tree, Build::Everyday)
            .into_iter()
            .map(|finding| finding.at)
            .collect();
        assert_eq!(at, ["cmake", "libsqlite3-sys", "serde_json"]);
    }
}
