//! The fast way from a record's bytes to canonical text: one scan that validates and remembers spans, one pass that
//! copies them in `HashMap` order. It builds no tree and, once it knows the keys, allocates nothing.
//!
//! It gives up (`None`) on everything rare: then the reader and writer of this module's parent do the work, and
//! word the error if there is one. What it does return equals what they would.

mod copy;
mod scan;
mod shapes;
mod skip;
mod strings;

use std::cell::RefCell;
use std::sync::Arc;

use crate::data::json::TextLayout;
use crate::data::json::fast::copy::Copier;
use crate::data::json::fast::scan::{Piece, Scan, Tape};
use crate::data::json::fast::shapes::Shapes;

pub(super) use skip::value_end;
pub use strings::plain_len;

/// What the fast way found.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found<'o> {
    /// `null`.
    Null,
    /// The input from `start` to `end` is canonical already.
    Span { start: usize, end: usize },
    /// Canonical text.
    Text(&'o [u8]),
}

/// What the fast way found when values are not to be put together.
#[derive(Debug)]
pub(super) enum FoundMap<'o> {
    /// An object in the input from `start` to `end`, of values that are canonical each.
    Span { start: usize, end: usize, layout: Arc<TextLayout> },
    /// The canonical text of an object.
    Text { text: &'o [u8], layout: Arc<TextLayout> },
    /// No object.
    Other(Found<'o>),
}

/// The state one thread keeps between documents.
#[derive(Default)]
struct Rewriter {
    shapes: Shapes,
    tape: Tape,
    out: Vec<u8>,
}

thread_local! {
    static REWRITER: RefCell<Rewriter> = RefCell::default();
}

/// Calls `done` with the canonical form of a document, or with `None` when it takes the slow way.
pub(super) fn rewrite<R>(input: &[u8], done: impl FnOnce(Option<Found<'_>>) -> R) -> R {
    REWRITER.with(|cell| match cell.try_borrow_mut() {
        Ok(mut rewriter) => done(rewriter.rewrite(input)),
        // `done` has come back here; the slow way needs no state.
        Err(_) => done(None),
    })
}

/// Calls `done` with a document whose fields are left where they are, or with `None` when it takes the slow way.
pub(super) fn find_map<R>(input: &[u8], done: impl FnOnce(Option<FoundMap<'_>>) -> R) -> R {
    REWRITER.with(|cell| match cell.try_borrow_mut() {
        Ok(mut rewriter) => done(rewriter.find_map(input)),
        Err(_) => done(None),
    })
}

impl Rewriter {
    fn rewrite(&mut self, input: &[u8]) -> Option<Found<'_>> {
        self.shapes.forget_if_full();
        let (piece, _) = Scan::new(input, &mut self.shapes, &mut self.tape).document()?;
        Some(self.put_together(input, piece))
    }

    fn find_map(&mut self, input: &[u8]) -> Option<FoundMap<'_>> {
        self.shapes.forget_if_full();
        let (piece, shape) = Scan::new(input, &mut self.shapes, &mut self.tape).document()?;
        let (start, end) = (piece.start as usize, piece.end as usize);
        if input[start] != b'{' {
            return Some(FoundMap::Other(self.put_together(input, piece)));
        }
        if self.tape.has_verbatim_values(piece) {
            return Some(FoundMap::Span { start, end, layout: self.shapes.layout(shape) });
        }
        let layout = self.shapes.ordered_layout(shape);
        let text = Copier::new(input, &self.tape, &mut self.out).document(piece);
        Some(FoundMap::Text { text, layout })
    }

    fn put_together(&mut self, input: &[u8], piece: Piece) -> Found<'_> {
        if !piece.is_verbatim() {
            return Found::Text(Copier::new(input, &self.tape, &mut self.out).document(piece));
        }
        let (start, end) = (piece.start as usize, piece.end as usize);
        if &input[start..end] == b"null" { Found::Null } else { Found::Span { start, end } }
    }
}

#[cfg(test)]
mod tests;
