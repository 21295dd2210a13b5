//! Adapters to further providers: what the page may name, where each one sends by itself, and whose key goes there.
//!
//! They are an optional part of a build. The page knows them in every build, so that a page means the same everywhere; a test of the optional part
//! holds this table against the adapters themselves.

/// An adapter that the page may name.
#[derive(Debug, PartialEq, Eq)]
pub struct Adapter {
    /// Its name on the page.
    pub name: &'static str,
    /// Where it sends without a `base_url`, with a slash at its end; nothing where the address depends on the account.
    pub base_url: Option<&'static str>,
    /// The environment variable that the provider's own key stands in by custom.
    pub key: Option<&'static str>,
    /// It takes a word at the end of a model's name ([`EFFORTS`]) for how much is thought, and takes it off.
    pub reads_effort: bool,
}

/// What an adapter takes for how much is thought where a model's name ends with `-` and it.
pub const EFFORTS: [&str; 8] = [
    "zero", "none", "minimal", "low", "medium", "high", "xhigh", "max",
];

/// All adapters, by name.
pub const ADAPTERS: [Adapter; 23] = [
    of(
        "aliyun",
        "https://dashscope.aliyuncs.com/compatible-mode/v1/",
        "ALIYUN_API_KEY",
    ),
    of(
        "anthropic",
        "https://api.anthropic.com/v1/",
        "ANTHROPIC_API_KEY",
    ),
    Adapter {
        base_url: None,
        reads_effort: false,
        ..of("bedrock_api", "", "BEDROCK_API_KEY")
    },
    of(
        "bigmodel",
        "https://open.bigmodel.cn/api/paas/v4/",
        "BIGMODEL_API_KEY",
    ),
    Adapter {
        reads_effort: false,
        ..of("cohere", "https://api.cohere.com/v1/", "COHERE_API_KEY")
    },
    of(
        "deepseek",
        "https://api.deepseek.com/v1/",
        "DEEPSEEK_API_KEY",
    ),
    of(
        "fireworks",
        "https://api.fireworks.ai/inference/v1/",
        "FIREWORKS_API_KEY",
    ),
    of(
        "gemini",
        "https://generativelanguage.googleapis.com/v1beta/",
        "GEMINI_API_KEY",
    ),
    of("groq", "https://api.groq.com/openai/v1/", "GROQ_API_KEY"),
    of("kimi", "https://api.moonshot.ai/v1/", "KIMI_API_KEY"),
    of(
        "minimax",
        "https://api.minimax.io/anthropic/v1/",
        "MINIMAX_API_KEY",
    ),
    of("mistral", "https://api.mistral.ai/v1/", "MISTRAL_API_KEY"),
    of(
        "moonshot",
        "https://api.moonshot.cn/v1/",
        "MOONSHOT_API_KEY",
    ),
    of(
        "nebius",
        "https://api.studio.nebius.ai/v1/",
        "NEBIUS_API_KEY",
    ),
    Adapter {
        key: None,
        reads_effort: false,
        ..of("ollama", "http://localhost:11434/", "")
    },
    Adapter {
        reads_effort: false,
        ..of("ollama_cloud", "https://ollama.com/", "OLLAMA_API_KEY")
    },
    of(
        "open_router",
        "https://openrouter.ai/api/v1/",
        "OPEN_ROUTER_API_KEY",
    ),
    of("openai", "https://api.openai.com/v1/", "OPENAI_API_KEY"),
    of(
        "openai_resp",
        "https://api.openai.com/v1/",
        "OPENAI_API_KEY",
    ),
    of(
        "qwen_cloud",
        "https://dashscope-intl.aliyuncs.com/compatible-mode/v1/",
        "QWEN_CLOUD_API_KEY",
    ),
    of(
        "together",
        "https://api.together.xyz/v1/",
        "TOGETHER_API_KEY",
    ),
    Adapter {
        base_url: None,
        ..of("vertex", "", "VERTEX_API_KEY")
    },
    of("xai", "https://api.x.ai/v1/", "XAI_API_KEY"),
];

const fn of(name: &'static str, base_url: &'static str, key: &'static str) -> Adapter {
    Adapter {
        name,
        base_url: Some(base_url),
        key: Some(key),
        reads_effort: true,
    }
}

/// Returns the names of all adapters, in order.
pub(super) fn names() -> [&'static str; ADAPTERS.len()] {
    ADAPTERS.map(|adapter| adapter.name)
}

impl Adapter {
    /// Returns the provider's own host and the reference of its own key, `api.example.com:443` and `env:NAME`; nothing where it has no host or no
    /// key of its own, or nothing is encrypted on the way there.
    pub fn own(&self) -> Option<(String, String)> {
        let url = url::Url::parse(self.base_url?).ok()?;
        let key = format!("env:{}", self.key?);
        (url.scheme() == "https").then_some(())?;
        let port = url.port_or_known_default()?;
        Some((format!("{}:{port}", url.host_str()?), key))
    }

    /// Returns the word at the end of a model's name that this adapter would take for how much is thought.
    pub fn effort_in(&self, model: &str) -> Option<&'static str> {
        let (_, last) = model.rsplit_once('-')?;
        let effort = EFFORTS.into_iter().find(|effort| *effort == last)?;
        self.reads_effort.then_some(effort)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_every_address_ends_with_a_slash() {
        assert!(names().is_sorted());
        for adapter in &ADAPTERS {
            let ends = adapter.base_url.is_none_or(|url| url.ends_with('/'));
            assert!(ends, "{adapter:?}");
        }
    }

    #[test]
    fn own_hosts_are_encrypted_and_have_a_key() {
        let own = |name: &str| ADAPTERS.iter().find(|it| it.name == name)?.own();
        let gemini = (
            "generativelanguage.googleapis.com:443".to_owned(),
            "env:GEMINI_API_KEY".to_owned(),
        );
        assert_eq!(own("gemini"), Some(gemini));
        assert_eq!(own("ollama"), None);
        assert_eq!(own("vertex"), None);
    }

    /// docs/live-systems.md lists every adapter with its address and its key, in this order.
    #[test]
    fn the_documented_adapters_are_true() {
        let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/live-systems.md");
        let page = std::fs::read_to_string(page).expect("committed");
        let rows: Vec<&str> = page
            .lines()
            .skip_while(|line| !line.starts_with("| adapter |"))
            .skip(2)
            .take_while(|line| line.starts_with('|'))
            .collect();
        let expect = ADAPTERS.iter().map(|adapter| {
            let url = adapter.base_url.and_then(|url| url::Url::parse(url).ok());
            let host = url.and_then(|url| url.host_str().map(str::to_owned));
            let host = host.unwrap_or("base_url".to_owned());
            let key = adapter.key.filter(|_| adapter.base_url.is_some());
            let key = key.map_or("none".to_owned(), |key| format!("`env:{key}`"));
            format!("| `{}` | `{host}` | {key} |", adapter.name)
        });
        assert_eq!(rows, expect.collect::<Vec<_>>());
    }
}
