//! Any input gives journeys or diagnostics, quickly, and never a panic.

use std::fmt::Write as _;

use bongsu_language::{
    CheckOptions, Colour, HEADERS_MAX, SourceFile, load, load_catalogue, load_journeys, load_target,
};
use proptest::prelude::*;

use crate::shipped::{drawn, file, files_below};

/// Loads, draws and judges `files`: what any program does with them.
fn survive(files: &[SourceFile]) {
    let loaded = load(files, CheckOptions::default());
    for diagnostic in &loaded.diagnostics {
        assert!(!diagnostic.render(files, Colour::Plain).is_empty());
        assert!(!diagnostic.render(files, Colour::Ansi).is_empty());
    }
    for journey in &loaded.journeys {
        assert!(!journey.steps.is_empty());
    }
}

fn shipped() -> Vec<SourceFile> {
    let mut files = files_below("probes/journeys");
    files.push(file("deploy/config/target-superapp.toml"));
    files.extend(files_below("probes/language/tests/journeys/good"));
    files
}

#[derive(Debug, Clone)]
enum Mutation {
    Delete { at: usize, length: usize },
    Insert { at: usize, what: String },
    Swap { a: usize, b: usize },
    Repeat { at: usize, times: usize },
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let pieces = prop::sample::select(vec![
        "\"",
        "'",
        "{{",
        "}}",
        "[",
        "]",
        "[[step]]\n",
        "=",
        ".",
        "$",
        "\n",
        "\r\n",
        "카",
        "\u{0}",
        "as = \"alice\"\n",
        "0x",
        "inf",
        "{",
        "}",
        "since = \"both sign in\"\n",
        "\\u0041",
        "|",
    ]);
    prop_oneof![
        (any::<usize>(), 0_usize..40).prop_map(|(at, length)| Mutation::Delete { at, length }),
        (any::<usize>(), pieces).prop_map(|(at, what)| Mutation::Insert {
            at,
            what: what.into()
        }),
        (any::<usize>(), ".{0,8}").prop_map(|(at, what)| Mutation::Insert { at, what }),
        (any::<usize>(), any::<usize>()).prop_map(|(a, b)| Mutation::Swap { a, b }),
        (any::<usize>(), 1_usize..200).prop_map(|(at, times)| Mutation::Repeat { at, times }),
    ]
}

fn mutate(text: &str, mutations: &[Mutation]) -> String {
    let mut lines_or_chars: Vec<char> = text.chars().collect();
    for mutation in mutations {
        let count = lines_or_chars.len().max(1);
        match mutation {
            Mutation::Delete { at, length } => {
                let start = (at % count).min(lines_or_chars.len());
                let end = (start + length).min(lines_or_chars.len());
                let _ = lines_or_chars.drain(start..end);
            }
            Mutation::Insert { at, what } => {
                let at = (at % count).min(lines_or_chars.len());
                let _ = lines_or_chars.splice(at..at, what.chars());
            }
            Mutation::Swap { a, b } if !lines_or_chars.is_empty() => {
                lines_or_chars.swap(a % count, b % count);
            }
            Mutation::Swap { .. } => {}
            Mutation::Repeat { at, times } => {
                let Some(c) = lines_or_chars.get(at % count).copied() else {
                    continue;
                };
                let at = at % count;
                let _ = lines_or_chars.splice(at..at, std::iter::repeat_n(c, *times));
            }
        }
    }
    lines_or_chars.into_iter().collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_mutation_of_a_shipped_file_makes_it_panic(
        which in any::<prop::sample::Index>(),
        mutations in prop::collection::vec(mutation(), 1..6),
    ) {
        let mut files = shipped();
        let at = which.index(files.len());
        files[at].text = mutate(&files[at].text, &mutations);
        survive(&files);
        let _ = load_target(&files[at]);
        let _ = load_catalogue(&files[at]);
    }

    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,200}", bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        survive(&[SourceFile::new("a.toml", text)]);
        survive(&[SourceFile::new("b.toml", String::from_utf8_lossy(&bytes).into_owned())]);
    }
}

#[test]
fn deep_nesting_is_refused_without_a_panic() {
    for text in [
        format!("{} = 1", vec!["a"; 10_000].join(".")),
        format!("a = {}", "[".repeat(50_000)),
        format!("a = {}", "{a=".repeat(50_000)),
        format!(
            "journey = \"x\"\nvars.x = {}1{}",
            "[".repeat(60),
            "]".repeat(60)
        ),
    ] {
        let files = [SourceFile::new("deep.toml", text)];
        survive(&files);
        assert!(load(&files, CheckOptions::default()).has_errors());
    }
}

#[test]
fn a_file_that_is_too_large_is_refused() {
    let files = [SourceFile::new("large.toml", "# x\n".repeat(100_000))];
    let diagnostics = load_journeys(&files).unwrap_err();
    assert_eq!(diagnostics.len(), 1);
    assert!(
        diagnostics[0].message.contains("too large"),
        "{}",
        diagnostics[0]
    );
}

/// A journey whose step sends so many headers.
fn sending(headers: usize) -> SourceFile {
    let lines: String = (0..headers).map(|n| format!("x{n} = \"1\"\n")).collect();
    let text = format!(
        "format = 1\njourney = \"many\"\nfeature = \"talk.message.text\"\ntimeout = \"6s\"\n\
         [[step]]\nname = \"look\"\nget = \"https://a.test/\"\n[step.headers]\n{lines}"
    );
    SourceFile::new("many.toml", text)
}

#[test]
fn headers_are_bounded() {
    let is_told = |headers| {
        let loaded = load(&[sending(headers)], CheckOptions::default());
        let told: Vec<String> = loaded.diagnostics.iter().map(ToString::to_string).collect();
        told.iter().any(|one| one.contains("headers here"))
    };
    assert!(!is_told(HEADERS_MAX));
    for many in [HEADERS_MAX + 1, 20_000] {
        assert!(is_told(many), "{many} headers");
        survive(&[sending(many)]);
    }
}

/// A profile with so many accounts, each on a line as long as the stand-in platform writes.
fn profile_of(accounts: usize) -> SourceFile {
    let line = |n: usize| {
        let name = format!("chat-wallet-users-{n:05}");
        format!(
            "    {{ name = \"{name}\", login = \"{name}\", user_id = \"u-{name}\", \
             password = {{ file = \"{name}.password\" }} }},\n"
        )
    };
    let lines: String = (0..accounts).map(line).collect();
    let text = format!(
        "format = 1\ntarget = \"t\"\nhosts = [\"a.test\"]\nbase.a = \"https://a.test\"\n\
         [pool.users]\naccounts = [\n{lines}]\n"
    );
    SourceFile::new("target.toml", text)
}

#[test]
fn a_profile_may_be_larger_than_a_journey_and_is_bounded_too() {
    let profile = load_target(&profile_of(10_000)).unwrap();
    assert_eq!(profile.pools[0].accounts.len(), 10_000);
    let diagnostics = load_target(&profile_of(15_000)).unwrap_err();
    let [told] = &diagnostics[..] else {
        panic!("{diagnostics:?}")
    };
    assert!(told.message.contains("too large"), "{told}");
    assert!(told.help[0].contains("fewer accounts"), "{told}");
}

fn long_journey(name: &str, steps: usize) -> SourceFile {
    let mut text = format!(
        "format = 1\njourney = \"{name}\"\nfeature = \"talk.message.text\"\ntimeout = \"6s\"\n\
         base = \"{{{{ target.base.talk }}}}\"\nactor.user.account = \"pool:users\"\n"
    );
    for step in 0..steps {
        write!(
            text,
            "[[step]]\nname = \"step {step}\"\nget = \"/v1/{{{{ user_id }}}}\"\n\
             expect.json.\"$.id\" = \"{{{{ user_id }}}}\"\ncapture.c{step} = {{ json = \"$.x\" }}\n"
        )
        .unwrap();
    }
    SourceFile::new(format!("{name}.toml"), text)
}

#[test]
fn a_journey_has_at_most_a_hundred_steps() {
    assert_eq!(
        load_journeys(&[long_journey("long", 100)]).unwrap()[0]
            .steps
            .len(),
        100
    );
    let diagnostics = load_journeys(&[long_journey("long", 101)]).unwrap_err();
    assert!(
        diagnostics[0].message.contains("101 steps"),
        "{}",
        diagnostics[0]
    );
}

#[test]
fn two_journeys_of_one_name_are_refused_and_all_mistakes_of_all_files_are_told() {
    let mut second = long_journey("same", 1);
    second.path = "other.toml".into();
    second.text.push_str("colour = \"red\"\n");
    let files = [long_journey("same", 1), second];
    let told = drawn(&load_journeys(&files).unwrap_err(), &files);
    assert!(told.contains("two journeys are named `same`"), "{told}");
    assert!(told.contains("unknown key `colour`"), "{told}");
}

#[test]
fn a_thousand_journeys_load() {
    let files: Vec<SourceFile> = (0..1_000)
        .map(|n| long_journey(&format!("j{n}"), 3))
        .collect();
    assert_eq!(load_journeys(&files).unwrap().len(), 1_000);
}
