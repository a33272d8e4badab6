//! `oauth2 = { … }`: a step that asks a token endpoint (RFC 6749), written out as the form, the
//! credentials, the expectations and the captures that it stands for.

use bongsu_model::Verb;
use regex::Regex;

use crate::capture::{Capture, CaptureFrom, Presence, Secrecy, Take};
use crate::document::{Node, Table};
use crate::expect::{Check, Expectation, Expectations, Kind, Subject};
use crate::journey::ClientCredentials;
use crate::jsonpath::JsonPath;
use crate::keys;
use crate::parser::Parser;
use crate::source::Position;
use crate::template::ValueTemplate;

/// What an access is asked for with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Grant {
    ClientCredentials,
    Refresh,
    Code,
}

pub(crate) const GRANTS: &[(&str, Grant)] = &[
    ("client_credentials", Grant::ClientCredentials),
    ("refresh_token", Grant::Refresh),
    ("authorization_code", Grant::Code),
];

/// Where the client's credentials go (RFC 6749, section 2.3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ClientAuth {
    Basic,
    Post,
}

pub(crate) const CLIENT_AUTHS: &[(&str, ClientAuth)] =
    &[("basic", ClientAuth::Basic), ("post", ClientAuth::Post)];

/// The keys that are sent as they are, where they are given.
const SENT: &[&str] = &[
    "code",
    "redirect_uri",
    "code_verifier",
    "refresh_token",
    "scope",
    "audience",
];

impl Grant {
    /// The keys without which there is nothing to ask with.
    const fn needs(self) -> &'static [&'static str] {
        match self {
            Self::ClientCredentials => &["client_secret"],
            Self::Refresh => &["refresh_token"],
            Self::Code => &["code", "redirect_uri"],
        }
    }

    const fn has(self, key: &str) -> bool {
        match self {
            Self::ClientCredentials => !matches!(
                key.as_bytes(),
                b"code" | b"redirect_uri" | b"code_verifier" | b"refresh_token"
            ),
            Self::Refresh => {
                !matches!(key.as_bytes(), b"code" | b"redirect_uri" | b"code_verifier")
            }
            Self::Code => !matches!(key.as_bytes(), b"refresh_token"),
        }
    }
}

impl Parser<'_> {
    /// The form that is posted.
    pub(super) fn oauth2_form(&mut self, request: &Table) -> Option<Vec<(String, ValueTemplate)>> {
        let owner = request
            .entries
            .first()
            .map_or(0..0, |entry| entry.key_span.clone());
        self.check_keys(request, &owner, &keys::OAUTH2);
        self.refuse_secret_literals(request);
        let (word, node) = request.text("grant")?;
        let grant = self.word(node, "a grant", GRANTS)?;
        for need in grant.needs() {
            if request.get(need).is_none() {
                let _ = self
                    .error(&node.span, format!("`{need}` is missing"))
                    .label(format!("`{word}` needs it"))
                    .help(format!("add `{need} = \"{{{{ {need} }}}}\"`"));
            }
        }
        let mut form = vec![(
            "grant_type".to_owned(),
            ValueTemplate::Literal(Box::new(word.into())),
        )];
        for key in SENT {
            let Some(entry) = request.entry(key) else {
                continue;
            };
            if !grant.has(key) {
                let _ = self
                    .error(
                        &entry.key_span,
                        format!("`{key}` has no meaning for `{word}`"),
                    )
                    .help("remove it");
                continue;
            }
            form.push(((*key).to_owned(), self.value(&entry.node)?));
        }
        let is_in_form = self.client_auth(request)? == ClientAuth::Post;
        let is_public = request.get("client_secret").is_none();
        for key in ["client_id", "client_secret"] {
            if let Some(node) = request.get(key)
                && (is_in_form || is_public)
            {
                form.push((key.to_owned(), self.value(node)?));
            }
        }
        Some(form)
    }

    /// The credentials that go into the header.
    pub(super) fn oauth2_client(&mut self, step: &Table) -> Option<ClientCredentials> {
        let request = step.table("oauth2")?;
        if request
            .text("auth")
            .is_some_and(|(word, _)| word != "basic")
        {
            return None;
        }
        let id = request.get("client_id")?;
        let secret = request.get("client_secret")?;
        Some(ClientCredentials {
            id: self.template(id)?,
            secret: self.template(secret)?,
        })
    }

    fn client_auth(&mut self, request: &Table) -> Option<ClientAuth> {
        match request.get("auth") {
            Some(node) => self.word(node, "a way to authenticate a client", CLIENT_AUTHS),
            None => Some(ClientAuth::Basic),
        }
    }

    /// Says what every answer of a token endpoint holds, and keeps the tokens as `token` and
    /// `refresh_token` unless the step does so itself.
    pub(super) fn add_oauth2(
        &mut self,
        step: &Table,
        verb: Option<Verb>,
        expect: &mut Expectations,
        captures: &mut (Vec<String>, Vec<Capture>),
    ) {
        let Some(entry) = step.entry("oauth2") else {
            return;
        };
        let position = self.position(&entry.key_span);
        if verb.is_some_and(|verb| verb != Verb::Post) {
            let _ = self
                .error(&entry.key_span, "a token endpoint is asked with `post`")
                .help("write post = \"/oauth2/token\"");
        }
        let token_type = Regex::new("(?i)^bearer$").ok().map(std::sync::Arc::new);
        let checks = [
            ("$.access_token", Some(Check::Is(Kind::String))),
            ("$.token_type", token_type.map(Check::Matches)),
        ];
        for (path, check) in checks {
            expect.all.extend(expectation(path, check, &position));
        }
        for (name, path, presence) in [
            ("token", "$.access_token", Presence::Required),
            ("refresh_token", "$.refresh_token", Presence::Optional),
        ] {
            let (names, kept) = captures;
            if names.iter().any(|known| known == name) {
                continue;
            }
            let Ok(path) = JsonPath::parse(path) else {
                continue;
            };
            names.push(name.to_owned());
            kept.push(Capture {
                name: name.to_owned(),
                from: CaptureFrom::Json(path, Take::One),
                presence,
                secrecy: Secrecy::Secret,
                position: position.clone(),
            });
        }
    }
}

fn expectation(path: &str, check: Option<Check>, position: &Position) -> Option<Expectation> {
    Some(Expectation {
        subject: Subject::Json(JsonPath::parse(path).ok()?),
        checks: vec![check?],
        position: position.clone(),
    })
}

/// Whether a step asks a token endpoint, which makes a session and nothing that is to be undone.
pub(super) fn is_token_request(table: &Table) -> bool {
    table.get("oauth2").and_then(Node::as_table).is_some()
}
