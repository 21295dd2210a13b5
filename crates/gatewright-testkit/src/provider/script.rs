//! What a script may say: what is answered, and which request is dealt with how.

use std::collections::BTreeMap;

use regex::Regex;
use serde::Deserialize;

use super::behaviour::Behaviour;

/// Everything the provider does, decided before it starts.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Script {
    /// What an answer says.
    pub reply: Reply,
    /// The model that answers say they come from; by default the one that was asked for.
    pub model: Option<String>,
    /// The `system_fingerprint` of answers.
    pub fingerprint: String,
    /// From which request on another model answers (F27), in rising order.
    pub changes: Vec<Change>,
    /// Seeds every share of this script.
    pub seed: u64,
    /// Tried in order; the first that fits decides, and without one the request is answered well.
    pub rules: Vec<Rule>,
    /// Connections that are accepted and never read.
    pub half_open: Option<Nth>,
    /// Connections that are closed as soon as they are accepted.
    pub hang_up: Option<Nth>,
}

/// From one request on, another model answers.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// The first request (counted from 1) that it answers.
    pub from: u64,
    /// What its answers call it; as before when absent.
    pub model: Option<String>,
    /// What its answers give as `system_fingerprint`; as before when absent.
    pub fingerprint: Option<String>,
}

/// What an answer says: a pure function of the request's key.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Reply {
    /// The content of the request.
    Echo,
    /// The content in capitals.
    Upper,
    /// The same text always.
    Fixed(String),
    /// What the table says for the content.
    Table {
        /// Content to answer.
        entries: BTreeMap<String, String>,
        /// For content that is not in the table.
        #[serde(default)]
        otherwise: String,
    },
    /// Right for a share of the keys, drawn by seeded hash.
    Correct {
        /// The share that is right, from 0 to 1.
        share: f64,
        /// The right answers by content; the content itself for what is not here.
        #[serde(default)]
        right: BTreeMap<String, String>,
        /// What is said otherwise.
        wrong: String,
    },
    /// A call of a tool instead of a text.
    ToolCall {
        /// The tool's name.
        name: String,
        /// Its arguments, as the JSON text that the dialects carry.
        arguments: String,
    },
}

/// Which requests are dealt with how.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Which requests: every condition given has to hold.
    #[serde(default)]
    pub when: When,
    /// How.
    #[serde(rename = "do")]
    pub behaviour: Behaviour,
}

/// Conditions on a request; those left out hold for every request.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct When {
    /// On the number of the request, from 1, over all connections.
    pub nth: Option<Nth>,
    /// On the number of the request among those of the same key, from 1.
    pub nth_for_key: Option<Nth>,
    /// The content (the key without its seed) is this.
    pub key: Option<String>,
    /// The content (the key without its seed) matches this.
    #[serde(deserialize_with = "pattern")]
    pub key_regex: Option<Regex>,
    /// The path without its query is this.
    pub path: Option<String>,
    /// This share of the keys, drawn by seeded hash: the same key is always in or always out.
    pub share: Option<f64>,
}

/// A condition on a number that counts from 1.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Nth {
    /// One of these.
    pub at: Option<Vec<u64>>,
    /// This or later.
    pub from: Option<u64>,
    /// This or earlier.
    pub to: Option<u64>,
    /// A multiple of this.
    pub every: Option<u64>,
}

/// What a rule may look at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Facts<'a> {
    pub(super) nth: u64,
    pub(super) nth_for_key: u64,
    pub(super) content: &'a str,
    pub(super) key: &'a str,
    pub(super) path: &'a str,
}

impl Default for Script {
    fn default() -> Self {
        Self {
            reply: Reply::Echo,
            model: None,
            fingerprint: "fp_scripted".to_owned(),
            changes: Vec::new(),
            seed: 0,
            rules: Vec::new(),
            half_open: None,
            hang_up: None,
        }
    }
}

impl Script {
    /// Reads a script from its JSON.
    ///
    /// # Errors
    ///
    /// When it is no JSON, or says something that no script says.
    pub fn parse(json: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(json)
    }

    /// Makes a script with one rule, for every request.
    pub fn always(behaviour: Behaviour) -> Self {
        Self::default().rule(When::default(), behaviour)
    }

    /// Adds a rule after those that are there.
    #[must_use]
    pub fn rule(mut self, when: When, behaviour: Behaviour) -> Self {
        self.rules.push(Rule { when, behaviour });
        self
    }

    /// Returns how the request is dealt with; `None` is a plain answer.
    pub(super) fn behaviour(&self, facts: Facts<'_>) -> Option<&Behaviour> {
        self.rules
            .iter()
            .enumerate()
            .find(|(index, rule)| rule.when.holds(facts, self.seed, *index as u64))
            .map(|(_, rule)| &rule.behaviour)
    }

    /// Returns the model and fingerprint of the nth answer.
    pub(super) fn model<'a>(&'a self, nth: u64, asked: &'a str) -> (&'a str, &'a str) {
        let mut model = self.model.as_deref().unwrap_or(asked);
        let mut fingerprint = self.fingerprint.as_str();
        for change in self.changes.iter().filter(|change| change.from <= nth) {
            model = change.model.as_deref().unwrap_or(model);
            fingerprint = change.fingerprint.as_deref().unwrap_or(fingerprint);
        }
        (model, fingerprint)
    }
}

impl Reply {
    /// Returns the text that answers the content, or nothing for a tool call.
    pub(super) fn text(&self, content: &str, key: &str, seed: u64) -> Option<String> {
        Some(match self {
            Self::Echo => content.to_owned(),
            Self::Upper => content.to_uppercase(),
            Self::Fixed(text) => text.clone(),
            Self::Table { entries, otherwise } => entries.get(content).unwrap_or(otherwise).clone(),
            Self::Correct {
                share,
                right,
                wrong,
            } => {
                if fraction(key, seed, u64::MAX) < *share {
                    right
                        .get(content)
                        .map_or(content, String::as_str)
                        .to_owned()
                } else {
                    wrong.clone()
                }
            }
            Self::ToolCall { .. } => return None,
        })
    }
}

impl Nth {
    /// This number only.
    pub fn at(number: u64) -> Self {
        Self {
            at: Some(vec![number]),
            ..Self::default()
        }
    }

    /// The first ones, up to this number.
    pub fn to(number: u64) -> Self {
        Self {
            to: Some(number),
            ..Self::default()
        }
    }

    /// This number and all later ones.
    pub fn from(number: u64) -> Self {
        Self {
            from: Some(number),
            ..Self::default()
        }
    }

    /// The multiples of this number.
    pub fn every(number: u64) -> Self {
        Self {
            every: Some(number),
            ..Self::default()
        }
    }

    /// Whether the number fits every condition given.
    pub fn holds(&self, number: u64) -> bool {
        self.at.as_ref().is_none_or(|at| at.contains(&number))
            && self.from.is_none_or(|from| from <= number)
            && self.to.is_none_or(|to| number <= to)
            && self.every.is_none_or(|every| number.is_multiple_of(every))
    }
}

impl When {
    fn holds(&self, facts: Facts<'_>, seed: u64, rule: u64) -> bool {
        self.nth.as_ref().is_none_or(|nth| nth.holds(facts.nth))
            && self
                .nth_for_key
                .as_ref()
                .is_none_or(|nth| nth.holds(facts.nth_for_key))
            && self.key.as_ref().is_none_or(|key| key == facts.content)
            && self
                .key_regex
                .as_ref()
                .is_none_or(|pattern| pattern.is_match(facts.content))
            && self.path.as_ref().is_none_or(|path| path == facts.path)
            && self
                .share
                .is_none_or(|share| fraction(facts.key, seed, rule) < share)
    }
}

/// Draws a number from 0 up to 1 for a key: FNV-1a, then the finaliser of splitmix64 to spread it.
fn fraction(key: &str, seed: u64, rule: u64) -> f64 {
    let mut hash = 0xcbf2_9ce4_8422_2325 ^ seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ rule;
    for byte in key.bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^= hash >> 31;
    (hash >> 11) as f64 / (1_u64 << 53) as f64
}

fn pattern<'de, D: serde::Deserializer<'de>>(input: D) -> Result<Option<Regex>, D::Error> {
    let text = Option::<String>::deserialize(input)?;
    text.map(|text| Regex::new(&text).map_err(serde::de::Error::custom))
        .transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_about_that_share_and_stays() {
        let inside =
            |seed| (0..10_000).filter(move |key| fraction(&key.to_string(), seed, 0) < 0.3);
        let (first, again, other) = (inside(1).count(), inside(1).count(), inside(2).count());
        assert_eq!(first, again);
        assert!((2_800..3_200).contains(&first), "{first}");
        assert_ne!(inside(1).collect::<Vec<_>>(), inside(2).collect::<Vec<_>>());
        assert!((2_800..3_200).contains(&other), "{other}");
    }

    #[test]
    fn conditions_on_numbers_join() {
        let nth = Nth {
            from: Some(3),
            every: Some(2),
            ..Nth::default()
        };
        let fits: Vec<u64> = (1..=8).filter(|&number| nth.holds(number)).collect();
        assert_eq!(fits, [4, 6, 8]);
    }

    #[test]
    fn a_misspelt_script_is_refused() {
        assert!(Script::parse(r#"{"rulez": []}"#).is_err());
        assert!(
            Script::parse(r#"{"rules": [{"when": {"key_regex": "("}, "do": "stall"}]}"#).is_err()
        );
        assert!(
            Script::parse(r#"{"rules": [{"when": {"key_regex": "a"}, "do": "sit"}]}"#).is_err()
        );
    }
}
