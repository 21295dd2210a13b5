//! Typed names: one newtype for each kind of thing that files refer to by name.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

macro_rules! name {
    ($(#[$doc:meta])* $name:ident($text:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
        #[serde(transparent)]
        pub struct $name(pub $text);

        impl $name {
            /// Borrows the name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.into())
            }
        }
        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

name!(
    /// Names an example of the reference set. Set, plan and log share one copy of it.
    ExampleId(Arc<str>)
);
name!(
    /// Names a failure class (`unsupported-claim`, …).
    ClassId(String)
);
name!(
    /// Names an owner declared under `owners:`.
    OwnerId(String)
);
name!(
    /// Names a criterion declared under `criteria:`.
    CriterionId(String)
);
name!(
    /// Names a rule of the gate.
    RuleId(String)
);
