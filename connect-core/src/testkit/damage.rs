//! Makes inputs that are nearly right, and some that are meant to be expensive.

use std::env;

use fastrand::Rng;

/// The longest input.
const MAX_BYTES: usize = 64 * 1024;
/// What is put in, once or very often: brackets, long numbers, marks of text formats, lengths that no input has.
const PIECES: [&[u8]; 32] = [
    b"{",
    b"}",
    b"[",
    b"]",
    b"[]",
    b"[],",
    b"{\"\":",
    b"{\"a\":{}},",
    b"\"",
    b"\\u0000",
    b"\\u12",
    b"\\",
    b":",
    b",",
    b"0,",
    b"null",
    b"null,",
    b"\n",
    b"=",
    b"#",
    b"${env:HOME}",
    b"-1e999999999",
    b"1e-2147483647",
    b"99999999999999999999999999999999",
    b"9223372036854775807",
    b"\x00",
    b"\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
    b"\xfe\xff\xff\xff\x0f",
    b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
    b"\x80\x80\x80\x80\x08",
    b"\x1a\xff\xff\xff\x7f",
    b"\x2a\x00",
];

/// Returns the chance and the number of cases: `FUZZ_SEED` repeats a run, which prints its seed, `FUZZ_CASES` lengthens
/// it.
///
/// # Panics
/// Panics when one of them is no number.
pub fn fuzz_settings(target: &str, usual_cases: usize) -> (Rng, usize) {
    let number = |name: &str| env::var(name).ok().map(|text| text.parse::<u64>().expect("a number"));
    let seed = number("FUZZ_SEED").unwrap_or_else(|| fastrand::u64(..));
    print_seed(target, seed);
    let cases = number("FUZZ_CASES").map(|cases| usize::try_from(cases).expect("a count"));
    (Rng::with_seed(seed), cases.unwrap_or(usual_cases))
}

#[expect(clippy::print_stderr, reason = "whoever repeats a run needs it")]
fn print_seed(target: &str, seed: u64) {
    eprintln!("{target}: FUZZ_SEED={seed}");
}

/// Returns a sample that was cut, repeated, changed, taken from and added to, behind its first `kept` bytes.
pub fn damaged(rng: &mut Rng, sample: &[u8], kept: usize) -> Vec<u8> {
    let mut bytes = sample.to_vec();
    for _ in 0..rng.u32(1..4) {
        let place = rng.usize(kept.min(bytes.len())..=bytes.len());
        match rng.u32(0..7) {
            0 => bytes.truncate(place),
            1 => bytes.insert(place, rng.u8(..)),
            2 if place < bytes.len() => bytes[place] = rng.u8(..),
            3 if place < bytes.len() => drop(bytes.remove(place)),
            4 | 5 => {
                let often = [1, 1, 2, 50, 5_000][rng.usize(0..5)];
                bytes.splice(place..place, PIECES[rng.usize(0..PIECES.len())].repeat(often));
            }
            _ => {
                let tail = bytes[place..].to_vec();
                bytes.extend(tail);
            }
        }
        bytes.truncate(MAX_BYTES);
    }
    bytes
}
