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
    if headers.get_all(header::AUTHORIZATION).iter().count() > 1 {
        return refused("send one Authorization header: which of several speaks is not guessed");
    }
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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::Config;

    const EXAMPLE: &str = include_str!("../../../deploy/config/collector.toml");

    fn asked(values: &[&str]) -> Result<String, String> {
        let listed = EXAMPLE
            .lines()
            .find_map(|line| line.strip_prefix("token_sha256 = "))
            .unwrap();
        // The SHA-256 of `tok`.
        let tok = "\"1a7674eb4ee78df7e1ac439a93c3fa8e3c945784d4dec9fd8e3011738b2f1d62\"";
        let text = EXAMPLE.replace(listed, tok);
        let config = Config::parse(&text, Path::new("collector.toml")).unwrap();
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::AUTHORIZATION, value.parse().unwrap());
        }
        match agent(&headers, &config.roster) {
            Ok(agent) => Ok(agent.vantage.agent.to_string()),
            Err(refused) => Err(refused.message),
        }
    }

    #[test]
    fn the_scheme_may_be_in_any_case_and_the_token_may_stand_apart() {
        for value in ["Bearer tok", "bearer tok", "BEARER   tok"] {
            assert_eq!(asked(&[value]), Ok("seoul-1".to_owned()), "{value}");
        }
    }

    #[test]
    fn a_token_of_another_case_or_one_of_two_headers_is_nobody_s() {
        for values in [
            vec!["Bearer TOK"],
            vec!["Bearertok"],
            vec!["Bearer tok", "Bearer other"],
            vec!["Bearer tok", "Bearer tok"],
        ] {
            assert!(asked(&values).is_err(), "{values:?}");
        }
    }
}
