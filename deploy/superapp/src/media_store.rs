//! The component `media-store`: the bytes of images and videos, part by part. Knows no HTTP.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::{Bytes, BytesMut};

use crate::audit::{Count, Counts};

/// Most bytes of all contents together: forty runs with a video each that were left behind.
const BYTES_MAX: usize = 128 * 1024 * 1024;
/// The thumbnail is the first bytes of a content: the stand-in decodes no pictures.
const THUMBNAIL_BYTES: usize = 2 * 1024;

#[derive(Debug)]
struct Blob {
    parts: Vec<Option<Bytes>>,
    whole: Option<Bytes>,
}

impl Blob {
    fn bytes(&self) -> usize {
        let parts = self.parts.iter().flatten().map(Bytes::len).sum::<usize>();
        parts + self.whole.as_ref().map_or(0, Bytes::len)
    }
}

#[derive(Debug, Default)]
struct State {
    blobs: HashMap<String, Blob>,
    /// Oldest first.
    order: VecDeque<String>,
    bytes: usize,
}

/// The contents that one platform keeps, by the id of what they belong to.
#[derive(Debug, Default)]
pub(crate) struct Blobs(Mutex<State>);

impl Blobs {
    /// Keeps a part of a content of `parts` parts; one that comes again is put in the other's place.
    pub(crate) fn put(
        &self,
        id: &str,
        (number, parts): (usize, usize),
        part: Bytes,
        counts: &Counts,
    ) {
        let mut state = self.state();
        let state = &mut *state;
        let fresh = || {
            state.order.push_back(id.to_owned());
            Blob {
                parts: vec![None; parts],
                whole: None,
            }
        };
        let blob = state.blobs.entry(id.to_owned()).or_insert_with(fresh);
        if let Some(place) = blob.parts.get_mut(number) {
            state.bytes += part.len();
            if let Some(before) = place.replace(part) {
                state.bytes -= before.len();
            }
        }
        while state.bytes > BYTES_MAX
            && state.order.front().is_some_and(|oldest| oldest != id)
            && let Some(oldest) = state.order.pop_front()
        {
            if let Some(gone) = state.blobs.remove(&oldest) {
                state.bytes -= gone.bytes();
                counts.add(Count::ContentsCrowdedOut);
            }
        }
    }

    /// Puts the parts together, if all are there; a content that is whole stays so.
    pub(crate) fn complete(&self, id: &str) -> Option<Bytes> {
        let mut state = self.state();
        let blob = state.blobs.get_mut(id)?;
        if let Some(whole) = &blob.whole {
            return Some(whole.clone());
        }
        let mut whole = BytesMut::new();
        for part in &blob.parts {
            whole.extend_from_slice(part.as_ref()?);
        }
        let whole = whole.freeze();
        blob.parts.clear();
        blob.whole = Some(whole.clone());
        Some(whole)
    }

    /// Which parts are there: a broken upload goes on with the others.
    pub(crate) fn received(&self, id: &str) -> Vec<usize> {
        let state = self.state();
        let parts = state.blobs.get(id).map_or(&[][..], |blob| &blob.parts);
        let numbered = parts.iter().enumerate();
        numbered
            .filter_map(|(number, part)| part.as_ref().map(|_| number))
            .collect()
    }

    /// A whole content.
    pub(crate) fn get(&self, id: &str) -> Option<Bytes> {
        self.state().blobs.get(id)?.whole.clone()
    }

    pub(crate) fn remove(&self, id: &str) {
        let mut state = self.state();
        if let Some(gone) = state.blobs.remove(id) {
            state.bytes -= gone.bytes();
            state.order.retain(|one| one != id);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is shown of a content before it is fetched.
pub(crate) fn thumbnail(content: &Bytes) -> Bytes {
    content.slice(..content.len().min(THUMBNAIL_BYTES))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_come_in_any_order_and_again_and_make_one_content() {
        let (blobs, counts) = (Blobs::default(), Counts::default());
        let put = |number, text: &'static str| {
            blobs.put(
                "i",
                (number, 2),
                Bytes::from_static(text.as_bytes()),
                &counts,
            );
        };
        put(1, "lo");
        assert_eq!((blobs.complete("i"), blobs.received("i")), (None, vec![1]));
        put(0, "x");
        put(0, "hel");
        put(2, "beyond");
        assert_eq!(blobs.complete("i").unwrap(), "hello");
        assert_eq!(blobs.get("i").unwrap(), "hello");
        assert_eq!(thumbnail(&blobs.get("i").unwrap()), "hello");
        blobs.remove("i");
        assert_eq!((blobs.get("i"), blobs.state().bytes), (None, 0));
    }

    #[test]
    fn contents_are_bounded_by_bytes_and_the_oldest_goes() {
        let (blobs, counts) = (Blobs::default(), Counts::default());
        let half = Bytes::from(vec![0; BYTES_MAX / 2]);
        for id in ["a", "b", "c"] {
            blobs.put(id, (0, 1), half.clone(), &counts);
            assert!(blobs.complete(id).is_some());
        }
        assert_eq!(blobs.get("a"), None);
        assert!(blobs.get("c").is_some());
        assert_eq!(counts.get(Count::ContentsCrowdedOut), 1);
    }
}
