//! The forms that are known, found by their first bytes: one pass over a text looks for all of
//! them, and most of its places are passed over by a look at one number.

/// By how many of its first bytes a form is found.
pub(super) const KEY_BYTES: usize = 4;

/// Most forms that are held: 250 secrets of a run with 20 forms each.
pub(super) const FORMS_MAX: u16 = 5_000;

/// How many forms the secrets of most runs have, and how many bytes in all.
const FORMS_USUAL: usize = 48;
const BYTES_USUAL: usize = 1024;

/// How many bits the hash of a form's first bytes has.
const HASH_BITS: u32 = 9;

/// There is no room for another form.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Full;

/// Every form, each once.
#[derive(Clone, Default)]
pub(super) struct Known {
    /// All forms, one behind the other.
    bytes: Vec<u8>,
    /// Where each of them stands.
    forms: Vec<Form>,
    /// By hash, the form that was added last, as its place counted from 1, or 0; none before the
    /// first form.
    newest: Option<Box<[u16; 1 << HASH_BITS]>>,
    longest: usize,
}

#[derive(Clone, Copy)]
struct Form {
    start: usize,
    end: usize,
    /// The form of the same hash that was added before, as in [`Known::newest`].
    older: u16,
    /// Whether it is a secret itself, be it a form of another one or not.
    is_secret: bool,
}

impl Known {
    pub(super) fn count(&self) -> usize {
        self.forms.len()
    }

    /// How many bytes the longest form has.
    pub(super) fn longest(&self) -> usize {
        self.longest
    }

    pub(super) fn has_secret(&self, text: &[u8]) -> bool {
        self.find(text).is_some_and(|at| self.forms[at].is_secret)
    }

    /// From now on the form counts as a secret itself, if it is known.
    pub(super) fn mark_secret(&mut self, text: &[u8]) {
        if let Some(at) = self.find(text) {
            self.forms[at].is_secret = true;
        }
    }

    /// Adds a form if it is not known yet. One that is shorter than a key cannot be found.
    pub(super) fn add(&mut self, form: &[u8]) -> Result<(), Full> {
        let Some(key) = form.first_chunk() else {
            return Ok(());
        };
        if self.find(form).is_some() {
            return Ok(());
        }
        let number = match u16::try_from(self.forms.len() + 1) {
            Ok(number) if number <= FORMS_MAX => number,
            _ => return Err(Full),
        };
        let newest = self.newest.get_or_insert_with(|| {
            self.forms.reserve(FORMS_USUAL);
            self.bytes.reserve(BYTES_USUAL);
            Box::new([0; 1 << HASH_BITS])
        });
        let start = self.bytes.len();
        self.bytes.extend_from_slice(form);
        self.forms.push(Form {
            start,
            end: self.bytes.len(),
            older: std::mem::replace(&mut newest[hash(*key)], number),
            is_secret: false,
        });
        self.longest = self.longest.max(form.len());
        Ok(())
    }

    /// The forms that begin with the first bytes of `text`.
    #[inline]
    pub(super) fn beginning_as<'a>(&'a self, text: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
        self.alike(text).map(|(_, form)| form)
    }

    /// Whether as much of a form as it is found by stands anywhere in the text.
    pub(super) fn may_begin_in(&self, text: &[u8]) -> bool {
        let mut keys = text.windows(KEY_BYTES);
        keys.any(|key| self.alike(key).next().is_some())
    }

    fn find(&self, form: &[u8]) -> Option<usize> {
        let mut alike = self.alike(form);
        alike.find(|(_, known)| *known == form).map(|(at, _)| at)
    }

    /// The forms that begin with the first bytes of `text`, and where each of them is.
    #[inline]
    fn alike<'a>(&'a self, text: &'a [u8]) -> impl Iterator<Item = (usize, &'a [u8])> {
        let key = text.first_chunk::<KEY_BYTES>();
        let newest = self.newest.as_ref().zip(key);
        let mut number = newest.map_or(0, |(newest, key)| newest[hash(*key)]);
        let same_hash = std::iter::from_fn(move || {
            let at = usize::from(number).checked_sub(1)?;
            let form = self.forms[at];
            number = form.older;
            Some((at, &self.bytes[form.start..form.end]))
        });
        same_hash.filter(move |(_, form)| form.first_chunk() == key)
    }
}

/// The factor is 2^32 divided by the golden ratio, whose product's upper bits depend on all of the
/// key's (Knuth, The Art of Computer Programming, volume 3, 6.4).
#[inline]
fn hash(key: [u8; KEY_BYTES]) -> usize {
    (u32::from_le_bytes(key).wrapping_mul(0x9e37_79b9) >> (32 - HASH_BITS)) as usize
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_form_is_found_by_its_first_bytes_and_nothing_else(
            forms in prop::collection::vec(
                prop_oneof!["[ab]{4,7}", "[a-z]{4,8}", "[\\PC]{4,6}"], 0..60,
            ),
            others in prop::collection::vec(prop_oneof!["[ab]{0,9}", "[a-z]{0,9}"], 0..20),
        ) {
            let mut known = Known::default();
            for form in &forms {
                prop_assert_eq!(known.add(form.as_bytes()), Ok(()));
            }
            let model: BTreeSet<&[u8]> = forms.iter().map(String::as_bytes).collect();
            prop_assert_eq!(known.count(), model.len());
            prop_assert_eq!(known.longest(), model.iter().map(|form| form.len()).max().unwrap_or(0));
            for text in forms.iter().chain(&others).map(String::as_bytes) {
                let mut found: Vec<&[u8]> = known.beginning_as(text).collect();
                found.sort_unstable();
                let key = text.get(..KEY_BYTES);
                let expected: Vec<&[u8]> = model
                    .iter()
                    .copied()
                    .filter(|form| key.is_some_and(|key| form.starts_with(key)))
                    .collect();
                prop_assert_eq!(found, expected);
                let mut keys = text.windows(KEY_BYTES);
                prop_assert_eq!(
                    known.may_begin_in(text),
                    keys.any(|key| model.iter().any(|form| form.starts_with(key)))
                );
            }
        }
    }

    #[test]
    fn a_form_that_finds_no_room_is_refused_and_the_others_stay() {
        let form = |nth: u16| format!("form-{nth}").into_bytes();
        let mut known = Known::default();
        for nth in 0..FORMS_MAX {
            assert_eq!(known.add(&form(nth)), Ok(()), "{nth}");
        }
        assert_eq!(known.add(&form(FORMS_MAX)), Err(Full));
        assert_eq!(known.add(&form(0)), Ok(()), "it is there");
        assert_eq!(known.count(), usize::from(FORMS_MAX));
        for nth in 0..FORMS_MAX {
            let form = form(nth);
            assert!(known.beginning_as(&form).any(|known| known == form));
        }
    }

    #[test]
    fn a_form_is_a_secret_only_once_it_is_marked() {
        let mut known = Known::default();
        known.mark_secret(b"secret");
        assert_eq!(known.add(b"secret"), Ok(()));
        assert_eq!(known.add(b"secret-2"), Ok(()));
        assert!(!known.has_secret(b"secret"));
        known.mark_secret(b"secret");
        assert!(known.has_secret(b"secret"));
        assert!(!known.has_secret(b"secret-2"));
        assert!(!known.has_secret(b"sec"));
    }
}
