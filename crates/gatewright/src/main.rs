//! The everyday command line: arguments, wiring, terminal, environment, clock, exit codes. No logic of the domain.

mod archive;
mod args;
mod commands;
mod console;
mod crash;
mod error;
mod example;
mod exit;
mod now;
mod pipeline;
mod project;
mod reports;
mod workflow;

/// A hundred thousand examples are millions of small texts: the system's allocator takes a third longer over them.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

use std::process::ExitCode;

use args::{Cli, Command, Global};
use commands::Context;
use console::Console;
use error::Failure;
use gatewright_core::report::untrusted;
use now::Now;

/// Columns of what is said before the terminal is measured.
const WIDTH: usize = 80;

fn main() -> ExitCode {
    std::panic::set_hook(Box::new(|info| {
        pipeline::restore_terminal();
        for line in defect(&info.to_string()) {
            eprintln!("{line}");
        }
    }));
    let cli = match args::parse(std::env::args_os()) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are no errors; clap writes them to standard output. A closed pipe is quiet.
            let code = if error.use_stderr() {
                exit::USAGE
            } else {
                exit::SHIP
            };
            tell(&error);
            return ExitCode::from(code);
        }
    };
    let console = Console::new(&cli.global, variable);
    match work(cli, console.clone()) {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            console.say(&failure.text(console.options.width));
            if console.json {
                // The document is there also when it says that nothing could be done.
                let _ = console.document(&failure.json());
            }
            ExitCode::from(failure.code())
        }
    }
}

/// Prints what is wrong with the arguments, or the help. A list of values that is wider than a terminal is wrapped.
fn tell(error: &clap::Error) {
    let text = error.render().to_string();
    if !error.use_stderr() || text.lines().all(|line| untrusted::columns(line) <= WIDTH) {
        let _ = error.print();
        return;
    }
    for line in text.lines() {
        match untrusted::columns(line) <= WIDTH {
            true => eprintln!("{line}"),
            false => eprintln!("{}", untrusted::wrap(line, WIDTH, 4).join("\n")),
        }
    }
}

/// Says what a panic said. It may quote anything: what is secret is taken out, and what a terminal could obey.
fn defect(panic: &str) -> Vec<String> {
    let mut lines = untrusted::block(&console::clean(panic), 2000, 40);
    lines.push("this is a defect of Gatewright; what was written so far is kept".to_owned());
    lines
}

fn work(cli: Cli, console: Console) -> Result<u8, Failure> {
    let context = context(cli.global, console)?;
    match &cli.command {
        Command::Init(args) => commands::init::init(&context, args),
        Command::Check(args) => commands::check::check(&context, args),
        Command::Import(args) => commands::import::import(&context, args),
        Command::Perturb(args) => commands::perturb::perturb(&context, args),
        Command::Run(args) => commands::run::run(&context, args),
        Command::Grade(args) => commands::grade::grade(&context, args),
        Command::Confirm(args) => commands::confirm::confirm(&context, args),
        Command::Gate(args) => commands::gate::gate(&context, args),
        Command::Merge(args) => commands::merge::merge(&context, args),
        Command::Diff(args) => commands::diff::diff(&context, args),
        Command::Decide(args) => commands::decide::decide(&context, args),
        Command::Replay(args) => commands::replay::replay(&context, args),
        Command::Report(args) => commands::report::report(&context, args),
        Command::Work(args) => commands::work::work(&context, args),
        Command::View(args) => commands::view::view(context, args),
        Command::Sign(args) => commands::sign::sign(&context, args),
        Command::Verify(args) => commands::verify::verify(&context, args),
        Command::Key(args) => commands::key::key(&context, args),
        Command::Triage(args) => commands::triage::triage(&context, args),
        Command::Incident(args) => commands::incident::incident(&context, args),
        Command::Graders(args) => commands::graders::graders(&context, args),
        Command::Calibrate(args) => commands::calibrate::calibrate(&context, args),
        Command::Review(args) => commands::review::review(&context, args),
        Command::Serve(args) => commands::serve::serve(&context, args),
        Command::Today(args) => commands::today::today(&context, args),
        Command::Backup(args) => commands::backup::backup(&context, args),
        Command::Restore(args) => commands::backup::restore(&context, args),
        Command::Schema(args) => commands::schema::schema(&context, args),
        Command::Completions(args) => commands::completions::completions(&context, args),
    }
}

fn context(global: Global, console: Console) -> Result<Context, Failure> {
    let epoch = variable("SOURCE_DATE_EPOCH");
    let now = Now::read(global.now.as_deref(), epoch.as_deref())?;
    let here = std::env::current_dir().map_err(|source| Failure::Unexpected {
        doing: "find the current folder".to_owned(),
        source: Box::new(source),
    })?;
    Ok(Context {
        global,
        console,
        now,
        here,
    })
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
