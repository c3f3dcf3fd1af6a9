//! The scan: validates a document and notes the spans that make up its canonical form.

use crate::data::json::envelope::{numeral_len, string_len};
use crate::data::json::fast::shapes::{Shape, Shapes};
use crate::data::json::fast::strings::string_end;
use crate::data::json::{Node, read, write_node};

/// Documents nested deeper are left to the slow way.
const MAX_DEPTH: usize = 64;
/// No composite: the piece is copied as it is.
const VERBATIM: u32 = u32::MAX;

/// A value: a span of the input, or what is put together or written anew.
#[derive(Debug, Clone, Copy)]
pub(super) struct Piece {
    pub(super) start: u32,
    pub(super) end: u32,
    composite: u32,
}

impl Piece {
    pub(super) fn is_verbatim(self) -> bool {
        self.composite == VERBATIM
    }

    pub(super) fn composite(self) -> usize {
        self.composite as usize
    }
}

/// A member of a container: a value and, in objects, the span of its key with quotes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Member {
    pub(super) key_start: u32,
    pub(super) key_end: u32,
    pub(super) value: Piece,
}

/// What a composite is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Object,
    Array,
    /// A string or number that Jackson would write otherwise than it stands.
    Odd,
}

/// A container that is put together from `members[first..first + count]`, or the text `odd[first..first + count]`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Composite {
    pub(super) first: u32,
    pub(super) count: u32,
    pub(super) kind: Kind,
}

/// What the scan leaves for the copier.
#[derive(Debug, Default)]
pub(super) struct Tape {
    /// Members of finished containers, in output order.
    pub(super) members: Vec<Member>,
    pub(super) composites: Vec<Composite>,
    /// Strings and numbers that are not written as they stand.
    pub(super) odd: Vec<u8>,
    /// Members of containers still open, in document order.
    open: Vec<Member>,
}

impl Tape {
    /// Returns whether the values inside of a container stand in the input as they are to be.
    pub(super) fn has_verbatim_values(&self, piece: Piece) -> bool {
        if piece.is_verbatim() {
            return true;
        }
        let Composite { first, count, .. } = self.composites[piece.composite()];
        self.members[first as usize..][..count as usize].iter().all(|member| member.value.is_verbatim())
    }
}

pub(super) struct Scan<'a, 's> {
    input: &'a [u8],
    at: usize,
    /// White space skipped so far: a container without any may be copied whole.
    spaces: usize,
    /// The keys of the object that ended last.
    ended: Shape,
    shapes: &'s mut Shapes,
    tape: &'s mut Tape,
}

impl<'a, 's> Scan<'a, 's> {
    pub(super) fn new(input: &'a [u8], shapes: &'s mut Shapes, tape: &'s mut Tape) -> Self {
        tape.members.clear();
        tape.composites.clear();
        tape.odd.clear();
        tape.open.clear();
        Self { input, at: 0, spaces: 0, ended: Shapes::EMPTY, shapes, tape }
    }

    /// Scans the first value of the input; returns also its keys if it is an object.
    pub(super) fn document(mut self) -> Option<(Piece, Shape)> {
        u32::try_from(self.input.len()).ok().filter(|len| *len < VERBATIM)?;
        let first = self.peek()?;
        let piece = self.value(first, 0)?;
        match (first, self.input.get(self.at)) {
            // Numbers and words must not run on; what may follow them is the reader's affair.
            (b'"' | b'{' | b'[', _) | (_, None | Some(b' ' | b'\t' | b'\n' | b'\r')) => {
                Some((piece, self.ended))
            }
            _ => None,
        }
    }

    /// Skips white space and returns the next byte, which stays.
    #[inline]
    fn peek(&mut self) -> Option<u8> {
        let byte = *self.input.get(self.at)?;
        if byte > b' ' { Some(byte) } else { self.peek_behind_space() }
    }

    fn peek_behind_space(&mut self) -> Option<u8> {
        loop {
            match *self.input.get(self.at)? {
                b' ' | b'\t' | b'\n' | b'\r' => {
                    self.at += 1;
                    self.spaces += 1;
                }
                byte => return Some(byte),
            }
        }
    }

    #[inline]
    fn piece(&self, start: usize) -> Piece {
        // The length of the input has been checked to fit.
        Piece { start: start as u32, end: self.at as u32, composite: VERBATIM }
    }

    #[inline]
    fn value(&mut self, first: u8, depth: usize) -> Option<Piece> {
        let start = self.at;
        match first {
            b'"' => match string_end(self.input, start + 1) {
                Some(found) => self.at = found.end,
                None => return self.odd(start, depth),
            },
            b'{' => return self.object(depth),
            b'[' => return self.array(depth),
            b'-' | b'0'..=b'9' => match number_len(&self.input[start..]) {
                Some(len) => self.at += len,
                None => return self.odd(start, depth),
            },
            b't' => self.word(b"true")?,
            b'f' => self.word(b"false")?,
            b'n' => self.word(b"null")?,
            _ => return None,
        }
        Some(self.piece(start))
    }

    /// Reads a string or number the long way: what is odd about one value need not send the whole document there.
    #[cold]
    fn odd(&mut self, start: usize, depth: usize) -> Option<Piece> {
        let rest = &self.input[start..];
        let len = match rest.first() {
            // What may follow a value that is the whole document is the reader's affair.
            _ if depth == 0 => return None,
            Some(b'"') => string_len(rest)?,
            _ => numeral_len(rest),
        };
        let node = read(&rest[..len]).ok()?;
        match &node {
            Node::String(_) => {}
            // An infinite number cannot be said in text.
            Node::Number(number) if number.is_integral() || number.as_f64().is_finite() => {}
            _ => return None,
        }
        let first = self.tape.odd.len();
        write_node(&mut self.tape.odd, &node);
        self.at = start + len;
        let composite = Composite {
            first: u32::try_from(first).ok()?,
            count: u32::try_from(self.tape.odd.len() - first).ok()?,
            kind: Kind::Odd,
        };
        Some(self.add_composite(start, composite))
    }

    fn word(&mut self, word: &[u8]) -> Option<()> {
        let found = self.input[self.at..].starts_with(word);
        self.at += word.len();
        found.then_some(())
    }

    fn object(&mut self, depth: usize) -> Option<Piece> {
        let (start, spaces, base) = (self.at, self.spaces, self.tape.open.len());
        if depth >= MAX_DEPTH {
            return None;
        }
        self.at += 1;
        let mut shape = Shapes::EMPTY;
        let mut is_verbatim = true;
        let mut next = self.peek()?;
        while next != b'}' {
            if next != b'"' {
                return None;
            }
            let key_start = self.at;
            shape = self.key(shape)?;
            let key_end = self.at;
            if self.peek()? != b':' {
                return None;
            }
            self.at += 1;
            let first = self.peek()?;
            let value = self.value(first, depth + 1)?;
            is_verbatim &= value.is_verbatim();
            self.tape.open.push(Member { key_start: key_start as u32, key_end: key_end as u32, value });
            next = self.next_entry(b'}')?;
        }
        self.at += 1;
        self.ended = shape;
        let order = self.shapes.order(shape);
        if is_verbatim && self.spaces == spaces && order.is_identity {
            self.tape.open.truncate(base);
            return Some(self.piece(start));
        }
        let first = self.tape.members.len();
        let open = &self.tape.open[base..];
        self.tape.members.extend(order.positions.iter().map(|position| open[usize::from(*position)]));
        Some(self.composite(start, base, first, Kind::Object))
    }

    fn array(&mut self, depth: usize) -> Option<Piece> {
        let (start, spaces, base) = (self.at, self.spaces, self.tape.open.len());
        if depth >= MAX_DEPTH {
            return None;
        }
        self.at += 1;
        let mut is_verbatim = true;
        let mut next = self.peek()?;
        while next != b']' {
            let value = self.value(next, depth + 1)?;
            is_verbatim &= value.is_verbatim();
            self.tape.open.push(Member { key_start: 0, key_end: 0, value });
            next = self.next_entry(b']')?;
        }
        self.at += 1;
        if is_verbatim && self.spaces == spaces {
            self.tape.open.truncate(base);
            return Some(self.piece(start));
        }
        let first = self.tape.members.len();
        self.tape.members.extend_from_slice(&self.tape.open[base..]);
        Some(self.composite(start, base, first, Kind::Array))
    }

    fn composite(&mut self, start: usize, base: usize, first: usize, kind: Kind) -> Piece {
        let count = self.tape.members.len() - first;
        self.tape.open.truncate(base);
        self.add_composite(start, Composite { first: first as u32, count: count as u32, kind })
    }

    fn add_composite(&mut self, start: usize, composite: Composite) -> Piece {
        let index = self.tape.composites.len() as u32;
        self.tape.composites.push(composite);
        Piece { composite: index, ..self.piece(start) }
    }

    /// Returns the first byte of the next entry after a comma, or the closing mark, which stays.
    #[inline]
    fn next_entry(&mut self, mark: u8) -> Option<u8> {
        let byte = self.peek()?;
        if byte == mark {
            return Some(byte);
        }
        if byte != b',' {
            return None;
        }
        self.at += 1;
        // A closing mark right after a comma is no entry.
        self.peek().filter(|byte| *byte != mark)
    }

    #[inline]
    fn key(&mut self, shape: Shape) -> Option<Shape> {
        if let Some((shape, len)) = self.shapes.next(shape, &self.input[self.at..]) {
            self.at += len;
            return Some(shape);
        }
        let start = self.at;
        let end = string_end(self.input, start + 1)?;
        if end.has_escapes {
            return None;
        }
        self.at = end.end;
        self.shapes.learn(shape, &self.input[start..end.end])
    }
}

/// Returns the length of a number that Jackson and Java would write as it stands: an integer of at most 18 digits, or
/// up to 15 digits with a fraction that `Double.toString` keeps.
#[inline]
fn number_len(text: &[u8]) -> Option<usize> {
    let is_negative = text.first() == Some(&b'-');
    let digits = &text[usize::from(is_negative)..];
    let whole = count_digits(digits);
    let has_leading_zero = digits.first() == Some(&b'0');
    if whole == 0 || whole > 18 || (has_leading_zero && whole > 1) {
        return None;
    }
    let len = usize::from(is_negative) + whole;
    match digits.get(whole) {
        Some(b'.') => Some(len + fraction_len(&digits[whole..], whole, has_leading_zero, is_negative)?),
        Some(b'e' | b'E') => None,
        _ if is_negative && has_leading_zero => None,
        _ => Some(len),
    }
}

fn fraction_len(text: &[u8], whole: usize, is_below_one: bool, is_negative: bool) -> Option<usize> {
    let digits = &text[1..];
    let count = count_digits(digits);
    if count == 0 || whole > 7 || whole + count > 15 || matches!(digits.get(count), Some(b'e' | b'E')) {
        return None;
    }
    let ends_in_zero = digits[count - 1] == b'0';
    let is_zero = is_below_one && count == 1 && ends_in_zero;
    if (ends_in_zero && count > 1) || (is_zero && is_negative) {
        return None;
    }
    // Below a thousandth Java changes to an exponent.
    let is_small = is_below_one && !is_zero && digits[..count.min(3)].iter().all(|digit| *digit == b'0');
    (!is_small).then_some(count + 1)
}

#[inline]
fn count_digits(text: &[u8]) -> usize {
    text.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len())
}
