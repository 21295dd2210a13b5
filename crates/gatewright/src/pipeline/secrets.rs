//! Values of secrets, from the environment or a file; and proxies. What is read here never reaches an output (hardening.md A17).

use std::collections::BTreeMap;
use std::io::Read as _;

use gatewright_core::manifest::{Manifest, Secret};
use gatewright_core::problem::Problem;
use gatewright_engine::SecretText;
use url::{Host, Url};

use crate::error::Failure;
use crate::pipeline::caller::{Caller, callers};
use crate::pipeline::hosts::is_private;
use crate::project::Project;

/// Largest file with a secret.
const SECRET_BYTES_MAX: u64 = 64 << 10;

/// Reads the values of all secrets, by system, in the order in which the system names them.
///
/// # Errors
/// Every one that is missing or cannot be used, at once, with its place on the page. Values are never repeated.
pub(crate) fn resolve(
    manifest: &Manifest,
    project: &Project,
    var: impl Fn(&str) -> Option<String>,
) -> Result<BTreeMap<Caller, Vec<SecretText>>, Failure> {
    let mut values = BTreeMap::new();
    let mut missed: Vec<(&Secret, String, Vec<Caller>)> = Vec::new();
    for (caller, live) in callers(manifest) {
        let mut of_system = Vec::new();
        for secret in live.secrets() {
            match value(secret, project, &var) {
                Ok(value) => of_system.push(SecretText::new(value)),
                // One key is missing once, whichever systems want it.
                Err(why) => match missed.iter_mut().find(|(known, ..)| *known == secret) {
                    Some((.., callers)) => callers.push(caller.clone()),
                    None => missed.push((secret, why, vec![caller.clone()])),
                },
            }
        }
        values.insert(caller, of_system);
    }
    if missed.is_empty() {
        return Ok(values);
    }
    let missed = missed.iter();
    let problems = missed.map(|(secret, why, systems)| missing(manifest, systems, secret, why));
    Err(Failure::Problems(problems.collect()))
}

fn missing(manifest: &Manifest, callers: &[Caller], secret: &Secret, why: &str) -> Problem {
    let mut roles: Vec<String> = callers.iter().map(ToString::to_string).collect();
    roles.dedup();
    let at = manifest.at(&callers.first().map(Caller::path).unwrap_or_default());
    let what = format!("the key {secret} of the {} {why}", roles.join(" and the "));
    let problem = Problem::error("missing-secret", at, what);
    problem.instead(match secret {
        Secret::Env(name) => format!("export {name}=…"),
        Secret::File(path) => format!("write the key into `{path}`, readable by you alone"),
    })
}

/// Reads `env:NAME` or `file:PATH`, as a flag has it. What is neither is not repeated: it may be the secret itself.
///
/// # Errors
/// When it is neither.
pub(crate) fn reference(flag: &str, text: &str) -> Result<Secret, Failure> {
    let parts = text.split_once(':').filter(|(_, name)| !name.is_empty());
    match parts {
        Some(("env", name)) => Ok(Secret::Env(name.to_owned())),
        Some(("file", path)) => Ok(Secret::File(path.to_owned())),
        _ => {
            let what = flag.rsplit('-').next().unwrap_or_default();
            Err(Failure::usage(format!("what {flag} names is no reference to a {what}"))
                .why(format!("a flag is seen by others on this machine, so a {what}'s value never stands in one"))
                .next(format!("{flag} env:NAME"))
                .next(format!("{flag} file:PATH")))
        }
    }
}

/// Reads the value of a secret.
///
/// # Errors
/// Why it cannot be used, without its value.
pub(crate) fn value(
    secret: &Secret,
    project: &Project,
    var: impl Fn(&str) -> Option<String>,
) -> Result<String, String> {
    let text = match secret {
        Secret::Env(name) => var(name).ok_or("is not set")?,
        Secret::File(path) => {
            // The person who runs this may keep keys anywhere; the page's folder is where a plain name is looked for.
            let file = std::fs::File::open(project.root.join(path));
            let file = file.map_err(|error| format!("cannot be read: {error}"))?;
            let mut text = String::new();
            file.take(SECRET_BYTES_MAX)
                .read_to_string(&mut text)
                .map_err(|_| "cannot be read as text")?;
            text
        }
    };
    let text = text.trim_end();
    if text.trim().is_empty() {
        return Err("is empty".to_owned());
    }
    if text.chars().any(|one| one.is_control()) || !text.is_ascii() {
        return Err("is no single line of plain characters".to_owned());
    }
    Ok(text.to_owned())
}

/// Finds the proxy that the operator's environment names for an address: `HTTPS_PROXY` or `HTTP_PROXY`, else `ALL_PROXY`, unless `NO_PROXY` names the host.
pub(crate) fn proxy(address: &str, var: impl Fn(&str) -> Option<String>) -> Option<SecretText> {
    let url = Url::parse(address).ok()?;
    let get = |name: &str| {
        let set = |name: &str| var(name).filter(|value| !value.trim().is_empty());
        set(&name.to_lowercase()).or_else(|| set(name))
    };
    if is_loopback(&url) || is_excluded(&url, &get("NO_PROXY").unwrap_or_default()) {
        return None;
    }
    let own = match url.scheme() {
        "https" => "HTTPS_PROXY",
        _ => "HTTP_PROXY",
    };
    let proxy = get(own).or_else(|| get("ALL_PROXY"))?;
    let proxy = proxy.trim();
    Some(SecretText::new(match proxy.contains("://") {
        true => proxy.to_owned(),
        false => format!("http://{proxy}"),
    }))
}

/// This machine itself is never behind a proxy.
fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(_)) => is_private(url),
        None => true,
    }
}

fn is_excluded(url: &Url, list: &str) -> bool {
    let Some(host) = url.host_str().map(str::to_lowercase) else {
        return true;
    };
    let port = url.port_or_known_default().unwrap_or_default();
    list.split([',', ' '])
        .map(|entry| entry.trim().to_lowercase())
        .filter(|entry| !entry.is_empty())
        .any(|entry| {
            if entry == "*" || in_network(url, &entry) {
                return true;
            }
            let (name, wanted) = match entry.rsplit_once(':') {
                Some((name, digits)) if !name.contains(':') || name.ends_with(']') => {
                    (name, digits.parse::<u16>().ok())
                }
                _ => (entry.as_str(), None),
            };
            let name = name.trim_start_matches("*.").trim_start_matches('.');
            let named = host == name || host.ends_with(&format!(".{name}"));
            named && wanted.is_none_or(|wanted| wanted == port)
        })
}

/// Says whether an address lies in a network such as `10.0.0.0/8`.
fn in_network(url: &Url, entry: &str) -> bool {
    let Some(Host::Ipv4(address)) = url.host() else {
        return false;
    };
    let Some((network, bits)) = entry.split_once('/') else {
        return false;
    };
    let (Ok(network), Ok(bits @ 0..=32)) =
        (network.parse::<std::net::Ipv4Addr>(), bits.parse::<u32>())
    else {
        return false;
    };
    let mask = u32::MAX.checked_shl(32 - bits).unwrap_or(0);
    u32::from(address) & mask == u32::from(network) & mask
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment<'e>(pairs: &'e [(&'e str, &'e str)]) -> impl Fn(&str) -> Option<String> + 'e {
        |name| {
            let found = pairs.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| (*value).to_owned())
        }
    }

    #[test]
    fn a17_missing_empty_and_broken_secrets_are_named_and_never_shown() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("gatewright.yaml"), "").expect("written");
        std::fs::write(folder.path().join("key.txt"), "sk-canary \n\n").expect("written");
        let project = Project::find(None, None, &[], folder.path()).expect("found");
        let var = environment(&[
            ("GOOD", "sk-1 \t\n"),
            ("EMPTY", "  "),
            ("TWO", "sk-canary\nx: y"),
        ]);
        let env = |name: &str| value(&Secret::Env(name.to_owned()), &project, &var);
        assert_eq!(env("GOOD").as_deref(), Ok("sk-1"));
        assert_eq!(env("ABSENT"), Err("is not set".to_owned()));
        assert_eq!(env("EMPTY"), Err("is empty".to_owned()));
        let broken = env("TWO").expect_err("two lines");
        assert!(!broken.contains("canary"), "{broken}");
        let file = |name: &str| value(&Secret::File(name.to_owned()), &project, &var);
        assert_eq!(file("key.txt").as_deref(), Ok("sk-canary"));
        assert!(file("not-there").is_err());
        let absolute = folder.path().join("key.txt");
        assert!(file(&absolute.display().to_string()).is_ok());
    }

    #[test]
    fn proxies_come_from_the_operators_environment() {
        let var = environment(&[
            ("HTTPS_PROXY", "http://user:pw@proxy:3128"),
            ("http_proxy", "plain:8080"),
            (
                "NO_PROXY",
                "corp.example, 10.0.0.0/8,.dot.example,port.example:8443",
            ),
        ]);
        let of = |address: &str| proxy(address, &var).map(|text| text.reveal().to_owned());
        assert_eq!(
            of("https://api.openai.com/v1").as_deref(),
            Some("http://user:pw@proxy:3128")
        );
        assert_eq!(
            of("http://x.example/").as_deref(),
            Some("http://plain:8080")
        );
        for direct in [
            "https://corp.example/",
            "https://a.corp.example/",
            "https://10.2.3.4/",
            "https://a.dot.example/",
            "https://port.example:8443/",
            "http://localhost:8000/",
            "http://127.0.0.1:8000/",
        ] {
            assert_eq!(of(direct), None, "{direct}");
        }
        assert!(of("https://port.example/").is_some());
        assert!(of("https://notcorp.example/").is_some());
        assert!(of("https://11.2.3.4/").is_some());
        assert_eq!(
            proxy("https://x.example/", |name| (name == "NO_PROXY")
                .then(|| "*".to_owned())),
            None
        );
    }
}
