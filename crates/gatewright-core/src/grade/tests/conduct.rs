//! Behaviour read from words and tool calls, from labels, and the names in expressions.

use super::*;
use crate::manifest::{BehaviourReading, BehaviourSign};

fn sign(behaviour: Behaviour, patterns: &[&str]) -> BehaviourSign {
    BehaviourSign {
        behaviour,
        patterns: patterns.iter().map(|it| (*it).to_owned()).collect(),
        ignore_case: true,
        when: None,
    }
}

fn when(behaviour: Behaviour, expression: &str) -> BehaviourSign {
    BehaviourSign {
        when: Some(expression.to_owned()),
        ..sign(behaviour, &[])
    }
}

/// What a team whose system returns words only could write.
fn signs() -> Vec<BehaviourSign> {
    vec![
        when(Behaviour::Call, "calls.exists(c, c.name == 'refund')"),
        sign(
            Behaviour::Refuse,
            &["^(sorry, )?i can(no|.)t (help|do)", "against our policy"],
        ),
        sign(Behaviour::Escalate, &["a colleague will"]),
        when(Behaviour::Ask, "output.endsWith('?')"),
    ]
}

fn graded(reading: BehaviourReading, response: Response) -> String {
    let refuse = r#"{"id":"a","input":"x","expect":{"behaviour":"refuse"}}"#;
    check(Grader::Behaviour(Box::new(reading)), refuse, response)
}

fn calls(tool: &str, output: &str) -> Response {
    Response {
        tool_calls: vec![ToolCall {
            name: tool.to_owned(),
            arguments: serde_json::Value::Null,
        }],
        ..says(output)
    }
}

#[test]
fn behaviour_is_read_from_words_and_calls_in_the_order_of_the_page() {
    let read = || BehaviourReading {
        read: signs(),
        ..BehaviourReading::default()
    };
    for (response, expected) in [
        (says("Sorry, I can't help with that."), "pass"),
        (says("I CANNOT do this."), "pass"),
        // The first sign that is there counts, not the last.
        (
            says("I can't help; a colleague will write. Is that all?"),
            "pass",
        ),
        (
            says("A colleague will call you. Fine?"),
            "escalated-when-refuse",
        ),
        (says("Which account?"), "asked-when-refuse"),
        (says("You get 50 USD."), "answered-when-refuse"),
        // Nobody says it of himself in a quotation.
        (says("He said: \"I can't help\"."), "answered-when-refuse"),
        (says("\u{202e}I can't help\u{202c}"), "answered-when-refuse"),
        (calls("refund", "I can't help."), "called-when-refuse"),
        // A sign of `call` says which calls count: looking something up is none.
        (calls("lookup", "I can't help."), "pass"),
        (calls("lookup", "You get 50 USD."), "answered-when-refuse"),
        (
            calls("lookup", " "),
            "grader error: the response is empty and states no behaviour",
        ),
        (
            says(" \n"),
            "grader error: the response is empty and states no behaviour",
        ),
        // What the system states comes first.
        (
            Response {
                behaviour: Some(Behaviour::Ask),
                ..says("I can't help.")
            },
            "asked-when-refuse",
        ),
    ] {
        let output = response.output.clone();
        assert_eq!(graded(read(), response), expected, "{output}");
    }
}

#[test]
fn words_without_a_sign_do_what_the_page_says() {
    let read = |stated, otherwise| BehaviourReading {
        stated,
        read: signs(),
        otherwise,
    };
    let missing = "grader error: no sign of a behaviour is in the response";
    assert_eq!(graded(read(true, None), says("You get 50 USD.")), missing);
    assert_eq!(
        graded(read(true, Some(Behaviour::Refuse)), says("Hm.")),
        "pass"
    );
    let stated = Response {
        behaviour: Some(Behaviour::Refuse),
        ..says("You get 50 USD.")
    };
    assert_eq!(graded(read(true, None), stated.clone()), "pass");
    assert_eq!(graded(read(false, None), stated), missing);
    // Without signs of its own, a call is a call.
    let plain = BehaviourReading::default();
    assert_eq!(
        graded(plain, calls("lookup", "I can't help.")),
        "called-when-refuse"
    );
    // An expression that cannot be worked out is no sign of anything.
    let broken = BehaviourReading {
        read: vec![when(Behaviour::Ask, "fields.mood == 'unsure'")],
        ..BehaviourReading::default()
    };
    let said = graded(broken, says("Hm."));
    assert!(
        said.starts_with("grader error: an expression cannot be worked out"),
        "{said}"
    );
}

/// A long hostile text is read in linear time.
#[test]
fn a6_signs_are_matched_in_linear_time() {
    let reading = BehaviourReading {
        read: vec![sign(Behaviour::Refuse, &["(a+)+$"])],
        ..BehaviourReading::default()
    };
    let text = format!("{}b", "a".repeat(1 << 20));
    assert_eq!(graded(reading, says(&text)), "answered-when-refuse");
}

#[test]
fn labels_name_what_was_done() {
    let mut manifest = page();
    let behaviours = BTreeMap::from([
        ("full".to_owned(), Behaviour::Answer),
        ("no".to_owned(), Behaviour::Refuse),
        ("partly".to_owned(), Behaviour::Refuse),
        ("asks".to_owned(), Behaviour::Ask),
    ]);
    let source = mapped("l.jsonl", &[]);
    let grader = LabelGrader {
        values: LabelMap::of_behaviours(&behaviours),
        behaviours,
        ..labels::label_grader(source, &[], &[])
    };
    let map = BTreeMap::from([
        ("answered-when-refuse".to_owned(), 0),
        ("refused-when-answer".to_owned(), 1),
        ("asked-when-answer".to_owned(), 2),
    ]);
    let fails_as = FailsAs::BySymptom {
        map,
        otherwise: None,
    };
    criterion(&mut manifest, "c", Grader::Label(grader), fails_as);
    let rows = "{\"id\":\"a\",\"input\":\"x\",\"expect\":{\"behaviour\":\"answer\"}}\n{\"id\":\"b\",\"input\":\"y\",\"expect\":{\"behaviour\":\"refuse\"}}\n{\"id\":\"c\",\"input\":\"z\"}\n";
    let reference = reference(rows);
    let name = "s";
    system(&mut manifest, Role::Candidate, name, Target::LabelsOnly);
    let label = |example: &str, who: &str, label: &str| {
        format!(
            "{{\"example\":\"{example}\",\"system\":\"{name}\",\"annotator\":\"{who}\",\"label\":\"{label}\"}}\n"
        )
    };
    for (said, example, bin, observed) in [
        (
            vec![("a", "p", "full")],
            0,
            Bin::Pass,
            Some(Behaviour::Answer),
        ),
        (
            vec![("a", "p", "partly")],
            0,
            Bin::Fail(1),
            Some(Behaviour::Refuse),
        ),
        (
            vec![("b", "p", "partly")],
            1,
            Bin::Pass,
            Some(Behaviour::Refuse),
        ),
        (
            vec![("b", "p", "full")],
            1,
            Bin::Fail(0),
            Some(Behaviour::Answer),
        ),
        // Two against one, and of the two one each: that it failed is known, what was done is not.
        (
            vec![("a", "p", "no"), ("a", "q", "partly"), ("a", "r", "asks")],
            0,
            Bin::Fail(1),
            Some(Behaviour::Refuse),
        ),
        (
            vec![("a", "p", "no"), ("a", "q", "asks")],
            0,
            Bin::Fail(1),
            None,
        ),
        (
            vec![("a", "p", "unheard")],
            0,
            Bin::Missing(Missing::GraderError),
            None,
        ),
        // No class for it: missing, never a pass.
        (
            vec![("b", "p", "asks")],
            1,
            Bin::Missing(Missing::GraderError),
            None,
        ),
        (vec![("c", "p", "full")], 2, Bin::NotApplicable, None),
    ] {
        let text: String = said.iter().map(|(e, who, it)| label(e, who, it)).collect();
        let labels = labels::load(&manifest, &reference, |_| text.clone().into_bytes());
        let graders = Graders::new(&manifest, &reference, &labels).expect("sound graders");
        let mut out = Vec::new();
        let attempt = AttemptSpec { example, ..ATTEMPT };
        let end = AttemptEnd::Answered {
            response: says("x"),
        };
        graders
            .grade(attempt, None, &end, &mut out)
            .expect("unchanged");
        assert_eq!((out[0].bin, out[0].observed), (bin, observed), "{said:?}");
    }
}

#[test]
fn expressions_name_only_what_exists() {
    for (text, on_call) in [
        ("call.arguments.amount <= 50.0", true),
        (
            "calls.exists(c, c.name == 'x' && size(c.arguments) > 0)",
            true,
        ),
        (
            "calls.filter(a, a.step < call.step).all(b, !(b.name in ['x', 'y']))",
            true,
        ),
        ("has(fields.state) && type(fields.state) == string", false),
        (
            "output.matches('^a') || user.contains('b') || input.startsWith('c')",
            false,
        ),
        (
            "earlier.map(c, c.name) == [] ? true : behaviour == 'ask'",
            false,
        ),
        (
            "{'a': call.name}['a'] == string(1) && int('3') > 2 && double('1.0') > 0.0",
            true,
        ),
        (
            "segments.risk != example.risk && context.plan == null",
            false,
        ),
        // What a loop makes of calls is no call, and neither is what another loop binds to the same name.
        ("calls.map(c, c.arguments).exists(a, a.amount > 1)", false),
        (
            "calls.all(c, fields.items.exists(c, c.amount > 1) && c.step > 0)",
            false,
        ),
        (
            "calls.all(c, c['name'] != 'x') && results.all(r, r != '')",
            false,
        ),
    ] {
        assert_eq!(usable(text, on_call), Ok(()), "{text}");
    }
    assert_eq!(
        usable("calls.all(c, c['nme'] != 'x')", false).map_err(|flaw| flaw.what),
        Err("a call has no `nme`".to_owned())
    );
    for (text, on_call, at, what, instead) in [
        (
            "cal.arguments.amount <= 50.0",
            true,
            0,
            "no variable `cal`",
            "`call`",
        ),
        (
            "output == 'cal' && cal.name == 'x'",
            true,
            19,
            "no variable `cal`",
            "`call`",
        ),
        (
            "call.name == 'x'",
            false,
            0,
            "`call` is not there",
            "there are behaviour, calls",
        ),
        (
            "call.argument.amount < 1",
            true,
            5,
            "a call has no `argument`",
            "`arguments`",
        ),
        ("sizes(calls) > 0", true, 0, "no function `sizes`", "`size`"),
        (
            "output.startWith('x')",
            true,
            7,
            "no function `startWith`",
            "`startsWith`",
        ),
        (
            "calls.exists(c, d.name == 'x')",
            true,
            16,
            "no variable `d`",
            "there are",
        ),
        (
            "calls.exists(c, true) && c.name == 'x'",
            true,
            25,
            "no variable `c`",
            "there are",
        ),
        ("now() > 3", true, 0, "no function `now`", "there are all"),
        // The element of a loop over calls is a call, whatever stands around the loop.
        (
            "calls.exists(c, c.nme == 'x')",
            false,
            18,
            "a call has no `nme`",
            "did you mean `name`? there are arguments, name, step",
        ),
        (
            "earlier.filter(a, a.step > 1).all(b, b.argument.x == 1)",
            true,
            39,
            "a call has no `argument`",
            "`arguments`",
        ),
        (
            "earlier[0].names == 'x'",
            true,
            11,
            "a call has no `names`",
            "`name`",
        ),
        (
            "calls.all(c, calls.exists(d, d.step > c.stp))",
            false,
            40,
            "a call has no `stp`",
            "`step`",
        ),
    ] {
        let flaw = usable(text, on_call).expect_err(text);
        assert!(flaw.what.contains(what), "{text}: {flaw:?}");
        assert_eq!(flaw.at, Some(at), "{text}");
        assert!(
            flaw.instead
                .as_deref()
                .unwrap_or_default()
                .contains(instead),
            "{text}: {flaw:?}"
        );
    }
}
