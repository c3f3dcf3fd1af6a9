//! The `config!` table: a component's settings, declared once.

use std::fmt;

use crate::config::{ConfigDef, Parsed, Props};
use crate::error::ConnectError;

/// What is wrong with one configuration key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigIssue {
    /// Key.
    pub name: String,
    /// Text for the user, naming key and value.
    pub message: String,
}

impl fmt::Display for ConfigIssue {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl From<Vec<ConfigIssue>> for ConnectError {
    fn from(issues: Vec<ConfigIssue>) -> Self {
        let texts: Vec<String> = issues.into_iter().map(|issue| issue.message).collect();
        ConnectError::config(texts.join("\n"))
    }
}

/// Parses every key of a definition. Used by the `config!` macro.
///
/// # Errors
/// Returns the first issue of every key.
pub fn parse_table(def: &ConfigDef, props: &Props) -> Result<Vec<Parsed>, Vec<ConfigIssue>> {
    let report = def.validate(props);
    let issues: Vec<ConfigIssue> = report
        .values
        .iter()
        .filter_map(|value| {
            let message = value.errors.first()?.clone();
            Some(ConfigIssue { name: value.name.clone(), message })
        })
        .collect();
    if !issues.is_empty() {
        return Err(issues);
    }
    Ok(report.values.into_iter().map(|value| value.parsed).collect())
}

/// Declares a component's settings once: a typed struct, `config_def()` and `parse(&Props)`.
///
/// Each field reads `name: Type = "key", Importance [, attribute value]…;` where an attribute is a method of
/// [`ConfigKey`](crate::config::ConfigKey): `default`, `valid`, `group`, `order`, `width`, `display`,
/// `dependents`, `recommended`, `internal`. A field without `default` is required; `default None` is null.
#[macro_export]
macro_rules! config {
    (
        $(#[$meta:meta])*
        $vis:vis struct $name:ident {
            $(
                $(#[doc = $doc:literal])*
                $field:ident : $ty:ty = $key:literal, $importance:ident $(, $attribute:ident $value:expr)* ;
            )*
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone)]
        $vis struct $name {
            $( $(#[doc = $doc])* $vis $field: $ty, )*
        }

        impl $name {
            /// Returns the keys in definition order.
            $vis fn config_def() -> $crate::config::ConfigDef {
                $crate::config::ConfigDef::new(vec![$(
                    $crate::config::ConfigKey::new(
                        $key,
                        <$ty as $crate::config::FromConfig>::TYPE,
                        $crate::config::Importance::$importance,
                        concat!($($doc),*).trim(),
                    )
                    $(.$attribute($value))*,
                )*])
            }

            /// Parses the settings.
            ///
            /// # Errors
            /// Returns every issue, not only the first.
            $vis fn parse(props: &$crate::config::Props) -> Result<Self, Vec<$crate::config::ConfigIssue>> {
                let mut values = $crate::config::parse_table(&Self::config_def(), props)?.into_iter();
                let mut issues = Vec::new();
                $(
                    let parsed = values.next().unwrap_or($crate::config::Parsed::Null);
                    let $field = <$ty as $crate::config::FromConfig>::from_config(&parsed)
                        .map_err(|reason| issues.push($crate::config::ConfigIssue {
                            name: $key.to_owned(),
                            message: format!("Invalid value {parsed} for configuration {}: {reason}", $key),
                        }))
                        .ok();
                )*
                match ($($field,)*) {
                    ($(Some($field),)*) => Ok(Self { $($field,)* }),
                    _ => Err(issues),
                }
            }
        }
    };
}
