//! From path and value to an answer.

use std::borrow::Cow;

use connect_core::data::Value;

use super::compare::compare;
use super::{Condition, JsonPath, Operand, Source, Step};

/// The answer to a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Truth {
    Yes,
    No,
    /// It hangs on a field that is missing or null.
    Unknown,
}

impl From<bool> for Truth {
    fn from(is_true: bool) -> Self {
        if is_true { Truth::Yes } else { Truth::No }
    }
}

/// Returns whether a path leads somewhere.
pub(super) fn test(path: &JsonPath, root: &Value) -> Truth {
    let mut found = Found { root, is_unknown: false, any: false };
    let end: &mut dyn FnMut(&Value) = &mut |_| {};
    found.walk(&path.steps, root, end);
    match found {
        Found { any: true, .. } => Truth::Yes,
        Found { is_unknown: true, .. } => Truth::Unknown,
        _ => Truth::No,
    }
}

struct Found<'a> {
    root: &'a Value,
    is_unknown: bool,
    any: bool,
}

impl Found<'_> {
    /// Calls `end` for everything that the steps lead to.
    fn walk(&mut self, steps: &[Step], value: &Value, end: &mut dyn FnMut(&Value)) {
        let Some((step, rest)) = steps.split_first() else {
            self.any = true;
            return end(value);
        };
        match step {
            Step::Names(names) => {
                for name in names {
                    if let Some(member) = member(value, name) {
                        self.walk(rest, member, end);
                    }
                }
            }
            Step::Every => members(value, &mut |member| self.walk(rest, member, end)),
            Step::Indexes(indexes) => {
                let Value::Array(items) = value else { return };
                for index in indexes {
                    if let Some(item) = from_end(*index, items.len()).and_then(|index| items.get(index)) {
                        self.walk(rest, item, end);
                    }
                }
            }
            Step::Slice(from, to) => {
                let Value::Array(items) = value else { return };
                let bound = |index: i64| from_end(index, items.len()).unwrap_or(0).min(items.len());
                let (from, to) = (from.map_or(0, bound), to.map_or(items.len(), bound));
                for item in items.get(from..to).unwrap_or_default() {
                    self.walk(rest, item, end);
                }
            }
            Step::Deep => {
                self.walk(rest, value, end);
                members(value, &mut |member| self.walk(steps, member, end));
            }
            Step::Filter(condition) => match value {
                Value::Array(items) => {
                    for item in items {
                        self.filter(condition, item, rest, end);
                    }
                }
                value => self.filter(condition, value, rest, end),
            },
        }
    }

    fn filter(&mut self, condition: &Condition, value: &Value, rest: &[Step], end: &mut dyn FnMut(&Value)) {
        match truth(condition, self.root, value) {
            Truth::Yes => self.walk(rest, value, end),
            Truth::Unknown => self.is_unknown = true,
            Truth::No => {}
        }
    }
}

fn truth(condition: &Condition, root: &Value, current: &Value) -> Truth {
    match condition {
        Condition::Any(conditions) => first(conditions, root, current, Truth::Yes, Truth::No),
        Condition::All(conditions) => first(conditions, root, current, Truth::No, Truth::Yes),
        Condition::Not(inner) => match truth(inner, root, current) {
            Truth::Yes => Truth::No,
            Truth::No => Truth::Yes,
            Truth::Unknown => Truth::Unknown,
        },
        Condition::Exists(source) => (!found(source, root, current).is_empty()).into(),
        Condition::Compare(left, operator, right) => {
            let (Some(left), Some(right)) = (side(left, root, current), side(right, root, current)) else {
                return Truth::Unknown;
            };
            compare(&left, *operator, &right)
        }
    }
}

/// Returns `decisive` if one condition says so, else `Unknown` if one is, else `other`.
fn first(conditions: &[Condition], root: &Value, current: &Value, decisive: Truth, other: Truth) -> Truth {
    let mut outcome = other;
    for condition in conditions {
        match truth(condition, root, current) {
            found if found == decisive => return decisive,
            Truth::Unknown => outcome = Truth::Unknown,
            _ => {}
        }
    }
    outcome
}

/// One side of a comparison, evaluated.
pub(super) enum Side<'a> {
    Value(Cow<'a, Value>),
    List(&'a [Value]),
    Regex(&'a fancy_regex::Regex),
}

/// Returns what an operand stands for, `None` when its path leads nowhere.
fn side<'a>(operand: &'a Operand, root: &Value, current: &Value) -> Option<Side<'a>> {
    Some(match operand {
        Operand::Literal(value) => Side::Value(Cow::Borrowed(value)),
        Operand::List(items) => Side::List(items),
        Operand::Regex(regex) => Side::Regex(regex),
        Operand::Path(source) => {
            let mut values = found(source, root, current);
            let value = match values.len() {
                0 => return None,
                1 if source.is_definite() => values.remove(0),
                _ => Value::Array(values),
            };
            Side::Value(Cow::Owned(if source.counts { count(&value)? } else { value }))
        }
    })
}

fn found(source: &Source, root: &Value, current: &Value) -> Vec<Value> {
    let mut values = Vec::new();
    let start = if source.is_root { root } else { current };
    let mut walk = Found { root, is_unknown: false, any: false };
    walk.walk(&source.path.steps, start, &mut |value| values.push(value.clone()));
    values
}

impl Source {
    /// Returns whether the path leads to one place at most.
    fn is_definite(&self) -> bool {
        self.path.steps.iter().all(|step| match step {
            Step::Names(names) => names.len() == 1,
            Step::Indexes(indexes) => indexes.len() == 1,
            _ => false,
        })
    }
}

/// Returns the length of a text, or the number of members.
pub(super) fn count(value: &Value) -> Option<Value> {
    let count = match value {
        Value::String(text) => text.encode_utf16().count(),
        Value::Array(items) => items.len(),
        Value::Map(map) => map.entries.len(),
        Value::Struct(structure) => structure.values().len(),
        _ => return None,
    };
    i64::try_from(count).ok().map(Value::Int64)
}

fn member<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    match value {
        Value::Map(map) => map.get(name),
        Value::Struct(structure) => structure.get(name).ok(),
        _ => None,
    }
}

fn members(value: &Value, visit: &mut dyn FnMut(&Value)) {
    match value {
        Value::Array(items) => items.iter().for_each(visit),
        Value::Map(map) => map.entries.iter().map(|(_, member)| member).for_each(visit),
        Value::Struct(structure) => structure.values().iter().for_each(visit),
        _ => {}
    }
}

fn from_end(index: i64, len: usize) -> Option<usize> {
    match usize::try_from(index) {
        Ok(index) => Some(index),
        Err(_) => len.checked_sub(usize::try_from(index.unsigned_abs()).ok()?),
    }
}
