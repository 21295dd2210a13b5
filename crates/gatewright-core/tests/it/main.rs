//! Integration tests of the domain: pages and outcomes in, answers out.

mod decision;
mod monotone;
mod release;
