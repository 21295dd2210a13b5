//! The shipped example, inside the binary: it works without a network and without a clone.

/// A file of the example: its path and its bytes.
pub(crate) type File = (&'static str, &'static [u8]);

macro_rules! files {
    ($($path:literal),* $(,)?) => {
        &[$(($path, include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/billing-support/", $path)))),*]
    };
}

/// `billing-support`: a better average that breaks cancellations.
pub(crate) const BILLING_SUPPORT: &[File] = files![
    "README.md",
    "accounts.json",
    "assistant.py",
    "gatewright.yaml",
    "incidents.jsonl",
    "policy/cancellation-notice.md",
    "policy/chargeback.md",
    "policy/escalation.md",
    "policy/invoices.md",
    "policy/payment-retry.md",
    "policy/plan-change.md",
    "policy/privacy.md",
    "policy/proration.md",
    "policy/refund-limit.md",
    "policy/refund-window.md",
    "reference/cancellation.jsonl",
    "reference/invoice-question.jsonl",
    "reference/payment-failure.jsonl",
    "reference/plan-change.jsonl",
    "reference/refund.jsonl",
];

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn walk(folder: &Path, root: &Path, found: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            let name = path
                .file_name()
                .expect("a name")
                .to_string_lossy()
                .into_owned();
            if name.starts_with('.') || name == "__pycache__" {
                continue;
            }
            if path.is_dir() {
                walk(&path, root, found);
            } else {
                found.push(
                    path.strip_prefix(root)
                        .expect("inside")
                        .to_string_lossy()
                        .into_owned(),
                );
            }
        }
    }

    #[test]
    fn every_file_of_the_example_is_in_the_binary() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/billing-support");
        let mut found = Vec::new();
        walk(&root, &root, &mut found);
        found.sort();
        let embedded: Vec<&str> = BILLING_SUPPORT.iter().map(|(path, _)| *path).collect();
        assert_eq!(embedded, found, "the list in example.rs, sorted");
    }
}
