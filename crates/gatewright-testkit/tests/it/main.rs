//! The engine and the store together with real processes that misbehave; and the scripted provider.

mod changed;
mod command;
mod documented;
mod faults;
mod http;
mod kill;
mod limits;
mod live;
mod provider;
mod recorded;
mod runner;
mod stop;
