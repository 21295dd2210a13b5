//! Further providers, each through an adapter.

use serde_json::Value;

use super::{address, model, pace, parameters, price, reference, seed, template, variables};
use crate::manifest::node::Node;
use crate::manifest::walk::{Fields, Walk};
use crate::manifest::{ADAPTERS, Adapter, Live, Protocol, Target};

/// Keys of `provider`.
pub(in crate::manifest) const PROVIDER: [&str; 14] = [
    "adapter",
    "model",
    "base_url",
    "key",
    "system",
    "prompt",
    "variables",
    "seed",
    "temperature",
    "top_p",
    "max_tokens",
    "stop",
    "price",
    "limits",
];

pub(super) fn read(w: &mut Walk<'_>, node: &Node, path: &str) -> Option<Target> {
    let f = w.fields(node, path, &PROVIDER)?;
    let adapter = adapter(w, &f);
    let model = model(w, &f);
    if let (Some(adapter), Some(node)) = (adapter, f.get("model")) {
        name(w, &f, node, adapter, &model);
    }
    let url = url(w, &f, adapter);
    // Another address is another party: the provider's own key must not go there by default.
    let own = adapter.filter(|_| !f.has("base_url"));
    let key = reference(w, &f, own.and_then(|adapter| adapter.key));
    let variables = variables(w, &f);
    let system = template(w, &f, "system", &variables);
    let prompt = template(w, &f, "prompt", &variables);
    let (mut parameters, _) = parameters(w, &f, Protocol::Provider);
    if f.has("stop") {
        let stop = w.texts_at(&f, "stop");
        parameters.insert("stop".to_owned(), Value::from(stop));
    }
    Some(Target::Live(Box::new(Live {
        protocol: Protocol::Provider,
        adapter: Some(adapter?),
        url: url?,
        key,
        // What carries the key is the adapter's own affair.
        key_header: String::new(),
        headers: Vec::new(),
        model,
        system,
        prompt,
        variables,
        parameters,
        tools_file: None,
        seed: seed(w, &f),
        stream: false,
        http: None,
        price: price(w, &f),
        pace: pace(w, &f),
    })))
}

fn adapter(w: &mut Walk<'_>, f: &Fields<'_>) -> Option<&'static Adapter> {
    if !f.has("adapter") {
        w.error_in(
            f,
            "missing-key",
            format!("`{}` names no adapter", f.path),
            "`adapter: gemini`, or another one of docs/live-systems.md",
        );
        return None;
    }
    let words: Vec<(&str, &'static Adapter)> = ADAPTERS.iter().map(|one| (one.name, one)).collect();
    w.word_at(f, "adapter", &words)
}

/// Refuses a model's name that the adapter would send as another one.
fn name(w: &mut Walk<'_>, f: &Fields<'_>, node: &Node, adapter: &Adapter, model: &str) {
    if model.contains("::") {
        w.error(
            node,
            "bad-model",
            format!("`{}` has `::` in it", f.at("model")),
            "the model alone: `adapter` says who is asked",
        );
    } else if let Some(effort) = adapter.effort_in(model) {
        let what = format!(
            "the adapter takes the `-{effort}` at the end of `{}` for how much is thought, and would ask for another model",
            f.at("model")
        );
        w.error(
            node,
            "bad-model",
            what,
            "`openai: {model: …, base_url: …}`, which sends the name as it is",
        );
    }
}

fn url(w: &mut Walk<'_>, f: &Fields<'_>, adapter: Option<&Adapter>) -> Option<String> {
    let Some(node) = f.get("base_url") else {
        let adapter = adapter?;
        if adapter.base_url.is_none() {
            let what = format!(
                "where `{}` is asked depends on the account, and `{}` has no `base_url`",
                adapter.name, f.path
            );
            let instead = match adapter.name {
                "vertex" => {
                    "`base_url: https://aiplatform.googleapis.com/v1/projects/PROJECT/locations/global/`"
                }
                _ => "`base_url: https://bedrock-runtime.REGION.amazonaws.com/`",
            };
            w.error_in(f, "no-target", what, instead);
        }
        return adapter.base_url.map(str::to_owned);
    };
    let path = f.at("base_url");
    let text = w.text(node, &path)?;
    let wrong = match address(text) {
        Ok(url) if url.query().is_some() => (
            "has a part after `?`, which an adapter does not keep".to_owned(),
            "an address such as `https://api.example.com/v1`",
        ),
        Ok(mut url) => {
            // Adapters put their own paths behind it.
            let whole = format!("{}/", url.path().trim_end_matches('/'));
            url.set_path(&whole);
            return Some(url.into());
        }
        Err(wrong) => wrong,
    };
    let (what, instead) = wrong;
    w.error(node, "bad-address", format!("`{path}` {what}"), instead);
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::{Role, Secret, read::survey};

    /// Reads a candidate; returns it, and `line:column code` of each error that is about it.
    fn candidate(provider: &str) -> (Option<Live>, String) {
        let page = format!(
            "gatewright: 1\npromise: Answer.\ntasks: {{a: b}}\nfailures: {{}}\nowners: {{p: P}}\nsystems:\n  candidate:\n    provider: {provider}\ngate: []\n"
        );
        let (manifest, problems) = survey(page.as_bytes(), "page");
        let live = manifest.and_then(|page| page.systems.get(&Role::Candidate)?.live().cloned());
        let problems = problems.iter().filter(|it| it.at.line >= 7);
        let errors: Vec<String> = problems
            .filter(|it| it.weight == crate::problem::Weight::Error)
            .map(|it| format!("{}:{} {}", it.at.line, it.at.column, it.code))
            .collect();
        (live, errors.join(", "))
    }

    #[test]
    fn an_adapter_brings_its_address_and_key() {
        let (live, errors) = candidate("{adapter: gemini, model: gemini-x, stop: END, top_p: 0.5}");
        assert_eq!(errors, "");
        let live = live.expect("read");
        assert_eq!(live.protocol, Protocol::Provider);
        assert_eq!(live.adapter.map(|it| it.name), Some("gemini"));
        assert_eq!(
            live.url,
            "https://generativelanguage.googleapis.com/v1beta/"
        );
        assert_eq!(live.key, Some(Secret::Env("GEMINI_API_KEY".to_owned())));
        assert_eq!(live.parameters["stop"], serde_json::json!(["END"]));
        assert_eq!(live.parameters["top_p"], serde_json::json!(0.5));
    }

    #[test]
    fn another_address_gets_no_key_by_itself_and_ends_with_a_slash() {
        let (live, errors) =
            candidate("{adapter: gemini, model: m, base_url: \"https://x.example/v1beta\"}");
        assert_eq!(errors, "");
        let live = live.expect("read");
        assert_eq!(live.url, "https://x.example/v1beta/");
        assert_eq!(live.key, None);
    }

    #[test]
    fn what_an_adapter_cannot_do_is_an_error_with_its_place() {
        for (provider, expect) in [
            ("{model: m}", "8:15 missing-key"),
            ("{adapter: gemni, model: m}", "8:25 unknown-word"),
            ("{adapter: gemini}", "8:15 no-model"),
            ("{adapter: aliyun, model: qwen-max}", "8:40 bad-model"),
            ("{adapter: groq, model: \"a::b\"}", "8:38 bad-model"),
            ("{adapter: vertex, model: gemini-x}", "8:15 no-target"),
            (
                "{adapter: groq, model: m, base_url: \"https://x.example/?a=b\"}",
                "8:51 bad-address",
            ),
            (
                "{adapter: groq, model: m, key: sk-1}",
                "8:46 secret-on-page",
            ),
            (
                "{adapter: groq, model: m, stream: true}",
                "8:41 unknown-key",
            ),
        ] {
            assert_eq!(candidate(provider).1, expect, "{provider}");
        }
        let (live, errors) = candidate("{adapter: ollama, model: qwen-max}");
        assert_eq!((live.is_some(), errors.as_str()), (true, ""));
    }
}
