//! Seeds of a fuzzer, mutated the same way at every run: what a stable compiler and a few seconds
//! can try. The fuzzer of `probes/fuzz` goes on from the same seeds.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

/// Most bytes of an input: mutations repeat parts of it.
const INPUT_BYTES_MAX: usize = 16 * 1024;

/// Pieces that mean something to one of the readers.
const PIECES: &[&[u8]] = &[
    b"\"",
    b"'",
    b"{{",
    b"}}",
    b"[",
    b"]",
    b"[[step]]\n",
    b"=",
    b".",
    b"$",
    b"..",
    b"[*]",
    b"[?@.a==1]",
    b"\n",
    b"\r\n",
    b"\0",
    b"\xff",
    b"\xed\xa0\x80",
    b"\\u0041",
    b" | b64",
    b"-1",
    b"1e999",
    b"9223372036854775808",
    b"{",
    b"}",
    b"null",
    b"\x81\x7f\xff\xff\xff\xff\xff\xff\xff\xff",
    b"\x88\x02\x03\xe8",
];

/// The files of a folder, by name.
pub(crate) fn seeds(folder: &Path) -> Vec<Vec<u8>> {
    let mut paths: Vec<_> = std::fs::read_dir(folder)
        .expect("a folder of seeds")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.is_file())
        .collect();
    paths.sort();
    let read = |path: &std::path::PathBuf| std::fs::read(path).expect("a seed");
    paths.iter().map(read).collect()
}

/// Gives every seed to `survive`, then `count` mutations of them; an input that it does not
/// survive is told.
pub(crate) fn each(seeds: &[Vec<u8>], count: usize, survive: impl Fn(&[u8])) {
    assert!(!seeds.is_empty(), "there is nothing to mutate");
    let mut random = fastrand::Rng::with_seed(0xb095);
    let mutated = (0..count).map(|_| {
        let mut input = seeds[random.usize(..seeds.len())].clone();
        for _ in 0..random.usize(1..5) {
            let other = &seeds[random.usize(..seeds.len())];
            mutate(&mut input, other, &mut random);
        }
        input.truncate(INPUT_BYTES_MAX);
        input
    });
    for input in seeds.iter().cloned().chain(mutated) {
        let survived = catch_unwind(AssertUnwindSafe(|| survive(&input)));
        let shown = input.escape_ascii();
        assert!(survived.is_ok(), "not survived, see above: b\"{shown}\"");
    }
}

fn mutate(input: &mut Vec<u8>, other: &[u8], random: &mut fastrand::Rng) {
    let at = random.usize(..=input.len());
    let end = (at + random.usize(0..24)).min(input.len());
    match random.u8(0..7) {
        0 if !input.is_empty() => {
            let at = at.min(input.len() - 1);
            input[at] ^= 1 << random.u8(0..8);
        }
        1 => drop(input.drain(at..end)),
        2 => {
            let piece = PIECES[random.usize(..PIECES.len())];
            drop(input.splice(at..at, piece.iter().copied()));
        }
        3 => {
            let part = input[at..end].repeat(random.usize(1..20));
            drop(input.splice(at..at, part));
        }
        4 => {
            let from = random.usize(..=other.len());
            let to = (from + random.usize(0..80)).min(other.len());
            drop(input.splice(at..end, other[from..to].iter().copied()));
        }
        5 => input.truncate(at),
        _ => {
            let bytes: Vec<u8> = (0..random.usize(0..8)).map(|_| random.u8(..)).collect();
            drop(input.splice(at..end, bytes));
        }
    }
}
