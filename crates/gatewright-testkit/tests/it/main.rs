//! The engine and the store together with real processes that misbehave.

mod command;
mod documented;
mod faults;
mod kill;
mod limits;
mod recorded;
mod runner;
mod stop;
