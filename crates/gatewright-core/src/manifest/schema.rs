//! The JSON Schema of the page, for editors.

use serde_json::Value;

use super::shape::Page;

/// Returns the JSON Schema of `gatewright.yaml`: same bytes on every call.
pub fn schema() -> Value {
    let mut schema = schemars::schema_for!(Page).to_value();
    if let Some(object) = schema.as_object_mut() {
        object.insert("title".to_owned(), "gatewright.yaml".into());
    }
    // Does nothing where maps are sorted by themselves: see `Digest::of_json`.
    schema.sort_all_objects();
    schema
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;
    use crate::manifest::{node, read};

    fn root() -> std::path::PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
    }

    fn keys(at: &Value) -> BTreeSet<&str> {
        let properties = at["properties"].as_object().expect("an object");
        properties.keys().map(String::as_str).collect()
    }

    #[test]
    fn the_schema_and_the_reader_know_the_same_keys() {
        let schema = schema();
        let check = |at: &Value, known: &[&str]| {
            assert_eq!(keys(at), known.iter().copied().collect(), "{at}");
            assert_eq!(at["additionalProperties"], Value::Bool(false));
        };
        check(&schema, &read::KEYS);
        let known = read::known_keys();
        for (name, known) in &known {
            check(&schema["$defs"][*name], known);
        }
        let graders = schema["$defs"]["GraderShape"]["oneOf"]
            .as_array()
            .expect("a list");
        assert_eq!(graders.len(), read::GRADERS.len());
        for (shape, (kind, options)) in graders.iter().zip(read::GRADERS) {
            assert_eq!(keys(shape), BTreeSet::from([kind]));
            let inner = &shape["properties"][kind];
            if !options.is_empty() {
                check(inner, options);
            }
        }
    }

    #[test]
    fn committed_pages_are_valid_under_the_schema() {
        let schema = jsonschema::validator_for(&schema()).expect("a schema");
        for path in crate::testing::committed_pages() {
            let bytes = std::fs::read(&path).expect("readable");
            let mut problems = Vec::new();
            let tree = node::parse(&bytes, &"page".into(), &mut problems).expect("a page");
            let errors: Vec<String> = schema
                .iter_errors(&tree.json())
                .map(|error| format!("{} at {}", error, error.instance_path()))
                .collect();
            assert_eq!(errors, [""; 0], "{}", path.display());
        }
        assert!(!schema.is_valid(&serde_json::json!({"gatewright": 2})));
    }

    #[test]
    fn the_committed_schema_is_current() {
        let path = root().join("docs/gatewright.schema.json");
        let text = serde_json::to_string_pretty(&schema()).expect("JSON") + "\n";
        let committed = std::fs::read_to_string(&path).unwrap_or_default();
        if std::env::var_os("GATEWRIGHT_BLESS").is_some() {
            std::fs::write(&path, &text).expect("writable");
        } else {
            assert!(committed == text, "run this test with GATEWRIGHT_BLESS=1");
        }
    }
}
