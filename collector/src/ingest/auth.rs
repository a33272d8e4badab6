//! Who speaks: the bearer token decides, whatever the request claims.

use axum::http::{HeaderMap, StatusCode};

use super::answer::Refused;
use crate::bearer;
use crate::config::{Agent, Config, Sender};

/// Who speaks.
#[derive(Debug, Clone, Copy)]
pub(super) enum Speaker<'c> {
    /// An agent, whose runs count.
    Agent(&'c Agent),
    /// A sender, whose spans are passed on.
    Sender(&'c Sender),
}

impl<'c> Speaker<'c> {
    /// Its name, which no other speaker has.
    pub(super) fn name(self) -> &'c str {
        match self {
            Self::Agent(agent) => agent.vantage.agent.as_str(),
            Self::Sender(sender) => sender.id.as_str(),
        }
    }
}

/// The one whose token the request carries.
pub(super) fn speaker<'c>(headers: &HeaderMap, config: &'c Config) -> Result<Speaker<'c>, Refused> {
    let refused = |message: &str| Err(Refused::new(StatusCode::UNAUTHORIZED, message));
    let token = match bearer::token(headers) {
        Ok(token) => token,
        Err(how) => return refused(how),
    };
    let agent = config.roster.agent_by_token(&token).map(Speaker::Agent);
    let sender = || config.forwarding.sender_by_token(&token);
    match agent.or_else(|| sender().map(Speaker::Sender)) {
        Some(speaker) => Ok(speaker),
        None => refused(
            "nobody has this token; list its SHA-256 under [[agent]], or under [[sender]] for \
             spans that are only passed on",
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use axum::http::header;

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
        match speaker(&headers, &config) {
            Ok(speaker) => Ok(speaker.name().to_owned()),
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
