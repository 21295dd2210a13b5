//! Who may do what: one table of routes, which is the only way to a page.
//!
//! A route holds what it needs, and what it needs holds the page: a route without a need cannot be written, and a page for people who are logged
//! in cannot be reached by anybody else. What is not in the table is not there.

use std::net::IpAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware;
use axum::response::Response;
use axum::routing::{MethodFilter, on};
use gatewright_core::digest::Digest;
use tokio::task::spawn_blocking;

use super::answer::{Answer, Failure, go_to, plain};
use super::connection::Peer;
use super::form::Form;
use super::turns::Turns;
use super::{
    Served, accounts, failures, first, frame, home, incidents, is_same, label, oidc, own, people,
    releases, settle, sign, sign_in, suite,
};
use crate::guard::{Guard, guard};

/// What a browser may do with a page: take its style from here, send forms here, and nothing else.
const POLICY: &str =
    "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; form-action 'self'";
/// A session that was not used for so long has ended, in seconds.
const IDLE: i64 = 2 * 3600;

/// What somebody may do; each may do what those before may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Role {
    /// Sees how far all are.
    Viewer,
    /// Labels.
    Reviewer,
    /// Settles what people differ on, and sees how far they agree.
    Owner,
    /// As an owner; signs and overrides decisions.
    ReleaseManager,
    /// Says who may log in.
    Admin,
}

impl Role {
    pub(super) const ALL: [Self; 5] = [
        Self::Viewer,
        Self::Reviewer,
        Self::Owner,
        Self::ReleaseManager,
        Self::Admin,
    ];

    /// The word for people, which is also how it is kept.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Reviewer => "reviewer",
            Self::Owner => "owner",
            Self::ReleaseManager => "release-manager",
            Self::Admin => "admin",
        }
    }

    pub(super) fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.word() == word)
    }
}

/// What is asked, by whoever.
#[derive(Debug)]
pub(super) struct Call {
    /// The path, as sent.
    pub(super) path: String,
    /// What stands behind the path's question mark.
    pub(super) query: Form,
    /// The form; empty where nothing is changed.
    pub(super) form: Form,
    /// The hash of the session's token, where the cookie has one.
    pub(super) token: Option<[u8; 32]>,
    /// The hash of the token of a login that was begun at an identity provider.
    pub(super) begun: Option<[u8; 32]>,
    /// Who asks, by address; nobody for this machine.
    pub(super) client: Option<IpAddr>,
    /// The origin of our pages, as this browser sees it.
    pub(super) origin: String,
    /// Now, RFC 3339.
    pub(super) now: String,
    /// Now, in seconds since 1970.
    pub(super) second: i64,
}

/// Somebody who is logged in.
#[derive(Clone, Debug)]
pub(super) struct Visitor {
    /// The name.
    pub(super) person: String,
    /// The role, as of this request.
    pub(super) role: Role,
    /// What the session's forms carry.
    pub(super) csrf: String,
    /// The password was chosen by somebody else: until it is changed there is nothing but that.
    pub(super) provisional: bool,
}

/// What somebody who is logged in, and may, asks.
#[derive(Debug)]
pub(super) struct Visit {
    /// What.
    pub(super) call: Call,
    /// Who.
    pub(super) who: Visitor,
}

type ForAnybody = fn(&Served, &Call) -> Answer;
type ForPeople = fn(&Served, &Visit) -> Answer;

/// What a route needs, and the page that is shown then.
#[derive(Clone, Copy)]
pub(super) enum Needs {
    /// Nothing.
    Anybody(ForAnybody),
    /// A person of this role or a later one.
    Role(Role, ForPeople),
}

/// The two kinds of request: to see (GET, and HEAD with it), and to change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    /// GET and HEAD.
    See,
    /// POST.
    Change,
}

/// One way to a page.
#[derive(Clone, Copy)]
pub(super) struct Route {
    pub(super) how: How,
    pub(super) path: &'static str,
    pub(super) needs: Needs,
    /// It takes its time: few do so at once.
    slow: Option<Slow>,
}

/// What takes its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Slow {
    /// A password is hashed.
    Hashes,
    /// An identity provider is asked.
    Asks,
}

const fn route(how: How, path: &'static str, needs: Needs, slow: Option<Slow>) -> Route {
    Route {
        how,
        path,
        needs,
        slow,
    }
}

const fn see(path: &'static str, needs: Needs) -> Route {
    route(How::See, path, needs, None)
}

const fn change(path: &'static str, needs: Needs) -> Route {
    route(How::Change, path, needs, None)
}

/// A change for which a password is hashed.
const fn hashes(path: &'static str, needs: Needs) -> Route {
    route(How::Change, path, needs, Some(Slow::Hashes))
}

/// A page for which an identity provider is asked.
const fn asks(path: &'static str, needs: Needs) -> Route {
    route(How::See, path, needs, Some(Slow::Asks))
}

use Needs::Anybody;
use Needs::Role as Only;

/// All that there is.
pub(super) const ROUTES: &[Route] = &[
    see("/style.css", Anybody(frame::style)),
    see("/review.js", Anybody(frame::script)),
    see("/login", Anybody(sign_in::page)),
    hashes("/login", Anybody(sign_in::log_in)),
    asks(oidc::BEGIN, Anybody(oidc::begin)),
    asks(oidc::DONE, Anybody(oidc::done)),
    see("/first", Anybody(first::page)),
    hashes("/first", Anybody(first::make)),
    change("/logout", Only(Role::Viewer, sign_in::log_out)),
    see(own::PATH, Only(Role::Viewer, own::page)),
    hashes(own::PATH, Only(Role::Viewer, own::change)),
    see("/", Only(Role::Viewer, home::home)),
    see("/keys", Only(Role::Viewer, frame::keys)),
    see("/review", Only(Role::Reviewer, label::next)),
    change("/review/label", Only(Role::Reviewer, label::label)),
    change("/review/aside", Only(Role::Reviewer, label::aside)),
    change("/review/undo", Only(Role::Reviewer, label::undo)),
    see("/settle", Only(Role::Owner, settle::list)),
    see("/settle/{id}", Only(Role::Owner, settle::one)),
    change("/settle/{id}", Only(Role::Owner, settle::settle)),
    change("/settle/{id}/rubric", Only(Role::Owner, settle::repair)),
    change(
        "/settle/{id}/quarantine",
        Only(Role::Owner, settle::quarantine),
    ),
    see("/people-who-label", Only(Role::Owner, people::people)),
    see("/releases", Only(Role::Viewer, releases::list)),
    see("/releases/{run}", Only(Role::Viewer, releases::one)),
    see(
        "/releases/{run}/look/{n}",
        Only(Role::Viewer, releases::look),
    ),
    change(
        "/releases/{run}/look/{n}",
        Only(Role::Reviewer, releases::looked),
    ),
    see(
        "/releases/{run}/sign",
        Only(Role::ReleaseManager, sign::page),
    ),
    change(
        "/releases/{run}/sign",
        Only(Role::ReleaseManager, sign::sign),
    ),
    see(
        "/releases/{run}/override",
        Only(Role::ReleaseManager, sign::page),
    ),
    change(
        "/releases/{run}/override",
        Only(Role::ReleaseManager, sign::sign),
    ),
    see("/failures", Only(Role::Viewer, failures::board)),
    see("/failures/{n}", Only(Role::Viewer, failures::one)),
    change("/failures/{n}", Only(Role::Owner, failures::set)),
    see("/incidents", Only(Role::Viewer, incidents::list)),
    change("/incidents", Only(Role::Owner, incidents::change)),
    see("/suite", Only(Role::Viewer, suite::suite)),
    change("/suite", Only(Role::Owner, suite::set_aside)),
    see("/accounts", Only(Role::Admin, accounts::list)),
    hashes("/accounts", Only(Role::Admin, accounts::change)),
];

/// Builds the router from the table.
pub(super) fn app(served: Arc<Served>) -> Router {
    let mut router = Router::new();
    for route in ROUTES {
        let filter = match route.how {
            How::See => MethodFilter::GET,
            How::Change => MethodFilter::POST,
        };
        let answer = move |State(served): State<Arc<Served>>, request: Request| {
            dispatch(served, Ok(route), request)
        };
        router = router.route(route.path, on(filter, answer));
    }
    // Same-origin and not no-referrer: with that one browsers send `Origin: null` with the forms of our own pages.
    let door = Guard::new(served.names.clone(), POLICY, "same-origin");
    let missing = |status: StatusCode| {
        move |State(served): State<Arc<Served>>, request: Request| {
            dispatch(served, Err(status), request)
        }
    };
    router
        .fallback(missing(StatusCode::NOT_FOUND))
        .method_not_allowed_fallback(missing(StatusCode::METHOD_NOT_ALLOWED))
        .layer(middleware::from_fn_with_state(Arc::new(door), guard))
        .with_state(served)
}

/// What is done about a request.
enum Act {
    Anybody(ForAnybody),
    People(ForPeople, Visitor),
    Refuse(StatusCode, &'static str, Visitor),
    Go(&'static str),
}

/// Looks at where a request comes from, whose it is, what it may, and what it brings, in this order; then makes the answer.
async fn dispatch(
    served: Arc<Served>,
    found: Result<&'static Route, StatusCode>,
    request: Request,
) -> Response {
    let room = || Arc::clone(&served.room).try_acquire_owned().ok();
    let Some(place) = room() else {
        return busy();
    };
    let mut place = Arc::new(place);
    let (parts, body) = request.into_parts();
    let sees = matches!(parts.method, Method::GET | Method::HEAD);
    if !sees && !served.names.is_from_here(&parts.headers) {
        let said = "this was sent from a page of another site: nothing was changed";
        return plain(StatusCode::FORBIDDEN, said);
    }
    let call = call(&served, &parts);
    let known = off(&served, Arc::clone(&place), move |served| {
        arrive(served, call)
    });
    let (mut call, visitor) = match known.await {
        Ok(known) => known,
        Err(response) => return response,
    };
    let Some(mut act) = admit(found, visitor) else {
        return match sees {
            true => go_to("/login"),
            false => plain(
                StatusCode::FORBIDDEN,
                "log in first: nothing was changed. Go back to find what you typed",
            ),
        };
    };
    if !sees && !matches!(act, Act::Refuse(..) | Act::Go(_)) {
        // Whoever sends slowly takes nobody's place meanwhile.
        drop(place);
        match Form::read(&parts.headers, body).await {
            Ok(form) => call.form = form,
            Err((status, said)) => return plain(status, said),
        }
        act = carries(act, &call.form);
        place = match room() {
            Some(place) => Arc::new(place),
            None => return busy(),
        };
    }
    let slow = match (&act, found) {
        (Act::Refuse(..) | Act::Go(_), _) | (_, Err(_)) => None,
        (_, Ok(route)) => route.slow,
    };
    let turn = match slow {
        None => None,
        Some(slow) => match served.turns(slow).take().await {
            Some(turn) => Some(turn),
            None => return busy(),
        },
    };
    let made = off(&served, (place, turn), move |served| match act {
        Act::Anybody(page) => page(served, &call),
        Act::People(page, who) => page(served, &Visit { call, who }),
        Act::Refuse(status, said, who) => frame::refuse(served, &who, status, said),
        Act::Go(place) => Ok(go_to(place)),
    });
    made.await.unwrap_or_else(|response| response)
}

/// Decides by the table; nothing for whoever would have to log in first.
fn admit(found: Result<&'static Route, StatusCode>, visitor: Option<Visitor>) -> Option<Act> {
    if let Ok(Route {
        needs: Anybody(page),
        ..
    }) = found
    {
        return Some(Act::Anybody(*page));
    }
    let visitor = visitor?;
    if visitor.provisional && !found.is_ok_and(|it| matches!(it.path, own::PATH | "/logout")) {
        return Some(Act::Go(own::PATH));
    }
    Some(match found.map(|route| route.needs) {
        Ok(Only(role, page)) if visitor.role >= role => Act::People(page, visitor),
        Ok(_) => {
            let said = "Your role does not allow this. Whoever is admin can change it.";
            Act::Refuse(StatusCode::FORBIDDEN, said, visitor)
        }
        Err(StatusCode::METHOD_NOT_ALLOWED) => {
            let said = "This page cannot be used that way.";
            Act::Refuse(StatusCode::METHOD_NOT_ALLOWED, said, visitor)
        }
        Err(status) => Act::Refuse(status, "There is no such page.", visitor),
    })
}

/// Lets a change through that carries the token of its session.
fn carries(act: Act, form: &Form) -> Act {
    match act {
        Act::People(_, who) if !is_same(form.get("csrf"), &who.csrf) => {
            let said = "This form is of another session, so nothing was changed. Go back, copy what you typed, reload the page, and send it again.";
            Act::Refuse(StatusCode::FORBIDDEN, said, who)
        }
        act => act,
    }
}

impl Served {
    fn turns(&self, slow: Slow) -> &Turns {
        match slow {
            Slow::Hashes => &self.hashing,
            Slow::Asks => &self.asking,
        }
    }
}

/// What is asked, but for the time and the form.
fn call(served: &Served, parts: &Parts) -> Call {
    let peer = parts.extensions.get::<Peer>().map(|peer| peer.0);
    let host = parts.headers.get(header::HOST);
    let host = host.and_then(|host| host.to_str().ok()).unwrap_or_default();
    Call {
        path: parts.uri.path().to_owned(),
        query: Form::parse(parts.uri.query().unwrap_or_default().as_bytes()),
        form: Form::default(),
        token: cookie(&parts.headers, &served.cookie),
        begun: cookie(&parts.headers, &served.begun_cookie),
        client: served.front.client(peer, &parts.headers),
        origin: served.names.origin(host),
        now: String::new(),
        second: 0,
    }
}

/// Says when it is, and whose session a token is of.
fn arrive(served: &Served, mut call: Call) -> Result<(Call, Option<Visitor>), Failure> {
    call.now = served.office.now();
    let read = call.now.parse::<jiff::Timestamp>();
    call.second = read
        .map_err(|why| Failure::from(format!("the clock says {}: {why}", call.now)))?
        .as_second();
    let found = match &call.token {
        Some(token) => served.accounts().session(token, call.second, IDLE)?,
        None => None,
    };
    let visitor = found.and_then(|session| {
        Some(Visitor {
            role: Role::parse(&session.role)?,
            person: session.person,
            csrf: session.csrf,
            provisional: session.provisional,
        })
    });
    Ok((call, visitor))
}

/// Returns the hash of the token in a cookie.
fn cookie(headers: &HeaderMap, name: &str) -> Option<[u8; 32]> {
    let lines = headers.get_all(header::COOKIE).iter();
    let mut pairs = lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'));
    let token = pairs.find_map(|pair| pair.trim().strip_prefix(name)?.strip_prefix('='))?;
    Some(*Digest::of(token.as_bytes()).bytes())
}

/// Works on a thread that may wait. What is `kept` is given back when the work is done, also when nobody waits for it any more.
async fn off<T: Send + 'static>(
    served: &Arc<Served>,
    kept: impl Send + 'static,
    work: impl FnOnce(&Served) -> Result<T, Failure> + Send + 'static,
) -> Result<T, Response> {
    let served = Arc::clone(served);
    let done = spawn_blocking(move || {
        let done = work(&served);
        drop(kept);
        done
    });
    let status = StatusCode::INTERNAL_SERVER_ERROR;
    match done.await {
        Ok(Ok(made)) => Ok(made),
        Ok(Err(failure)) => Err(plain(status, &failure.to_string())),
        Err(_) => Err(plain(
            status,
            "this could not be done: a defect, which the terminal of the server shows",
        )),
    }
}

fn busy() -> Response {
    let said = "the server is busy: try again in a moment";
    plain(StatusCode::SERVICE_UNAVAILABLE, said)
}
