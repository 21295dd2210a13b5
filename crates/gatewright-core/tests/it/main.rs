//! Integration tests of the domain: pages and outcomes in, answers out.

mod audit;
mod decision;
mod judged;
mod monotone;
mod release;
