//! A table, one answer a row: columns that the user names, or whose names say what they hold.

use serde_json::{Map, Value};

use super::{Case, End, Grade, Input, Log, Row, TRIAL_MAX, Verdict, document, name, stem};
use crate::outcome::GraderKind;
use crate::problem::{Location, Problem, nearest};

/// Column names that say what they hold, in lower case, the likeliest first.
const ID: [&str; 8] = [
    "id",
    "example",
    "example_id",
    "case",
    "case_id",
    "test_id",
    "sample_id",
    "key",
];
const INPUT: [&str; 7] = [
    "input", "question", "prompt", "query", "message", "request", "text",
];
const OUTPUT: [&str; 8] = [
    "output",
    "answer",
    "response",
    "completion",
    "actual_output",
    "actualoutput",
    "prediction",
    "reply",
];
const SYSTEM: [&str; 5] = ["system", "model", "provider", "version", "variant"];
const TRIAL: [&str; 5] = ["trial", "repeat", "epoch", "attempt", "run"];
const EXPECTED: [&str; 7] = [
    "expected",
    "expected_output",
    "expectedoutput",
    "ideal",
    "target",
    "reference",
    "gold",
];
const ERROR: [&str; 3] = ["error", "error_message", "exception"];
const LABEL: [&str; 9] = [
    "label", "verdict", "pass", "passed", "correct", "grade", "score", "success", "result",
];

/// What some programs begin UTF-8 with.
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";
/// What columns of errors hold where there was none, in lower case.
const NO_ERROR: [&str; 11] = [
    "none", "no error", "no", "null", "nan", "n/a", "na", "-", "false", "0", "ok",
];

/// Which columns hold what; what is not said is guessed by name. An empty name says that there is no such column.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Columns {
    /// The example's id.
    pub id: Option<String>,
    /// What was asked.
    pub input: Option<String>,
    /// The answer.
    pub output: Option<String>,
    /// The system; without such a column the file is one system.
    pub system: Option<String>,
    /// The repeat.
    pub trial: Option<String>,
    /// The expected answer.
    pub expected: Option<String>,
    /// Why there is no answer.
    pub error: Option<String>,
    /// Criterion and the column with its verdicts.
    pub labels: Vec<(String, String)>,
}

/// Places of the columns.
struct Places {
    id: Option<usize>,
    input: Option<usize>,
    output: usize,
    system: Option<usize>,
    trial: Option<usize>,
    expected: Option<usize>,
    error: Option<usize>,
    labels: Vec<(String, usize)>,
}

/// Reads a table.
pub(super) fn read(input: &Input, columns: &Columns, problems: &mut Vec<Problem>) -> Option<Log> {
    let bytes = document::whole(input, "csv", problems)?;
    if let Some(problem) = no_table(&input.name, bytes) {
        problems.push(problem);
        return None;
    }
    let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter(bytes))
        .from_reader(bytes);
    let header = match reader.headers() {
        Ok(header) => header.clone(),
        Err(error) => {
            problems.push(broken(&input.name, bytes, &error));
            return None;
        }
    };
    let names: Vec<String> = header.iter().map(|name| name.trim().to_owned()).collect();
    let mut log = Log::default();
    let places = places(&input.name, &names, columns, &mut log, problems)?;
    let mut stem = stem(&input.name);
    if stem.is_empty() {
        stem = "table".to_owned();
    }
    let mut lines = Lines::new(bytes);
    for record in reader.records() {
        let record = match record {
            Ok(record) => record,
            Err(error) => {
                problems.push(broken(&input.name, bytes, &error));
                if matches!(error.kind(), csv::ErrorKind::Io(_))
                    || problems.len() >= crate::json::SHOWN_LIMIT
                {
                    break;
                }
                continue;
            }
        };
        let line = record.position().map_or(0, |at| lines.of(at.byte()));
        match row(&record, &names, &places, line, &stem) {
            Ok(row) => log.rows.push(row),
            Err(problem) => {
                let (column, what, instead) = problem;
                let at = Location::new(&input.name.as_str().into(), line, column as u32 + 1);
                problems.push(Problem::error("bad-row", at, what).instead(instead));
            }
        }
    }
    Some(log)
}

/// Says why bytes are no table at all.
fn no_table(file: &str, bytes: &[u8]) -> Option<Problem> {
    let at = Location::new(&file.into(), 1, 1);
    if bytes.starts_with(b"\xFF\xFE") || bytes.starts_with(b"\xFE\xFF") {
        let problem = Problem::error("bad-encoding", at, "the file is UTF-16");
        return Some(problem.instead("save it as UTF-8; in a spreadsheet: \"CSV UTF-8\""));
    }
    let text = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
    let is_empty = text.trim_ascii().is_empty();
    is_empty.then(|| {
        Problem::error("nothing-recorded", at, "the file is empty")
            .instead("a first row with the names of the columns, and a row for each answer")
    })
}

/// Takes the separator that the first line has most of.
fn delimiter(bytes: &[u8]) -> u8 {
    let first = bytes
        .split(|&byte| byte == b'\n')
        .next()
        .unwrap_or_default();
    let count = |wanted: u8| first.iter().filter(|&&byte| byte == wanted).count();
    let of = [b',', b';', b'\t'].map(|one| (count(one), one));
    let most = of.iter().map(|(count, _)| *count).max().unwrap_or(0);
    of.iter()
        .find(|(count, _)| *count == most)
        .map_or(b',', |(_, one)| *one)
}

/// Counts lines up to where rows begin, which come in order. The reader counts one too few where lines end with a carriage return.
struct Lines<'b> {
    bytes: &'b [u8],
    at: usize,
    line: u32,
}

impl<'b> Lines<'b> {
    fn new(bytes: &'b [u8]) -> Self {
        Self {
            bytes,
            at: 0,
            line: 1,
        }
    }

    fn of(&mut self, byte: u64) -> u32 {
        let ends = |one: &&u8| matches!(one, b'\r' | b'\n');
        let from = usize::try_from(byte)
            .unwrap_or(usize::MAX)
            .min(self.bytes.len());
        let start = from + self.bytes[from..].iter().take_while(ends).count();
        let new = &self.bytes[self.at.min(start)..start];
        self.line += new.iter().filter(|&&one| one == b'\n').count() as u32;
        self.at = start;
        self.line
    }
}

fn broken(file: &str, bytes: &[u8], error: &csv::Error) -> Problem {
    let line = error
        .position()
        .map_or(0, |at| Lines::new(bytes).of(at.byte()));
    let what = match error.kind() {
        csv::ErrorKind::UnequalLengths {
            expected_len, len, ..
        } => format!("the row has {len} cells, the first row {expected_len}"),
        csv::ErrorKind::Utf8 { .. } => "the row is no UTF-8".to_owned(),
        _ => format!("the row cannot be read: {error}"),
    };
    let at = Location::new(&file.into(), line, u32::from(line > 0));
    let (why, instead) = match error.kind() {
        csv::ErrorKind::Utf8 { .. } => ("letters would be read wrongly", "save the file as UTF-8"),
        _ => (
            "columns would be mixed up",
            "quote cells that hold separators or line breaks",
        ),
    };
    Problem::error("bad-row", at, what)
        .why(why)
        .instead(instead)
}

fn places(
    file: &str,
    names: &[String],
    columns: &Columns,
    log: &mut Log,
    problems: &mut Vec<Problem>,
) -> Option<Places> {
    let at = || Location::new(&file.into(), 1, 1);
    let before = problems.len();
    for (index, one) in names.iter().enumerate() {
        if !one.is_empty() && names[..index].contains(one) {
            let what = format!("two columns are called `{}`", name(one));
            let instead = "a name of its own for each column";
            problems.push(Problem::error("duplicate-column", at(), what).instead(instead));
        }
    }
    let mut find = |flag: &str, stated: &Option<String>, guesses: &[&str]| match stated {
        Some(stated) if stated.is_empty() => None,
        Some(stated) => {
            let found = names.iter().position(|name| name == stated);
            if found.is_none() {
                let known = names.iter().map(String::as_str);
                let instead = match nearest(stated, known) {
                    Some(near) => format!("--{flag} '{near}'"),
                    None => format!("one of: {}", name(&names.join(", "))),
                };
                let what = format!("there is no column `{stated}`");
                problems.push(Problem::error("unknown-column", at(), what).instead(instead));
            }
            found
        }
        None => guesses
            .iter()
            .find_map(|guess| names.iter().position(|name| name.to_lowercase() == *guess)),
    };
    let id = find("id", &columns.id, &ID);
    let input = find("input", &columns.input, &INPUT);
    let output = find("output", &columns.output, &OUTPUT);
    let system = find("system", &columns.system, &SYSTEM);
    let trial = find("trial", &columns.trial, &TRIAL);
    let expected = find("expected", &columns.expected, &EXPECTED);
    let error = find("error", &columns.error, &ERROR);
    let mut labels: Vec<(String, usize)> = Vec::new();
    for (criterion, column) in &columns.labels {
        let found = find("label", &Some(column.clone()), &[]);
        labels.extend(found.map(|found| (criterion.clone(), found)));
    }
    if columns.labels.is_empty() {
        let is_label = |name: &String| LABEL.contains(&name.to_lowercase().as_str());
        let guessed = names.iter().enumerate().filter(|(_, name)| is_label(name));
        labels.extend(guessed.map(|(index, name)| (name.clone(), index)));
    }
    let unstated = |stated: &Option<String>| stated.as_deref().is_none_or(str::is_empty);
    if output.is_none() && unstated(&columns.output) {
        problems.push(missing(at(), "answer", "output", names));
    }
    let neither = id.is_none() && input.is_none();
    if neither && unstated(&columns.id) && unstated(&columns.input) {
        problems.push(missing(at(), "id or question", "id", names));
    }
    if problems.len() > before {
        return None;
    }
    let places = Places {
        id,
        input,
        output: output?,
        system,
        trial,
        expected,
        error,
        labels,
    };
    log.notes.push(places.words(names));
    Some(places)
}

impl Places {
    /// Says which columns were taken for what.
    fn words(&self, names: &[String]) -> String {
        let single = [
            ("id", self.id),
            ("input", self.input),
            ("output", Some(self.output)),
            ("system", self.system),
            ("trial", self.trial),
            ("expected", self.expected),
            ("error", self.error),
        ];
        let single = single
            .into_iter()
            .filter_map(|(flag, place)| Some(format!("{flag} `{}`", name(&names[place?]))));
        let labels = self.labels.iter().map(|(criterion, place)| {
            format!("label {}=`{}`", name(criterion), name(&names[*place]))
        });
        let all: Vec<String> = single.chain(labels).collect();
        format!("columns: {}", all.join(", "))
    }

    /// Says whether a column holds something that is taken for what it is.
    fn holds(&self, index: usize) -> bool {
        let single = [
            self.id,
            self.input,
            Some(self.output),
            self.system,
            self.trial,
            self.expected,
            self.error,
        ];
        single.contains(&Some(index)) || self.labels.iter().any(|(_, place)| *place == index)
    }
}

fn missing(at: Location, what: &str, flag: &str, names: &[String]) -> Problem {
    Problem::error(
        "missing-column",
        at,
        format!("no column looks like the {what}"),
    )
    .why("columns are guessed by common names only")
    .instead(format!(
        "--{flag} COLUMN, one of: {}",
        name(&names.join(", "))
    ))
}

/// A cell that cannot be read: its column, what is wrong, what to write.
type Odd = (usize, String, String);

fn row(
    record: &csv::StringRecord,
    names: &[String],
    places: &Places,
    line: u32,
    stem: &str,
) -> Result<Row, Odd> {
    let cell = |place: Option<usize>| {
        place
            .and_then(|place| record.get(place))
            .filter(|text| !text.trim().is_empty())
    };
    let system = match (places.system, cell(places.system)) {
        (Some(place), None) => {
            return Err((
                place,
                "the row names no system".to_owned(),
                "a name in every row".to_owned(),
            ));
        }
        (_, Some(named)) => name(named),
        (None, None) => stem.to_owned(),
    };
    let trial = match (places.trial, cell(places.trial)) {
        (Some(place), Some(text)) => {
            let number = text.trim().parse::<u32>().ok();
            let number = number.filter(|number| *number <= TRIAL_MAX);
            Some(number.ok_or_else(|| {
                (
                    place,
                    format!("`{}` is no number of a trial", name(text)),
                    format!("a whole number up to {TRIAL_MAX}"),
                )
            })?)
        }
        _ => None,
    };
    let id = cell(places.id).map(|id| id.trim().to_owned());
    if let (Some(place), None, None) = (places.id, &id, places.input) {
        return Err((
            place,
            "the row has no id".to_owned(),
            "an id in every row".to_owned(),
        ));
    }
    let input = cell(places.input).unwrap_or_default();
    let rest = names
        .iter()
        .enumerate()
        .filter(|(index, name)| !name.is_empty() && !places.holds(*index));
    let metadata: Map<String, Value> = rest
        .filter_map(|(index, name)| Some((name.clone(), cell(Some(index))?.into())))
        .collect();
    let expected = cell(places.expected).map(str::to_owned);
    let said = |text: &&str| !NO_ERROR.contains(&text.trim().to_lowercase().as_str());
    let error = cell(places.error).filter(said);
    let end = match (error, cell(Some(places.output))) {
        (None, Some(output)) => {
            End::Answered(Map::from_iter([("output".to_owned(), output.into())]))
        }
        (error, _) => End::Error {
            message: error
                .unwrap_or("the cell of the answer is empty")
                .to_owned(),
            latency_ms: None,
        },
    };
    let grades = match &end {
        End::Error { .. } => Vec::new(),
        End::Answered(_) => places
            .labels
            .iter()
            .map(|(criterion, place)| grade(criterion, record.get(*place)))
            .collect(),
    };
    Ok(Row {
        place: format!("line {line}"),
        system,
        case: Case {
            id,
            content: input.into(),
            input: input.into(),
            answer: expected.clone(),
            metadata,
            criteria: places
                .labels
                .iter()
                .map(|(criterion, _)| criterion.clone())
                .collect(),
            judged_by: expected.into(),
            ..Case::default()
        },
        trial,
        end,
        grades,
        whole: None,
    })
}

fn grade(criterion: &str, cell: Option<&str>) -> Grade {
    let text = cell.unwrap_or_default().trim();
    Grade {
        criterion: criterion.to_owned(),
        by: GraderKind::Program,
        verdict: match text.is_empty() {
            true => Verdict::Broken,
            false => Verdict::Word(text.to_owned()),
        },
        score: None,
        why: String::new(),
    }
}
