//! `gatewright completions`

use crate::args::{self, CompletionsArgs};
use crate::commands::Context;
use crate::error::Failure;
use crate::exit;

pub(crate) fn completions(context: &Context, args: &CompletionsArgs) -> Result<u8, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut args::command(), "gatewright", &mut script);
    context.console.out(&String::from_utf8_lossy(&script))?;
    Ok(exit::SHIP)
}
