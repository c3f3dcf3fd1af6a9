//! The copy: puts the spans of a scan together in output order.

use crate::data::json::fast::scan::{Kind, Member, Piece, Tape};

/// Short spans are copied in blocks of this size, past their end: what follows is overwritten anyway.
const BLOCK: usize = 16;

pub(super) struct Copier<'a, 'o> {
    input: &'a [u8],
    tape: &'a Tape,
    out: &'o mut [u8],
    at: usize,
}

impl<'a, 'o> Copier<'a, 'o> {
    /// Returns a copier that writes to `out`. But for what is odd, canonical text is never longer than what it was
    /// scanned from.
    pub(super) fn new(input: &'a [u8], tape: &'a Tape, out: &'o mut Vec<u8>) -> Self {
        let needed = input.len() + tape.odd.len() + BLOCK;
        if out.len() < needed {
            out.resize(needed.next_power_of_two(), 0);
        }
        Self { input, tape, out, at: 0 }
    }

    /// Writes the document and returns its text.
    pub(super) fn document(mut self, piece: Piece) -> &'o [u8] {
        self.piece(piece);
        let Self { out, at, .. } = self;
        &out[..at]
    }

    fn piece(&mut self, piece: Piece) {
        if piece.is_verbatim() {
            return self.span(piece.start as usize, piece.end as usize);
        }
        let composite = self.tape.composites[piece.composite()];
        let tape = self.tape;
        let is_object = match composite.kind {
            Kind::Object => true,
            Kind::Array => false,
            Kind::Odd => {
                let text = &tape.odd[composite.first as usize..][..composite.count as usize];
                self.out[self.at..][..text.len()].copy_from_slice(text);
                self.at += text.len();
                return;
            }
        };
        let members = &tape.members[composite.first as usize..][..composite.count as usize];
        let (open, close) = if is_object { (b'{', b'}') } else { (b'[', b']') };
        self.byte(open);
        for member in members {
            if is_object {
                self.member(member);
            } else {
                self.piece(member.value);
            }
            self.byte(b',');
        }
        // The last comma makes room for the closing mark.
        self.at -= usize::from(composite.count > 0);
        self.byte(close);
    }

    #[inline]
    fn member(&mut self, member: &Member) {
        let value = member.value;
        if value.is_verbatim() && value.start == member.key_end + 1 {
            return self.span(member.key_start as usize, value.end as usize);
        }
        self.span(member.key_start as usize, member.key_end as usize);
        self.byte(b':');
        self.piece(value);
    }

    #[inline]
    fn byte(&mut self, byte: u8) {
        self.out[self.at] = byte;
        self.at += 1;
    }

    #[inline]
    fn span(&mut self, start: usize, end: usize) {
        let len = end - start;
        let blocks = len.next_multiple_of(BLOCK);
        let target = &mut self.out[self.at..];
        match (self.input.get(start..start + blocks), target.get_mut(..blocks)) {
            (Some(from), Some(to)) => {
                for (from, to) in from.chunks_exact(BLOCK).zip(to.chunks_exact_mut(BLOCK)) {
                    to.copy_from_slice(from);
                }
            }
            _ => target[..len].copy_from_slice(&self.input[start..end]),
        }
        self.at += len;
    }
}
