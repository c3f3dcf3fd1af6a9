//! Containers the reader is inside of.

use std::borrow::Cow;
use std::collections::HashMap;
use std::collections::hash_map::Entry;

use crate::data::json::Node;

/// Members up to which duplicate keys are found by looking at each pair.
const FEW_MEMBERS: usize = 16;

/// Where a value stands.
#[derive(Clone, Copy)]
pub(super) enum Scope {
    Root,
    Array(usize),
    Object(usize),
}

/// A container whose end has not been read.
pub(super) struct Open<'a> {
    pub(super) scope: Scope,
    /// Keys of an object's members, the last perhaps without its value yet.
    pub(super) keys: Vec<Cow<'a, [u8]>>,
    values: Vec<Node<'a>>,
}

impl<'a> Open<'a> {
    pub(super) fn new(mark: u8, start: usize) -> Self {
        let scope = if mark == b'[' { Scope::Array(start) } else { Scope::Object(start) };
        Self { scope, keys: Vec::new(), values: Vec::new() }
    }

    pub(super) fn add(&mut self, value: Node<'a>) {
        self.values.push(value);
    }

    pub(super) fn finish(self) -> Node<'a> {
        match self.scope {
            Scope::Object(_) => Node::Object(last_of_each(self.keys.into_iter().zip(self.values).collect())),
            _ => Node::Array(self.values),
        }
    }
}

/// Keeps of each key the first place and the last value.
fn last_of_each<'a>(members: Vec<(Cow<'a, [u8]>, Node<'a>)>) -> Vec<(Cow<'a, [u8]>, Node<'a>)> {
    let few = members.len() <= FEW_MEMBERS;
    if few
        && members
            .iter()
            .enumerate()
            .all(|(at, (key, _))| members[..at].iter().all(|(other, _)| other != key))
    {
        return members;
    }
    let mut places: HashMap<Cow<'a, [u8]>, usize> = HashMap::with_capacity(members.len());
    let mut kept: Vec<(Cow<'a, [u8]>, Node<'a>)> = Vec::with_capacity(members.len());
    for (key, value) in members {
        match places.entry(key) {
            Entry::Occupied(place) => kept[*place.get()].1 = value,
            Entry::Vacant(place) => {
                kept.push((place.key().clone(), value));
                place.insert(kept.len() - 1);
            }
        }
    }
    kept
}
