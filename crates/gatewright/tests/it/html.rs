//! The report as a page: one file, well-formed, nothing from outside, and whatever anybody wrote is text.

use std::fmt::Write as _;

use gatewright_testkit::TestEnvironment;

use crate::project::{GUARD, environment, examples, outputs, page, recorded};

/// Elements without an end tag.
const VOID: [&str; 4] = ["meta", "link", "br", "img"];
/// What an element of a report may be called: anything else came from somebody's text.
const ELEMENTS: [&str; 61] = [
    "html",
    "head",
    "meta",
    "title",
    "link",
    "style",
    "body",
    "header",
    "nav",
    "main",
    "footer",
    "section",
    "h1",
    "h2",
    "h3",
    "p",
    "a",
    "ul",
    "ol",
    "li",
    "dl",
    "dt",
    "dd",
    "div",
    "span",
    "strong",
    "b",
    "i",
    "code",
    "details",
    "summary",
    "figure",
    "figcaption",
    "table",
    "caption",
    "thead",
    "tbody",
    "tr",
    "th",
    "td",
    "ins",
    "del",
    "svg",
    "path",
    "circle",
    "line",
    "rect",
    "text",
    "br",
    "img",
    "em",
    "small",
    "sup",
    "sub",
    "hr",
    "abbr",
    "time",
    "mark",
    "kbd",
    "q",
    "u",
];

/// Walks the tags of a page: every one closes where it should, attributes are quoted, and ids occur once.
fn well_formed(html: &str) {
    let mut open: Vec<String> = Vec::new();
    let mut ids = std::collections::BTreeSet::new();
    let mut rest = html.strip_prefix("<!doctype html>").expect("a doctype");
    while let Some(at) = rest.find('<') {
        assert!(!rest[..at].contains('>'), "a stray > in {:?}", &rest[..at]);
        rest = &rest[at + 1..];
        let end = rest.find('>').expect("a tag ends");
        let tag = &rest[..end];
        rest = &rest[end + 1..];
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(name), "closes what is open");
            continue;
        }
        let name = tag.split([' ', '/']).next().unwrap_or_default();
        assert!(ELEMENTS.contains(&name), "<{tag}>");
        let quotes = tag.matches('"').count();
        assert_eq!(quotes % 2, 0, "<{tag}>");
        for (index, attribute) in tag.split('"').enumerate() {
            let key = attribute.trim_end_matches('=').rsplit(' ').next();
            let key = key.unwrap_or_default();
            if index % 2 == 0 {
                assert!(!key.starts_with("on"), "<{tag}>");
                if key == "id" {
                    let id = tag.split('"').nth(index + 1).expect("a value");
                    assert!(ids.insert(id.to_owned()), "id {id} twice");
                }
            }
        }
        if name == "style" {
            let (_, after) = rest.split_once("</style>").expect("a style ends");
            rest = after;
        } else if !VOID.contains(&name) && !tag.ends_with('/') {
            open.push(name.to_owned());
        }
    }
    assert!(open.is_empty(), "{open:?}");
    for link in html.split("href=\"#").skip(1) {
        let id = link.split('"').next().expect("a value");
        assert!(ids.contains(id), "#{id} leads nowhere");
    }
}

/// Nothing is loaded: no address but those inside the page, and no script.
fn self_contained(html: &str) {
    assert!(html.contains(
        "content=\"default-src &#39;none&#39;; style-src &#39;unsafe-inline&#39;; img-src data:"
    ));
    for attribute in ["href=\"", "src=\"", "action=\"", "data=\"", "srcset=\""] {
        for value in html.split(attribute).skip(1) {
            let value = value.split('"').next().expect("a value");
            assert!(
                value.starts_with('#') || value.starts_with("data:"),
                "{attribute}{value}"
            );
        }
    }
    let style = html
        .split("<style>")
        .nth(1)
        .expect("a style")
        .split("</style>")
        .next()
        .expect("ends");
    assert!(!style.contains("url(") && !style.contains("@import"));
    assert!(!html.contains("<script") && !html.contains("<iframe") && !html.contains("<form"));
}

/// Every picture has a finding as its title, a summary, and its numbers as a table.
fn pictures_speak(html: &str) -> usize {
    let figures: Vec<&str> = html.split("<figure ").skip(1).collect();
    for figure in &figures {
        let figure = figure.split("</figure>").next().expect("ends");
        let id = figure
            .split("aria-labelledby=\"")
            .nth(1)
            .expect("a title")
            .split('"')
            .next()
            .expect("ends");
        let title = figure
            .split(&format!("<h3 id=\"{id}\">"))
            .nth(1)
            .expect("the title is there");
        let title = title.split("</h3>").next().expect("ends");
        assert!(
            title.ends_with('.') && title.chars().any(|one| one.is_ascii_digit()),
            "{title}"
        );
        let how = figure
            .split("aria-describedby=\"")
            .nth(1)
            .expect("a summary")
            .split('"')
            .next()
            .expect("ends");
        let summary = figure
            .split(&format!("<p id=\"{how}\">"))
            .nth(1)
            .expect("the summary is there");
        assert!(
            summary.split("</p>").next().expect("ends").len() > 40,
            "{summary}"
        );
        assert!(
            figure.contains("<table") && figure.contains("scope=\"row\""),
            "{id} has no table"
        );
    }
    figures.len()
}

#[test]
fn the_page_is_well_formed_self_contained_and_equal_for_the_same_run() {
    let project = recorded("standard: unbroken", 30, 12);
    let _ = project.run(&["gate", "-o", "a.html"]).expect(100);
    let _ = project.run(&["report", "-o", "b.html"]).expect(0);
    let html = project.read("a.html");
    assert_eq!(html, project.read("b.html"));
    well_formed(&html);
    self_contained(&html);
    assert_eq!(pictures_speak(&html), 3, "forest, heat, owners");
    for said in [
        "<h1><span class=\"word\">",
        "The rule that fired",
        "What would change it",
        "Who acts next",
        "12 verdicts lost and 0 gained between production and candidate",
        "warm-00",
        "<del>warm-00</del>",
        "<ins>no idea</ins>",
        "Colour team",
        "no-task-breaks",
    ] {
        assert!(html.contains(said), "{said}");
    }
    // In the order of the page: what changed comes before the pictures, and provenance after them.
    let at = |id: &str| {
        html.find(&format!("<section id=\"{id}\""))
            .unwrap_or_else(|| panic!("{id}"))
    };
    let order = [
        "flips", "forest", "heat", "owners", "traded", "counted", "unseen", "set", "rules",
        "tables", "run", "record",
    ];
    assert!(order.windows(2).all(|pair| at(pair[0]) < at(pair[1])));
}

/// No number stands alone: what it was counted on, its interval and its method stand beside it, and what was not seen is no zero.
#[test]
fn numbers_of_the_page_say_what_they_rest_on() {
    use std::fmt::Write as _;
    let project = recorded("standard: unbroken", 30, 12);
    let acts = "  acts: {grader: {behaviour: {}}, fails_as: {answered-when-refuse: refusal-failure, refused-when-answer: over-refusal}}\ngate:\n";
    let page = project.read("gatewright.yaml").replace("gate:\n", acts);
    project.write("gatewright.yaml", page);
    // Five examples expect a refusal, and of these the candidate has no answer.
    let expects = |id: &str| match id < "cold-05" {
        true => "refuse",
        false => "answer",
    };
    let mut examples = String::new();
    for row in project.read("reference/all.jsonl").lines() {
        let mut row: serde_json::Value = serde_json::from_str(row).expect("JSON");
        row["expect"]["behaviour"] = expects(row["id"].as_str().expect("an id")).into();
        let _ = writeln!(examples, "{row}");
    }
    project.write("reference/all.jsonl", examples);
    for system in ["candidate", "production"] {
        let path = format!("runs/{system}.jsonl");
        let mut outputs = String::new();
        for (at, row) in project.read(&path).lines().enumerate() {
            let mut row: serde_json::Value = serde_json::from_str(row).expect("JSON");
            row["behaviour"] = expects(row["example"].as_str().expect("an id")).into();
            row["cost_usd"] = (0.001 + 0.0005 * (at % 3) as f64).into();
            if system == "candidate" && row["behaviour"] == "refuse" {
                row = serde_json::json!({"example": row["example"], "error": "down"});
            }
            let _ = writeln!(outputs, "{row}");
        }
        project.write(&path, outputs);
    }
    let _ = project.run(&["gate", "-o", "a.html"]).expect(100);
    let html = project.read("a.html");
    well_formed(&html);
    for said in [
        "warm, 30 examples, effective n 30, 0 missing outcomes, change −40 points (−57.7 to −24.1, 95 % interval, Tango score), exact sign test p 0.0002",
        "Failing examples by class, of 60 examples",
        " at the page&#39;s costs, on 60 examples.",
        "0 of 55: 0 % (0 to 6.5, 95 % interval, Clopper-Pearson)",
        ">5 unseen</td>",
        ">cannot happen</td>",
        "0.0015 USD (0.0014 USD to 0.0016 USD)",
        "delta method, 55 sources, effective n 55",
    ] {
        assert!(html.contains(said), "{said}");
    }
}

/// What a hostile system or file could write: markup, script, links, escapes, direction, invisible characters, workflow commands.
const HOSTILE: &str = "</div></details><script>alert(1)</script><img src=x onerror=alert(1)> <svg/onload=alert(1)> <math><mi>x</mi></math> \
[x](javascript:alert(1)) <a href=\\\"javascript:alert(1)\\\">y</a> <!-- --> ]]> {{ 7 * 7 }} {% include x %} &lt;b&gt; \
\\u001b]0;x\\u0007 \\u202egnp\\u2066 \\u200bzero\\u00ad \\ufeff\\r\\n::error::x\\n##[error]y 日本語";

fn hostile() -> TestEnvironment {
    let project = environment();
    // Ids and names may not hold everything; what they may, they do.
    project.write(
        "gatewright.yaml",
        page("standard: unbroken", GUARD)
            .replace("product: demo", "product: '<b>demo</b> \"&\"'")
            .replace("Colour team", "<i>Colour</i> & 'team'")
            .replace(
                "question: \"Release?\"",
                "question: \"Release <u>now</u>?\"",
            ),
    );
    let all = examples(30)
        .replace("what is warm", &format!("{HOSTILE} what is warm"))
        .replace(
            "\"provenance\"",
            &format!("\"sources\":[{{\"id\":\"<s>\",\"text\":\"{HOSTILE}\"}}],\"provenance\""),
        );
    project.write("reference/all.jsonl", all);
    project.write("runs/production.jsonl", outputs(30, |_, _| true));
    let mut candidate = outputs(30, |task, _| task == "cold");
    candidate = candidate.replace("it is no idea", &format!("{HOSTILE} no idea"));
    project.write("runs/candidate.jsonl", candidate);
    project
}

#[test]
fn a7_a8_a9_what_anybody_wrote_is_text_in_the_page() {
    let project = hostile();
    let _ = project.run(&["gate", "-o", "report.html"]).expect(100);
    let html = project.read("report.html");
    well_formed(&html);
    self_contained(&html);
    for hidden in [
        '\u{1b}', '\u{7}', '\u{202e}', '\u{2066}', '\u{200b}', '\u{ad}', '\u{feff}', '\r',
    ] {
        assert!(!html.contains(hidden), "{hidden:?} is in the page");
    }
    // All of it is there to read.
    for shown in [
        "&#60;script&#62;alert(1)&#60;/script&#62;",
        "&#60;img src=x onerror=alert(1)&#62;",
        "{{ 7 * 7 }} {% include x %}",
        "&#38;lt;b&#38;gt;",
        "\\u{1b}]0;x\\u{7}",
        "\\u{202e}gnp\\u{2066}",
        "\\u{200b}zero\\u{ad}",
        "日本語",
        "&#60;b&#62;demo&#60;/b&#62; &#34;&#38;&#34;",
        "&#60;i&#62;Colour&#60;/i&#62; &#38; &#39;team&#39;",
        "Release &#60;u&#62;now&#60;/u&#62;?",
        "&#60;s&#62;",
    ] {
        assert!(html.contains(shown), "{shown}");
    }
}

#[test]
fn a_megabyte_of_output_is_clipped_and_said_so() {
    let project = recorded("standard: unbroken", 30, 12);
    let mut long = String::new();
    for index in 0..30 {
        let text = if index < 12 {
            "word ".repeat(1 << 18)
        } else {
            format!("warm-{index:02}")
        };
        let _ = writeln!(long, r#"{{"example":"warm-{index:02}","output":"{text}"}}"#);
        let _ = writeln!(
            long,
            r#"{{"example":"cold-{index:02}","output":"cold-{index:02}"}}"#
        );
    }
    project.write("runs/candidate.jsonl", long);
    let _ = project.run(&["gate", "-o", "report.html"]).expect(100);
    let html = project.read("report.html");
    assert!(html.len() < 2 << 20, "{} bytes", html.len());
    assert!(html.contains("characters of the longer texts are left out here; `gatewright diff --json` has all of them."));
    well_formed(&html);
}

#[test]
fn a_page_without_production_or_failures_has_what_there_is() {
    let project = recorded("standard: unbroken", 30, 0);
    let _ = project.run(&["gate", "-o", "ship.html"]).expect(0);
    let html = project.read("ship.html");
    well_formed(&html);
    assert!(html.contains("No example changed between production and candidate"));
    assert!(html.contains("The guard nearest to tripping is no-task-breaks in warm: net 0 of 30 examples lost, and it trips at 3."));
    let alone = page(
        "standard: unbroken",
        "  - {id: floor, require: right, from: [policy], at_least: 80 %, then: {violated: hold}, owner: team}\n",
    );
    project.write(
        "gatewright.yaml",
        alone.replace("  production: {recorded: runs/production.jsonl}\n", ""),
    );
    let _ = project.run(&["gate", "-o", "alone.html"]).expect(0);
    let html = project.read("alone.html");
    well_formed(&html);
    assert!(!html.contains("<section id=\"forest\""));
    assert!(html.contains("There is no production to compare with"));
}

#[cfg(unix)]
#[test]
fn the_runs_are_served_to_this_machine_until_somebody_ends_it() {
    use std::io::{BufRead as _, BufReader, Read as _, Write as _};
    use std::process::{Command, Stdio};

    let project = recorded("standard: unbroken", 30, 12);
    let _ = project.run(&["gate", "-o", "report.html"]).expect(100);
    let refused = project.run(&["view", "--address", "0.0.0.0:0"]).expect(2);
    assert!(
        refused
            .stderr
            .contains("not an address of this machine alone"),
        "{refused}"
    );
    let mut server = project
        .command(&["view", "--address", "127.0.0.1:0"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("starts");
    let mut url = String::new();
    let stdout = server.stdout.take().expect("piped");
    BufReader::new(stdout)
        .read_line(&mut url)
        .expect("says where it is");
    let host = url
        .trim()
        .trim_start_matches("http://")
        .trim_end_matches('/')
        .to_owned();
    let get = |path: &str| {
        let mut stream = std::net::TcpStream::connect(&host).expect("listens");
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
        )
        .expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        answer
    };
    let list = get("/");
    assert!(
        list.starts_with("HTTP/1.1 200 ") && list.contains("Runs of demo"),
        "{list}"
    );
    let name = list
        .split("href=\"/runs/")
        .nth(1)
        .expect("a run")
        .split('"')
        .next()
        .expect("ends");
    let page = get(&format!("/runs/{name}"));
    let (_, body) = page.split_once("\r\n\r\n").expect("a body");
    assert_eq!(body, project.read("report.html"), "the same page");
    assert!(get("/runs/0009-00000000").starts_with("HTTP/1.1 404 "));
    assert!(list.contains("<span class=\"tag\">hold</span>"), "{list}");
    let page = project.read("gatewright.yaml");
    project.write(
        "gatewright.yaml",
        page.replace("margin: 10 pts", "margin: 60 pts"),
    );
    let list = get("/");
    assert!(
        list.contains("<span class=\"tag\">terms changed</span>"),
        "{list}"
    );
    assert!(
        list.contains("decided hold;") && list.contains("since it was sealed: gate (sealed "),
        "{list}"
    );
    assert!(!list.contains("<span class=\"tag\">hold</span>"), "{list}");
    let killed = Command::new("kill")
        .args(["-INT", &server.id().to_string()])
        .status();
    assert!(killed.expect("kill").success());
    assert_eq!(server.wait().expect("ends").code(), Some(0));
}
