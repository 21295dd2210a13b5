//! Doors to further providers, through the adapters of the crate `genai`.
//!
//! A door turns one request into one call and says what came of it. Retries, limits, budgets, what is kept and what is decided stay with the engine.
//! Nothing is looked up here: the address and the key arrive as values, and the client that calls are made with is the engine's own.
//!
//! Empty without the feature `genai`, which `gatewright` turns on with its feature `providers`.

#[cfg(feature = "genai")]
mod answer;
#[cfg(feature = "genai")]
mod door;
#[cfg(feature = "genai")]
mod request;

#[cfg(feature = "genai")]
pub use door::open;
