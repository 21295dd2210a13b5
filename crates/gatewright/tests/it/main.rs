//! Journeys through the everyday binary: files in, transcript out. Hermetic, no network, no key.

mod answers;
mod asked;
mod behaviour;
mod calibrate;
mod changed;
mod demo;
mod files;
mod formats;
mod graders;
mod html;
mod interrupt;
mod judges;
mod judging;
mod live;
mod machine;
mod odd;
mod programs;
mod project;
mod providers;
mod record;
mod shards;
mod stable;
mod team;
mod work;
