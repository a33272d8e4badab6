//! What a run would send, told before it.

use bongsu_language::{CheckOptions, SketchedJourney, SourceFile, load, load_target, sketch};

use crate::shipped::{drawn, file, files_below};

const TARGET: &str = r#"
format = 1
target = "t"
base.talk = "https://talk.superapp.test/api/"
hosts = ["*.superapp.test"]
[pool.users]
accounts = [
    { name = "a", login = "a b", user_id = "u/1", password = { file = "no/such/file" } },
    { name = "b", login = "b", user_id = "u/2", password = { env = "NO_SUCH_VARIABLE" } },
]
"#;

fn sketched(steps: &str) -> SketchedJourney {
    let text = format!(
        "format = 1\njourney = \"j\"\nfeature = \"talk.text\"\ntimeout = \"5s\"\n\
         base = \"{{{{ target.base.talk }}}}\"\nvars.amount = 100\n\
         actor.alice.account = \"pool:users\"\nactor.bob.account = \"pool:users\"\n\
         defaults.headers.authorization = \"Bearer {{{{ token }}}}\"\n{steps}"
    );
    let files = [SourceFile::new("j.toml", text)];
    let target = load_target(&SourceFile::new("t.toml", TARGET)).unwrap();
    let loaded = load(&files, CheckOptions::default());
    assert!(
        !loaded.has_errors(),
        "{}",
        drawn(&loaded.diagnostics, &files)
    );
    sketch(&loaded.journeys[0], &target)
}

#[test]
fn what_is_known_is_filled_in_and_what_is_not_stays_a_placeholder() {
    let journey = sketched(
        r#"
[[step]]
name = "sign in"
as = "alice"
post = "/sessions/{{ login }}"
json = { id = "{{ user_id }}", amount = "{{ amount * 2 }}", password = "{{ password }}", basic = "Basic {{ password | b64 }}" }
side_effect = false
capture.token = { json = "$.token", secret = true }
capture.before = { json = "$.before" }

[[step]]
name = "look"
as = "alice"
get = "/of/{{ bob.user_id }}/{{ before - amount }}"
query = { run = "{{ run.id }}", at = "{{ now() + 60 }}", q = "a&b" }
headers.x-note = "{{ before | replace(\"a\", 'b') }}"
"#,
    );
    let accounts: Vec<_> = journey
        .accounts
        .iter()
        .flatten()
        .map(|a| a.as_str())
        .collect();
    assert_eq!(accounts, ["a", "b"]);
    let first = &journey.steps[0].sketches[0];
    assert_eq!(
        first.line,
        "POST https://talk.superapp.test/api/sessions/a%20b"
    );
    assert_eq!(
        first.body.as_deref(),
        Some(r#"{"id":"u/1","amount":200,"password":"***","basic":"Basic ***"}"#)
    );
    // No token yet: the default header is left out, as in a run.
    let names: Vec<_> = first
        .headers
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    assert_eq!(names, ["content-type"]);
    let second = &journey.steps[1].sketches[0];
    assert_eq!(
        second.line,
        "GET https://talk.superapp.test/api/of/u%2F2/{{ before - amount }}\
         ?run={{ run.id }}&at={{ now() + 60 }}&q=a%26b"
    );
    let header = |name: &str| {
        second
            .headers
            .iter()
            .find(|(known, _)| known == name)
            .unwrap()
    };
    assert_eq!(header("authorization").1, "Bearer {{ token }}");
    assert_eq!(header("x-note").1, r#"{{ before | replace("a", 'b') }}"#);
}

#[test]
fn actors_that_send_the_same_are_together_and_cleanup_says_what_it_waits_for() {
    let journey = sketched(
        r#"
[[step]]
name = "both look"
as = ["alice", "bob"]
get = "/v1/me"
capture.sent = { json = "$.sent", optional = true }
capture.token = { json = "$.token", secret = true }

[[step]]
name = "both tell"
as = ["alice", "bob"]
get = "/v1/users/{{ user_id }}"

[[cleanup]]
name = "delete"
as = "bob"
delete = "/v1/messages/{{ alice.sent }}"
"#,
    );
    let actors = |step: usize| -> Vec<&[usize]> {
        journey.steps[step]
            .sketches
            .iter()
            .map(|s| s.actors.as_slice())
            .collect()
    };
    assert_eq!(actors(0), [&[0, 1][..]]);
    assert_eq!(actors(1), [&[0][..], &[1][..]]);
    assert_eq!(journey.steps[2].awaits, ["alice.sent"]);
    assert_eq!(
        journey.steps[2].sketches[0].line,
        "DELETE https://talk.superapp.test/api/v1/messages/{{ alice.sent }}"
    );
}

#[test]
fn what_is_expected_is_told_without_secrets() {
    let journey = sketched(
        r#"
[[step]]
name = "look"
as = ["alice", "bob"]
get = "/v1/me"
expect.status = [200, "3xx"]
expect.header.etag = { exists = true }
expect.json."$.id" = "{{ user_id }}"
expect.json."$.secret" = "{{ password }}"
expect.json."$.basic" = "x{{ password | b64 }}"
expect.json."$.items[*]" = { count = { min = 2, not = 5 } }
expect.json."$.name" = { is = "string", starts_with = "a", matches = "^a+$", not = { in = ["a\"b", "b"] } }
expect.time = { max = "1500ms" }
poll = { every = "1s", for = "2s" }
fail_if.json."$.state" = "dead"
capture.token = { json = "$.token", secret = true }
capture.sent = { json = "$.sent" }

[[step]]
name = "listen"
as = "bob"
ws = "wss://talk.superapp.test/stream"
socket = "inbox"

[[step]]
name = "hear"
as = "bob"
receive = "inbox"
where.json."$.type" = "message"
where.json."$.token" = "{{ alice.token }}"
within = "2s"
expect.json."$.id" = "{{ alice.sent }}"
expect.json."$.next" = { max = "{{ alice.sent + 1 }}" }
"#,
    );
    let [alice, bob] = &journey.steps[0].sketches[..] else {
        panic!("they expect their own ids: {:?}", journey.steps[0]);
    };
    assert_eq!(
        alice.expect,
        [
            "status: 200 or 3xx",
            "header etag: a value",
            "json $.id: \"u/1\"",
            "json $.secret: \"***\"",
            "json $.basic: \"x***\"",
            "json $.items[*]: a count of at least 2 and not 5",
            "json $.name: string and something that starts with \"a\" and something that matches \
             ^a+$ and not one of \"a\\\"b\", \"b\"",
            "time: at most 1.5s",
        ]
    );
    assert_eq!(bob.expect[2], "json $.id: \"u/2\"");
    assert_eq!(alice.fail_if, ["json $.state: \"dead\""]);
    assert!(alice.filter.is_empty());
    let opened = &journey.steps[1].sketches[0];
    assert_eq!(opened.expect, [""; 0]);
    let heard = &journey.steps[2].sketches[0];
    assert_eq!(
        heard.filter,
        [
            "json $.type: \"message\"",
            "json $.token: \"{{ alice.token }}\""
        ]
    );
    assert_eq!(
        heard.expect,
        [
            "json $.id: \"{{ alice.sent }}\"",
            "json $.next: at most \"{{ alice.sent + 1 }}\""
        ]
    );
}

#[test]
fn below_http_places_are_told_as_far_as_they_are_known() {
    let journey = sketched(
        r#"
[[step]]
name = "sign in"
as = "alice"
get = "/token"
capture.token = { json = "$.token", secret = true }

[[step]]
name = "dns"
as = "alice"
dns = "{{ run.id }}.Long-Label.{{ user_id | replace('/', '-') }}.superapp.test"

[[step]]
name = "dns at"
as = "alice"
dns = "superapp.test"
type = "MX"
server = "ns.superapp.test"
over = "dot"

[[step]]
name = "doh"
as = "alice"
dns = "superapp.test"
type = "TYPE999"
server = "https://ns.superapp.test/dns-query"
over = "doh"

[[step]]
name = "tls"
as = "alice"
tls = "Talk.superapp.test:443"
server_name = "{{ run.region }}.superapp.test"
alpn = ["h2", "http/1.1"]

[[step]]
name = "tls of a url"
as = "alice"
tls = "{{ target.base.talk }}"

[[step]]
name = "tcp"
as = "alice"
tcp = "{{ run.agent }}.superapp.test:{{ amount }}"
send = "hello {{ run.id }} {{ password }}\r\nbye"

[[step]]
name = "udp"
as = "alice"
udp = "[2001:db8::1]:53"
send = { hex = "00 ff 41" }

[[step]]
name = "ping"
as = "alice"
ping = "{{ run.region }}.superapp.test"
"#,
    );
    let told: Vec<(&str, Option<&str>)> = journey
        .steps
        .iter()
        .skip(1)
        .map(|step| &step.sketches[0])
        .map(|one| (one.line.as_str(), one.body.as_deref()))
        .collect();
    let expected = [
        (
            "DNS {{ run.id }}.Long-Label.u-1.superapp.test A, asked of the target's resolver",
            None,
        ),
        (
            "DNS superapp.test MX, asked of ns.superapp.test:853 over TLS",
            None,
        ),
        (
            "DNS superapp.test TYPE999, asked of https://ns.superapp.test/dns-query over HTTPS",
            None,
        ),
        (
            "TLS talk.superapp.test:443 as {{ run.region }}.superapp.test, offering h2, http/1.1",
            None,
        ),
        ("TLS talk.superapp.test:443", None),
        (
            "TCP {{ run.agent }}.superapp.test:100",
            Some("hello {{ run.id }} ***\r\nbye"),
        ),
        ("UDP [2001:db8::1]:53", Some("(3 bytes: 00 ff 41)")),
        ("PING {{ run.region }}.superapp.test", None),
    ];
    assert_eq!(told, expected);
}

#[test]
fn what_is_generated_is_counted_and_credentials_are_starred_out() {
    let journey = sketched(
        r#"
[[step]]
name = "raw"
as = "alice"
post = "/files"
body.size = "1MiB"

[[step]]
name = "parts"
as = "alice"
post = "/files"
multipart = { note = "of {{ run.id }}", picture = { file = "a.jpg", size = 10 } }

[[step]]
name = "bytes"
as = "alice"
post = "/files"
body.base64 = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISI="

[[step]]
name = "token"
as = "alice"
post = "/token"
oauth2 = { grant = "client_credentials", client_id = "probe", client_secret = "{{ password }}" }
"#,
    );
    let one = |step: usize| &journey.steps[step].sketches[0];
    let body = |step: usize| one(step).body.clone().unwrap();
    assert_eq!(body(0), "(1048576 bytes, generated anew in each run)");
    let parts = body(1);
    assert!(parts.contains("of {{ run.id }}\r\n"), "{parts}");
    assert!(
        parts.contains("(10 bytes, generated anew in each run)\r\n"),
        "{parts}"
    );
    let bytes = body(2);
    assert!(bytes.starts_with("(35 bytes: 00 01 02"), "{bytes}");
    assert!(bytes.ends_with(" 1f …)"), "{bytes}");
    let token = one(3);
    let authorization = token
        .headers
        .iter()
        .find(|(name, _)| name == "authorization");
    assert_eq!(authorization.unwrap().1, "Basic ***");
}

#[test]
fn every_shipped_journey_can_be_told_without_a_run() {
    let target = load_target(&file("deploy/config/target-superapp.toml")).unwrap();
    let loaded = load(&files_below("probes/journeys"), CheckOptions::default());
    for journey in &loaded.journeys {
        for step in sketch(journey, &target).steps {
            assert!(!step.sketches.is_empty());
            for one in step.sketches {
                let said = format!("{one:?}");
                // Where a service takes mail, an earlier step asks.
                let is_told_in_a_run = one.line.starts_with("TCP …");
                let is_known = is_told_in_a_run || !said.contains("in a run only");
                assert!(is_known, "{}: {said}", journey.name);
                assert!(!said.contains("placeholder"), "{}: {said}", journey.name);
            }
        }
    }
}
