//! Checks on parsed configuration values, with Kafka's texts.

use std::fmt;

use crate::config::Parsed;

/// A check on one parsed value. It does not see nulls unless stated.
#[derive(Clone, Copy)]
pub enum Validator {
    /// Accepts everything.
    Any,
    /// Accepts numbers of at least the given size.
    AtLeast(i64),
    /// Accepts numbers in the closed range.
    Between(i64, i64),
    /// Accepts the listed texts; sees nulls.
    OneOf(&'static [&'static str]),
    /// Accepts the listed texts in any case; sees nulls.
    OneOfIgnoringCase(&'static [&'static str]),
    /// Refuses the empty text.
    NonEmpty,
    /// Refuses the empty list.
    NonEmptyList,
    /// Any other rule: gets the key's name and the value (possibly null), returns the whole error text.
    Custom(fn(&str, &Parsed) -> Result<(), String>),
}

impl Validator {
    /// Checks a value.
    ///
    /// # Errors
    /// Returns the text shown to the user, beginning with `Invalid value`.
    pub fn check(&self, name: &str, value: &Parsed) -> Result<(), String> {
        let invalid = |text: String| Err(format!("Invalid value {value} for configuration {name}: {text}"));
        match (self, value) {
            (Validator::Any, _) => Ok(()),
            (Validator::Custom(rule), _) => rule(name, value),
            (Validator::OneOf(allowed), Parsed::Text(text)) if allowed.contains(&text.as_str()) => Ok(()),
            (Validator::OneOf(allowed), _) => {
                invalid(format!("String must be one of: {}", allowed.join(", ")))
            }
            (Validator::OneOfIgnoringCase(allowed), Parsed::Text(text))
                if allowed.iter().any(|item| item.eq_ignore_ascii_case(text)) =>
            {
                Ok(())
            }
            (Validator::OneOfIgnoringCase(allowed), _) => {
                invalid(format!("String must be one of (case insensitive): {}", allowed.join(", ")))
            }
            (Validator::AtLeast(least), Parsed::Int(number)) if number < least => {
                invalid(format!("Value must be at least {least}"))
            }
            (Validator::AtLeast(_) | Validator::Between(..), Parsed::Null) => {
                invalid("Value must be non-null".to_owned())
            }
            (Validator::Between(least, _), Parsed::Int(number)) if number < least => {
                invalid(format!("Value must be at least {least}"))
            }
            (Validator::Between(_, most), Parsed::Int(number)) if number > most => {
                invalid(format!("Value must be no more than {most}"))
            }
            (Validator::NonEmpty, Parsed::Text(text)) if text.is_empty() => {
                invalid("String must be non-empty".to_owned())
            }
            (Validator::NonEmptyList, Parsed::List(items)) if items.is_empty() => {
                invalid("Empty list".to_owned())
            }
            _ => Ok(()),
        }
    }
}

impl fmt::Debug for Validator {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Validator::Any => formatter.write_str("any"),
            Validator::AtLeast(least) => write!(formatter, "[{least},...]"),
            Validator::Between(least, most) => write!(formatter, "[{least},...,{most}]"),
            Validator::OneOf(allowed) => write!(formatter, "[{}]", allowed.join(", ")),
            Validator::OneOfIgnoringCase(allowed) => {
                write!(formatter, "(case insensitive) [{}]", allowed.join(", "))
            }
            Validator::NonEmpty => formatter.write_str("non-empty string"),
            Validator::NonEmptyList => formatter.write_str("non-empty list"),
            Validator::Custom(_) => formatter.write_str("custom rule"),
        }
    }
}
