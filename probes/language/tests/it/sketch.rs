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
fn every_shipped_journey_can_be_told_without_a_run() {
    let target = load_target(&file("deploy/config/target-superapp.toml")).unwrap();
    let loaded = load(&files_below("probes/journeys"), CheckOptions::default());
    for journey in &loaded.journeys {
        for step in sketch(journey, &target).steps {
            assert!(!step.sketches.is_empty());
            for one in step.sketches {
                let said = format!("{one:?}");
                assert!(!said.contains("in a run only"), "{}: {said}", journey.name);
                assert!(!said.contains("placeholder"), "{}: {said}", journey.name);
            }
        }
    }
}
