//! Integration tests of the domain: pages and outcomes in, answers out.

mod audit;
mod behaviour;
mod decision;
mod judged;
mod monotone;
mod release;
mod stability;
mod told;
mod weighed;
