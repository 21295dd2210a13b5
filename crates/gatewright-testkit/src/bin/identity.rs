//! An identity provider for trying out by hand and for the test in a real browser: `identity CLIENT SECRET SUB [EMAIL]`. Prints its address; whoever
//! comes to its login page is that person, and is sent straight back. Ends with its standard input.

use std::io::Read as _;
use std::process::ExitCode;

use gatewright_testkit::identity::IdentityProvider;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (client, secret, sub, email) = match arguments.as_slice() {
        [client, secret, sub] => (client, secret, sub, None),
        [client, secret, sub, email] => (client, secret, sub, Some(email.as_str())),
        _ => {
            eprintln!("usage: identity CLIENT SECRET SUB [EMAIL]");
            return ExitCode::from(2);
        }
    };
    let provider = IdentityProvider::start(client, secret);
    provider.comes(sub, email, email.is_some());
    println!("{}", provider.url());
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
    ExitCode::SUCCESS
}
