//! What is asked of a forge, and what it answers. Field names are those of GitHub's REST interface v3 (version 2022-11-28) and of GitLab's v4.

use serde::Deserialize;
use serde_json::{Value, json};
use url::form_urlencoded::byte_serialize;

use crate::work::Issue;

/// Longest label in characters: GitHub's.
const LABEL_CHARS_MAX: usize = 50;

/// A forge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forge {
    /// GitHub, also on a server of its own.
    Github,
    /// GitLab, also on a server of its own.
    Gitlab,
}

/// What a request does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Reads.
    Get,
    /// Makes something new each time it is sent.
    Post,
    /// Changes something, as often as it is sent (GitHub).
    Patch,
    /// Changes something, as often as it is sent (GitLab).
    Put,
}

impl Method {
    /// Returns its word.
    pub fn word(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Post => "POST",
            Method::Patch => "PATCH",
            Method::Put => "PUT",
        }
    }
}

/// One request.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// What it does.
    pub method: Method,
    /// Path and query behind the interface's address, without a slash before it.
    pub path: String,
    /// What is sent.
    pub body: Option<Value>,
}

impl Forge {
    /// Returns its name.
    pub fn name(self) -> &'static str {
        match self {
            Forge::Github => "GitHub",
            Forge::Gitlab => "GitLab",
        }
    }

    /// Headers of every request.
    pub fn headers(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Forge::Github => &[
                ("accept", "application/vnd.github+json"),
                ("x-github-api-version", "2022-11-28"),
            ],
            Forge::Gitlab => &[("accept", "application/json")],
        }
    }

    /// The header that the token stands in, and what stands before it.
    pub fn authorization(self) -> (&'static str, &'static str) {
        match self {
            Forge::Github => ("authorization", "Bearer "),
            Forge::Gitlab => ("private-token", ""),
        }
    }

    /// Reads the name of a project, and returns the path of its issues.
    ///
    /// # Errors
    /// How it is written instead.
    pub fn issues_path(self, project: &str) -> Result<String, String> {
        let is_name = |part: &str| {
            let is_plain = |one: char| one.is_ascii_alphanumeric() || "._-".contains(one);
            !part.is_empty()
                && part.len() <= 255
                && part.chars().all(is_plain)
                && !part.starts_with("..")
                && part != "."
        };
        let parts: Vec<&str> = project.split('/').collect();
        let plain = parts.iter().all(|part| is_name(part));
        match self {
            Forge::Github if plain && parts.len() == 2 => Ok(format!("repos/{project}/issues")),
            Forge::Github => Err("OWNER/NAME".to_owned()),
            Forge::Gitlab
                if project.len() <= 20
                    && !project.is_empty()
                    && project.bytes().all(|one| one.is_ascii_digit()) =>
            {
                Ok(format!("projects/{project}/issues"))
            }
            Forge::Gitlab if plain && parts.len() >= 2 => {
                Ok(format!("projects/{}/issues", parts.join("%2F")))
            }
            Forge::Gitlab => Err("a project's number, or GROUP/PROJECT".to_owned()),
        }
    }

    /// Asks for the open issues with a label, a hundred a page.
    pub fn list(self, issues: &str, label: &str) -> Request {
        let state = match self {
            Forge::Github => "open",
            Forge::Gitlab => "opened",
        };
        let label: String = byte_serialize(label.as_bytes()).collect();
        get(format!(
            "{issues}?state={state}&labels={label}&per_page=100"
        ))
    }

    /// Asks for a new issue.
    pub fn open(self, issues: &str, title: &str, body: &str, label: &str) -> Request {
        let body = match self {
            Forge::Github => json!({"title": title, "body": body, "labels": [label]}),
            Forge::Gitlab => json!({"title": title, "description": body, "labels": label}),
        };
        Request {
            method: Method::Post,
            path: issues.to_owned(),
            body: Some(body),
        }
    }

    /// Asks for an issue's comments, a hundred a page.
    pub fn comments(self, issues: &str, number: u64) -> Request {
        get(format!(
            "{issues}/{number}/{}?per_page=100",
            self.comment_path()
        ))
    }

    /// Asks for a comment on an issue.
    pub fn comment(self, issues: &str, number: u64, text: &str) -> Request {
        Request {
            method: Method::Post,
            path: format!("{issues}/{number}/{}", self.comment_path()),
            body: Some(json!({"body": text})),
        }
    }

    /// Asks for an issue to be closed.
    pub fn close(self, issues: &str, number: u64) -> Request {
        let (method, body) = match self {
            Forge::Github => (
                Method::Patch,
                json!({"state": "closed", "state_reason": "completed"}),
            ),
            Forge::Gitlab => (Method::Put, json!({"state_event": "close"})),
        };
        Request {
            method,
            path: format!("{issues}/{number}"),
            body: Some(body),
        }
    }

    fn comment_path(self) -> &'static str {
        match self {
            Forge::Github => "comments",
            Forge::Gitlab => "notes",
        }
    }

    /// Reads a page of issues. Pull requests, which GitHub lists among them, are none.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read_issues(self, bytes: &[u8]) -> Result<Vec<Issue>, String> {
        match self {
            Forge::Github => read::<Vec<GithubIssue>>(bytes).map(|all| {
                let issues = all.into_iter().filter(|one| one.pull_request.is_none());
                issues.map(Issue::from).collect()
            }),
            Forge::Gitlab => read::<Vec<GitlabIssue>>(bytes)
                .map(|all| all.into_iter().map(Issue::from).collect()),
        }
    }

    /// Reads one issue.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read_issue(self, bytes: &[u8]) -> Result<Issue, String> {
        match self {
            Forge::Github => read::<GithubIssue>(bytes).map(Issue::from),
            Forge::Gitlab => read::<GitlabIssue>(bytes).map(Issue::from),
        }
    }

    /// Reads a page of comments.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read_comments(self, bytes: &[u8]) -> Result<Vec<String>, String> {
        let all = read::<Vec<Comment>>(bytes)?;
        Ok(all.into_iter().filter_map(|one| one.body).collect())
    }

    /// Reads why a request was refused: the forge's own words, which may quote anything.
    pub fn refusal(self, bytes: &[u8]) -> Option<String> {
        let said: Value = serde_json::from_slice(bytes).ok()?;
        let message = said.get("message").or_else(|| said.get("error"))?;
        let message = match message {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        Some(match said.get("errors") {
            Some(errors) => format!("{message}: {errors}"),
            None => message,
        })
    }
}

fn get(path: String) -> Request {
    Request {
        method: Method::Get,
        path,
        body: None,
    }
}

fn read<'b, T: Deserialize<'b>>(bytes: &'b [u8]) -> Result<T, String> {
    serde_json::from_slice(bytes).map_err(|error| error.to_string())
}

/// Says what is wrong with a label.
///
/// # Errors
/// How it is written instead.
pub fn label(text: &str) -> Result<String, String> {
    // GitLab takes commas for several labels, and these words for none and for any.
    let reserved = ["none", "any", "no label"];
    let is_plain = |one: char| one.is_alphanumeric() || " ._-".contains(one);
    let fits = (1..=LABEL_CHARS_MAX).contains(&text.chars().count()) && text.trim() == text;
    match fits && text.chars().all(is_plain) && !reserved.contains(&text.to_lowercase().as_str()) {
        true => Ok(text.to_owned()),
        false => Err(format!(
            "a label is 1 to {LABEL_CHARS_MAX} letters, digits, blanks, `.`, `_` and `-`, and neither `none` nor `any`"
        )),
    }
}

/// Reads the address of the next page (RFC 8288) of a `Link` header.
pub fn next_page(link: &str) -> Option<String> {
    let mut rest = link;
    loop {
        let (_, behind) = rest.split_once('<')?;
        let (address, behind) = behind.split_once('>')?;
        let (of_it, after) = match behind.split_once('<') {
            Some((of_it, _)) => (of_it, &behind[of_it.len()..]),
            None => (behind, ""),
        };
        let is_next = of_it.split([';', ',']).any(|one| {
            let one = one.trim();
            one.eq_ignore_ascii_case("rel=\"next\"") || one.eq_ignore_ascii_case("rel=next")
        });
        if is_next {
            return Some(address.to_owned());
        }
        rest = after;
    }
}

#[derive(Deserialize)]
struct GithubIssue {
    number: u64,
    title: String,
    html_url: String,
    state: String,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    labels: Vec<Label>,
    #[serde(default)]
    pull_request: Option<Value>,
}

/// A label is a text, or an object with a name.
#[derive(Deserialize)]
#[serde(untagged)]
enum Label {
    Name(String),
    Whole { name: Option<String> },
}

impl From<GithubIssue> for Issue {
    fn from(it: GithubIssue) -> Self {
        let labels = it.labels.into_iter().filter_map(|label| match label {
            Label::Name(name) => Some(name),
            Label::Whole { name } => name,
        });
        Self {
            number: it.number,
            title: it.title,
            url: it.html_url,
            body: it.body.unwrap_or_default(),
            labels: labels.collect(),
            open: it.state == "open",
        }
    }
}

#[derive(Deserialize)]
struct GitlabIssue {
    iid: u64,
    title: String,
    web_url: String,
    state: String,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    labels: Vec<String>,
}

impl From<GitlabIssue> for Issue {
    fn from(it: GitlabIssue) -> Self {
        Self {
            number: it.iid,
            title: it.title,
            url: it.web_url,
            body: it.description.unwrap_or_default(),
            labels: it.labels,
            open: it.state == "opened",
        }
    }
}

#[derive(Deserialize)]
struct Comment {
    #[serde(default)]
    body: Option<String>,
}
