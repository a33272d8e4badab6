//! The bearer token of a request, as its hash: tokens themselves are compared nowhere.

use axum::http::{HeaderMap, header};

use crate::config::TokenHash;

/// The hash of the one token that the request carries; else how it is to be sent. Only hashes are
/// compared, so that how long it takes says nothing about a token.
pub(crate) fn token(headers: &HeaderMap) -> Result<TokenHash, &'static str> {
    let Some(value) = headers.get(header::AUTHORIZATION) else {
        return Err("send your token as `Authorization: Bearer TOKEN`");
    };
    if headers.get_all(header::AUTHORIZATION).iter().count() > 1 {
        return Err("send one Authorization header: which of several speaks is not guessed");
    }
    match split(value.as_bytes()) {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case(b"bearer") => Ok(TokenHash::of(token)),
        Some(_) | None => Err("the Authorization header is not `Bearer TOKEN`"),
    }
}

fn split(value: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = value.iter().position(|byte| *byte == b' ')?;
    let (scheme, token) = value.split_at(at);
    Some((scheme, token.trim_ascii()))
}
