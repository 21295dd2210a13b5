//! The logs as their users see them: what is accepted is kept, and what is wrong is named.

mod damage;
mod older;
mod project;
mod run;
mod sample;
