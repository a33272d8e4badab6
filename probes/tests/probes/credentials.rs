//! Signing in as platforms ask for it: OAuth2 against a test provider, one-time codes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use bongsu_model::Secret;
use bongsu_probes::{Context, run};
use ring::digest::{SHA256, digest};

use crate::support::server::{Behaviour, Server, json, with_headers};
use crate::support::{check_sane, context, ending, journey, step, target, verdict};

const CLIENT_SECRET: &str = "client+secret/of the test";
const ACCESS: &str = "access-token-0123456789";
const REFRESH: &str = "refresh-token-0123456789";
const REDIRECT: &str = "https://app.example/callback?a=1";

fn url_decode(text: &str) -> String {
    let spaced = text.replace('+', " ");
    percent_encoding::percent_decode_str(&spaced)
        .decode_utf8()
        .unwrap()
        .into_owned()
}

fn pairs(text: &str) -> BTreeMap<String, String> {
    text.split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(key, value)| (url_decode(key), url_decode(value)))
        .collect()
}

fn base64_url(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    bytes
        .chunks(3)
        .flat_map(|chunk| {
            let bits = chunk
                .iter()
                .chain([0, 0].iter())
                .take(3)
                .fold(0_usize, |bits, byte| (bits << 8) | usize::from(*byte));
            (0..=chunk.len()).map(move |n| char::from(LETTERS[(bits >> (18 - 6 * n)) & 63]))
        })
        .collect()
}

/// An authorization server (RFC 6749, 7636): knows one client, hands each code out once.
#[derive(Default)]
struct Provider {
    /// The challenge that the code was asked with; none once it was used.
    challenge: Mutex<Option<String>>,
}

impl Provider {
    fn answer(&self, request: &str) -> Behaviour {
        let (head, body) = request.split_once("\r\n\r\n").unwrap();
        let path = head.split(' ').nth(1).unwrap();
        let header = |name: &str| {
            let mut lines = head.lines().filter_map(|line| line.split_once(": "));
            lines.find(|(key, _)| *key == name).map(|(_, value)| value)
        };
        match path.split_once('?').unwrap_or((path, "")) {
            ("/authorize", query) => self.authorize(&pairs(query)),
            ("/token", _) => self.token(&pairs(body), header("authorization")),
            _ if header("authorization") == Some(&format!("Bearer {ACCESS}")) => {
                Behaviour::Answer(json(200, "{}"))
            }
            _ => Behaviour::Answer(json(401, "{}")),
        }
    }

    fn authorize(&self, asked: &BTreeMap<String, String>) -> Behaviour {
        let is = |key: &str, value: &str| asked.get(key).is_some_and(|given| given == value);
        let is_right = is("response_type", "code")
            && is("client_id", "probe")
            && is("redirect_uri", REDIRECT)
            && is("code_challenge_method", "S256");
        if !is_right {
            return Behaviour::Answer(json(400, "{}"));
        }
        *self.challenge.lock().unwrap() = asked.get("code_challenge").cloned();
        let state = &asked["state"];
        let to = format!("location: {REDIRECT}&code=code%2F1%2B2&state={state}\r\n");
        Behaviour::Answer(with_headers(302, &to, b""))
    }

    fn token(&self, form: &BTreeMap<String, String>, authorization: Option<&str>) -> Behaviour {
        let of = |key: &str| form.get(key).map_or("", String::as_str);
        // base64("probe:client%2Bsecret%2Fof%20the%20test")
        let basic = "Basic cHJvYmU6Y2xpZW50JTJCc2VjcmV0JTJGb2YlMjB0aGUlMjB0ZXN0";
        let is_client = authorization == Some(basic)
            || (of("client_id"), of("client_secret")) == ("probe", CLIENT_SECRET);
        let is_granted = match of("grant_type") {
            "client_credentials" => is_client,
            "refresh_token" => is_client && of("refresh_token") == REFRESH,
            "authorization_code" => {
                let challenge = self.challenge.lock().unwrap().take();
                let verified = base64_url(digest(&SHA256, of("code_verifier").as_bytes()).as_ref());
                of("code") == "code/1+2"
                    && of("redirect_uri") == REDIRECT
                    && of("client_id") == "probe"
                    && challenge == Some(verified)
            }
            _ => false,
        };
        if !is_granted {
            return Behaviour::Answer(json(400, r#"{"error":"invalid_grant"}"#));
        }
        let answer = format!(
            r#"{{"access_token":"{ACCESS}","refresh_token":"{REFRESH}","token_type":"bearer","expires_in":60}}"#
        );
        Behaviour::Answer(json(200, &answer))
    }
}

async fn provider() -> Server {
    let provider = Arc::new(Provider::default());
    Server::start(move |request| provider.answer(request)).await
}

fn with_secret(server: &Server, name: &str, secret: &str) -> Context {
    let mut context = context(target(&server.base()));
    for account in &mut context.accounts {
        account.secrets.push((name.to_owned(), Secret::new(secret)));
    }
    context
}

fn signing_in(field: &str, steps: &str) -> bongsu_language::Journey {
    journey(&format!(
        r#"
format = 1
journey = "sign-in"
feature = "account.login"
timeout = "3s"
base = "{{{{ target.base.api }}}}"
actor.user = {{ account = "pool:users", needs = ["{field}"] }}
{steps}
"#
    ))
}

async fn check(steps: &str) -> (Server, bongsu_model::RunReport) {
    let server = provider().await;
    let journey = signing_in("client_secret", steps);
    let report = run(
        &journey,
        &with_secret(&server, "client_secret", CLIENT_SECRET),
    )
    .await;
    check_sane(&report);
    let shown = format!("{report:?}");
    for secret in [CLIENT_SECRET, ACCESS, REFRESH, "cHJvYmU6Y2xpZW50"] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
    (server, report)
}

const USE: &str = "[[step]]\nname = \"use it\"\nget = \"/me\"\n\
                   headers.authorization = \"Bearer {{ token }}\"\n";

#[tokio::test]
async fn client_credentials_and_refresh_give_a_token_that_works() {
    for auth in ["basic", "post"] {
        let client = format!(
            "client_id = \"probe\", client_secret = \"{{{{ client_secret }}}}\", auth = \"{auth}\""
        );
        let (server, report) = check(&format!(
            "[[step]]\nname = \"ask\"\npost = \"/token\"\n\
             oauth2 = {{ grant = \"client_credentials\", scope = \"a b\", {client} }}\n\
             capture.refresh_token = {{ json = \"$.refresh_token\", secret = true }}\n{USE}\
             [[step]]\nname = \"refresh\"\npost = \"/token\"\noauth2 = {{ grant = \
             \"refresh_token\", refresh_token = \"{{{{ refresh_token }}}}\", {client} }}\n"
        ))
        .await;
        assert_eq!(verdict(&report), "pass", "{auth}: {report:#?}");
        let first = &server.seen()[0];
        assert!(first.contains("scope=a%20b"), "{first}");
        assert_eq!(first.contains("client_id"), auth == "post", "{first}");
    }
}

#[tokio::test]
async fn an_authorization_code_is_taken_from_the_redirect_and_exchanged_once() {
    let steps = format!(
        r#"
vars.verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
vars.back = "{REDIRECT}"
[[step]]
name = "authorize"
get = "/authorize"
query = {{ response_type = "code", client_id = "probe", redirect_uri = "{{{{ back }}}}", state = "{{{{ run.id }}}}", code_challenge = "{{{{ verifier | s256 }}}}", code_challenge_method = "S256" }}
expect.status = 302
capture.code = {{ header = "location", parameter = "code", secret = true }}
expect.header.location = {{ contains = "state={{{{ run.id }}}}" }}
[[step]]
name = "exchange"
post = "/token"
oauth2 = {{ grant = "authorization_code", client_id = "probe", code = "{{{{ code }}}}", redirect_uri = "{{{{ back }}}}", code_verifier = "{{{{ verifier }}}}" }}
capture.token = {{ json = "$.access_token", secret = true }}
[[step]]
name = "use it"
get = "/me"
headers.authorization = "Bearer {{{{ token }}}}"
[[step]]
name = "again"
post = "/token"
oauth2 = {{ grant = "authorization_code", client_id = "probe", code = "{{{{ code }}}}", redirect_uri = "{{{{ back }}}}", code_verifier = "{{{{ verifier }}}}" }}
"#
    );
    let (server, report) = check(&steps).await;
    assert_eq!(ending(step(&report, "use it")), "pass", "{report:#?}");
    assert_eq!(ending(step(&report, "again")), "fail(status): 400");
    assert_eq!(server.seen().len(), 4);
    assert!(!format!("{report:?}").contains("code/1+2"), "{report:#?}");
}

#[tokio::test]
async fn an_answer_without_a_token_names_all_that_is_wrong() {
    let server =
        Server::start(|_| Behaviour::Answer(json(200, r#"{"token_type":"mac","access_token":7}"#)))
            .await;
    let journey = signing_in(
        "client_secret",
        "[[step]]\nname = \"ask\"\npost = \"/token\"\noauth2 = { grant = \"client_credentials\", \
         client_id = \"probe\", client_secret = \"{{ client_secret }}\" }\n",
    );
    let report = run(
        &journey,
        &with_secret(&server, "client_secret", CLIENT_SECRET),
    )
    .await;
    check_sane(&report);
    let ask = step(&report, "ask");
    assert_eq!(ending(ask), "fail(expectation): json $.access_token");
    assert_eq!(
        ask.failed_expectations,
        [
            "json $.access_token: expected string, got 7",
            "json $.token_type: expected something that matches (?i)^bearer$, got \"mac\"",
        ]
    );
}

#[tokio::test]
async fn a_one_time_code_is_sent_and_shown_nowhere() {
    let server = Server::start(|request| {
        let body = request.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        Behaviour::Answer(json(500, body))
    })
    .await;
    let seed = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
    let journey = signing_in(
        "otp_seed",
        "[[step]]\nname = \"ask\"\npost = \"/login\"\njson = { code = \"{{ totp(otp_seed) }}\" }\n",
    );
    let report = run(&journey, &with_secret(&server, "otp_seed", seed)).await;
    check_sane(&report);
    let sent = server.seen()[0].clone();
    let (_, body) = sent.split_once("\r\n\r\n").unwrap();
    let code = body
        .strip_prefix("{\"code\":\"")
        .and_then(|rest| rest.strip_suffix("\"}"))
        .unwrap();
    assert!(
        code.len() == 6 && code.bytes().all(|b| b.is_ascii_digit()),
        "{body}"
    );
    let ask = step(&report, "ask");
    assert_eq!(
        ask.evidence.as_ref().unwrap().body_head,
        "{\"code\":\"***\"}"
    );

    let report = run(&journey, &with_secret(&server, "otp_seed", "no base32!")).await;
    assert_eq!(
        ending(step(&report, "ask")),
        "blind(internal): `{{ totp(otp_seed) }}` has no value: the secret of `totp` is neither \
         base32 nor an otpauth://totp/ URI"
    );
    assert_eq!(server.seen().len(), 1);
}
