//! What many files are together, told by a digest of each: of thousands, nothing else is kept.

use sha2::Digest as _;

/// What tells one text from another: half of its SHA-256.
pub(super) type Digest = [u8; 16];

/// The digest of a text.
pub(super) fn digest(text: &str) -> Digest {
    half(sha2::Sha256::new_with_prefix(text))
}

fn half(hash: sha2::Sha256) -> Digest {
    let hash: [u8; 32] = hash.finalize().into();
    *hash.first_chunk().expect("16 of 32 bytes")
}

/// The digests of many texts, in any order, each once.
#[derive(Debug, Default)]
pub(super) struct Digests(Vec<Digest>);

impl Digests {
    pub(super) fn add(&mut self, hash: sha2::Sha256) {
        self.0.push(half(hash));
    }

    /// One digest of all.
    pub(super) fn finish(mut self) -> [u8; 32] {
        self.0.sort_unstable();
        self.0.dedup();
        sha2::Sha256::digest(self.0.as_flattened()).into()
    }
}

impl From<Vec<Digest>> for Digests {
    fn from(digests: Vec<Digest>) -> Self {
        Self(digests)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_and_repetition_say_nothing_and_every_text_counts() {
        let of = |texts: &[&str]| {
            let digests: Vec<Digest> = texts.iter().map(|text| digest(text)).collect();
            Digests::from(digests).finish()
        };
        assert_eq!(of(&["a", "b"]), of(&["b", "a", "b"]));
        assert_ne!(of(&["a", "b"]), of(&["a"]));
        assert_ne!(of(&["a", "b"]), of(&["a", "c"]));
        assert_ne!(of(&[]), of(&[""]));
    }
}
