//! The issues of a forge: read, and with consent written. What is done with which is core's to say.

use gatewright_core::exchange::Fault;
use gatewright_core::manifest::Secret;
use gatewright_core::report::untrusted::line;
use gatewright_core::work::{self, Action, Forge, Issue, Method, Request, is_said, next_page};
use gatewright_engine::{Api, ApiReply, ApiTarget, Limits, SecretText};
use url::Url;

use crate::console::{self, Console};
use crate::error::Failure;
use crate::exit;
use crate::pipeline::hosts::{Allowed, Called};
use crate::pipeline::{TOOL, secrets};
use crate::project::Project;

/// Pages that are read of one list, of a hundred entries each.
const PAGES_MAX: usize = 50;

/// Where issues are, as the operator names it.
#[derive(Clone, Debug)]
pub(crate) struct Wanted<'a> {
    /// Whose interface it speaks.
    pub(crate) forge: Forge,
    /// The interface's address; the environment's, or the forge's own, without it.
    pub(crate) api: Option<&'a str>,
    /// The project; the environment's without it.
    pub(crate) project: Option<&'a str>,
    /// The token, by reference; the forge's usual one without it.
    pub(crate) token: Option<&'a str>,
    /// The label.
    pub(crate) label: &'a str,
}

/// The issues of one project of a forge.
#[derive(Debug)]
pub(crate) struct Issues {
    pub(crate) forge: Forge,
    /// The project's name or number.
    pub(crate) project: String,
    label: String,
    path: String,
    token: Secret,
    api: Api,
}

/// What came of an action.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Done {
    /// The issue's number.
    pub(crate) number: u64,
    /// Where people see it.
    pub(crate) url: String,
}

/// Why something was not done.
#[derive(Debug)]
pub(crate) struct NotDone {
    /// What to say.
    pub(crate) failure: Failure,
    /// It is about this one issue alone: the next one is worth a try.
    pub(crate) alone: bool,
}

/// Why a list was not read to its end.
enum Unread {
    /// A request failed.
    Failed(NotDone),
    /// There are more entries than are read.
    TooLong,
    /// What came is none of the forge's lists, and why.
    NotTheirs(String),
}

impl From<Failure> for NotDone {
    fn from(failure: Failure) -> Self {
        Self {
            failure,
            alone: false,
        }
    }
}

impl Issues {
    /// Finds out where the issues are, gets consent to the host and the token, and prepares the connection. Nothing is sent.
    ///
    /// # Errors
    /// For a project, address, label or token that cannot be used, and for a host that nobody allowed.
    pub(crate) fn reach(
        wanted: &Wanted<'_>,
        project: &Project,
        allow_host: &[String],
        console: &Console,
    ) -> Result<Self, Failure> {
        let var = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let own = Own::of(wanted.forge);
        let label = work::label(wanted.label).map_err(|instead| {
            Failure::usage(format!("`{}` is no label", wanted.label)).next(instead)
        })?;
        let (name, path) = place(wanted, &own, var)?;
        let token = secrets::reference("--token", wanted.token.unwrap_or(own.token))?;
        let base = base(wanted, &own, var)?;
        let called = Called::of_forge(&base, &token.to_string(), own.is(&base, &token));
        let mut allowed = Allowed::read(allow_host, var, console)?;
        let called = [called.ok_or_else(|| no_address(base.as_str()))?];
        let known = allowed.consent(&called, None, console)?;
        let private_allowed = known.values().any(|why| why.private_allowed(&called[0]));
        let secret = SecretText::new(secrets::value(&token, project, var).map_err(|why| {
            Failure::usage(format!("the token {token} {why}"))
                .why(format!(
                    "{} takes no request without one",
                    wanted.forge.name()
                ))
                .next(format!(
                    "export {}=…   (it may read and write issues of {name})",
                    own.token.trim_start_matches("env:")
                ))
                .next("--token env:NAME or --token file:PATH")
        })?);
        console::guard([&secret]);
        let (header, before) = wanted.forge.authorization();
        let plain = wanted.forge.headers().iter();
        let mut headers: Vec<(String, String)> = plain
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        headers.push(("user-agent".to_owned(), TOOL.replace(' ', "/")));
        let target = ApiTarget {
            proxy: secrets::proxy(base.as_str(), var),
            base,
            headers,
            token: (header.to_owned(), before.to_owned(), secret),
            private_allowed,
        };
        let limits = Limits {
            tries_max: 3,
            waits_max: 5,
            retry_after_max: std::time::Duration::from_secs(60),
            answer_timeout: std::time::Duration::from_secs(30),
            ..Limits::standard()
        };
        Ok(Self {
            api: Api::new(&target, &limits).map_err(Failure::usage)?,
            forge: wanted.forge,
            project: name,
            label,
            path,
            token,
        })
    }

    /// Returns the open issues with the label.
    ///
    /// # Errors
    /// When they cannot be read, all of them.
    pub(crate) fn open(&self) -> Result<Vec<Issue>, Failure> {
        let first = self.forge.list(&self.path, &self.label);
        let doing = "read the issues of";
        let open = self.pages(first, doing, |body| self.forge.read_issues(body));
        open.map_err(|not| match not {
            Unread::Failed(not) => not.failure,
            Unread::TooLong => self
                .too_long(doing)
                .next("--label with one that nothing else uses"),
            Unread::NotTheirs(why) => self.unreadable(doing, &why),
        })
    }

    /// Does what is to be done with one issue; nothing for one that is left.
    ///
    /// # Errors
    /// When the forge refuses it, or nobody knows whether it was done.
    pub(crate) fn carry_out(&self, action: &Action) -> Result<Option<Done>, NotDone> {
        match action {
            Action::Leave { .. } => Ok(None),
            Action::Open { title, body, .. } => {
                let request = self.forge.open(&self.path, title, body, &self.label);
                let reply = self.send(&request, "open an issue in")?;
                let issue = self.forge.read_issue(&reply.body);
                let issue = issue.map_err(|why| self.unreadable("open an issue in", &why))?;
                Ok(Some(self.opened(issue)?))
            }
            Action::Close {
                number,
                url,
                comment,
                mark,
                ..
            } => {
                // A call that was cut between comment and closing has said it already.
                let doing = format!("close issue {number} of");
                let comments = self.forge.comments(&self.path, *number);
                let said = self.pages(comments, &doing, |body| self.forge.read_comments(body));
                // What is wrong with the comments of one issue says nothing of the next.
                let alone = |failure: Failure| NotDone {
                    failure: failure.next(format!("close issue {number} by hand")),
                    alone: true,
                };
                let said = said.map_err(|not| match not {
                    Unread::Failed(not) => not,
                    Unread::TooLong => alone(self.too_long(&doing)),
                    Unread::NotTheirs(why) => alone(self.unreadable(&doing, &why)),
                })?;
                if !is_said(mark, &said) {
                    let request = self.forge.comment(&self.path, *number, comment);
                    self.send(&request, &doing)?;
                }
                self.send(&self.forge.close(&self.path, *number), &doing)?;
                Ok(Some(Done {
                    number: *number,
                    url: url.clone(),
                }))
            }
        }
    }

    /// An issue without the label would never be found again.
    fn opened(&self, issue: Issue) -> Result<Done, Failure> {
        if issue.has(&self.label) {
            return Ok(Done {
                number: issue.number,
                url: issue.url,
            });
        }
        Err(Failure::usage(format!(
            "issue {} was opened without the label `{}`, and nothing more was done",
            issue.number, self.label
        ))
        .why("the token may not set labels, and without one an issue is never found again: there would be a second one")
        .next(format!("close issue {} by hand, then use a token that may set labels", issue.number)))
    }

    /// Reads a list to its end.
    fn pages<T>(
        &self,
        first: Request,
        doing: &str,
        read: impl Fn(&[u8]) -> Result<Vec<T>, String>,
    ) -> Result<Vec<T>, Unread> {
        let mut all = Vec::new();
        let mut request = first;
        for _ in 0..PAGES_MAX {
            let reply = self.send(&request, doing).map_err(Unread::Failed)?;
            all.extend(read(&reply.body).map_err(Unread::NotTheirs)?);
            let next = reply.headers.get("link").and_then(|link| next_page(link));
            match next {
                Some(next) => request.path = next,
                None => return Ok(all),
            }
        }
        Err(Unread::TooLong)
    }

    fn too_long(&self, doing: &str) -> Failure {
        Failure::usage(format!(
            "could not {doing} {}: there are more than {} entries",
            self.project,
            PAGES_MAX * 100
        ))
    }

    fn send(&self, request: &Request, doing: &str) -> Result<ApiReply, NotDone> {
        let body = request.body.as_ref().map(ToString::to_string);
        let came = self.api.call(
            request.method.word(),
            &request.path,
            body.as_deref().map(str::as_bytes),
        );
        match came {
            Ok(reply) if (200..300).contains(&reply.status) => Ok(reply),
            Ok(reply) => Err(NotDone {
                failure: self.refused(&reply, doing, request.method),
                alone: matches!(reply.status, 400 | 405..=409 | 411..=428 | 430..=499),
            }),
            Err(fault) => {
                let what = line(&fault.what, 500);
                let code = match fault.fault {
                    Fault::PrivateAddress | Fault::Redirect => exit::USAGE,
                    _ => exit::INCOMPLETE,
                };
                let failure =
                    Failure::expected(code, format!("could not {doing} {}: {what}", self.project));
                Err(match fault.may_be_done && request.method == Method::Post {
                    true => failure.why("nobody knows whether it was done").next(AGAIN),
                    false => failure.next(AGAIN),
                }
                .into())
            }
        }
    }

    fn unreadable(&self, doing: &str, why: &str) -> Failure {
        Failure::expected(
            exit::INCOMPLETE,
            format!(
                "could not {doing} {}: the answer is none of {}'s",
                self.project,
                self.forge.name()
            ),
        )
        .why(line(why, 300))
        .next("--api with the address of its interface")
    }

    /// Says why a request was refused, and what to do about it.
    fn refused(&self, reply: &ApiReply, doing: &str, method: Method) -> Failure {
        let (name, project, token) = (self.forge.name(), &self.project, &self.token);
        let said = self.forge.refusal(&reply.body);
        let said = said.map(|said| format!("{name} says: {}", line(&said, 500)));
        let failed = |code: u8, why: &str| {
            let what = format!("could not {doing} {project}: {why} ({})", reply.status);
            Failure::expected(code, what).why(said.clone().unwrap_or_default())
        };
        let rights = match self.forge {
            Forge::Github => {
                "permissions: {issues: write} for the job, or a token that may read and write issues"
            }
            Forge::Gitlab => "a token with the scope `api` and the role Reporter or above",
        };
        match reply.status {
            _ if reply.wait.is_some() => {
                let wait = reply.wait.unwrap_or_default().as_secs();
                let why = format!("{name} asks to wait {wait} s");
                failed(exit::INCOMPLETE, &why).next(format!("in {wait} s: {AGAIN}"))
            }
            429 => failed(exit::INCOMPLETE, "there were too many requests")
                .next(format!("in some minutes: {AGAIN}")),
            401 => failed(exit::USAGE, &format!("the token {token} is not accepted"))
                .next(format!("a token that is valid, in {token} or by --token")),
            403 if reply
                .headers
                .get("x-ratelimit-remaining")
                .is_some_and(|left| left == "0")
                || said
                    .as_deref()
                    .is_some_and(|said| said.contains("rate limit")) =>
            {
                failed(exit::INCOMPLETE, "there were too many requests")
                    .next(format!("in some minutes: {AGAIN}"))
            }
            403 => failed(exit::USAGE, &format!("the token {token} may not")).next(rights),
            404 => failed(exit::USAGE, "there is no such project for this token")
                .next("--repository with its name")
                .next(rights),
            410 => failed(exit::USAGE, "its issues are turned off")
                .next("turn them on in its settings"),
            300..=399 => failed(exit::USAGE, "it has moved, and a redirect is not followed")
                .next("--repository or --api with its new name"),
            400..=499 => failed(exit::INCOMPLETE, "what was sent is refused"),
            _ if method == Method::Post => failed(
                exit::INCOMPLETE,
                "it has an error of its own, and nobody knows whether it was done",
            )
            .next(AGAIN),
            _ => failed(exit::INCOMPLETE, "it has an error of its own").next(AGAIN),
        }
    }
}

/// What to do when not all is done.
const AGAIN: &str =
    "run the same command again: it reads the issues first, and does what is not done yet";

/// What a forge's own installation is called, and what its CI puts into the environment.
struct Own {
    project: &'static str,
    api: &'static str,
    address: &'static str,
    host: &'static str,
    token: &'static str,
    example: &'static str,
}

impl Own {
    fn of(forge: Forge) -> Self {
        match forge {
            Forge::Github => Self {
                project: "GITHUB_REPOSITORY",
                api: "GITHUB_API_URL",
                address: "https://api.github.com",
                host: "api.github.com",
                token: "env:GITHUB_TOKEN",
                example: "OWNER/NAME",
            },
            Forge::Gitlab => Self {
                project: "CI_PROJECT_ID",
                api: "CI_API_V4_URL",
                address: "https://gitlab.com/api/v4",
                host: "gitlab.com",
                token: "env:GITLAB_TOKEN",
                example: "GROUP/PROJECT",
            },
        }
    }

    /// Says whether this is the forge's own address with its usual token, which needs no consent.
    fn is(&self, base: &Url, token: &Secret) -> bool {
        base.scheme() == "https"
            && base.host_str() == Some(self.host)
            && base.port_or_known_default() == Some(443)
            && token.to_string() == self.token
    }
}

fn place(
    wanted: &Wanted<'_>,
    own: &Own,
    var: impl Fn(&str) -> Option<String>,
) -> Result<(String, String), Failure> {
    let given = wanted.project.map(str::to_owned);
    let name = given.or_else(|| var(own.project)).ok_or_else(|| {
        Failure::usage("nothing says which project's issues are meant")
            .why(format!("{} is not set here", own.project))
            .next(format!("--repository {}", own.example))
    })?;
    let path = wanted.forge.issues_path(&name).map_err(|instead| {
        Failure::usage(format!("`{name}` is no project of {}", wanted.forge.name()))
            .next(format!("--repository {instead}"))
    })?;
    Ok((name, path))
}

fn base(
    wanted: &Wanted<'_>,
    own: &Own,
    var: impl Fn(&str) -> Option<String>,
) -> Result<Url, Failure> {
    let given = wanted.api.map(str::to_owned).or_else(|| var(own.api));
    let text = given.unwrap_or_else(|| own.address.to_owned());
    let base = Url::parse(&text).map_err(|_| no_address(own.address))?;
    let plain = base.username().is_empty() && base.password().is_none();
    let is_base = base.query().is_none() && base.fragment().is_none() && base.host().is_some();
    match plain && is_base && ["http", "https"].contains(&base.scheme()) {
        true => Ok(base),
        false => Err(no_address(own.address)),
    }
}

/// What was given is not repeated: a key may stand in it.
fn no_address(example: &str) -> Failure {
    Failure::usage("the address of the forge's interface cannot be used")
        .why("it is http or https, with a host and a path and nothing else")
        .next(format!("--api {example}"))
}
