//! `gatewright schema`

use gatewright_core::{calibrate, manifest, report};

use crate::args::SchemaArgs;
use crate::commands::Context;
use crate::error::Failure;
use crate::exit;

pub(crate) fn schema(context: &Context, args: &SchemaArgs) -> Result<u8, Failure> {
    let schema = match args.of.as_str() {
        "report" => report::schema(),
        "calibration" => calibrate::schema(),
        _ => manifest::schema::schema(),
    };
    context.console.document(&schema)?;
    Ok(exit::SHIP)
}
