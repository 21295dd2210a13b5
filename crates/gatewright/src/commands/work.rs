//! `gatewright work`

use std::fmt::Write as _;

use gatewright_core::manifest::{PRODUCT_PLACEHOLDER, PRODUCT_UNNAMED};
use gatewright_core::report::View;
use gatewright_core::report::model::WorkItemView;
use gatewright_core::report::untrusted::{line, wrap};
use gatewright_core::work::{Action, Asks, Plan, plan};
use serde::Serialize;

use crate::args::WorkArgs;
use crate::commands::Context;
use crate::error::Failure;
use crate::exit;
use crate::pipeline::{Done, Issues, Session, WantedIssues, judge};
use crate::project::{PAGE, Project};
use crate::workflow::repository;

const COMMAND: &str = "gatewright work";
/// Examples that are named.
const EXAMPLES_MAX: usize = 3;

/// One work item, for programs.
#[derive(Serialize)]
struct Item<'v> {
    #[serde(flatten)]
    item: &'v WorkItemView,
    rule: Option<&'v str>,
    at: Option<&'v str>,
}

/// What is done at a forge, for programs.
#[derive(Serialize)]
struct AtForge<'p> {
    forge: &'static str,
    project: &'p str,
    sent: bool,
    actions: Vec<ActionDone<'p>>,
    later: usize,
    /// Work items that follow from no rule: they are no issues.
    without_rule: usize,
    closes_nothing: Option<&'p str>,
    /// Why not all was done.
    failed: Vec<serde_json::Value>,
}

#[derive(Serialize)]
struct ActionDone<'p> {
    #[serde(flatten)]
    action: &'p Action,
    done: bool,
    /// Of an issue that was opened now.
    #[serde(skip_serializing_if = "Option::is_none")]
    opened: Option<&'p Done>,
}

/// What came of sending a plan.
#[derive(Default)]
struct Sent {
    /// One for each action, in their order; nothing for what was not done.
    done: Vec<Option<Done>>,
    failures: Vec<Failure>,
}

pub(crate) fn work(context: &Context, args: &WorkArgs) -> Result<u8, Failure> {
    let mut loaded = context.sound()?;
    let newest = args.forge.and_then(|_| Session::newest(&mut loaded));
    let session = Session::read(
        &mut loaded,
        args.stored.run.as_deref(),
        &context.now,
        &context.console,
        COMMAND,
    )?;
    session.whole()?;
    if session.decided.is_none() {
        return Err(Failure::expected(
            exit::INCOMPLETE,
            format!(
                "run {} is not decided, so it asks nobody for anything",
                session.name
            ),
        )
        .next(format!("gatewright decide {}", session.name)));
    }
    let Some(forge) = args.forge else {
        let view = judge(&loaded, &session, &context.now)?.view;
        show(context, &view, None, &Plan::default(), None)?;
        return Ok(exit::SHIP);
    };
    if let Some(newest) = newest.filter(|newest| *newest != session.name) {
        return Err(Failure::usage(format!(
            "run {} is not the newest of this page, which is {newest}",
            session.name
        ))
        .why("issues say what is asked for now")
        .next(format!("{COMMAND} --forge {}", forge.word())));
    }
    let view = judge(&loaded, &session, &context.now)?.view;
    if args.send && [PRODUCT_PLACEHOLDER, PRODUCT_UNNAMED].contains(&view.product.as_str()) {
        return Err(
            Failure::usage(format!("`{}` is no name of a product", view.product))
                .why("issues are found again by it, and every page that nobody named would have the same ones")
                .next(format!("product: NAME in {}, then gatewright gate", loaded.project.name)),
        );
    }
    let wanted = WantedIssues {
        forge: forge.forge(),
        api: args.api.as_deref(),
        project: args.repository.as_deref(),
        token: args.token.as_deref(),
        label: &args.label,
    };
    let (allow, console) = (&context.global.allow_host, &context.console);
    let issues = Issues::reach(&wanted, &loaded.project, allow, console)?;
    let page = place_in_repository(&loaded.project);
    let asks = Asks::of(&view, &page, link_of_job().as_deref());
    let plan = plan(&asks, &args.label, &issues.open()?);
    let sent = args.send.then(|| send(&issues, &plan));
    show(context, &view, Some((&issues, &asks)), &plan, sent.as_ref())?;
    let Some(sent) = sent else {
        return Ok(exit::SHIP);
    };
    let mut codes = sent.failures.iter().map(Failure::code);
    Ok(match codes.next() {
        None => exit::SHIP,
        Some(first) => codes.fold(first, u8::min),
    })
}

/// Does everything that is to be done. What the forge refuses of one issue takes nothing else with it; what it refuses of all ends it.
fn send(issues: &Issues, plan: &Plan) -> Sent {
    let mut sent = Sent::default();
    for action in &plan.actions {
        match issues.carry_out(action) {
            Ok(done) => sent.done.push(done),
            Err(not) => {
                sent.done.push(None);
                sent.failures.push(not.failure);
                if !not.alone {
                    break;
                }
            }
        }
    }
    sent.done.resize(plan.actions.len(), None);
    sent
}

/// Where the page is in its repository; nothing for the usual one at the top. Two pages of one repository ask for different work.
fn place_in_repository(project: &Project) -> String {
    let top = repository(&project.root);
    let path = project.page.strip_prefix(&top).unwrap_or(&project.page);
    let parts = path
        .components()
        .map(|part| part.as_os_str().to_string_lossy());
    let place = parts.collect::<Vec<_>>().join("/");
    if place == PAGE { String::new() } else { place }
}

/// Where the log of this job can be seen, when a CI system says so.
fn link_of_job() -> Option<String> {
    let var = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    var("CI_JOB_URL").or_else(|| {
        let (server, name) = (var("GITHUB_SERVER_URL")?, var("GITHUB_REPOSITORY")?);
        Some(format!(
            "{server}/{name}/actions/runs/{}",
            var("GITHUB_RUN_ID")?
        ))
    })
}

fn show(
    context: &Context,
    view: &View,
    at: Option<(&Issues, &Asks)>,
    plan: &Plan,
    sent: Option<&Sent>,
) -> Result<(), Failure> {
    let console = &context.console;
    if console.json {
        return console.document(&serde_json::json!({
            "format": "gatewright-work/1",
            "run": view.run.name,
            "answer": view.answer,
            "items": items(view),
            "issues": at.map(|at| at_forge(at, plan, sent)),
        }));
    }
    let width = console.options.width;
    let mut text = listed(view, width);
    if let Some(at) = at {
        text.push('\n');
        text.push_str(&planned(at, plan, sent, width));
    }
    console.out(&text)?;
    for failure in sent.iter().flat_map(|sent| &sent.failures) {
        console.say(&failure.text(width));
    }
    Ok(())
}

fn items(view: &View) -> Vec<Item<'_>> {
    let finding = |item: &WorkItemView| item.finding.and_then(|index| view.findings.get(index));
    let of = |item| Item {
        rule: finding(item).map(|finding| finding.rule.as_str()),
        at: finding(item).map(|finding| finding.at.as_str()),
        item,
    };
    view.work_items.iter().map(of).collect()
}

fn at_forge<'p>(
    (issues, asks): (&'p Issues, &Asks),
    plan: &'p Plan,
    sent: Option<&'p Sent>,
) -> AtForge<'p> {
    let done = |at: usize| sent.and_then(|sent| sent.done.get(at)?.as_ref());
    let actions = plan.actions.iter().enumerate();
    AtForge {
        forge: issues.forge.name(),
        project: &issues.project,
        sent: sent.is_some(),
        actions: actions
            .map(|(at, action)| ActionDone {
                action,
                done: done(at).is_some(),
                opened: done(at).filter(|_| matches!(action, Action::Open { .. })),
            })
            .collect(),
        later: plan.later,
        without_rule: asks.without_rule,
        closes_nothing: plan.closes_nothing.as_deref(),
        failed: sent
            .iter()
            .flat_map(|sent| sent.failures.iter().map(Failure::json))
            .collect(),
    }
}

/// The work items, each with its owner, its rule and what to look at first.
fn listed(view: &View, width: usize) -> String {
    let mut text = String::new();
    let count = match view.work_items.len() {
        0 => "nothing is asked of anybody".to_owned(),
        1 => "1 work item".to_owned(),
        more => format!("{more} work items"),
    };
    let _ = writeln!(
        text,
        "Run {}: {}, {count}",
        view.run.name,
        view.answer.word()
    );
    for (index, one) in items(view).iter().enumerate() {
        let item = one.item;
        let contact = item.owner.contact.as_deref();
        let contact = contact.map(|it| format!(" {it}")).unwrap_or_default();
        let who = format!("{}{contact}", item.owner.name);
        put(
            &mut text,
            &format!(
                "{}. {}: {}",
                index + 1,
                line(&who, 200),
                line(&item.what, 600)
            ),
            width,
        );
        let mut more: Vec<String> = Vec::new();
        if let (Some(rule), Some(at)) = (one.rule, one.at) {
            more.push(format!("rule {} ({})", line(rule, 100), line(at, 200)));
            more.push(line(&item.slice.words, 200));
        }
        more.extend(item.class.as_ref().map(|class| line(class, 100)));
        if !more.is_empty() {
            put(&mut text, &format!("   {}", more.join(", ")), width);
        }
        let shown = item.examples.iter().take(EXAMPLES_MAX);
        let shown: Vec<String> = shown.map(|id| line(id, 60)).collect();
        if !shown.is_empty() {
            let more = match item.examples.len() - shown.len() {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            put(
                &mut text,
                &format!("   look at {}{more}", shown.join(", ")),
                width,
            );
        }
    }
    text
}

/// What is done at the forge, or would be.
fn planned(
    (issues, asks): (&Issues, &Asks),
    plan: &Plan,
    sent: Option<&Sent>,
    width: usize,
) -> String {
    let [open, leave, close] = plan.counts();
    let mut text = String::new();
    let project = line(&issues.project, 200);
    let head = match sent {
        None => format!(
            "{} {project} would: open {open}, leave {leave}, close {close}",
            issues.forge.name()
        ),
        Some(sent) => {
            let done = plan.actions.iter().zip(&sent.done);
            let done = done.filter(|(_, done)| done.is_some());
            let (opened, closed): (Vec<&Action>, Vec<&Action>) = done
                .map(|(action, _)| action)
                .partition(|action| matches!(action, Action::Open { .. }));
            format!(
                "{} {project}: opened {} of {open}, left {leave}, closed {} of {close}",
                issues.forge.name(),
                opened.len(),
                closed.len()
            )
        }
    };
    put(&mut text, &head, width);
    for (at, action) in plan.actions.iter().enumerate() {
        let done = sent.and_then(|sent| sent.done.get(at)?.as_ref());
        put(
            &mut text,
            &format!("  {}", shown(action, done, sent.is_some())),
            width,
        );
    }
    if plan.later > 0 {
        let more = format!("  … {} more are opened when it is called again", plan.later);
        put(&mut text, &more, width);
    }
    if asks.without_rule > 0 {
        let none = format!(
            "Of the work items, {} follow from no rule and are no issues",
            asks.without_rule
        );
        put(&mut text, &none, width);
    }
    if let Some(why) = &plan.closes_nothing {
        put(
            &mut text,
            &format!("Nothing that holds is closed: {}", line(why, 300)),
            width,
        );
    }
    if sent.is_none() {
        let todo = open + close > 0;
        text.push_str(match todo {
            true => "Nothing was sent. Next: the same with --send\n",
            false => "Nothing is to be sent.\n",
        });
    }
    text
}

fn shown(action: &Action, done: Option<&Done>, sent: bool) -> String {
    let failed = if sent && done.is_none() {
        "not done: "
    } else {
        ""
    };
    match action {
        Action::Open { title, .. } => match done {
            Some(done) => format!(
                "opened #{} {} ({})",
                done.number,
                line(title, 200),
                line(&done.url, 200)
            ),
            None => format!("{failed}open {}", line(title, 200)),
        },
        Action::Leave {
            number, title, why, ..
        } => {
            format!("leave #{number} {} ({})", line(title, 200), line(why, 200))
        }
        Action::Close {
            number, title, why, ..
        } => {
            let verb = if done.is_some() { "closed" } else { "close" };
            format!(
                "{failed}{verb} #{number} {} ({})",
                line(title, 200),
                line(why, 200)
            )
        }
    }
}

fn put(text: &mut String, whole: &str, width: usize) {
    for row in wrap(whole, width, 5) {
        text.push_str(&row);
        text.push('\n');
    }
}
