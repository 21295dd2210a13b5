//! What a run that ended early says, and what to do about it: one line for each fault.

use gatewright_core::exchange::Fault;
use gatewright_core::manifest::{Live, Manifest, Role};
use gatewright_engine::{Limit, RunEnd, RunError};
use gatewright_store::RunLog;

use crate::error::Failure;
use crate::exit;

/// Turns the end of a run into success, or into what a person can act on. `command` is what goes on where it was.
///
/// # Errors
/// Interrupted (130) and incomplete (111) runs, and what the engine refused.
pub(super) fn settle(
    end: Result<RunEnd, RunError>,
    manifest: &Manifest,
    command: &str,
) -> Result<(), Failure> {
    let on = format!("{command}   (it goes on where it was)");
    let then = |fix: &str| format!("{fix}, then {on}");
    match end {
        Ok(RunEnd::Complete) => Ok(()),
        Ok(RunEnd::Interrupted { in_flight }) => Err(Failure::expected(
            exit::INTERRUPTED,
            "interrupted; every result so far is kept",
        )
        .why(match in_flight.len() {
            0 => "nothing was on its way".to_owned(),
            1 => "1 attempt was on its way and may have been paid for".to_owned(),
            count => format!("{count} attempts were on their way and may have been paid for"),
        })
        .next(on)),
        Ok(RunEnd::Paused { system, fault, why }) => Err(Failure::expected(
            exit::INCOMPLETE,
            format!(
                "the run is paused: the {} cannot be asked ({})",
                system.word(),
                fault.word()
            ),
        )
        .why(why)
        .next(then(&fix(manifest, system, fault)))),
        Ok(RunEnd::Limited { what }) => {
            let (what, flag) = match what {
                Limit::Attempts => ("as many attempts were made as was allowed", ""),
                Limit::Calls => ("--max-calls is reached", "with a larger --max-calls: "),
                Limit::Cost => ("--max-cost is reached", "with a larger --max-cost: "),
            };
            Err(
                Failure::expected(exit::INCOMPLETE, format!("the run is incomplete: {what}"))
                    .why("every result so far is kept; the rest stays outstanding")
                    .next(format!("{flag}{on}")),
            )
        }
        Ok(RunEnd::Changed(changed)) => Err(Failure::expected(
            exit::INCOMPLETE,
            format!("{changed}; nothing was sent for it"),
        )
        .why(format!("{}; every result so far is kept", changed.why))
        .next(then("put it back as it was"))
        .next(format!(
            "{command} --fresh   (a new run, of the examples as they are now)"
        ))),
        Ok(RunEnd::Broken { system, why }) => Err(Failure::expected(
            exit::INCOMPLETE,
            format!("the {} cannot be worked with", system.word()),
        )
        .why(why)
        .next(then("repair it"))),
        Err(RunError::Commit { events, source }) => Err(unwritten(events, &*source, then)),
        Err(error) => Err(Failure::Unexpected {
            doing: "make the attempts".to_owned(),
            source: Box::new(error),
        }),
    }
}

/// What a disk that refuses says: what was written before is kept, and what was on its way is lost (F3, F4).
fn unwritten(
    events: usize,
    source: &(dyn std::error::Error + Send + Sync + 'static),
    then: impl Fn(&str) -> String,
) -> Failure {
    let mut causes = vec![source.to_string()];
    let mut next = source.source();
    while let Some(one) = next {
        causes.push(one.to_string());
        next = one.source();
    }
    Failure::expected(
        exit::UNEXPECTED,
        format!("the run stopped: {events} events could not be written, and none of them counts"),
    )
    .why(causes.join(": "))
    .next(then("make room on the disk, or repair it"))
}

/// Tells of a run that was asked to stop because the disk was full: what was on its way went into the room that was kept for it (F3).
///
/// # Errors
/// Incomplete (111), with the command that goes on.
pub(super) fn room(
    log: &RunLog,
    end: &Result<RunEnd, RunError>,
    command: &str,
) -> Result<(), Failure> {
    if !(log.is_out_of_room() && matches!(end, Ok(RunEnd::Interrupted { .. }))) {
        return Ok(());
    }
    Err(Failure::expected(
        exit::INCOMPLETE,
        "the disk is full; nothing more is sent, and every result so far is kept",
    )
    .why("what was on its way went into the room that the run keeps free for it")
    .next(format!(
        "make room on the disk, then {command}   (it goes on where it was)"
    )))
}

/// Says in one line what repairs a fault.
fn fix(manifest: &Manifest, role: Role, fault: Fault) -> String {
    let at = manifest.at(&format!("systems.{}", role.word()));
    let Some(live) = manifest.systems.get(&role).and_then(|it| it.live()) else {
        return "repair it".to_owned();
    };
    let host = live.host().unwrap_or_else(|| "the host".to_owned());
    let keys = keys(live);
    match fault {
        Fault::Unauthorised if keys.is_empty() => {
            format!("name the key it wants at {at} (`key: env:NAME`)")
        }
        Fault::Unauthorised => format!("check the value of {keys}: {host} refuses it"),
        Fault::MoneyGone if keys.is_empty() => {
            format!("add money or quota to the account at {host}")
        }
        Fault::MoneyGone => format!("add money or quota to the account of {keys} at {host}"),
        Fault::NotFound if live.model.is_empty() => {
            format!("check the address at {at}: {}", live.url)
        }
        Fault::NotFound => format!(
            "check `model: {}` and the address at {at}: {}",
            live.model, live.url
        ),
        Fault::PrivateAddress => {
            format!("allow it, if it is yours, with --allow-host {host}")
        }
        Fault::Page => format!(
            "sign in to the network or check the proxy and the address at {at}: a page for people came from {host}"
        ),
        Fault::Redirect => {
            format!("write the address it really has at {at}: a redirect would take the key along")
        }
        Fault::Proxy => "put the proxy's user and password into HTTPS_PROXY".to_owned(),
        Fault::Tls => format!(
            "check the certificate of {host}, and `https` or `http` at {at} (SSL_CERT_FILE names further authorities)"
        ),
        Fault::Dns => format!("check the name of {host} at {at}, and the network"),
        Fault::Connect
        | Fault::Cut
        | Fault::Stalled
        | Fault::Overloaded
        | Fault::Server
        | Fault::RateLimited => format!("wait until {host} answers again"),
        Fault::BadRequest | Fault::TookTooLong | Fault::TooLarge => {
            format!("look at what is asked at {at} (gatewright run --dry-run)")
        }
        Fault::ErrorBody | Fault::Empty | Fault::Unreadable => {
            format!(
                "check the address and what it answers at {at}: {}",
                live.url
            )
        }
    }
}

fn keys(live: &Live) -> String {
    let keys: Vec<String> = live.secrets().iter().map(ToString::to_string).collect();
    keys.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest() -> Manifest {
        let page = "gatewright: 1\npromise: Answer.\ntasks: {refund: Give money back}\nfailures: {unsupported-claim: {severity: high}}\nowners: {product: Maria}\nsystems: {candidate: {openai: {model: gpt-x}}, production: {command: [./x]}}\ngate: [{guard: contains, against: production, margin: 10 pts, then: {violated: hold}, owner: product}]\n";
        let (manifest, problems) =
            gatewright_core::manifest::read::survey(page.as_bytes(), "gatewright.yaml");
        manifest.unwrap_or_else(|| panic!("{problems:?}"))
    }

    #[test]
    fn every_fault_that_pauses_says_what_repairs_it_in_one_line() {
        let manifest = manifest();
        for fault in Fault::ALL {
            let end = RunEnd::Paused {
                system: Role::Candidate,
                fault,
                why: "it said so".to_owned(),
            };
            let failure = settle(Ok(end), &manifest, "gatewright gate").expect_err("paused");
            assert_eq!(failure.code(), exit::INCOMPLETE);
            // A line each, before a terminal makes more of it.
            let text = failure.text(400);
            assert_eq!(text.lines().count(), 3, "{text}");
            assert!(text.contains("gatewright gate"), "{text}");
        }
        let of = |fault| fix(&manifest, Role::Candidate, fault);
        assert!(of(Fault::Unauthorised).contains("env:OPENAI_API_KEY"));
        assert!(of(Fault::MoneyGone).contains("api.openai.com:443"));
        assert!(of(Fault::NotFound).contains("`model: gpt-x`"));
        assert!(of(Fault::NotFound).contains("gatewright.yaml:6:"));
        assert!(of(Fault::PrivateAddress).contains("--allow-host api.openai.com:443"));
        assert_eq!(fix(&manifest, Role::Production, Fault::Dns), "repair it");
    }

    #[test]
    fn limits_say_which_flag_stopped_it() {
        for (what, flag) in [(Limit::Calls, "--max-calls"), (Limit::Cost, "--max-cost")] {
            let failure = settle(Ok(RunEnd::Limited { what }), &manifest(), "gatewright run");
            let failure = failure.expect_err("limited");
            assert_eq!(failure.code(), 111);
            let text = failure.text(100);
            assert!(
                text.contains(flag) && text.contains("gatewright run"),
                "{text}"
            );
        }
    }
}
