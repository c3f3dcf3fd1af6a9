//! JSONPath over keys and values, with the meaning that Jayway's library for Java gives it, which is what Confluent's
//! `Filter` uses: a filter applies to a map itself, not to its members, and comparisons convert between texts and
//! numbers.

mod compare;
mod eval;
mod lexer;
mod parser;

use connect_core::data::Value;

pub(crate) use eval::Truth;

/// A parsed path.
#[derive(Debug, Clone)]
pub(crate) struct JsonPath {
    steps: Vec<Step>,
}

/// One step of a path.
#[derive(Debug, Clone)]
enum Step {
    /// `.name`, `['name', 'other']`.
    Names(Vec<String>),
    /// `.*`, `[*]`.
    Every,
    /// `[0, -1]`.
    Indexes(Vec<i64>),
    /// `[from:to]`; negative numbers count from the end.
    Slice(Option<i64>, Option<i64>),
    /// `..`: the value and everything inside it.
    Deep,
    /// `[?(condition)]`.
    Filter(Condition),
}

/// What a filter asks.
#[derive(Debug, Clone)]
enum Condition {
    Any(Vec<Condition>),
    All(Vec<Condition>),
    Not(Box<Condition>),
    /// The path leads somewhere.
    Exists(Source),
    Compare(Operand, Operator, Operand),
}

/// Where a path inside a condition begins: `$` or `@`.
#[derive(Debug, Clone)]
struct Source {
    is_root: bool,
    path: JsonPath,
    /// Ends with `.length()` or `.size()`.
    counts: bool,
}

/// One side of a comparison.
#[derive(Debug, Clone)]
enum Operand {
    Literal(Value),
    List(Vec<Value>),
    Regex(Box<fancy_regex::Regex>),
    Path(Source),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Matches,
    In,
    NotIn,
    Contains,
    Size,
    Empty,
    AnyOf,
    NoneOf,
    SubsetOf,
}

impl JsonPath {
    /// Parses a path that begins with `$`.
    ///
    /// # Errors
    /// Fails with what was expected, and where.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        parser::parse(text)
    }

    /// Returns whether the path leads somewhere in `root`; unknown when that hangs on a field that is missing or
    /// null.
    pub(crate) fn test(&self, root: &Value) -> Truth {
        eval::test(self, root)
    }
}

#[cfg(test)]
mod tests;
