//! Comparisons: a text equals a number that is written alike, and only like is less than like.

use std::cmp::Ordering;

use bigdecimal::{BigDecimal, FromPrimitive};
use connect_core::data::Value;

use super::Operator;
use super::eval::{Side, Truth, count};

/// Returns the outcome of a comparison; unknown when a null is compared with anything but null.
pub(super) fn compare(left: &Side<'_>, operator: Operator, right: &Side<'_>) -> Truth {
    match (left, right) {
        (Side::Value(left), Side::Regex(regex)) | (Side::Regex(regex), Side::Value(left)) => match text(left)
        {
            // A pattern that takes too many steps for a text does not match it.
            Some(text) => regex.is_match(&text).unwrap_or(false).into(),
            None if left.is_null() => Truth::Unknown,
            None => Truth::No,
        },
        (Side::Value(left), Side::List(list)) => with_list(left, operator, list),
        (Side::Value(left), Side::Value(right)) => match (left.as_ref(), operator, right.as_ref()) {
            (
                left,
                Operator::In | Operator::NotIn | Operator::AnyOf | Operator::NoneOf | Operator::SubsetOf,
                Value::Array(list),
            ) => with_list(left, operator, list),
            (left, _, right) => values(left, operator, right),
        },
        (Side::List(left), Side::List(right)) => with_list(&Value::Array(left.to_vec()), operator, right),
        (Side::List(left), Side::Value(right)) => values(&Value::Array(left.to_vec()), operator, right),
        _ => Truth::No,
    }
}

fn with_list(left: &Value, operator: Operator, list: &[Value]) -> Truth {
    let is_in = |value: &Value| list.iter().any(|item| equal(value, item));
    let items = match left {
        Value::Array(items) => items.as_slice(),
        other => std::slice::from_ref(other),
    };
    match operator {
        Operator::In | Operator::NotIn if left.is_null() && !is_in(left) => Truth::Unknown,
        Operator::In => is_in(left).into(),
        Operator::NotIn => (!is_in(left)).into(),
        Operator::AnyOf => items.iter().any(is_in).into(),
        Operator::NoneOf => (!items.iter().any(is_in)).into(),
        Operator::SubsetOf => items.iter().all(is_in).into(),
        Operator::Equal | Operator::NotEqual => {
            let is_equal = equal(left, &Value::Array(list.to_vec()));
            (is_equal == (operator == Operator::Equal)).into()
        }
        _ => Truth::No,
    }
}

fn values(left: &Value, operator: Operator, right: &Value) -> Truth {
    let ordered = |accepts: fn(Ordering) -> bool| match (left, right) {
        (Value::Null, _) | (_, Value::Null) => Truth::Unknown,
        _ => order(left, right).is_some_and(accepts).into(),
    };
    match operator {
        Operator::Equal | Operator::NotEqual if left.is_null() != right.is_null() => {
            // To ask for null is to know about it; anything else says nothing of a null.
            if right.is_null() { (operator == Operator::NotEqual).into() } else { Truth::Unknown }
        }
        Operator::Equal => equal(left, right).into(),
        Operator::NotEqual => (!equal(left, right)).into(),
        Operator::Less => ordered(Ordering::is_lt),
        Operator::LessOrEqual => ordered(Ordering::is_le),
        Operator::Greater => ordered(Ordering::is_gt),
        Operator::GreaterOrEqual => ordered(Ordering::is_ge),
        _ if left.is_null() => Truth::Unknown,
        Operator::Contains => match (left, right) {
            (Value::Array(items), right) => items.iter().any(|item| equal(item, right)),
            (Value::String(text), Value::String(part)) => text.contains(&**part),
            _ => false,
        }
        .into(),
        Operator::Size => count(left).is_some_and(|count| equal(&count, right)).into(),
        Operator::Empty => {
            let is_empty = count(left).map(|count| matches!(count, Value::Int64(0)));
            is_empty.is_some_and(|is_empty| *right == Value::Boolean(is_empty)).into()
        }
        _ => Truth::No,
    }
}

/// Compares as Jayway's nodes do: a number takes a text for a number, a text takes a number for its text.
fn equal(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::String(left), Value::String(right)) => left == right,
        (Value::String(left), right) => number(right).is_some_and(|right| **left == right.to_string()),
        (left, Value::String(text)) => {
            let right = text.trim().parse::<BigDecimal>().ok();
            number(left).zip(right).is_some_and(|(left, right)| left == right)
        }
        (Value::Int64(left), Value::Int64(right)) => left == right,
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| equal(left, right))
        }
        (left, right) => match (number(left), number(right)) {
            (Some(left), Some(right)) => left == right,
            _ => left == right,
        },
    }
}

fn order(left: &Value, right: &Value) -> Option<Ordering> {
    match (left, right) {
        (Value::Int64(left), Value::Int64(right)) => Some(left.cmp(right)),
        (Value::String(left), Value::String(right)) => Some(left.cmp(right)),
        (left, right) => Some(number(left)?.cmp(&number(right)?)),
    }
}

fn number(value: &Value) -> Option<BigDecimal> {
    match value {
        Value::Int8(number) => Some(BigDecimal::from(*number)),
        Value::Int16(number) => Some(BigDecimal::from(*number)),
        Value::Int32(number) => Some(BigDecimal::from(*number)),
        Value::Int64(number) => Some(BigDecimal::from(*number)),
        Value::Float32(number) => BigDecimal::from_f32(*number),
        // By its shortest text, as Java's BigDecimal.valueOf: 0.1 is 0.1.
        Value::Float64(number) => number.is_finite().then(|| number.to_string().parse().ok())?,
        Value::Decimal(number) => Some(number.clone()),
        _ => None,
    }
}

fn text(value: &Value) -> Option<std::borrow::Cow<'_, str>> {
    match value {
        Value::String(text) => Some((&**text).into()),
        Value::Boolean(value) => Some(value.to_string().into()),
        other => number(other).map(|number| number.to_string().into()),
    }
}
