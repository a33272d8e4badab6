//! The example loads, and every mistake is shown with its place and remedy.

use super::*;

const EXAMPLE: &str = include_str!("../../../deploy/config/collector.toml");

fn problems(text: &str) -> String {
    Config::parse(text, Path::new("conf/collector.toml"))
        .unwrap_err()
        .to_string()
}

/// The example with the one line that starts with `start` replaced.
fn with_line(start: &str, line: &str) -> String {
    let found = EXAMPLE
        .lines()
        .filter(|known| known.starts_with(start))
        .count();
    assert_eq!(found, 1, "{start}");
    EXAMPLE
        .lines()
        .map(|known| {
            if known.starts_with(start) {
                line
            } else {
                known
            }
        })
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn the_commented_example_loads() {
    let config = Config::parse(EXAMPLE, Path::new("conf/collector.toml")).unwrap();
    assert_eq!(config.lateness, Duration::from_secs(5));
    assert_eq!(config.bytes_max, 20 << 30);
    assert_eq!(config.limits, Limits::default());
    assert_eq!(
        config.catalogue,
        Path::new("conf/../../probes/journeys/catalogue.toml")
    );
    assert_eq!(config.zone.iana_name(), Some("Asia/Seoul"));
    assert_eq!(config.roster.regions()[0].names.ko, "서울");
    assert_eq!(config.roster.agents()[0].vantage.agent.as_str(), "seoul-1");
}

#[test]
fn the_effective_configuration_loads_but_for_its_masked_tokens() {
    let config = Config::parse(EXAMPLE, Path::new("conf/collector.toml")).unwrap();
    let token = config.roster.agents()[0].token.to_hex();
    let shown = config.effective();
    assert!(!shown.contains(&token), "{shown}");
    let whole = shown.replace(&format!("{}…", &token[..8]), &token);
    let again = Config::parse(&whole, Path::new("elsewhere.toml")).unwrap();
    assert_eq!(again.effective(), shown);
}

#[test]
fn recovery_clocks_have_the_limits_of_the_manual_unless_told_otherwise() {
    let minutes = |n: u64| Duration::from_secs(n * 60);
    let parse = |text: &str| Config::parse(text, Path::new("collector.toml"));
    let without = with_line("[recovery]", "")
        .replace("warn_after = \"10m\"", "")
        .replace("breach_after = \"20m\"", "");
    for text in [EXAMPLE, &without] {
        let rto = parse(text).unwrap().rto;
        assert_eq!((rto.warn, rto.breach), (minutes(10), minutes(20)));
    }
    let rto = parse(&with_line("breach_after", "breach_after = \"1h\""))
        .unwrap()
        .rto;
    assert_eq!(rto.breach, minutes(60));
    let wrong = problems(&with_line("warn_after", "warn_after = \"21m\""));
    assert!(
        wrong.contains("`warn_after` must not be longer than `breach_after`"),
        "{wrong}"
    );
    let wrong = problems(&with_line("warn_after", "warn_after = \"0s\""));
    assert!(wrong.contains("warn_after"), "{wrong}");
}

#[test]
fn telemetry_is_read_shown_and_refused_with_a_remedy() {
    let with = |lines: &str| format!("{EXAMPLE}\n[telemetry]\n{lines}\n");
    let good = with(
        "url = \"http://127.0.0.1:14318/\"\nevery = \"30s\"\nheaders = { x-key = { env = \"K\" } }",
    );
    let config = Config::parse(&good, Path::new("conf/collector.toml")).unwrap();
    let telemetry = config.telemetry.as_ref().unwrap();
    assert_eq!(telemetry.url, "http://127.0.0.1:14318");
    assert_eq!(telemetry.every, Duration::from_secs(30));
    let shown = config.effective();
    assert!(
        shown.contains("headers = { x-key = { env = \"K\" } }"),
        "{shown}"
    );
    for (lines, says) in [
        (
            "url = \"tempo:4318\"",
            "is not an http:// or https:// address",
        ),
        ("url = \"http://a.test/v1/metrics\"", "/v1/metrics is added"),
        ("every = \"10ms\"", "use 1s or more"),
        (
            "headers = { x-key = \"hunter2\" }",
            "a secret is named, never written",
        ),
        ("evry = \"10s\"", "did you mean `every`?"),
    ] {
        let shown = problems(&with(lines));
        assert!(shown.contains(says), "{lines}:\n{shown}");
    }
}

#[test]
fn an_unknown_key_is_refused_with_its_place_and_the_nearest_key() {
    assert_eq!(
        problems(&with_line("retention", "retension = \"7d\"")),
        "conf/collector.toml:9:1: unknown key `retension`\n  |\n9 | retension = \"7d\"\n  | \
         ^^^^^^^^^\n  = help: did you mean `retention`?\n1 mistake in conf/collector.toml"
    );
}

#[test]
fn every_mistake_is_told_at_once_in_the_order_of_the_file() {
    let text = EXAMPLE
        .replace("lateness = \"5s\"", "lateness = \"5\"")
        .replace("otlp = \"127.0.0.1:4318\"", "oltp = \"127.0.0.1:4318\"")
        .replace("region = \"kr-seoul\"", "region = \"kr-busan\"");
    let shown = problems(&text);
    let places = [
        "`5` is not a duration",
        "unknown key `oltp`",
        "agent `seoul-1` is in `kr-busan`, which is not a listed region",
        "3 mistakes in",
    ]
    .map(|part| {
        shown
            .find(part)
            .unwrap_or_else(|| panic!("{part} is not in\n{shown}"))
    });
    assert!(places.is_sorted(), "{shown}");
}

#[test]
fn bad_values_are_refused_with_a_remedy() {
    for (start, line, says) in [
        (
            "format",
            "format = 2",
            "format 2 is not known to this version",
        ),
        ("format", "# none", "the key `format` is missing"),
        (
            "zone",
            "zone = \"Asia/Seol\"",
            "`Asia/Seol` is not a time zone",
        ),
        ("retention", "retention = \"6d\"", "use 7d or more"),
        (
            "bytes_max",
            "bytes_max = 5",
            "expected a text in quotes, found integer",
        ),
        (
            "body_bytes_max",
            "body_bytes_max = \"1GiB\"",
            "use 1KiB to 64MiB",
        ),
        (
            "requests_per_second",
            "requests_per_second = 0",
            "use a number above 0",
        ),
        ("clock_ahead", "clock_ahead = \"2h\"", "use 5m at most"),
        ("weight", "weight = -1.0", "must be a number above 0"),
        (
            "token_sha256",
            "token_sha256 = \"hunter2\"",
            "expected 64 hex digits",
        ),
        ("network", "network = \"AS 4766\"", "is not a network id"),
        ("names", "names = { kr = \"서울\" }", "unknown key `kr`"),
        ("web ", "web = \"localhost\"", "is not an address"),
        ("data", "data = ", "4:8"),
    ] {
        let shown = problems(&with_line(start, line));
        assert!(shown.contains(says), "{line}:\n{shown}");
    }
}

#[test]
fn a_trace_link_is_none_until_it_is_given_and_then_checked() {
    let config = |text: &str| Config::parse(text, Path::new("conf/collector.toml"));
    assert_eq!(config(EXAMPLE).unwrap().trace_link, None);
    let url = "https://grafana.example/explore?panes={\"a\":\"{trace_id}\"}";
    let given = format!("{EXAMPLE}\n[trace_link]\nurl = '{url}'\n");
    let read = config(&given).unwrap();
    assert_eq!(read.trace_link.as_ref().unwrap().as_str(), url);
    assert!(
        read.effective()
            .contains("[trace_link]\nurl = \"https://grafana.example/explore?panes={\\\"a\\\"")
    );
    for (line, says) in [
        ("url = \"grafana\"", "begins with `https://`"),
        ("url = 5", "expected a text in quotes"),
        (
            "ulr = \"https://a.example/{trace_id}\"",
            "did you mean `url`?",
        ),
    ] {
        let shown = problems(&format!("{EXAMPLE}\n[trace_link]\n{line}\n"));
        assert!(shown.contains(says), "{line}:\n{shown}");
    }
}

#[test]
fn two_agents_cannot_share_a_token_or_an_id() {
    let agent = &EXAMPLE[EXAMPLE.find("[[agent]]").unwrap()..];
    let agent = agent.split("\n\n").next().unwrap();
    let twice = format!("{EXAMPLE}\n{agent}");
    assert!(problems(&twice).contains("agent `seoul-1` is listed twice"));
    let other = agent.replace("seoul-1", "seoul-2");
    let shared = format!("{EXAMPLE}\n{other}");
    assert!(problems(&shared).contains("agents `seoul-1` and `seoul-2` have the same token"));
}

#[test]
fn a_hash_shows_little_of_itself_in_debug() {
    let hash = TokenHash::of(b"token");
    assert_eq!(TokenHash::from_hex(&hash.to_hex()), Some(hash));
    assert!(format!("{hash:?}").len() < 20);
}

const FORWARD: &str = "\n[[forward]]\nname = \"tempo\"\nurl = \"http://127.0.0.1:14318/\"\n";

/// The example with foreign spans forwarded, and `more` at its end.
fn forwarding(more: &str) -> String {
    let text = EXAMPLE.replace("spans = \"refuse\"", "spans = \"forward\"");
    format!("{text}\n{more}")
}

fn sender(id: &str, token: &str) -> String {
    let hash = TokenHash::of(token.as_bytes()).to_hex();
    format!("\n[[sender]]\nid = \"{id}\"\ntoken_sha256 = \"{hash}\"\n")
}

#[test]
fn a_destination_has_defaults_and_its_secrets_are_places() {
    let text = forwarding(&format!(
        "{FORWARD}headers = {{ Authorization = {{ file = \"h\" }}, x-scope = {{ env = \"SCOPE\" }} }}\n{}",
        sender("shop", "secret of shop")
    ));
    let config = Config::parse(&text, Path::new("conf/collector.toml")).unwrap();
    let forwarding = &config.forwarding;
    let bytes_max = 256 << 20;
    assert_eq!(forwarding.foreign, ForeignPolicy::Forward { bytes_max });
    let [forward] = forwarding.forwards.as_slice() else {
        panic!("{forwarding:?}");
    };
    assert_eq!(forward.url, "http://127.0.0.1:14318");
    assert_eq!((forward.runs, forward.foreign), (true, true));
    assert_eq!(forward.compression, Compression::Gzip);
    let [(first, file), (second, env)] = forward.headers.as_slice() else {
        panic!("{forward:?}");
    };
    assert_eq!(
        (first.as_str(), second.as_str()),
        ("authorization", "x-scope")
    );
    assert_eq!(*file, SecretSource::File("conf/h".into()));
    assert_eq!(*env, SecretSource::Env("SCOPE".to_owned()));
    let token = TokenHash::of(b"secret of shop");
    let sender = forwarding.sender_by_token(&token).unwrap();
    assert_eq!(sender.id.as_str(), "shop");
    let shown = config.effective();
    let whole = [token, config.roster.agents()[0].token]
        .iter()
        .map(TokenHash::to_hex)
        .fold(shown.clone(), |text, hex| {
            assert!(!text.contains(&hex));
            text.replace(&format!("{}…", &hex[..8]), &hex)
        });
    let again = Config::parse(&whole, Path::new("elsewhere.toml")).unwrap();
    assert_eq!(again.effective(), shown);
    assert_eq!(again.forwarding, config.forwarding);
}

#[test]
fn what_is_wrong_with_destinations_and_senders_is_told() {
    let tempo = |more: &str| format!("{FORWARD}{more}\n");
    for (text, says) in [
        (
            forwarding(&tempo("headers = { authorization = \"Bearer abc\" }")),
            "header `authorization`: a secret is named, never written",
        ),
        (
            forwarding(&tempo("headers = { a = { env = \"A\", file = \"b\" } }")),
            "a secret is named, never written",
        ),
        (
            forwarding(&tempo("headers = { content-type = { env = \"A\" } }")),
            "the header `content-type` is set by the collector",
        ),
        (
            forwarding(&tempo("headers = { \"a b\" = { env = \"A\" } }")),
            "`a b` is not the name of a header",
        ),
        (forwarding(&tempo("urll = \"x\"")), "unknown key `urll`"),
        (
            forwarding(&tempo("compression = \"zstd\"")),
            "use gzip or none",
        ),
        (
            forwarding(&tempo("runs = false\nforeign = false")),
            "neither runs nor foreign spans",
        ),
        (forwarding(&tempo("runs = 1")), "expected true or false"),
        (
            forwarding(&format!("{FORWARD}{FORWARD}")),
            "`tempo` is listed twice",
        ),
        (
            forwarding(&FORWARD.replace("14318/", "14318/v1/traces")),
            "/v1/traces is added",
        ),
        (
            forwarding(&FORWARD.replace("http://", "http://me:pass@")),
            "a URL carries no credentials",
        ),
        (
            forwarding(&FORWARD.replace("http://", "grpc://")),
            "is not an http:// or https:// address",
        ),
        (forwarding(&FORWARD.replace("tempo", "Te mpo")), "`Te mpo`"),
        (forwarding(""), "foreign spans have nowhere to go"),
        (
            forwarding(&tempo("foreign = false")),
            "foreign spans have nowhere to go",
        ),
        (
            format!("{EXAMPLE}{}", sender("shop", "t")),
            "a sender may only have its spans passed on",
        ),
        (
            forwarding(&format!("{FORWARD}{}", sender("seoul-1", "t"))),
            "`seoul-1` is listed twice",
        ),
        (
            forwarding(&format!(
                "{FORWARD}{}{}",
                sender("a", "t"),
                sender("b", "t")
            )),
            "`b` has the token of another",
        ),
        (
            EXAMPLE.replace("spans = \"refuse\"", "spans = \"drop\""),
            "`drop` is neither refuse nor forward",
        ),
        (
            EXAMPLE.replace("spans = \"refuse\"", "bytes_max = \"1MiB\""),
            "the queue needs 64MiB or more",
        ),
    ] {
        let shown = problems(&text);
        assert!(shown.contains(says), "{says}:\n{shown}");
        assert!(
            !shown.contains("me:pass") || says.contains("URL"),
            "{shown}"
        );
    }
}

#[test]
fn a_secret_that_is_not_there_says_where_it_should_be() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("h");
    let source = SecretSource::File(file.clone());
    assert!(
        source
            .resolve()
            .unwrap_err()
            .to_string()
            .contains("cannot read the secret file")
    );
    std::fs::write(&file, " \n").unwrap();
    assert!(
        source
            .resolve()
            .unwrap_err()
            .to_string()
            .contains("is empty")
    );
    std::fs::write(&file, "Bearer abc\n").unwrap();
    assert_eq!(source.resolve().unwrap().expose(), "Bearer abc");
    std::fs::write(&file, vec![b'a'; 70_000]).unwrap();
    assert!(
        source
            .resolve()
            .unwrap_err()
            .to_string()
            .contains("is this the right file?")
    );
    let unset = SecretSource::Env("BONGSU_TEST_NEVER_SET".to_owned());
    assert!(
        unset
            .resolve()
            .unwrap_err()
            .to_string()
            .contains("BONGSU_TEST_NEVER_SET is not set")
    );
}

fn operator(id: &str, token: &str) -> String {
    let hash = TokenHash::of(token.as_bytes()).to_hex();
    format!("\n[[operator]]\nid = \"{id}\"\ntoken_sha256 = \"{hash}\"\n")
}

#[test]
fn operators_are_known_by_their_tokens_and_shown_without_them() {
    let text = format!(
        "{EXAMPLE}{}{}",
        operator("desk", "a"),
        operator("night", "b")
    );
    let config = Config::parse(&text, Path::new("collector.toml")).unwrap();
    let by = |token: &[u8]| config.operators.by_token(&TokenHash::of(token));
    assert_eq!(by(b"b").unwrap().id.as_str(), "night");
    assert_eq!(by(b"c"), None);
    let shown = config.effective();
    assert!(shown.contains("[[operator]]\nid = \"desk\""), "{shown}");
    assert!(!shown.contains(&TokenHash::of(b"a").to_hex()), "{shown}");
}

#[test]
fn what_is_wrong_with_operators_is_told() {
    let known = EXAMPLE
        .lines()
        .find_map(|line| line.strip_prefix("token_sha256 = "))
        .unwrap();
    let agent_s = format!("\n[[operator]]\nid = \"desk\"\ntoken_sha256 = {known}\n");
    for (more, told) in [
        (
            operator("desk", "a") + &operator("desk", "b"),
            "operator `desk` is listed twice",
        ),
        (
            operator("desk", "a") + &operator("night", "a"),
            "operators `desk` and `night` have the same token",
        ),
        (
            agent_s,
            "operator `desk` and agent `seoul-1` have the same token",
        ),
        (operator("Desk", "a"), "`Desk` is not an operator id"),
        (
            "\n[[operator]]\nid = \"desk\"\n".to_owned(),
            "`token_sha256` is missing",
        ),
        (
            "\n[[operator]]\nid = \"desk\"\ntoken = \"a\"\n".to_owned(),
            "unknown key `token`",
        ),
    ] {
        let problems = problems(&format!("{EXAMPLE}{more}"));
        assert!(problems.contains(told), "{problems}");
    }
}

#[test]
fn what_the_platform_is_takes_effect_and_its_mistakes_are_told() {
    let with = |text: &str| EXAMPLE.replacen("roles = [\"value-added\"]", text, 1);
    let text = with(
        "roles = [\"value-added\", \"data-centre-tenant\"]\ndesignated = true\n\
         revenue_won = 6_000_000_000_000\ndaily_users = 40_000_000\ntraffic_share = 0.02\n\
         hall_m2 = 500",
    );
    let shown = Config::parse(&text, Path::new("collector.toml"))
        .unwrap()
        .effective();
    for line in [
        "roles = [\"value-added\", \"data-centre-tenant\"]",
        "designated = true",
        "revenue_won = 6000000000000",
        "daily_users = 40000000",
        "hall_m2 = 500",
        "traffic_share = 0.02",
    ] {
        assert!(shown.contains(line), "{line} in {shown}");
    }
    for (wrong, says) in [
        ("roles = []", "name one role at least"),
        ("roles = [\"bank\"]", "use one of carrier, value-added"),
        ("roles = \"carrier\"", "expected a list"),
        ("daily_users = -1", "use a whole number, 0 or more"),
        ("traffic_share = 2", "write 2 % as 0.02"),
        ("folder = \"/nonexistent\"", "cannot read /nonexistent"),
        ("role = [\"carrier\"]", "did you mean `roles`?"),
    ] {
        let found = problems(&with(wrong));
        assert!(found.contains(says), "{found} does not say {says}");
    }
}
