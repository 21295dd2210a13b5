//! Journeys through the everyday binary: files in, transcript out. Hermetic, no network, no key.

mod answers;
mod calibrate;
mod demo;
mod files;
mod interrupt;
mod live;
mod odd;
mod project;
mod shards;
mod team;
