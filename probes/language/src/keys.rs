//! The key table: every key of every file, its shape, and whether this version knows it. Parsing,
//! suggestions and the schema for editors are driven by it.

/// The known word most like `word`, if one is near enough to be a slip of the hand.
pub(crate) fn did_you_mean<'a>(
    word: &str,
    known: impl Iterator<Item = &'a str>,
) -> Option<&'a str> {
    known
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= 1.max(candidate.len() / 3))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}
