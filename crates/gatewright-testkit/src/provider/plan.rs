//! From a behaviour to the steps that a connection takes: a pure function, so that a run can be told again.

use super::behaviour::{Behaviour, Pace, RetryAfter};
use super::dialect::{Answer, Dialect, Finish, Say};
use super::failures;
use super::gzip;
use super::request::{Asked, Request};
use super::script::{Reply, Script};
use super::wire::{Framed, Head, Plan, Step, chunk};

/// Stands in the text where bytes that no JSON writer makes are put afterwards.
const MARK: &str = "@@BENT@@";
/// One block of a body that is sent many times.
const BLOCK: u64 = 1 << 16;

/// What a plan is made from.
#[derive(Clone, Copy)]
pub(super) struct Case<'a> {
    pub(super) script: &'a Script,
    pub(super) request: &'a Request,
    pub(super) asked: &'a Asked,
    /// The number of the request, from 1.
    pub(super) nth: u64,
    /// Seconds since 1970, for dates that are some time from now.
    pub(super) unix_now: i64,
}

/// Returns what is done about a request.
pub(super) fn plan(behaviour: Option<&Behaviour>, case: Case<'_>) -> Plan {
    use Behaviour as B;
    let Some(behaviour) = behaviour else {
        return answer(&Pace::default(), case);
    };
    match behaviour {
        B::Answer(pace) => answer(pace, case),
        B::Alternating if case.nth.is_multiple_of(2) => failures::words(500, &[], case),
        B::Alternating => answer(&Pace::default(), case),
        B::Status(status) => failures::status(status, case),
        B::RateLimited(after) => rate_limited(after, case),
        B::InsufficientQuota => failures::insufficient_quota(case),
        B::PaymentRequired => failures::words(402, &[], case),
        B::WrongKey => failures::words(401, &[], case),
        B::Forbidden => failures::words(403, &[], case),
        B::UnknownModel => failures::words(404, &[], case),
        B::ContextLength => failures::words(400, &[], case),
        B::Overloaded if case.asked.dialect == Dialect::Messages => failures::words(529, &[], case),
        B::Overloaded => failures::words(503, &[], case),
        B::ProxyAuth => failures::proxy(),
        B::ErrorJson => failures::error_json(case),
        B::LoginPage => failures::login_page(),
        B::Redirect(to) => failures::redirect(to),
        B::EchoAuth(code) => failures::echo_auth(code.code, case),
        B::NotHttp => Plan::refused(
            0,
            vec![Step::Bytes(b"220 smtp ready\r\n".to_vec()), Step::Close],
        ),
        B::Stall => Plan::refused(0, vec![Step::Stall]),
        B::CloseEarly => Plan::refused(0, vec![Step::Close]),
        _ => bent(behaviour, case),
    }
}

/// Answers whose words or bytes are not what they should be.
fn bent(behaviour: &Behaviour, case: Case<'_>) -> Plan {
    use Behaviour as B;
    let text = || {
        case.script
            .reply
            .text(&case.asked.content, &case.asked.key, case.script.seed)
    };
    let plain = || framed(case, say(case), Finish::Stop);
    let marked = |raw: &[u8]| {
        let marked = format!("{}{MARK}", text().unwrap_or_default());
        framed(case, Say::Text(marked), Finish::Stop).replaced(MARK.as_bytes(), raw)
    };
    let steps = match behaviour {
        B::EmptyChoices => framed(case, Say::Nothing, Finish::Stop).steps(),
        B::Refusal => {
            let refusal = Say::Refusal("I cannot help with that.".to_owned());
            framed(case, refusal, Finish::Stop).steps()
        }
        B::LengthStop => framed(case, say(case), Finish::Length).steps(),
        B::ContentFilter => framed(case, say(case), Finish::Filter).steps(),
        B::WrongType => framed(case, Say::Text(MARK.to_owned()), Finish::Stop)
            .replaced(format!("\"{MARK}\"").as_bytes(), b"42")
            .steps(),
        B::InvalidJson => marked(b"\" oops, {").steps(),
        B::InvalidUtf8 => marked(b" \xff\xfe\xc3\x28").steps(),
        B::Nul => marked(b" \0 \\u0000").steps(),
        B::LoneSurrogate => marked(b" \\ud83d \\udc00").steps(),
        B::MixedNewlines => marked("\\r\\n\\n\\r\u{2028}\u{2029}\u{85}".as_bytes()).steps(),
        B::Bom => plain().with_prefix(b"\xef\xbb\xbf").steps(),
        B::Truncated => plain().cut_steps(Step::Close),
        B::Reset => plain().cut_steps(Step::Reset),
        B::StallMidway => plain().cut_steps(Step::Stall),
        B::ChunkMissing => plain().without_last_chunk(),
        B::StreamEnds => plain().without_terminator().steps(),
        B::StreamError if !case.asked.stream => return failures::words(500, &[], case),
        B::StreamError => plain()
            .ending_with(case.asked.dialect.error_event())
            .steps(),
        B::WrongLength => plain().wrong_length(),
        B::Gzip => packed(&plain(), false),
        B::GzipCut => packed(&plain(), true),
        B::GzipBomb(size) => bomb(size.bytes),
        B::Huge(size) => huge(size.bytes, case),
        B::LongStream(tokens) => long_stream(tokens.tokens, case),
        B::Slow(gap) => plain().trickled(gap.gap_ms),
        B::ManyHeaders(count) => {
            let mut framed = plain();
            for number in 0..count.count {
                framed
                    .head
                    .line(&format!("x-filler-{number}"), "0123456789");
            }
            framed.steps()
        }
        _ => plain().steps(),
    };
    Plan::billed(steps)
}

fn answer(pace: &Pace, case: Case<'_>) -> Plan {
    let framed = framed(case, say(case), Finish::Stop);
    let waits = pace.first_token_delay_ms > 0 || pace.byte_gap_ms > 0;
    let mut steps = if waits {
        framed.paced(pace.first_token_delay_ms, pace.byte_gap_ms)
    } else {
        framed.steps()
    };
    if pace.delay_ms > 0 {
        steps.insert(0, Step::Wait(pace.delay_ms));
    }
    Plan::billed(steps)
}

fn rate_limited(after: &RetryAfter, case: Case<'_>) -> Plan {
    let lines = match after {
        RetryAfter::Absent => vec![],
        RetryAfter::Seconds(seconds) => vec![("retry-after", seconds.to_string())],
        RetryAfter::DateIn(seconds) => {
            // A date means something beside the provider's own clock alone.
            vec![
                ("date", failures::http_date(case.unix_now)),
                ("retry-after", failures::http_date(case.unix_now + seconds)),
            ]
        }
        RetryAfter::Text(text) => vec![("retry-after", text.clone())],
        RetryAfter::Millis(millis) => vec![
            ("retry-after-ms", millis.to_string()),
            ("retry-after", (millis / 1000 + 60).to_string()),
        ],
    };
    failures::words(429, &lines, case)
}

fn say(case: Case<'_>) -> Say {
    match &case.script.reply {
        Reply::ToolCall { name, arguments } => Say::Tool {
            name: name.clone(),
            arguments: arguments.clone(),
        },
        reply => Say::Text(
            reply
                .text(&case.asked.content, &case.asked.key, case.script.seed)
                .unwrap_or_default(),
        ),
    }
}

fn worded<'a>(case: Case<'a>, say: Say, finish: Finish) -> Answer<'a> {
    let (model, fingerprint) = case.script.model(case.nth, &case.asked.model);
    Answer {
        seq: case.nth,
        model,
        fingerprint,
        content: &case.asked.content,
        say,
        finish,
        usage_in_stream: case.asked.usage_in_stream,
    }
}

fn framed(case: Case<'_>, say: Say, finish: Finish) -> Framed {
    let answer = worded(case, say, finish);
    if case.asked.stream {
        Framed::stream(case.nth, case.asked.dialect.stream(&answer))
    } else {
        let body = case.asked.dialect.whole(&answer).into_bytes();
        Framed::whole(Head::json(200, case.nth), body)
    }
}

/// The body as gzip; half of it under a length that fits when it is cut.
fn packed(framed: &Framed, cut: bool) -> Vec<Step> {
    let mut body = gzip::stored(&framed.body());
    if cut {
        body.truncate(body.len() / 2);
    }
    let mut head = framed.head.clone();
    head.line("content-encoding", "gzip");
    Framed::whole(head, body).steps()
}

fn bomb(bytes: u64) -> Vec<Step> {
    let bomb = gzip::bomb(bytes);
    let (pattern, times, rest) = blocks(&bomb.pattern, bomb.times);
    let length = bomb.start.len() as u64
        + pattern.len() as u64 * times
        + rest.len() as u64
        + bomb.end.len() as u64;
    let mut head = Head::json(200, 0);
    head.line("content-encoding", "gzip");
    head.line("x-unpacked-bytes", &bomb.unpacked.to_string());
    head.line("content-length", &length.to_string());
    let mut first = head.end();
    first.extend(bomb.start);
    let mut last = rest;
    last.extend(bomb.end);
    vec![
        Step::Bytes(first),
        Step::Repeat { pattern, times },
        Step::Bytes(last),
    ]
}

/// Joins small patterns to blocks: the block, how often it comes, and what is left over.
fn blocks(pattern: &[u8], times: u64) -> (Vec<u8>, u64, Vec<u8>) {
    let each = (BLOCK / pattern.len().max(1) as u64).max(1);
    let rest = pattern.repeat((times % each) as usize);
    (pattern.repeat(each as usize), times / each, rest)
}

/// An answer whose text has so many bytes, as one block that is sent again and again.
fn huge(bytes: u64, case: Case<'_>) -> Vec<Step> {
    let answer = worded(case, Say::Text(MARK.to_owned()), Finish::Stop);
    let body = case.asked.dialect.whole(&answer);
    let (before, after) = body.split_once(MARK).unwrap_or((&body, ""));
    let mut head = Head::json(200, case.nth);
    head.line("transfer-encoding", "chunked");
    let mut first = head.end();
    first.extend(chunk(before.as_bytes()));
    let mut last = chunk(&vec![b'x'; (bytes % BLOCK) as usize]);
    last.extend(chunk(after.as_bytes()));
    last.extend(b"0\r\n\r\n");
    let pattern = chunk(&vec![b'x'; BLOCK as usize]);
    vec![
        Step::Bytes(first),
        Step::Repeat {
            pattern,
            times: bytes / BLOCK,
        },
        Step::Bytes(last),
    ]
}

/// A stream of so many tokens; what comes around them is made for the whole text.
fn long_stream(tokens: u64, case: Case<'_>) -> Vec<Step> {
    let token = "tok ";
    let answer = worded(case, Say::Text(token.repeat(tokens as usize)), Finish::Stop);
    let dialect = case.asked.dialect;
    let delta = dialect.delta(&answer, token);
    let stream = dialect.around(&answer);
    let mut first = Head::stream(case.nth).end();
    stream
        .opening
        .iter()
        .for_each(|event| first.extend(chunk(event)));
    let (pattern, times, mut last) = blocks(&chunk(&delta), tokens);
    stream
        .closing
        .iter()
        .for_each(|event| last.extend(chunk(event)));
    last.extend(chunk(&stream.terminator));
    last.extend(b"0\r\n\r\n");
    vec![
        Step::Bytes(first),
        Step::Repeat { pattern, times },
        Step::Bytes(last),
    ]
}
