//! The real recorded data that lies beside the project, not in it.

use std::path::{Path, PathBuf};

/// Returns the folder of the shared real data (`data` in `GATEWRIGHT_SHARED`, default `../shared` beside the project).
///
/// Returns `None`, after printing why, where there is no such folder: a public clone does not have it, and a test
/// that needs it returns early. Where the folder is there, a figure that differs is a failure, never a skip.
///
/// # Panics
///
/// When `GATEWRIGHT_SHARED` names a folder without `data`: somebody asked for the data, so a skip would hide a mistake.
pub fn shared_data() -> Option<PathBuf> {
    let named = std::env::var_os("GATEWRIGHT_SHARED").map(PathBuf::from);
    let root = named.clone().unwrap_or_else(default_root);
    let data = root.join("data");
    if data.is_dir() {
        return Some(data);
    }
    assert!(
        named.is_none(),
        "GATEWRIGHT_SHARED is set, but {} is not a folder",
        data.display()
    );
    println!(
        "skipped: no shared data at {} (set GATEWRIGHT_SHARED to test against the real sets)",
        data.display()
    );
    None
}

/// Returns the root of this project, where `examples/` and `tests/` are.
pub fn project_root() -> PathBuf {
    let crate_folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    crate_folder
        .ancestors()
        .nth(2)
        .unwrap_or(crate_folder)
        .to_path_buf()
}

fn default_root() -> PathBuf {
    project_root().join("../shared")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_project_root_has_the_example() {
        assert!(project_root().join("examples/billing-support").is_dir());
    }

    #[test]
    fn shared_data_is_a_folder_or_absent() {
        if let Some(data) = shared_data() {
            assert!(data.is_dir());
        }
    }
}
