//! Named points at which the program kills itself, for `cargo xtask crash` and for tests. A release has none.

#[cfg(all(feature = "crash-points", not(debug_assertions)))]
compile_error!("`crash-points` is for `cargo xtask crash` alone and never in a release");

pub(crate) use gatewright_engine::crash::point;
