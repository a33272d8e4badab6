//! What editors know of a file, held against what the parser says of it.

use std::path::PathBuf;

use bongsu_language::{CheckOptions, Rule, SchemaKind, SourceFile, load, schema};
use serde_json::{Value, json};

use crate::shipped::{files_below, root};

fn compile(kind: SchemaKind) -> (boon::Schemas, boon::SchemaIndex) {
    let mut schemas = boon::Schemas::new();
    let mut compiler = boon::Compiler::new();
    compiler.add_resource("file.json", schema(kind)).unwrap();
    let index = compiler.compile("file.json", &mut schemas).unwrap();
    (schemas, index)
}

fn kind_of(value: &Value) -> Option<SchemaKind> {
    let has = |key: &str| value.get(key).is_some();
    let kinds = [
        ("journey", SchemaKind::Journey),
        ("fragment", SchemaKind::Fragment),
        ("target", SchemaKind::Target),
        ("service", SchemaKind::Catalogue),
    ];
    kinds
        .into_iter()
        .find(|(key, _)| has(key))
        .map(|(_, kind)| kind)
}

fn value_of(file: &SourceFile) -> Option<Value> {
    toml::from_str(&file.text).ok()
}

/// What the schema of its kind says against a value.
fn refusal(value: &Value) -> Option<String> {
    let (schemas, index) = compile(kind_of(value).expect("a kind"));
    schemas
        .validate(value, index)
        .err()
        .map(|error| format!("{error:#}"))
}

fn good_files() -> Vec<SourceFile> {
    let mut files = files_below("probes/journeys");
    for folder in ["good", "fragments"] {
        files.extend(files_below(&format!(
            "probes/language/tests/journeys/{folder}"
        )));
    }
    files.extend(
        files_below("deploy/config")
            .into_iter()
            .filter(|file| file.path.contains("/target-")),
    );
    files
}

#[test]
fn every_file_of_the_repository_is_as_its_schema_says() {
    let files = good_files();
    assert!(files.len() > 10, "only {}", files.len());
    for file in files {
        let refused = refusal(&value_of(&file).unwrap());
        assert!(refused.is_none(), "{}: {}", file.path, refused.unwrap());
    }
}

#[test]
fn what_is_wrong_with_keys_and_types_the_schema_refuses_too() {
    const RULES: &[Rule] = &[
        Rule::UnknownKey,
        Rule::WrongType,
        Rule::StepVerb,
        Rule::InvalidDuration,
    ];
    let mut count = 0;
    for file in files_below("probes/language/tests/journeys/bad") {
        let loaded = load(std::slice::from_ref(&file), CheckOptions::default());
        let concerned = loaded.diagnostics.iter().any(|d| RULES.contains(&d.rule));
        let Some(value) = value_of(&file).filter(|value| concerned && kind_of(value).is_some())
        else {
            continue;
        };
        assert!(refusal(&value).is_some(), "{} passes", file.path);
        count += 1;
    }
    assert!(count >= 10, "only {count} files were held against it");
}

/// Every place of a value where a table has closed keys, as JSON pointers.
fn closed_tables(value: &Value, at: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(entries) => {
            // Here names are the author's own: variables, fields of a body, JSONPaths.
            let is_free = ["/vars", "/json", "/form", "/query", "/header", "/multipart"]
                .iter()
                .any(|end| at.ends_with(end));
            if !is_free {
                found.push(at.to_owned());
            }
            for (key, value) in entries {
                // A value of the author's own may be a table itself.
                let is_entered = at.contains("/expect") || at.contains("/where");
                if !is_free || is_entered || at.ends_with("/multipart") {
                    let key = key.replace('~', "~0").replace('/', "~1");
                    closed_tables(value, &format!("{at}/{key}"), found);
                }
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                closed_tables(item, &format!("{at}/{index}"), found);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn a_key_that_does_not_exist_is_refused_in_every_table_of_every_file() {
    let mut count = 0;
    for file in good_files() {
        let value = value_of(&file).unwrap();
        let (schemas, index) = compile(kind_of(&value).unwrap());
        let mut tables = Vec::new();
        closed_tables(&value, "", &mut tables);
        for at in tables {
            let mut wrong = value.clone();
            wrong.pointer_mut(&at).unwrap()["nonsense"] = json!(1);
            let refused = schemas.validate(&wrong, index).is_err();
            assert!(refused, "{}: nonsense passes in `{at}`", file.path);
            count += 1;
        }
    }
    assert!(count > 200, "only {count} tables");
}

#[test]
fn a_body_is_made_in_one_way_of_parts_that_exist() {
    let (schemas, index) = compile(SchemaKind::Journey);
    let takes = |body: &str| {
        let text = format!(
            "format = 1\njourney = \"j\"\nfeature = \"f\"\ntimeout = \"5s\"\n\
             actor.user.account = \"pool:users\"\n[[step]]\nname = \"s\"\n\
             post = \"https://a.test/\"\n{body}\n"
        );
        let value: Value = toml::from_str(&text).unwrap();
        schemas.validate(&value, index).is_ok()
    };
    for good in [
        "multipart.a = \"text\"",
        "multipart.a = 1",
        "multipart.a = { text = true, type = \"text/plain; charset=utf-8\" }",
        "multipart.a = { json = [1], file = \"a.json\" }",
        "multipart = { a = { size = 0 }, b = { size = \"200 KiB\" } }",
        "body.size = \"1MiB\"",
        "oauth2 = { grant = \"refresh_token\", client_id = \"a\", auth = \"post\" }",
    ] {
        assert!(takes(good), "{good}");
    }
    for bad in [
        "multipart = {}",
        "multipart.a = [1]",
        "multipart.a = {}",
        "multipart.a = { content = \"x\" }",
        "multipart.a = { text = \"x\", json = 1 }",
        "multipart.a = { text = [1] }",
        "multipart.a = { size = \"1GiB\" }",
        "multipart.a = { size = -1 }",
        "multipart.a = { text = \"x\", type = \"jpeg\" }",
        "body = { size = 1, base64 = \"AA==\" }",
        "body = {}",
        "oauth2 = { grant = \"password\", client_id = \"a\" }",
    ] {
        assert!(!takes(bad), "{bad}");
    }
}

#[test]
fn the_schemas_in_the_repository_are_those_that_the_program_prints() {
    let regenerate = std::env::var_os("BONGSU_REGENERATE").is_some();
    for kind in SchemaKind::ALL {
        let path: PathBuf = root().join(format!("probes/journeys/schema/{}.json", kind.as_str()));
        let text = serde_json::to_string_pretty(&schema(*kind)).unwrap() + "\n";
        if regenerate {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, &text).unwrap();
        }
        let stored = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            stored == text,
            "{}: set BONGSU_REGENERATE=1 after a change of the key table",
            path.display()
        );
    }
}
