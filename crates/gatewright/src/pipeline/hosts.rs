//! Consent to hosts: where examples and keys may go, and what is remembered of it (hardening.md A15, A16).
//!
//! A page is checked in, and a fork's page may name any host. So a host gets nothing until the operator said so: by a flag, by an answer
//! on a terminal, or because it is the provider's own address with the provider's own key. What is allowed is a pair: this host with this key.

mod remembered;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufRead as _, Write as _};
use std::path::PathBuf;

use gatewright_core::manifest::{Adapter, Live, Manifest, Protocol};
use gatewright_core::problem::{Location, Problem};
use gatewright_core::report::untrusted;
use url::{Host, Url};

use crate::console::Console;
use crate::error::Failure;
use crate::pipeline::caller::{Caller, callers};

/// A host that the page sends to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Called {
    /// Who calls it.
    pub(crate) caller: Caller,
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
    /// `--allow-host`.
    flags: Vec<Flag>,
    /// The user's own file: keys by host.
    remembered: BTreeMap<String, BTreeSet<String>>,
    /// Where that file is, when there is a home for it.
    file: Option<PathBuf>,
}

/// One `--allow-host`: a host, and a key that may go there. Without a key, examples alone may.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Flag {
    /// In lower case; with a port or, for any port of it, without.
    host: String,
    /// By reference.
    key: Option<String>,
}

impl Flag {
    fn is_of(&self, called: &Called) -> bool {
        let name = called.host.rsplit_once(':').map_or("", |(name, _)| name);
        self.host == called.host || self.host == name
    }
}

/// Lists what the page sends where: systems in the order of roles, then judges.
pub(crate) fn called(manifest: &Manifest) -> Vec<Called> {
    callers(manifest)
        .filter_map(|(caller, live)| {
            let at = manifest.at(&caller.path());
            of(live, caller, at)
        })
        .collect()
}

fn of(live: &Live, caller: Caller, at: Location) -> Option<Called> {
    let url = Url::parse(&live.url).ok()?;
    let host = live.host()?;
    let keys: BTreeSet<String> = live.secrets().iter().map(ToString::to_string).collect();
    let is = |own: &str, key: &str| host == own && keys.iter().all(|it| it == key);
    let own = match live.protocol {
        Protocol::OpenAiChat | Protocol::OpenAiResponses => {
            is("api.openai.com:443", "env:OPENAI_API_KEY")
        }
        Protocol::Anthropic => is("api.anthropic.com:443", "env:ANTHROPIC_API_KEY"),
        Protocol::Http => false,
        // Not without a key: many of them are hosts that nobody here knows.
        Protocol::Provider => {
            let own = live.adapter.and_then(Adapter::own);
            !keys.is_empty() && own.is_some_and(|(own, key)| is(&own, &key))
        }
    };
    Some(Called {
        caller,
        own: url.scheme() == "https" && own,
        plain: url.scheme() == "http",
        private: is_private(&url),
        host,
        keys,
        at,
    })
}

impl Called {
    /// A forge whose issues are read and written: not on the page, so somebody who runs this names it.
    pub(crate) fn of_forge(api: &Url, token: &str, own: bool) -> Option<Self> {
        let host = api.host_str()?;
        let port = api.port_or_known_default()?;
        Some(Self {
            caller: Caller::Forge,
            host: format!("{host}:{port}"),
            keys: BTreeSet::from([token.to_owned()]),
            private: is_private(api),
            own,
            plain: api.scheme() == "http",
            at: Location::file("--forge"),
        })
    }

    /// What goes there.
    fn sent(&self) -> &'static str {
        match self.caller {
            Caller::System(_) | Caller::Judge(_) => "examples",
            Caller::Forge => "work items",
        }
    }
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
        let file = remembered::home(var);
        let mut allowed = Self {
            flags,
            remembered: BTreeMap::new(),
            file,
        };
        if let Some(file) = &allowed.file {
            match remembered::read(file) {
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
        let remembered = self.remembered.get(&called.host);
        let all = self.without_consent(called).is_empty();
        if self.names(called) && (all || called.own) {
            Some(Known::Flag)
        } else if called.own {
            Some(Known::Own)
        } else {
            (remembered.is_some() && all).then_some(Known::Remembered)
        }
    }

    /// Says whether a flag names a host, with whatever key.
    fn names(&self, called: &Called) -> bool {
        self.flags.iter().any(|flag| flag.is_of(called))
    }

    /// Returns the keys that nobody allowed to go to the host that they would go to.
    fn without_consent<'c>(&self, called: &'c Called) -> Vec<&'c str> {
        let remembered = self.remembered.get(&called.host);
        let flagged = |key: &str| {
            let mut flags = self.flags.iter().filter(|flag| flag.is_of(called));
            flags.any(|flag| flag.key.as_deref() == Some(key))
        };
        let keys = called.keys.iter().map(String::as_str);
        keys.filter(|key| !flagged(key) && remembered.is_none_or(|keys| !keys.contains(*key)))
            .collect()
    }

    /// Asks about hosts that are not known, or refuses them where nobody can answer. `--yes` is no answer: a page must not be able to rely on it.
    /// `more` is said before the first question: what consent may come to.
    ///
    /// # Errors
    /// Every refused host once, with its place on the page.
    pub(crate) fn consent(
        &mut self,
        called: &[Called],
        more: Option<&str>,
        console: &Console,
    ) -> Result<BTreeMap<Caller, Known>, Failure> {
        let mut known = BTreeMap::new();
        let mut refused: BTreeMap<&str, Vec<&Called>> = BTreeMap::new();
        let mut declined = BTreeSet::new();
        let mut more = more;
        for one in called {
            let asked = (&one.host, &one.keys);
            let why = match self.knows(one) {
                Some(why) => Some(why),
                // Who said no to one system need not say it again for the next.
                None if console.interactive && !declined.contains(&asked) => {
                    if let Some(more) = more.take() {
                        console.say(more);
                    }
                    self.ask(one, console)
                }
                None => None,
            };
            if why.is_none() {
                declined.insert(asked);
            }
            match why {
                Some(why) => {
                    known.insert(one.caller.clone(), why);
                }
                None => refused.entry(&one.host).or_default().push(one),
            }
        }
        if refused.is_empty() {
            return Ok(known);
        }
        let refused = refused.into_values().map(|of_host| self.refusal(&of_host));
        Err(Failure::Problems(refused.collect()))
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
        if let Err(error) = remembered::add(file, &called.host, &called.keys) {
            let file = untrusted::line(&file.display().to_string(), 300);
            console.note(&format!(
                "{file} cannot be written ({error}); it is allowed this time"
            ));
        }
    }

    /// Says who would send what: a key only of those that send it.
    fn what_is_sent(&self, of_host: &[&Called]) -> String {
        let mut by_keys: Vec<(BTreeSet<String>, Vec<&Called>)> = Vec::new();
        for &one in of_host {
            let keys = self.without_consent(one).into_iter();
            let keys: BTreeSet<String> = keys.map(str::to_owned).collect();
            match by_keys.iter_mut().find(|(known, _)| *known == keys) {
                Some((_, callers)) => callers.push(one),
                None => by_keys.push((keys, vec![one])),
            }
        }
        let parts = by_keys.iter().map(|(keys, callers)| {
            format!(
                "{} {}{}",
                senders(callers),
                callers[0].sent(),
                keys_text(keys)
            )
        });
        parts.collect::<Vec<_>>().join(", and ")
    }

    /// Says once of a host that it is refused, whichever systems are there.
    fn refusal(&self, of_host: &[&Called]) -> Problem {
        let one = of_host[0];
        let keys: BTreeSet<String> = of_host
            .iter()
            .flat_map(|one| self.without_consent(one))
            .map(str::to_owned)
            .collect();
        let named = self.names(one) || self.remembered.contains_key(&one.host);
        let nobody = match (named, keys.len()) {
            (true, 1) => "which was allowed here without this key",
            (true, _) => "which was allowed here without these keys",
            (false, _) => "which nobody allowed here",
        };
        let what = format!(
            "{} to {}, {nobody}{}",
            self.what_is_sent(of_host),
            one.host,
            one.nature(),
        );
        let mut flags: Vec<String> = keys
            .iter()
            .map(|key| format!("--allow-host {}={key}", one.host))
            .collect();
        if flags.is_empty() {
            flags.push(format!("--allow-host {}", one.host));
        }
        Problem::error("unknown-host", one.at.clone(), what)
            .why(match one.caller {
                Caller::Forge => {
                    "an environment can name any host: a token and what is asked of whom would go to a stranger"
                }
                _ => "a page is checked in: whoever edits it could send keys and examples to a stranger",
            })
            .instead(format!(
                "{}   (or run it once on a terminal and answer `always`)",
                flags.join(" ")
            ))
    }
}

/// Says who sends something: `the candidate and the production send`.
fn senders(callers: &[&Called]) -> String {
    let mut roles: Vec<String> = callers.iter().map(|one| one.caller.to_string()).collect();
    roles.dedup();
    let sends = if roles.len() == 1 { "sends" } else { "send" };
    format!("the {} {sends}", roles.join(" and the "))
}

fn keys_text(keys: &BTreeSet<String>) -> String {
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    match keys.as_slice() {
        [] => String::new(),
        [one] => format!(" and the key {}", untrusted::line(one, 200)),
        many => format!(" and the keys {}", untrusted::line(&many.join(", "), 400)),
    }
}

impl Called {
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
            "{}: {} sends {}{} to {}, which was never used with that from here{}. Send? [y/N/always] ",
            self.caller,
            match self.caller {
                Caller::Forge => "this command",
                _ => "the page",
            },
            self.sent(),
            keys_text(&self.keys),
            untrusted::line(&self.host, 300),
            self.nature(),
        )
    }
}

/// Reads `HOST[:PORT][=KEY]`, the host the way an address has it.
fn flag(text: &str) -> Result<Flag, Failure> {
    let (host, key) = match text.split_once('=') {
        Some((host, key)) => (host.trim(), Some(key.trim())),
        None => (text, None),
    };
    let wrong =
        || Failure::usage(format!("`{host}` is no host")).next("--allow-host api.example.com:443");
    let parsed = Url::parse(&format!("http://{host}/")).map_err(|_| wrong())?;
    let name = parsed.host_str().filter(|name| !name.is_empty());
    let is_host = parsed.path() == "/" && parsed.username().is_empty() && parsed.query().is_none();
    let name = name.filter(|_| is_host).ok_or_else(wrong)?;
    // The port that an address would leave out is stated here, so it is taken from the text.
    let port = host
        .rsplit_once(':')
        .map(|(_, port)| port)
        .filter(|port| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()))
        .filter(|_| {
            !host.ends_with(']') && (host.starts_with('[') || host.matches(':').count() == 1)
        });
    let host = match port {
        Some(port) => format!("{name}:{port}"),
        None => name.to_owned(),
    };
    let is_reference = |key: &str| {
        let reference = key.strip_prefix("env:").or(key.strip_prefix("file:"));
        reference.is_some_and(|name| !name.is_empty())
    };
    // Not repeated: it may be the key itself.
    if key.is_some_and(|key| !is_reference(key)) {
        return Err(Failure::usage(format!(
            "what stands behind `{host}=` is no reference to a key"
        ))
        .why("a flag is seen by others on this machine, so a key's value never stands in one")
        .next(format!("--allow-host {host}=env:NAME"))
        .next(format!("--allow-host {host}=file:PATH")));
    }
    Ok(Flag {
        host,
        key: key.map(str::to_owned),
    })
}

#[cfg(test)]
mod tests;
