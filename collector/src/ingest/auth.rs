//! Who speaks: the bearer token decides, whatever the request claims.

use axum::http::{HeaderMap, StatusCode, header};

use super::answer::Refused;
use crate::config::{Agent, Roster, TokenHash};

/// The agent whose token the request carries. Only hashes are compared, so that how long it takes
/// says nothing about a token.
pub(super) fn agent<'r>(headers: &HeaderMap, roster: &'r Roster) -> Result<&'r Agent, Refused> {
    let refused = |message: &str| Err(Refused::new(StatusCode::UNAUTHORIZED, message));
    let Some(value) = headers.get(header::AUTHORIZATION) else {
        return refused("send the agent's token as `Authorization: Bearer TOKEN`");
    };
    let Some((scheme, token)) = split(value.as_bytes()) else {
        return refused("the Authorization header is not `Bearer TOKEN`");
    };
    if !scheme.eq_ignore_ascii_case(b"bearer") {
        return refused("the Authorization header is not `Bearer TOKEN`");
    }
    match roster.agent_by_token(&TokenHash::of(token)) {
        Some(agent) => Ok(agent),
        None => refused("no agent has this token; list its SHA-256 under [[agent]]"),
    }
}

fn split(value: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = value.iter().position(|byte| *byte == b' ')?;
    let (scheme, token) = value.split_at(at);
    Some((scheme, token.trim_ascii()))
}
