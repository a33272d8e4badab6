//! Configurations good and bad: what is read, and what a person is told.

use super::*;

const GOOD: &str = r#"
format = 1
id = "seoul-1"
region = "kr-seoul"
network = "as4766"
data = "data"
[plan]
journeys = ["journeys"]
catalogue = "catalogue.toml"
targets = ["target.toml"]
[[collector]]
name = "main"
url = "http://127.0.0.1:4318/"
token = { env = "BONGSU_TOKEN" }
[controls]
addresses = ["a:1", "b:2", "c:3"]
"#;

fn parse(text: &str) -> Result<Config, String> {
    Config::parse(text, "agent.toml", Path::new("/etc/bongsu")).map_err(|error| error.to_string())
}

/// The message for `GOOD` with `from` replaced by `to`.
fn broken(from: &str, to: &str) -> String {
    assert!(GOOD.contains(from), "{from} is not in the good text");
    parse(&GOOD.replacen(from, to, 1)).unwrap_err()
}

#[test]
fn the_shipped_example_is_a_configuration() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/config");
    let config = Config::load(&folder.join("agent.toml")).unwrap();
    assert_eq!(config, Config::parse(EXAMPLE, "", &folder).unwrap());
    assert_eq!(config.vantage.agent.as_str(), "seoul-1");
    assert_eq!(config.spool_bytes_max, 512 << 20);
    assert_eq!(config.controls.addresses.len(), 3);
    assert_eq!(
        config.collectors[0].token,
        SecretSource::File(folder.join("seoul-1.token"))
    );
}

#[test]
fn what_is_left_out_has_a_default_and_paths_are_relative_to_the_file() {
    let config = parse(GOOD).unwrap();
    assert_eq!(config.data, Path::new("/etc/bongsu/data"));
    assert_eq!(config.plan.slice, Slice::WHOLE);
    assert_eq!(config.limits.bursts, Bursts::LookAgain);
    assert_eq!(config.collectors[0].url, "http://127.0.0.1:4318");
    assert_eq!(config.listen, None);
}

#[test]
fn an_unknown_key_is_refused_with_the_near_one() {
    assert_eq!(
        broken(
            "region = \"kr-seoul\"",
            "region = \"kr-seoul\"\nnetwrok = \"as4766\""
        ),
        "the configuration cannot be used\nerror: unknown key `netwrok`\n \
         --> agent.toml:5:1\n  \
         |\n\
         5 | netwrok = \"as4766\"\n  \
         | ^^^^^^^\n  \
         = help: did you mean `network`?\n\
         1 mistake in agent.toml"
    );
}

#[test]
fn every_mistake_is_told_at_once() {
    let text = GOOD
        .replace("id = \"seoul-1\"", "id = \"Seoul 1\"")
        .replace("\"a:1\", ", "")
        .replace("url = \"http://127.0.0.1:4318/\"", "url = \"ftp://x\"")
        .replace(
            "catalogue = \"catalogue.toml\"",
            "catalog = \"catalogue.toml\"",
        );
    let message = parse(&text).unwrap_err();
    for part in [
        "`Seoul 1` is not an agent id",
        "2 controls are too few",
        "`ftp://x` is not an http:// or https:// address",
        "unknown key `catalog`",
        "did you mean `catalogue`?",
        "`catalogue` is missing in [plan]",
        "5 mistakes in agent.toml",
    ] {
        assert!(message.contains(part), "{part} is not in:\n{message}");
    }
}

#[test]
fn wrong_toml_and_wrong_values_name_their_place() {
    let cases = [
        ("id = \"seoul-1\"", "id = seoul-1", "agent.toml:3:6"),
        ("format = 1", "format = 2", "format 2 is not known"),
        ("format = 1", "", "begin the file with `format = 1`"),
        (
            "id = \"seoul-1\"",
            "id = 7",
            "`id` must be a text in quotes, not of type integer",
        ),
        (
            "{ env = \"BONGSU_TOKEN\" }",
            "\"s3cret-token\"",
            "a token is named, never written",
        ),
        (
            "{ env = \"BONGSU_TOKEN\" }",
            "{}",
            "`file` or `env` is missing in token",
        ),
        ("\"a:1\"", "\"a\"", "`a` is not host:port"),
        (
            "journeys = [\"journeys\"]",
            "journeys = []",
            "`journeys` names no file",
        ),
        (
            "[plan]",
            "[plan]\nslice = \"4/3\"",
            "a slice is `place/parts`",
        ),
        (
            "[plan]",
            "[plan]\nreload = \"5\"",
            "a duration is a whole number and a unit",
        ),
        (
            "[plan]",
            "[plan]\nreload = \"99ms\"",
            "`reload` is shorter than 100ms",
        ),
        (
            "[controls]",
            "[controls]\nevery = \"999ms\"",
            "`every` is shorter than 1s",
        ),
        (
            "[controls]",
            "[listen]\naddress = \"0.0.0.0:8310\"\n[controls]",
            "write 127.0.0.1:8310, or `allow_remote = true`",
        ),
        (
            "[controls]",
            "[spool]\nbytes_max = \"1KiB\"\n[controls]",
            "at least 64KiB",
        ),
        (
            "[controls]",
            "[limits]\nconcurrency = 0\n[controls]",
            "from 1 to 4096",
        ),
        (
            "[controls]",
            "[listen]\naddress = \"localhost\"\n[controls]",
            "not an address and port",
        ),
    ];
    for (from, to, expected) in cases {
        let message = broken(from, to);
        assert!(
            message.contains(expected),
            "{expected} is not in:\n{message}"
        );
    }
}

#[test]
fn the_effective_configuration_says_the_same_and_names_its_secrets() {
    let folder = Path::new("/etc/bongsu");
    let text = EXAMPLE
        .replace("# bursts", "bursts")
        .replace("# ca", "ca")
        .replace("# control", "control")
        .replace("# resolver", "resolver")
        .replace("# [telemetry]", "[telemetry]")
        .replace("# url =", "url =")
        .replace("# headers =", "headers =")
        .replace("# every =", "every =")
        .replace(
            "address = \"127.0.0.1:8310\"",
            "address = \"10.0.0.1:8310\"\nallow_remote = true",
        );
    for text in [EXAMPLE, &text] {
        let config = Config::parse(text, "agent.toml", folder).unwrap();
        let effective = config.effective();
        let again = Config::parse(&effective, "effective", folder);
        assert_eq!(again.unwrap(), config, "{effective}");
        assert!(effective.contains("token = { file = \"/etc/bongsu/seoul-1.token\" }"));
    }
}

#[test]
fn a_written_secret_is_not_repeated_in_the_message() {
    let message = broken("{ env = \"BONGSU_TOKEN\" }", "\"s3cret-token\"");
    assert!(!message.contains("s3cret"), "{message}");
    let message = broken("{ env = \"BONGSU_TOKEN\" }", "{ evn = \"BONGSU_TOKEN\" }");
    assert!(message.contains("did you mean `env`?"), "{message}");
}

#[test]
fn a_secret_is_not_repeated_wherever_and_however_it_is_written() {
    let token = "token = { env = \"BONGSU_TOKEN\" }";
    let written = [
        "\"token\" = \"hunter2-secret\"",
        "'token' = 'hunter2-secret'",
        "tokn = \"hunter2-secret\"",
        "Token = \"hunter2-secret\"",
        "token = hunter2-secret",
        "token = \"hunter2-secret",
        "token = \"\"\"\nhunter2-secret\"\"\"",
        "token = \"\"\"\nhunter2-secret",
        "token = [\"hunter2-secret\"]",
        "token = { value = \"hunter2-secret\" }",
        "token = { file = \"t\", value = \"hunter2-secret\" }",
        "token.value = \"hunter2-secret\"",
        "token = { env = \"T\" }\npassword = \"hunter2-secret\"",
        "token = { env = \"T\" }\nclient-secret = \"hunter2-secret\" # not a key",
        "token = { env = \"T\" } secret = \"hunter2-secret\"",
        "token = { env = \"T\" }\nproxy = \"http://me:hunter2-secret@proxy:1\"",
    ];
    for text in written {
        let message = broken(token, text);
        assert!(!message.contains("hunter2"), "{text}:\n{message}");
        assert!(message.contains("agent.toml:"), "{message}");
    }
    let collector = GOOD.find("[[collector]]").unwrap();
    let controls = GOOD.find("[controls]").unwrap();
    let inline = "collector = [{ name = \"main\", url = \"x\", token = \"hunter2-secret\" }]\n";
    let (before, _) = GOOD.split_at(GOOD.find("[plan]").unwrap());
    let plan = &GOOD[GOOD.find("[plan]").unwrap()..collector];
    let text = format!("{before}{inline}{plan}{}", &GOOD[controls..]);
    let message = parse(&text).unwrap_err();
    assert!(!message.contains("hunter2"), "{message}");
    assert!(
        message.contains("a token is named, never written"),
        "{message}"
    );
    for url in [
        "http://me:hunter2@host:1",
        "me:hunter2@host",
        "ftp://me:hunter2@host",
    ] {
        let message = broken("http://127.0.0.1:4318/", url);
        assert!(!message.contains("hunter2"), "{message}");
    }
}

proptest::proptest! {
    /// Stars take the place of bytes, so that every mark still stands under what it means.
    #[test]
    fn concealing_moves_nothing(text in "(token|id|tokn|\"token\")? ?=? ?[\"'a-z가-힣@:/\n{}\\[\\]=#]{0,40}") {
        let concealed = conceal::conceal(&text);
        proptest::prop_assert_eq!(concealed.len(), text.len());
        proptest::prop_assert_eq!(concealed.matches('\n').count(), text.matches('\n').count());
    }
}

#[test]
fn a_secret_that_is_missing_or_short_is_named_by_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    let source = SecretSource::File(path.clone());
    let missing = source.resolve().unwrap_err().to_string();
    assert!(missing.contains(&path.display().to_string()), "{missing}");
    std::fs::write(&path, "short\n").unwrap();
    let short = source.resolve().unwrap_err().to_string();
    assert!(short.contains("shorter than 6 bytes"), "{short}");
    assert!(!short.contains("short\n"));
    std::fs::write(&path, "long enough\n").unwrap();
    assert_eq!(source.resolve().unwrap().expose(), "long enough");
    let unset = SecretSource::Env("BONGSU_TEST_NEVER_SET".to_owned());
    assert!(
        unset
            .resolve()
            .unwrap_err()
            .to_string()
            .contains("BONGSU_TEST_NEVER_SET is not set")
    );
}

#[test]
fn the_least_durations_and_addresses_off_loopback_are_taken_where_they_are_meant() {
    let text = GOOD
        .replace("[plan]", "[plan]\nreload = \"100ms\"")
        .replace("[controls]", "[controls]\nevery = \"1s\"");
    let config = parse(&text).unwrap();
    assert_eq!(config.plan.reload.as_millis(), 100);
    assert_eq!(config.controls.every.as_secs(), 1);
    for listen in [
        "address = \"127.0.0.2:1\"",
        "address = \"[::1]:1\"",
        "address = \"0.0.0.0:1\"\nallow_remote = true",
    ] {
        let config = parse(&format!("{GOOD}[listen]\n{listen}\n")).unwrap();
        assert!(config.listen.is_some());
    }
}

#[test]
fn one_control_named_twice_is_no_majority() {
    let message = broken(r#"["a:1", "b:2", "c:3"]"#, r#"["a:1", "b:2", "a:1"]"#);
    assert!(
        message.contains("the control `a:1` is named twice"),
        "{message}"
    );
}
