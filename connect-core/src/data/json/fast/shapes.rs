//! The key sequences of objects seen so far, and for each the order in which a `HashMap` iterates over its keys.
//!
//! A sequence is a path in a tree whose edges are keys. Logs repeat a handful of sequences for ever, so that a key
//! costs one comparison with the key expected next, and an object's order nothing.

use std::sync::Arc;

use crate::data::json::text::hash;
use crate::data::json::writer::spread;
use crate::data::json::{Source, TextLayout, to_utf8};
use crate::data::{Value, java_map};

/// Sequences remembered; beyond, all are forgotten and learnt anew.
const MAX_SHAPES: usize = 4096;
/// Bytes of keys remembered.
const MAX_KEY_BYTES: usize = 1 << 20;
/// Members of all layouts remembered.
const MAX_LAYOUT_MEMBERS: usize = 1 << 15;
/// Keys that may follow one sequence; a further one replaces one of them.
const MAX_EDGES: usize = 8;
/// Longer keys are left to the slow way.
const MAX_KEY_LEN: usize = 256;
/// Larger objects are left to the slow way.
const MAX_MEMBERS: u16 = 512;

/// A sequence of keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shape(u32);

#[derive(Debug)]
struct Node {
    parent: u32,
    members: u16,
    /// The last key of the sequence with its quotes, as a range of `Shapes::keys`.
    key_start: u32,
    key_len: u32,
    hash: u32,
    edges: Vec<u32>,
    /// Which edge is replaced next.
    victim: u8,
    order: Option<Order>,
    /// Of objects as they are in the document, and of objects put in order.
    layouts: [Option<Arc<TextLayout>>; 2],
}

/// The order of an object's members.
#[derive(Debug)]
pub(super) struct Order {
    /// Whether the members stay as they are.
    pub(super) is_identity: bool,
    /// Position in the document for each place in the output.
    pub(super) positions: Box<[u16]>,
}

/// The tree of sequences.
#[derive(Debug)]
pub(super) struct Shapes {
    nodes: Vec<Node>,
    keys: Vec<u8>,
    layout_members: usize,
}

impl Default for Shapes {
    fn default() -> Self {
        let mut shapes = Self { nodes: Vec::new(), keys: Vec::new(), layout_members: 0 };
        shapes.reset();
        shapes
    }
}

impl Shapes {
    /// The sequence without keys.
    pub(super) const EMPTY: Shape = Shape(0);

    fn reset(&mut self) {
        self.nodes.clear();
        self.keys.clear();
        self.layout_members = 0;
        self.nodes.push(Node {
            parent: 0,
            members: 0,
            key_start: 0,
            key_len: 0,
            hash: 0,
            edges: Vec::new(),
            victim: 0,
            order: None,
            layouts: [None, None],
        });
    }

    /// Forgets everything once too much is remembered. Not to be called within a document.
    pub(super) fn forget_if_full(&mut self) {
        let has_room = self.nodes.len() <= MAX_SHAPES
            && self.keys.len() <= MAX_KEY_BYTES
            && self.layout_members <= MAX_LAYOUT_MEMBERS;
        if !has_room {
            self.reset();
        }
    }

    /// Returns the sequence with the key that `input` begins with, and the key's length with quotes, if known.
    #[inline]
    pub(super) fn next(&self, shape: Shape, input: &[u8]) -> Option<(Shape, usize)> {
        let node = &self.nodes[shape.0 as usize];
        node.edges.iter().find_map(|&edge| {
            let key = self.key(&self.nodes[edge as usize]);
            input.starts_with(key).then_some((Shape(edge), key.len()))
        })
    }

    fn key(&self, node: &Node) -> &[u8] {
        &self.keys[node.key_start as usize..][..node.key_len as usize]
    }

    /// Returns the sequence with a new key, given with its quotes. `None` when the sequence has the key already or is
    /// out of bounds.
    #[cold]
    pub(super) fn learn(&mut self, shape: Shape, key: &[u8]) -> Option<Shape> {
        let parent = &self.nodes[shape.0 as usize];
        if key.len() > MAX_KEY_LEN || parent.members >= MAX_MEMBERS || self.has_key(shape, key) {
            return None;
        }
        let index = u32::try_from(self.nodes.len()).ok()?;
        let node = Node {
            parent: shape.0,
            members: parent.members + 1,
            key_start: u32::try_from(self.keys.len()).ok()?,
            key_len: u32::try_from(key.len()).ok()?,
            hash: spread(hash(&key[1..key.len() - 1])),
            edges: Vec::new(),
            victim: 0,
            order: None,
            layouts: [None, None],
        };
        self.keys.extend_from_slice(key);
        self.nodes.push(node);
        let parent = &mut self.nodes[shape.0 as usize];
        if parent.edges.len() < MAX_EDGES {
            parent.edges.push(index);
        } else {
            parent.edges[usize::from(parent.victim)] = index;
            parent.victim = (parent.victim + 1) % MAX_EDGES as u8;
        }
        Some(Shape(index))
    }

    fn has_key(&self, shape: Shape, key: &[u8]) -> bool {
        let mut index = shape.0;
        while index != 0 {
            let node = &self.nodes[index as usize];
            if self.key(node) == key {
                return true;
            }
            index = node.parent;
        }
        false
    }

    /// Returns the order of an object with this sequence of keys.
    #[inline]
    pub(super) fn order(&mut self, shape: Shape) -> &Order {
        if self.nodes[shape.0 as usize].order.is_none() {
            let order = self.find_order(shape);
            self.nodes[shape.0 as usize].order = Some(order);
        }
        match &self.nodes[shape.0 as usize].order {
            Some(order) => order,
            None => unreachable!("set above"),
        }
    }

    /// Returns the layout of an object with this sequence of keys.
    pub(super) fn layout(&mut self, shape: Shape) -> Arc<TextLayout> {
        self.layout_at(shape, 0)
    }

    /// Returns the layout of an object with this sequence of keys after it was put in order.
    pub(super) fn ordered_layout(&mut self, shape: Shape) -> Arc<TextLayout> {
        self.layout_at(shape, 1)
    }

    #[inline]
    fn layout_at(&mut self, shape: Shape, kind: usize) -> Arc<TextLayout> {
        if let Some(layout) = &self.nodes[shape.0 as usize].layouts[kind] {
            return Arc::clone(layout);
        }
        let layout = Arc::new(self.make_layout(shape, kind == 1));
        self.layout_members += usize::from(self.nodes[shape.0 as usize].members);
        self.nodes[shape.0 as usize].layouts[kind] = Some(Arc::clone(&layout));
        layout
    }

    #[cold]
    fn make_layout(&mut self, shape: Shape, is_ordered: bool) -> TextLayout {
        let mut keys = Vec::new();
        let mut index = shape.0;
        while index != 0 {
            let node = &self.nodes[index as usize];
            let key = self.key(node);
            keys.push(Value::string(to_utf8(&key[1..key.len() - 1])));
            index = node.parent;
        }
        keys.reverse();
        let positions = self.order(shape).positions.iter().map(|position| usize::from(*position));
        let place = |(rank, position)| if is_ordered { rank } else { position };
        let entry = |(rank, position): (usize, usize)| {
            (std::mem::replace(&mut keys[position], Value::Null), Source::Text(place((rank, position))))
        };
        TextLayout::new(positions.enumerate().map(entry).collect(), 0)
    }

    #[cold]
    fn find_order(&self, shape: Shape) -> Order {
        let members = self.nodes[shape.0 as usize].members;
        let mask = u32::try_from(java_map::table_size(usize::from(members)) - 1).unwrap_or(u32::MAX);
        let mut places = Vec::with_capacity(usize::from(members));
        let mut index = shape.0;
        while index != 0 {
            let node = &self.nodes[index as usize];
            places.push((node.hash & mask, node.members - 1));
            index = node.parent;
        }
        places.sort_unstable();
        let positions: Box<[u16]> = places.into_iter().map(|(_, position)| position).collect();
        Order { is_identity: positions.is_sorted(), positions }
    }
}
