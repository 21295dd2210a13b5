//! Keys: sent where they belong, and nowhere else (hardening.md A17).

use gatewright_testkit::provider::{Provider, Script};
use serde_json::json;

use super::{examples, limits, run, script, secret, system, targets};

const CANARY: &str = "sk-canary-4711/abc+def";
const KEYED: &str =
    "{openai: {model: m, base_url: URL/v1, key: 'env:K', headers: {x-other: 'Token env:T'}}}";

/// Every byte that a run hands out is looked through for the key.
#[test]
fn a17_the_key_is_sent_and_kept_nowhere() {
    for code in [200, 400, 401, 500] {
        let provider = Provider::start(match code {
            200 => Script::default(),
            code => script(json!({"rules": [{"do": {"echo_auth": {"code": code}}}]})),
        });
        let mut target = system(KEYED, &provider.url());
        target.secrets = vec![secret(CANARY), secret("tk-canary-0815")];
        let live = run(&targets(target), &examples(3), &limits());
        let served = provider.log();
        assert_eq!(
            served[0].request.header("authorization"),
            Some(format!("Bearer {CANARY}").as_str())
        );
        assert_eq!(
            served[0].request.header("x-other"),
            Some("Token tk-canary-0815")
        );
        let mut everything = format!(
            "{:?} {:?} {:?}",
            live.ran.end, live.ran.batches, live.ran.seen
        );
        for bytes in live.blobs.values() {
            everything.push_str(&String::from_utf8_lossy(bytes));
        }
        let json = serde_json::to_string(&live.ran.batches).expect("JSON");
        for text in [&everything, &json] {
            assert!(!text.contains("canary"), "{code}: {text}");
        }
        assert!(everything.contains("[secret]"), "{code}");
    }
}

#[test]
fn a17_a_system_that_repeats_the_key_is_read_without_it() {
    let provider = Provider::start(script(
        json!({"reply": {"fixed": format!("your key is {CANARY}")}}),
    ));
    let mut target = system(KEYED, &provider.url());
    target.secrets = vec![secret(CANARY), secret("tk-canary-0815")];
    let live = run(&targets(target), &examples(1), &limits());
    assert_eq!(live.ran.answer(0).output, "your key is [secret]");
}
