//! Consent to hosts: where examples and keys may go, and what is remembered of it (hardening.md A15, A16).
//!
//! A page is checked in, and a fork's page may name any host. So a host gets nothing until the operator said so: by a flag, by an answer
//! on a terminal, or because it is the provider's own address with the provider's own key.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufRead as _, Write as _};
use std::path::{Path, PathBuf};

use gatewright_core::manifest::{Live, Manifest, Protocol, Role};
use gatewright_core::problem::{Location, Problem};
use gatewright_core::report::untrusted;
use serde::{Deserialize, Serialize};
use url::{Host, Url};

use crate::console::Console;
use crate::error::Failure;

/// Largest file of remembered hosts that is read.
const REMEMBERED_BYTES_MAX: u64 = 1 << 20;

/// A host that the page sends to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Called {
    /// Whose system.
    pub(crate) role: Role,
    /// `api.example.com:443`
    pub(crate) host: String,
    /// Keys that go there, by reference.
    pub(crate) keys: BTreeSet<String>,
    /// Its address says by itself that it is private.
    pub(crate) private: bool,
    /// It is the provider's own address, and gets no other key than the provider's own.
    own: bool,
    /// Nothing is encrypted on the way.
    plain: bool,
    /// Where the page says so.
    at: Location,
}

/// Why a host may be sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Known {
    /// It is the provider's own.
    Own,
    /// A flag or its twin names it.
    Flag,
    /// It was allowed before, with these keys.
    Remembered,
}

impl Known {
    /// Says whether a private address may stand behind the name.
    pub(crate) fn private_allowed(self, called: &Called) -> bool {
        match self {
            Known::Own => false,
            Known::Flag => true,
            // A public name that leads to a private address is not what was consented to.
            Known::Remembered => called.private,
        }
    }
}

/// What the operator has allowed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Allowed {
    /// `--allow-host`, in lower case.
    flags: Vec<String>,
    /// The user's own file: keys by host.
    remembered: BTreeMap<String, BTreeSet<String>>,
    /// Where that file is, when there is a home for it.
    file: Option<PathBuf>,
}

/// A line of the user's own file.
#[derive(Serialize, Deserialize)]
struct Line {
    host: String,
    keys: BTreeSet<String>,
}

/// Lists what the page sends where, in the order of roles.
pub(crate) fn called(manifest: &Manifest) -> Vec<Called> {
    manifest
        .systems
        .values()
        .filter_map(|system| {
            let live = system.live()?;
            let path = format!("systems.{}", system.role.word());
            of(live, system.role, manifest.at(&path))
        })
        .collect()
}

fn of(live: &Live, role: Role, at: Location) -> Option<Called> {
    let url = Url::parse(&live.url).ok()?;
    let host = live.host()?;
    let keys: BTreeSet<String> = live.secrets().iter().map(ToString::to_string).collect();
    let own = match live.protocol {
        Protocol::OpenAiChat | Protocol::OpenAiResponses => {
            Some(("api.openai.com:443", "env:OPENAI_API_KEY"))
        }
        Protocol::Anthropic => Some(("api.anthropic.com:443", "env:ANTHROPIC_API_KEY")),
        Protocol::Http => None,
    };
    Some(Called {
        role,
        own: url.scheme() == "https"
            && own.is_some_and(|(own, key)| host == own && keys.iter().all(|it| it == key)),
        plain: url.scheme() == "http",
        private: is_private(&url),
        host,
        keys,
        at,
    })
}

/// Says whether an address is private by what it says: loopback, link-local, inside a company. The address was normalised
/// by whoever parsed it, so `0x7f.1`, `2130706433` and `0177.0.0.1` are all loopback here.
pub(crate) fn is_private(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => {
            let name = name.trim_end_matches('.').to_lowercase();
            name == "localhost" || name.ends_with(".localhost")
        }
        Some(Host::Ipv4(address)) => is_private_v4(address),
        Some(Host::Ipv6(address)) => match address.to_ipv4_mapped() {
            Some(mapped) => is_private_v4(mapped),
            None => {
                let first = address.segments()[0];
                address.is_loopback()
                    || address.is_unspecified()
                    || first & 0xfe00 == 0xfc00
                    || first & 0xffc0 == 0xfe80
            }
        },
        None => true,
    }
}

fn is_private_v4(address: std::net::Ipv4Addr) -> bool {
    let [first, second, ..] = address.octets();
    address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_broadcast()
        || first == 0
        // Carriers' own, 100.64.0.0/10: clouds answer there too.
        || (first == 100 && second & 0xc0 == 64)
}

impl Allowed {
    /// Takes the flags and reads the user's own file.
    ///
    /// # Errors
    /// For a flag that names no host.
    pub(crate) fn read(
        flags: &[String],
        var: impl Fn(&str) -> Option<String>,
        console: &Console,
    ) -> Result<Self, Failure> {
        let flags = flags
            .iter()
            .map(|text| text.trim())
            .filter(|text| !text.is_empty())
            .map(flag)
            .collect::<Result<_, _>>()?;
        let file = home(var);
        let mut allowed = Self {
            flags,
            remembered: BTreeMap::new(),
            file,
        };
        if let Some(file) = &allowed.file {
            match remembered(file) {
                Ok(hosts) => allowed.remembered = hosts,
                Err(why) => console.note(&format!(
                    "{} is not read, so no host is remembered: {why}",
                    untrusted::line(&file.display().to_string(), 300)
                )),
            }
        }
        Ok(allowed)
    }

    /// Says why a host is known, if it is: with all the keys that would go there.
    pub(crate) fn knows(&self, called: &Called) -> Option<Known> {
        let name = called.host.rsplit_once(':').map_or("", |(name, _)| name);
        if self
            .flags
            .iter()
            .any(|flag| *flag == called.host || flag == name)
        {
            return Some(Known::Flag);
        }
        if called.own {
            return Some(Known::Own);
        }
        let keys = self.remembered.get(&called.host)?;
        called.keys.is_subset(keys).then_some(Known::Remembered)
    }

    /// Asks about hosts that are not known, or refuses them where nobody can answer. `--yes` is no answer: a page must not be able to rely on it.
    ///
    /// # Errors
    /// Every refused host at once, with its place on the page.
    pub(crate) fn consent(
        &mut self,
        called: &[Called],
        console: &Console,
    ) -> Result<BTreeMap<Role, Known>, Failure> {
        let mut known = BTreeMap::new();
        let mut refused = Vec::new();
        let mut declined = BTreeSet::new();
        for one in called {
            let asked = (&one.host, &one.keys);
            let why = match self.knows(one) {
                Some(why) => Some(why),
                // Who said no to one system need not say it again for the next.
                None if console.interactive && !declined.contains(&asked) => self.ask(one, console),
                None => None,
            };
            if why.is_none() {
                declined.insert(asked);
            }
            match why {
                Some(why) => {
                    known.insert(one.role, why);
                }
                None => refused.push(one.refusal()),
            }
        }
        if refused.is_empty() {
            Ok(known)
        } else {
            Err(Failure::Problems(refused))
        }
    }

    fn ask(&mut self, called: &Called, console: &Console) -> Option<Known> {
        let _ = write!(io::stderr().lock(), "{}", called.question());
        let mut answer = String::new();
        io::stdin().lock().read_line(&mut answer).ok()?;
        let always = match answer.trim().to_lowercase().as_str() {
            "y" | "yes" => false,
            "always" | "a" => true,
            _ => return None,
        };
        if always {
            self.remember(called, console);
        }
        // The other systems of this page need not ask again for the same.
        let keys = self.remembered.entry(called.host.clone()).or_default();
        keys.extend(called.keys.iter().cloned());
        Some(Known::Remembered)
    }

    fn remember(&self, called: &Called, console: &Console) {
        let Some(file) = &self.file else {
            return console.note("there is no home to remember it in; it is allowed this time");
        };
        if let Err(error) = append(file, called) {
            let file = untrusted::line(&file.display().to_string(), 300);
            console.note(&format!(
                "{file} cannot be written ({error}); it is allowed this time"
            ));
        }
    }
}

impl Called {
    fn keys_text(&self) -> String {
        let keys: Vec<&str> = self.keys.iter().map(String::as_str).collect();
        match keys.as_slice() {
            [] => String::new(),
            [one] => format!(" and the key {}", untrusted::line(one, 200)),
            many => format!(" and the keys {}", untrusted::line(&many.join(", "), 400)),
        }
    }

    fn nature(&self) -> &'static str {
        match (self.private, self.plain) {
            (true, true) => "; its address is private and nothing is encrypted",
            (true, false) => "; its address is private",
            (false, true) => "; nothing is encrypted on the way",
            (false, false) => "",
        }
    }

    /// What a person is asked.
    fn question(&self) -> String {
        format!(
            "{}: the page sends examples{} to {}, which was never used with that from here{}. Send? [y/N/always] ",
            self.role.word(),
            self.keys_text(),
            untrusted::line(&self.host, 300),
            self.nature(),
        )
    }

    fn refusal(&self) -> Problem {
        let what = format!(
            "the {} sends examples{} to {}, which nobody allowed here{}",
            self.role.word(),
            self.keys_text(),
            self.host,
            self.nature(),
        );
        Problem::error("unknown-host", self.at.clone(), what)
            .why(
                "a page is checked in: whoever edits it could send keys and examples to a stranger",
            )
            .instead(format!(
                "--allow-host {}   (or run it once on a terminal and answer `always`)",
                self.host
            ))
    }
}

/// Reads `HOST[:PORT]` the way an address has it.
fn flag(text: &str) -> Result<String, Failure> {
    let wrong =
        || Failure::usage(format!("`{text}` is no host")).next("--allow-host api.example.com:443");
    let parsed = Url::parse(&format!("http://{text}/")).map_err(|_| wrong())?;
    let host = parsed.host_str().filter(|host| !host.is_empty());
    let is_host = parsed.path() == "/" && parsed.username().is_empty() && parsed.query().is_none();
    let host = host.filter(|_| is_host).ok_or_else(wrong)?;
    // The port that an address would leave out is stated here, so it is taken from the text.
    let port = text
        .rsplit_once(':')
        .map(|(_, port)| port)
        .filter(|port| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()))
        .filter(|_| {
            !text.ends_with(']') && (text.starts_with('[') || text.matches(':').count() == 1)
        });
    Ok(match port {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    })
}

/// Finds the user's own file. A relative `XDG_CONFIG_HOME` does not count.
fn home(var: impl Fn(&str) -> Option<String>) -> Option<PathBuf> {
    let absolute = |name: &str| {
        let path = PathBuf::from(var(name).filter(|value| !value.is_empty())?);
        path.is_absolute().then_some(path)
    };
    let base = absolute("XDG_CONFIG_HOME").or_else(|| Some(absolute("HOME")?.join(".config")))?;
    Some(base.join("gatewright").join("hosts.jsonl"))
}

fn remembered(file: &Path) -> Result<BTreeMap<String, BTreeSet<String>>, String> {
    let found = match std::fs::metadata(file) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        Err(error) => return Err(error.to_string()),
    };
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        if found.permissions().mode() & 0o022 != 0 {
            return Err("others may write it (chmod 600)".to_owned());
        }
    }
    if found.len() > REMEMBERED_BYTES_MAX {
        return Err("it is larger than 1 MiB".to_owned());
    }
    let text = std::fs::read_to_string(file).map_err(|error| error.to_string())?;
    let mut hosts: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    // A line that is no line of ours allows nothing.
    for line in text
        .lines()
        .filter_map(|line| serde_json::from_str::<Line>(line).ok())
    {
        hosts.entry(line.host).or_default().extend(line.keys);
    }
    Ok(hosts)
}

fn append(file: &Path, called: &Called) -> io::Result<()> {
    let line = serde_json::to_string(&Line {
        host: called.host.clone(),
        keys: called.keys.clone(),
    })?;
    let mut options = std::fs::OpenOptions::new();
    options.append(true).create(true);
    let mut folder = std::fs::DirBuilder::new();
    folder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
        options.mode(0o600);
        folder.mode(0o700);
    }
    if let Some(parent) = file.parent() {
        folder.create(parent)?;
    }
    options
        .open(file)?
        .write_all(format!("{line}\n").as_bytes())
}

#[cfg(test)]
mod tests;
