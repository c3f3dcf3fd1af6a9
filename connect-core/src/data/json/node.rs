//! The tree a JSON text is read into; it borrows from the text where it can.

use std::borrow::Cow;

use crate::data::json::Number;
use crate::data::json::text::to_utf8;

/// A JSON value. Strings and keys are UTF-8, except that an unpaired `\ud800` escape stays as three bytes, as
/// Java's strings keep it.
#[derive(Debug, Clone, PartialEq)]
pub enum Node<'a> {
    /// No value at all: an empty or blank text.
    Missing,
    /// `null`.
    Null,
    /// `true` or `false`.
    Boolean(bool),
    /// A number.
    Number(Number<'a>),
    /// A string.
    String(Cow<'a, [u8]>),
    /// An array.
    Array(Vec<Node<'a>>),
    /// An object in reading order; of a key that occurs twice, the first place and the last value.
    Object(Vec<(Cow<'a, [u8]>, Node<'a>)>),
}

impl<'a> Node<'a> {
    /// Returns a member of an object.
    pub fn get(&self, key: &str) -> Option<&Node<'a>> {
        let Node::Object(members) = self else { return None };
        members.iter().find(|(name, _)| name.as_ref() == key.as_bytes()).map(|(_, value)| value)
    }

    /// Returns whether this is `null`.
    pub fn is_null(&self) -> bool {
        matches!(self, Node::Null)
    }

    /// Returns the text of a string.
    pub fn as_text(&self) -> Option<Cow<'_, str>> {
        match self {
            Node::String(bytes) => Some(to_utf8(bytes)),
            _ => None,
        }
    }

    /// Returns a number.
    pub fn as_number(&self) -> Option<Number<'a>> {
        match self {
            Node::Number(number) => Some(*number),
            _ => None,
        }
    }

    /// Returns Jackson's upper-case name of the node's type, as in error texts.
    pub fn type_name(&self) -> &'static str {
        match self {
            Node::Missing => "MISSING",
            Node::Null => "NULL",
            Node::Boolean(_) => "BOOLEAN",
            Node::Number(_) => "NUMBER",
            Node::String(_) => "STRING",
            Node::Array(_) => "ARRAY",
            Node::Object(_) => "OBJECT",
        }
    }
}
