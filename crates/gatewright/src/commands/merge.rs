//! `gatewright merge`

use crate::args::MergeArgs;
use crate::commands::Context;
use crate::error::Failure;
use crate::exit;
use crate::pipeline::merge as merge_runs;

pub(crate) fn merge(context: &Context, args: &MergeArgs) -> Result<u8, Failure> {
    let mut loaded = context.sound()?;
    let console = &context.console;
    let merged = merge_runs(
        &mut loaded,
        &args.runs,
        &context.here,
        args.partial,
        &context.now,
        "gatewright merge",
    )?;
    let double = match merged.double {
        0 => None,
        1 => Some("1 attempt was in two parts with the same end: it is kept once".to_owned()),
        count => Some(format!(
            "{count} attempts were in two parts with the same end: they are kept once"
        )),
    };
    if console.json {
        let missing: Vec<_> = merged
            .missing
            .iter()
            .map(|one| {
                serde_json::json!({
                    "shard": one.shard.to_string(), "attempts": one.attempts, "given": one.given,
                })
            })
            .collect();
        let shards: Vec<String> = merged.shards.iter().map(ToString::to_string).collect();
        console.document(&serde_json::json!({
            "format": "gatewright-merge/1",
            "run": merged.name,
            "shards": shards,
            "attempts": merged.attempts,
            "ended": merged.ended,
            "missing": missing,
            "double": merged.double,
            "next": "gatewright gate",
        }))?;
        return Ok(exit::SHIP);
    }
    let mut text = format!(
        "Run {}: {} parts merged, {} of {} attempts ended.\n",
        merged.name,
        merged.shards.len(),
        merged.ended,
        merged.attempts
    );
    for line in double
        .into_iter()
        .chain(merged.missing.iter().map(|one| one.words()))
    {
        text.push_str(&line);
        text.push('\n');
    }
    text.push_str("Next: gatewright gate\n");
    console.out(&text)?;
    Ok(exit::SHIP)
}
