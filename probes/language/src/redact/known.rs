//! The forms that are known, found by their first bytes: one pass over a text looks for all of
//! them, and most of its places are passed over by a look at one bit.

use std::collections::BTreeMap;

/// By how many of its first bytes a form is found.
pub(super) const KEY_BYTES: usize = 4;

/// How many bits a key's hash has.
const HASH_BITS: u32 = 10;

const WORDS: usize = (1 << HASH_BITS) / 64;

/// Every form, each once.
#[derive(Clone, Default)]
pub(super) struct Known {
    forms: BTreeMap<[u8; KEY_BYTES], Vec<String>>,
    /// The bits of all keys' hashes.
    hashes: [u64; WORDS],
    count: usize,
    longest: usize,
}

impl Known {
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// How many bytes the longest form has.
    pub(super) fn longest(&self) -> usize {
        self.longest
    }

    pub(super) fn has(&self, form: &str) -> bool {
        let alike = self.beginning_as(form.as_bytes());
        alike.iter().any(|known| known == form)
    }

    /// Adds a form that is not known yet. One that is shorter than a key cannot be found.
    pub(super) fn add(&mut self, form: String) {
        let Some(key) = form.as_bytes().first_chunk() else {
            return;
        };
        let (word, bit) = place(*key);
        self.hashes[word] |= bit;
        self.count += 1;
        self.longest = self.longest.max(form.len());
        self.forms.entry(*key).or_default().push(form);
    }

    /// The forms that begin with the first bytes of `text`.
    #[inline]
    pub(super) fn beginning_as(&self, text: &[u8]) -> &[String] {
        let Some(key) = text.first_chunk() else {
            return &[];
        };
        let (word, bit) = place(*key);
        if self.hashes[word] & bit == 0 {
            return &[];
        }
        self.forms.get(key).map_or(&[], Vec::as_slice)
    }

    /// Whether as much of a form as it is found by stands anywhere in the text.
    pub(super) fn may_begin_in(&self, text: &[u8]) -> bool {
        let mut keys = text.windows(KEY_BYTES);
        keys.any(|key| !self.beginning_as(key).is_empty())
    }
}

/// The word and the bit of a key. The factor is 2^32 divided by the golden ratio, whose product's
/// upper bits depend on all of the key's (Knuth, The Art of Computer Programming, volume 3, 6.4).
fn place(key: [u8; KEY_BYTES]) -> (usize, u64) {
    let hash = u32::from_le_bytes(key).wrapping_mul(0x9e37_79b9) >> (32 - HASH_BITS);
    let word = (hash / 64) as usize % WORDS;
    (word, 1 << (hash % 64))
}
