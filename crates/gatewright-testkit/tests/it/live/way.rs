//! The way to a provider: proxies and names (hardening.md F15, F16).

use gatewright_core::response::AttemptEnd;
use gatewright_engine::Limits;
use gatewright_testkit::provider::{Behaviour, Provider, Script};
use serde_json::json;

use super::{CHAT, STREAM, examples, limits, run, script, secret, system, targets};

/// A proxy that wants a password pauses the run, whether it was asked for the page or for a tunnel; no system is blamed.
#[test]
fn f15_a_proxy_that_wants_a_password_pauses() {
    for address in ["http://api.invalid", "https://api.invalid"] {
        let proxy = Provider::start(Script::always(Behaviour::ProxyAuth));
        let mut target = system(CHAT, address);
        target.proxy = Some(secret(&proxy.url()));
        let live = run(&targets(target), &examples(5), &limits());
        assert_eq!(live.paused().0, "proxy", "{address}: {:?}", live.faults());
        assert!(live.ran.ends().is_empty());
        assert_eq!(live.faults().len(), 1, "{address}: asked once");
    }
}

/// A connection that is reset in the middle of a body, whole or streamed, is tried again; one that always is ends as an error with its word.
#[test]
fn f15_a_reset_in_the_middle_of_a_body_is_tried_again() {
    for way in [CHAT, STREAM] {
        let rules = json!({"rules": [{"when": {"nth_for_key": {"to": 2}}, "do": "reset"}]});
        let provider = Provider::start(script(rules));
        let live = run(
            &targets(system(way, &provider.url())),
            &examples(6),
            &limits(),
        );
        live.ran.complete();
        assert_eq!(live.ran.answers(), 6, "{:?}", live.faults());
        assert_eq!(live.faults(), ["cut"; 12]);
        let rules = json!({"rules": [{"when": {"key": "question 1"}, "do": "reset"}]});
        let provider = Provider::start(script(rules));
        let one = Limits {
            concurrency: 1,
            ..limits()
        };
        let live = run(&targets(system(way, &provider.url())), &examples(3), &one);
        live.ran.complete();
        let AttemptEnd::ProviderError { code, .. } = live.ran.end_of(1) else {
            panic!("{:?}", live.ran.end_of(1));
        };
        assert_eq!(code.as_deref(), Some("cut"));
    }
}

/// A name that leads nowhere, and an address where nobody listens, are told apart, and nothing ends for them.
#[test]
fn f16_names_and_addresses_that_lead_nowhere_are_told_apart() {
    for (address, word) in [
        ("http://no-such-host.invalid", "dns"),
        ("https://no-such-host.invalid/deep", "dns"),
        ("http://127.0.0.1:1", "connect"),
        ("http://[::1]:1", "connect"),
    ] {
        let live = run(&targets(system(CHAT, address)), &examples(4), &limits());
        assert_eq!(live.paused().0, word, "{address}");
        assert!(live.ran.ends().is_empty(), "{address}");
        assert!(
            live.faults().iter().all(|fault| *fault == word),
            "{address}"
        );
    }
}
