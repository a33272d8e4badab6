//! What must hold whatever the input is. The tests give it mutated seeds, the fuzzer of
//! `probes/fuzz` everything else.

use std::time::Duration;

use bongsu_language::{
    Act, CheckOptions, Colour, Environment, HeaderLines, Journey, Observed, PreparedAct,
    ReflectionAnswer, RunWords, Schema, Secrecy, SourceFile, TargetProfile, load, load_catalogue,
    load_target,
};
use bongsu_model::{AgentId, RegionId, RunId, Timestamp};
use serde_json::Value;

/// A secret that no error may repeat.
const SENTINEL: &str = "sentinel-of-the-harness";

/// Most bytes of JSON that a message may become.
const JSON_BYTES_MAX: usize = 64 * 1024;

/// Any file is a journey, a fragment, a catalogue or a target, or is told what is wrong with it.
pub(crate) fn journeys(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes).into_owned();
    let files = [SourceFile::new("any.toml", text)];
    let loaded = load(&files, CheckOptions::default());
    for diagnostic in &loaded.diagnostics {
        assert!(!diagnostic.render(&files, Colour::Plain).is_empty());
        let span = &diagnostic.position.span;
        assert!(files[0].text.get(span.clone()).is_some(), "{diagnostic}");
    }
    if !loaded.has_errors() {
        let found = loaded.journeys.len() + loaded.catalogues.len() + loaded.targets.len();
        assert!(found > 0 || files[0].text.contains("fragment"));
    }
    let _ = load_target(&files[0]);
    let _ = load_catalogue(&files[0]);
    let _ = bongsu_language::named_descriptors(&files[0]);
}

/// Any text is a template or is told; what is rendered is fit to be sent.
pub(crate) fn expressions(bytes: &[u8]) {
    let text = quoted(&String::from_utf8_lossy(bytes));
    let steps = format!(
        "[[step]]\nname = \"ask\"\npost = \"http://a.test/x/y\"\nheaders.x-any = {text}\n\
         query.q = {text}\njson = {{ any = {text} }}\n"
    );
    let Some(journey) = journey(&steps) else {
        return;
    };
    let environment = environment(&journey);
    let prepared = match journey.steps[0].prepare(&environment, 0) {
        Ok(prepared) => prepared,
        Err(error) => {
            assert!(!error.to_string().contains(SENTINEL), "{error}");
            return;
        }
    };
    let PreparedAct::Http(request) = prepared.act else {
        panic!("a post is an HTTP request")
    };
    assert!(request.url.starts_with("http://a.test/x/y"));
    assert!(
        request.url.bytes().all(|b| b > b' ' && b != 0x7f),
        "{}",
        request.url
    );
    for (_, value) in &request.headers {
        assert!(!value.contains(['\r', '\n', '\0']), "{value:?}");
    }
    let body: Value = serde_json::from_slice(&request.body.expect("a body")).expect("it is JSON");
    assert!(body.get("any").is_some());
}

/// Any path into any body: the ways to take its matches agree. The path ends with the line.
pub(crate) fn captures(bytes: &[u8]) {
    let at = bytes
        .iter()
        .position(|b| *b == b'\n')
        .unwrap_or(bytes.len());
    let path = quoted(&String::from_utf8_lossy(&bytes[..at]));
    let body = bytes.get(at + 1..).unwrap_or_default();
    let captures = ["first", "last", "all", "count", "one"]
        .map(|take| format!("capture.{take} = {{ json = {path}, take = \"{take}\" }}\n"))
        .concat();
    let steps = format!(
        "[[step]]\nname = \"ask\"\nget = \"http://a.test/\"\nexpect.json.{path} = {{ count = 1 }}\n\
         {captures}"
    );
    let Some(journey) = journey(&steps) else {
        return;
    };
    let step = &journey.steps[0];
    let no_lines = HeaderLines::new();
    let observed = Observed::answer(200, &no_lines, body, Duration::ZERO);
    let taken: Vec<Option<Value>> = step
        .captures
        .iter()
        .map(|capture| capture.extract(&observed).ok().flatten())
        .map(|captured| captured.map(|captured| captured.value))
        .collect();
    let [first, last, all, count, one] = taken.as_slice() else {
        panic!("five captures")
    };
    let environment = environment(&journey);
    let mismatches = step
        .expect
        .check(&observed, &environment, 0)
        .expect("no variables");
    let Some(Value::Array(all)) = all else {
        assert_eq!((first, count, one), (&None, &None, &None));
        return;
    };
    assert_eq!(*count, Some(all.len().into()));
    assert_eq!((first.as_ref(), last.as_ref()), (all.first(), all.last()));
    assert_eq!(one.is_some(), all.len() == 1);
    assert_eq!(mismatches.is_empty(), all.len() == 1);
}

/// Any bytes as descriptors, as an answer of reflection and as a message.
pub(crate) fn messages(bytes: &[u8]) {
    let _ = ReflectionAnswer::decode(bytes);
    let mut file = Schema::default();
    if file.add(bytes).is_ok() {
        let _ = file.missing();
        let _ = file.method("shop.Orders", "Make");
    }
    if let Ok(mut schema) = Schema::from_set(bytes)
        && let Ok(method) = schema.method("shop.Orders", "Make")
    {
        for message in ["{}", "{\"clientRef\":\"x\",\"amount\":1}"] {
            let message: Value = serde_json::from_str(message).expect("it is JSON");
            let _ = method.encode(&message);
        }
        let _ = method.decode(bytes, JSON_BYTES_MAX);
    }
    let health =
        journey("[[step]]\nname = \"ask\"\ngrpc = \"http://a.test/grpc.health.v1.Health/Check\"\n");
    let health = health.expect("it is right");
    let Act::Grpc(act) = &health.steps[0].act else {
        panic!("a call")
    };
    let method = act.known.as_ref().expect("it is known");
    if let Ok(json) = method.decode(bytes, JSON_BYTES_MAX) {
        assert!(json.len() <= JSON_BYTES_MAX);
        let json: Value = serde_json::from_slice(&json).expect("it is JSON");
        assert!(json.get("status").is_some(), "{json}");
    }
}

/// A text as TOML writes it.
fn quoted(text: &str) -> String {
    Value::from(text).to_string().replace('\u{7f}', "\\u007f")
}

fn journey(steps: &str) -> Option<Journey> {
    let text = format!(
        "format = 1\njourney = \"any\"\nfeature = \"any\"\ntimeout = \"1s\"\n\
         actor.user.account = \"pool:users\"\nvars.amount = 5\nvars.words = [\"a\"]\n{steps}"
    );
    let loaded = load(
        &[SourceFile::new("any.toml", text)],
        CheckOptions::default(),
    );
    loaded.journeys.into_iter().next()
}

fn environment(journey: &Journey) -> Environment {
    let words = RunWords {
        id: RunId::from_bytes([7; 16]),
        agent: AgentId::new("seoul-1").expect("a name"),
        region: RegionId::new("kr").expect("a name"),
    };
    let mut environment = Environment::new(journey, &target(), words, Timestamp::EPOCH);
    environment.set(0, "user_id", "u-1".into(), Secrecy::Public);
    environment.set(0, "password", SENTINEL.into(), Secrecy::Secret);
    environment
}

fn target() -> TargetProfile {
    let text = "format = 1\ntarget = \"any\"\nbase.api = \"http://a.test\"\nhosts = [\"a.test\"]\n\
                [pool.users]\naccounts = [{ name = \"users-1\", login = \"users-1\" }]\n";
    load_target(&SourceFile::new("target.toml", text)).expect("it is right")
}
