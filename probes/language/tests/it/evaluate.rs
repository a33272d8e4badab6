//! What is sent, what is judged and what is kept, for journeys loaded from text.

use std::sync::LazyLock;
use std::time::Duration;

use bongsu_language::{
    About, CheckOptions, Environment, HeaderLines, Journey, Observed, PreparedAct, PreparedRequest,
    Redactor, RenderError, RunWords, Secrecy, SourceFile, Step, load, load_target,
};
use bongsu_model::{
    AgentId, JourneyName, RegionId, RunId, RunIdentity, TargetName, Timestamp, TriggerKind, Variant,
};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::shipped::{drawn, file, files_below};

const HEAD: &str = r#"
format = 1
journey = "try"
feature = "talk.message.text"
timeout = "6s"
base = "{{ target.base.talk }}/"
actor.alice = { account = "pool:chat-users", needs = ["x"] }
actor.bob = { account = "pool:chat-users", needs = ["x"] }
vars.place = { lat = 52.52, list = [1, 2] }
defaults.headers.authorization = "Bearer {{ token }}"
"#;

fn journey(steps: &str) -> Journey {
    let give = "[[step]]\nname = \"give\"\nas = [\"alice\", \"bob\"]\nget = \"/v1/token\"\n\
                capture.token = { json = \"$.token\", secret = true }\n";
    let files = [SourceFile::new("try.toml", format!("{HEAD}{give}{steps}"))];
    let mut loaded = load(&files, CheckOptions::default());
    assert!(
        !loaded.has_errors(),
        "{}",
        drawn(&loaded.diagnostics, &files)
    );
    loaded.journeys.remove(0)
}

/// The last step of a journey with these lines in it.
fn step(lines: &str) -> (Journey, Step) {
    let journey = journey(&format!("[[step]]\nname = \"it\"\nas = \"alice\"\n{lines}"));
    let step = journey.steps.last().unwrap().clone();
    (journey, step)
}

fn words() -> RunWords {
    let identity = RunIdentity {
        agent: &AgentId::new("seoul-1").unwrap(),
        target: &TargetName::new("superapp").unwrap(),
        journey: &JourneyName::new("try").unwrap(),
        variant: &Variant::cold(),
        trigger: TriggerKind::Manual,
        n: 7,
    };
    RunWords {
        id: RunId::derive(identity, Timestamp::from_unix_seconds(1_700_000_000)),
        agent: AgentId::new("seoul-1").unwrap(),
        region: RegionId::new("kr-seoul").unwrap(),
    }
}

fn environment(journey: &Journey) -> Environment {
    let target = load_target(&file("deploy/config/target-superapp.toml")).unwrap();
    let now = Timestamp::from_unix_seconds(1_700_000_000);
    let mut environment = Environment::new(journey, &target, words(), now);
    for actor in 0..journey.actors.len() {
        environment.set(
            actor,
            "login",
            json!(format!("user{actor}")),
            Secrecy::Public,
        );
        environment.set(
            actor,
            "user_id",
            json!(format!("u-{actor}")),
            Secrecy::Public,
        );
        environment.set(actor, "password", json!("sentinel-secret"), Secrecy::Secret);
    }
    environment
}

fn request(journey: &Journey, step: &Step, environment: &Environment) -> PreparedRequest {
    assert_eq!(journey.actors.len(), 2);
    match step.prepare(environment, 0).unwrap().act {
        PreparedAct::Http(request) => request,
        other => panic!("{other:?}"),
    }
}

#[test]
fn journeys_can_be_shared_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<Journey>();
    shared::<Environment>();
    shared::<Observed<'_>>();
}

#[test]
fn a_request_is_rendered_as_written() {
    let (journey, step) = step(
        r#"post = "/v1/rooms/{{ x }}/messages?v=1"
headers.x-run = "{{ run.agent }}@{{ run.region }}"
query = { a = "{{ x }}", list = [1, "b"] }
json = { place = "{{ place }}", first = "{{ place.lat }}", text = "to {{ bob.user_id }}", at = "{{ now() + 1 }}", "z" = [true, "{{ x }}"] }
"#,
    );
    let mut environment = environment(&journey);
    environment.set(0, "x", json!("a/b ?&#ü"), Secrecy::Public);
    environment.set(0, "token", json!("token-12345"), Secrecy::Secret);
    let request = request(&journey, &step, &environment);
    assert_eq!(
        request.url,
        "https://talk.superapp.test:21002/v1/rooms/a%2Fb%20%3F%26%23%C3%BC/messages?v=1\
         &a=a%2Fb%20%3F%26%23%C3%BC&list=1&list=b"
    );
    assert_eq!(
        request.headers,
        [
            ("authorization".to_owned(), "Bearer token-12345".to_owned()),
            ("x-run".to_owned(), "seoul-1@kr-seoul".to_owned()),
            ("content-type".to_owned(), "application/json".to_owned()),
        ]
    );
    let body: Value = serde_json::from_slice(&request.body.unwrap()).unwrap();
    assert_eq!(
        body,
        json!({
            "place": {"lat": 52.52, "list": [1, 2]},
            "first": 52.52,
            "text": "to u-1",
            "at": 1_700_000_001,
            "z": [true, "a/b ?&#ü"],
        })
    );
}

#[test]
fn a_default_header_is_left_out_while_its_variable_is_unset() {
    let (journey, step) = step("get = \"/v1/me\"\n");
    let environment = environment(&journey);
    assert_eq!(request(&journey, &step, &environment).headers, []);
}

#[test]
fn an_unset_variable_anywhere_else_stops_the_step() {
    let (journey, step) = step("get = \"/v1/me\"\nheaders.x-token = \"{{ token }}\"\n");
    let unset = step.prepare(&environment(&journey), 0).unwrap_err();
    assert_eq!(
        unset,
        RenderError::Unset {
            name: "token".into()
        }
    );
}

#[test]
fn captured_values_cannot_break_headers_or_climb_in_paths() {
    let (journey, step) = step("get = \"/v1/files/{{ x }}\"\nheaders.x-note = \"{{ login }}\"\n");
    let mut environment = environment(&journey);
    environment.set(0, "x", json!(".."), Secrecy::Public);
    assert!(
        request(&journey, &step, &environment)
            .url
            .ends_with("/v1/files/%2E%2E")
    );
    environment.set(0, "login", json!("a\r\nx-evil: 1"), Secrecy::Public);
    let refused = step.prepare(&environment, 0).unwrap_err();
    assert_eq!(
        refused,
        RenderError::Header {
            name: "x-note".into()
        }
    );
    environment.set(0, "login", json!({"a": 1}), Secrecy::Public);
    assert!(matches!(
        step.prepare(&environment, 0),
        Err(RenderError::NotText { .. })
    ));
}

#[test]
fn what_is_made_of_a_secret_is_named_to_the_redactor() {
    let (journey, step) = step(
        "post = \"/v1/sessions\"\nheaders.authorization = \"Basic {{ (login + ':' + password) | b64 }}\"\n\
         json.password = \"{{ password }}\"\n",
    );
    let environment = environment(&journey);
    let prepared = step.prepare(&environment, 0).unwrap();
    assert!(!format!("{prepared:?} {environment:?}").contains("sentinel"));
    let mut redactor = Redactor::new();
    for secret in prepared.secrets.iter().chain(&environment.secrets()) {
        redactor.learn(secret);
    }
    let PreparedAct::Http(request) = prepared.act else {
        panic!("no request")
    };
    let (_, header) = &request.headers[0];
    assert!(
        header.starts_with("Basic ") && header.len() > 20,
        "{header}"
    );
    assert_eq!(redactor.redact(header), "Basic ***");
    let body = String::from_utf8(request.body.unwrap()).unwrap();
    assert_eq!(redactor.redact(&body), "{\"password\":\"***\"}");
    assert!(
        environment
            .public_variables(0)
            .iter()
            .all(|(name, _)| name != "password")
    );
}

#[test]
fn forms_frames_and_texts_are_sent_as_such() {
    let (journey, form) = step("post = \"/v1/x\"\nform = { a = \"1&2\", b = 3 }\n");
    let environment = environment(&journey);
    let sent = request(&journey, &form, &environment);
    assert_eq!(sent.body.unwrap(), b"a=1%262&b=3");
    assert_eq!(sent.headers[0].1, "application/x-www-form-urlencoded");
    let journey = self::journey(
        "[[step]]\nname = \"open\"\nas = \"bob\"\nws = \"{{ target.ws.talk }}/v1/s\"\nsocket = \"in\"\n\
         query.u = \"{{ user_id }}\"\n\
         [[step]]\nname = \"say\"\nas = \"bob\"\nsend = \"in\"\njson = { a = \"{{ user_id }}\" }\n",
    );
    let environment = self::environment(&journey);
    match journey.steps[1].prepare(&environment, 1).unwrap().act {
        PreparedAct::Open { url, socket, .. } => {
            assert_eq!(url, "wss://talk.superapp.test:21002/v1/s?u=u-1");
            assert_eq!(socket, "in");
        }
        other => panic!("{other:?}"),
    }
    match journey.steps[2].prepare(&environment, 1).unwrap().act {
        PreparedAct::Send { text, .. } => assert_eq!(text, "{\"a\":\"u-1\"}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_condition_decides_whether_a_step_is_performed() {
    let (journey, step) = step("get = \"/v1/me\"\nwhen = \"x > 1 and not x == 7\"\n");
    let mut environment = environment(&journey);
    for (value, applies) in [(2, true), (1, false), (7, false)] {
        environment.set(0, "x", json!(value), Secrecy::Public);
        assert_eq!(step.applies(&environment, 0), Ok(applies), "{value}");
    }
}

/// The mismatches, as text, of an answer with these expectations.
fn mismatches(expect: &str, status: u16, headers: &[(&str, &str)], body: &str) -> Vec<String> {
    let (journey, step) = step(&format!("get = \"/v1/me\"\n{expect}"));
    let mut environment = environment(&journey);
    environment.set(0, "x", json!(100), Secrecy::Public);
    let headers: HeaderLines = headers.iter().copied().collect();
    let observed = Observed::answer(
        status,
        &headers,
        body.as_bytes(),
        Duration::from_millis(1_234),
    );
    let found = step.expect.check(&observed, &environment, 0).unwrap();
    found.iter().map(ToString::to_string).collect()
}

#[test]
fn expectations_that_hold_say_nothing() {
    let body = r#"{"id": "m-1", "n": 100, "f": 1.0, "ok": true, "nil": null, "a": [1, 2], "o": {"b": 1, "a": [2]}}"#;
    for expect in [
        "",
        "expect.status = 201",
        "expect.status = [200, \"2xx\"]",
        "expect.status = { not = [404, \"5xx\"] }",
        "expect.header.content-type = { starts_with = \"application/\", matches = 'json$' }",
        "expect.json.\"$.id\" = \"m-1\"",
        "expect.json.\"$.id\" = { is = \"string\", contains = \"-\", in = [\"m-1\", 2], not = \"m-2\" }",
        "expect.json.\"$.n\" = { is = \"integer\", min = 100, max = \"{{ x }}\" }",
        "expect.json.\"$.n\" = \"{{ x }}\"",
        "expect.json.\"$.f\" = 1",
        "expect.json.\"$.f\" = { is = \"number\", not = { is = \"integer\" } }",
        "expect.json.\"$.ok\" = true",
        "expect.json.\"$.nil\" = { is = \"null\", exists = true }",
        "expect.json.\"$.gone\" = { exists = false }",
        "expect.json.\"$.a\" = [1, 2.0]",
        "expect.json.\"$.a\" = { is = \"array\", contains = 2 }",
        "expect.json.\"$.a[*]\" = { count = 2 }",
        "expect.json.\"$.a[*]\" = { count = { min = 1, max = 2 } }",
        "expect.json.\"$.o\" = { is = \"object\" }",
        "expect.body = { contains = \"m-1\" }",
        "expect.sha256 = \"ac0564f6bbdbfbd135d1fc20507e4058766f8a9ddc0747b2132eea7bb0fdb9ad\"",
        "expect.time = { min = \"1s\", max = \"2s\" }",
    ] {
        let told = mismatches(expect, 201, &[("Content-Type", "application/json")], body);
        assert!(told.is_empty(), "{expect}: {told:?}");
    }
}

#[test]
fn every_expectation_that_does_not_hold_is_told_with_its_value_status_first() {
    let long = format!("{{\"id\": \"{}\"}}", "x".repeat(500));
    let told = mismatches(
        "expect.json.\"$.id\" = 900\nexpect.header.etag = \"x\"\nexpect.time = { max = \"1s\" }\n",
        503,
        &[],
        &long,
    );
    assert_eq!(told[0], "status: expected 2xx, got 503");
    assert!(
        told[1].starts_with("json $.id: expected 900, got text \"xxx"),
        "{told:?}"
    );
    assert!(told[1].chars().count() < 170, "{}", told[1].len());
    assert_eq!(told[2], "header etag: expected \"x\", got nothing");
    assert_eq!(told[3], "time: expected at most 1s, got 1.234s");
}

#[test]
fn types_are_never_mixed_up() {
    for (expect, body, told) in [
        (
            "\"$.n\" = \"900\"",
            r#"{"n": 900}"#,
            "json $.n: expected \"900\", got 900",
        ),
        (
            "\"$.n\" = 900",
            r#"{"n": "900"}"#,
            "json $.n: expected 900, got \"900\"",
        ),
        (
            "\"$.n\" = { min = 1 }",
            r#"{"n": "5"}"#,
            "json $.n: expected at least 1, got \"5\"",
        ),
        (
            "\"$.n\" = { is = \"integer\" }",
            r#"{"n": 1.5}"#,
            "json $.n: expected integer, got 1.5",
        ),
        (
            "\"$.n\" = 1",
            "<html>",
            "json $.n: expected 1, got what is not JSON: <html>",
        ),
        (
            "\"$.n\" = { exists = false }",
            "",
            "json $.n: expected no value, got nothing at all",
        ),
        (
            "\"$.n[*]\" = { count = 1 }",
            r#"{"n": [1, 2]}"#,
            "json $.n[*]: expected a count of 1, got 2 values",
        ),
        (
            "\"$.n\" = { not = { in = [1, 2] } }",
            r#"{"n": 2}"#,
            "json $.n: expected not one of 1, 2, got 2",
        ),
        (
            "\"$.n\" = 9007199254740993",
            r#"{"n": 9007199254740992}"#,
            "json $.n: expected 9007199254740993, got 9007199254740992",
        ),
    ] {
        assert_eq!(
            mismatches(&format!("expect.json.{expect}"), 200, &[], body),
            [told]
        );
    }
}

#[test]
fn an_expected_secret_is_not_told() {
    let told = mismatches(
        "expect.json.\"$.p\" = \"{{ password }}\"",
        200,
        &[],
        "{\"p\": 1}",
    );
    assert_eq!(told, ["json $.p: expected a secret value, got 1"]);
}

#[test]
fn a_mismatch_of_the_status_is_told_apart() {
    let (journey, step) = step("get = \"/v1/me\"\nexpect.json.\"$.a\" = 1\n");
    let no_lines = HeaderLines::new();
    let observed = Observed::answer(500, &no_lines, b"{}", Duration::ZERO);
    let found = step
        .expect
        .check(&observed, &environment(&journey), 0)
        .unwrap();
    let about: Vec<About> = found.iter().map(|mismatch| mismatch.about).collect();
    assert_eq!(about, [About::Status, About::Content]);
}

#[test]
fn captures_take_what_is_meant_and_keep_types() {
    let (_, step) = step(
        r#"get = "/v1/me"
capture.id = { json = "$.id" }
capture.first = { json = "$.items[*].n", take = "first" }
capture.last = { json = "$.items[*].n", take = "last" }
capture.all = { json = "$.items[*].n", take = "all" }
capture.count = { json = "$.items[*].n", take = "count" }
capture.one = { json = "$.items[*].n", take = "one" }
capture.gone = { json = "$.gone", optional = true }
capture.missing = { json = "$.gone" }
capture.tag = { header = "ETag" }
capture.number = { regex = '"id": (\d+)' }
capture.whole = { body = true }
"#,
    );
    let headers: HeaderLines = [("etag", "w/1")].into_iter().collect();
    let body = br#"{"id": 18446744073709551615, "items": [{"n": 1}, {"n": 2.5}]}"#;
    let observed = Observed::answer(200, &headers, body, Duration::ZERO);
    let taken = |name: &str| {
        let capture = step
            .captures
            .iter()
            .find(|capture| capture.name == name)
            .unwrap();
        capture
            .extract(&observed)
            .map(|captured| captured.map(|captured| captured.value))
    };
    for (name, value) in [
        ("id", json!(u64::MAX)),
        ("first", json!(1)),
        ("last", json!(2.5)),
        ("all", json!([1, 2.5])),
        ("count", json!(2)),
        ("tag", json!("w/1")),
        ("number", json!("18446744073709551615")),
        ("whole", json!(std::str::from_utf8(body).unwrap())),
    ] {
        assert_eq!(taken(name), Ok(Some(value)), "{name}");
    }
    assert_eq!(taken("gone"), Ok(None));
    assert_eq!(
        taken("missing").unwrap_err().to_string(),
        "capture `missing`: $.gone finds nothing"
    );
    assert!(taken("one").unwrap_err().reason.contains("2 values"));
}

#[test]
fn whole_numbers_of_64_bits_are_kept_exactly_and_larger_ones_are_refused() {
    for id in [
        "18446744073709551615",
        "9007199254740993",
        "-9223372036854775808",
    ] {
        let (journey, step) = step(
            "post = \"/v1/of/{{ x }}\"\njson = { id = \"{{ x }}\" }\nside_effect = false\n\
             expect.json.\"$.id\" = \"{{ x }}\"\ncapture.again = { json = \"$.id\" }",
        );
        let body = format!("{{\"id\":{id}}}");
        let no_lines = HeaderLines::new();
        let observed = Observed::answer(200, &no_lines, body.as_bytes(), Duration::ZERO);
        let captured = step.captures[0].extract(&observed).unwrap().unwrap();
        let mut environment = environment(&journey);
        environment.set(0, "x", captured.value, Secrecy::Public);
        assert_eq!(
            step.expect.check(&observed, &environment, 0),
            Ok(Vec::new())
        );
        let request = request(&journey, &step, &environment);
        assert_eq!(request.body, Some(body.into_bytes()));
        assert!(
            request.url.ends_with(&format!("/v1/of/{id}")),
            "{}",
            request.url
        );
    }
    // Read as floats these two are the same.
    let (one, other) = ("18446744073709551617", "18446744073709551618");
    let (_, step) =
        step("get = \"/\"\ncapture.id = { json = \"$.id\" }\ncapture.all = { json = \"$\" }");
    let body = format!("{{\"id\": {one}}}");
    let no_lines = HeaderLines::new();
    let observed = Observed::answer(200, &no_lines, body.as_bytes(), Duration::ZERO);
    for capture in &step.captures {
        let error = capture.extract(&observed).unwrap_err();
        assert!(error.reason.contains("beyond 64 bits"), "{error}");
        assert!(error.reason.contains("`regex`"), "{error}");
    }
    let told = |expect: &str| mismatches(expect, 200, &[], &body);
    for expect in [
        format!("expect.json.\"$.id\" = {other}.0"),
        format!("expect.json.\"$.id\" = {{ not = {other}.0 }}"),
        format!("expect.json.\"$.id\" = {{ in = [{other}.0] }}"),
        "expect.json.\"$.id\" = { not = 1 }".to_owned(),
    ] {
        let said = told(&expect);
        assert_eq!(said.len(), 1, "{expect}: {said:?}");
        assert!(said[0].contains("beyond 64 bits"), "{expect}: {said:?}");
    }
    let known = "expect.json.\"$.id\" = { is = \"integer\", min = 1, exists = true }";
    assert_eq!(told(known), [""; 0]);
    // As text it is exact.
    assert_eq!(
        told(&format!("expect.body = {{ contains = '\"id\": {one}' }}")),
        [""; 0]
    );
    // A float is a float, however large.
    let large = mismatches("expect.json.\"$.n\" = 1e30", 200, &[], "{\"n\": 1e30}");
    assert_eq!(large, [""; 0]);
}

#[test]
fn a_frame_is_filtered_by_where_and_a_fragment_gives_variables() {
    let files = files_below("probes/journeys");
    let loaded = load(&files, CheckOptions::default());
    let journey = loaded
        .journeys
        .iter()
        .find(|j| j.name.as_str() == "send-message")
        .unwrap();
    let environment = environment(journey);
    let bongsu_language::Act::Receive { filter, .. } = &journey.steps[3].act else {
        panic!("not a receive");
    };
    let matches = |frame: &str| {
        filter
            .check(&Observed::frame(frame, Duration::ZERO), &environment, 1)
            .unwrap()
            .is_empty()
    };
    let run = words().id.to_string();
    assert!(matches(
        &json!({"message": {"client_ref": run}}).to_string()
    ));
    assert!(!matches(r#"{"message": {"client_ref": "other"}}"#));
    assert!(!matches("not json"));
    let sign_out = journey.cleanup.last().unwrap();
    let needs = journey.needs(sign_out, 1);
    let needed: Vec<&str> = needs.iter().map(|need| need.name.as_str()).collect();
    assert_eq!(needed, ["token"]);
    let giving = journey.fragment_giving(needs.first().unwrap()).unwrap();
    assert_eq!(giving.steps, 0..1);
}

/// A target with every service that the journeys name.
const ALL_SERVICES: &str = r#"
format = 1
target = "all"
hosts = ["*.all.test"]
base = { account = "https://account.all.test", talk = "https://talk.all.test", media = "https://media.all.test", map = "https://map.all.test", pay = "https://pay.all.test", bank = "https://bank.all.test", mobility = "https://mobility.all.test", ent = "https://ent.all.test", cdn = "https://cdn.all.test", push = "https://push.all.test", care = "https://care.all.test", daum = "https://daum.all.test", style = "https://style.all.test", piccoma = "https://piccoma.all.test", games = "https://games.all.test" }
ws = { talk = "wss://talk.all.test", bank = "wss://bank.all.test", pay = "wss://pay.all.test", mobility = "wss://mobility.all.test", push = "wss://push.all.test" }
"#;

/// The shipped journeys and the good ones among the tests.
static ALL_JOURNEYS: LazyLock<Vec<Journey>> = LazyLock::new(|| {
    let mut files = files_below("probes/journeys");
    files.extend(files_below("probes/language/tests/journeys/good"));
    load(&files, CheckOptions::default()).journeys
});

fn any_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<i64>().prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        Just(Value::Null),
        Just(json!([1, {"a": "b"}])),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_step_whose_needs_are_set_never_lacks_a_name(value in any_value(), frame in "\\PC{0,40}") {
        let target = load_target(&SourceFile::new("all.toml", ALL_SERVICES)).unwrap();
        for journey in ALL_JOURNEYS.iter() {
            let empty = Environment::new(journey, &target, words(), Timestamp::EPOCH);
            for step in journey.steps.iter().chain(&journey.cleanup) {
                for actor in &step.actors {
                    let mut environment = empty.clone();
                    for need in journey.needs(step, *actor) {
                        environment.set(need.actor, &need.name, value.clone(), Secrecy::Public);
                    }
                    let unset = |error: Option<RenderError>| {
                        matches!(error, Some(RenderError::Unset { .. }))
                    };
                    prop_assert!(!unset(step.prepare(&environment, *actor).err()), "{}", step.name);
                    prop_assert!(!unset(step.applies(&environment, *actor).err()), "{}", step.name);
                    let observed = Observed::frame(&frame, Duration::ZERO);
                    let judged = step.expect.check(&observed, &environment, *actor);
                    prop_assert!(!unset(judged.err()), "{}", step.name);
                    for capture in &step.captures {
                        let _ = capture.extract(&observed);
                    }
                }
            }
        }
    }
}
