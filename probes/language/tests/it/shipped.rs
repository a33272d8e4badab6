//! Every file that is shipped loads without a word.

use std::path::{Path, PathBuf};

use bongsu_language::{
    CheckOptions, Colour, Diagnostic, FieldSource, Loaded, Scope, SourceFile, format, load,
    load_catalogue, load_target,
};

/// The repository's root.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A file of the repository, its path as written here.
pub(crate) fn file(path: &str) -> SourceFile {
    SourceFile::new(path, std::fs::read_to_string(root().join(path)).unwrap())
}

/// All `.toml` files below a folder of the repository, in order.
pub(crate) fn files_below(folder: &str) -> Vec<SourceFile> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(next) = open.pop() {
        for entry in std::fs::read_dir(root().join(&next)).unwrap() {
            let entry = entry.unwrap();
            let path = format!("{next}/{}", entry.file_name().to_str().unwrap());
            if entry.file_type().unwrap().is_dir() {
                open.push(path);
            } else if Path::new(&path)
                .extension()
                .is_some_and(|extension| extension == "toml")
            {
                found.push(file(&path));
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

pub(crate) fn drawn(diagnostics: &[Diagnostic], files: &[SourceFile]) -> String {
    diagnostics
        .iter()
        .map(|d| d.render(files, Colour::Plain) + "\n")
        .collect()
}

fn shipped() -> Loaded {
    let catalogue = load_catalogue(&file("probes/journeys/catalogue.toml")).unwrap();
    let target = load_target(&file("deploy/config/target-superapp.toml")).unwrap();
    let files = files_below("probes/journeys");
    let options = CheckOptions {
        catalogue: Some(&catalogue),
        targets: &[target],
    };
    let loaded = load(&files, options);
    assert!(
        loaded.diagnostics.is_empty(),
        "{}",
        drawn(&loaded.diagnostics, &files)
    );
    loaded
}

/// What stands in the fences of this kind of a page.
fn fenced(page: &str, kind: &str) -> Vec<String> {
    let mut blocks = page.split("```").skip(1).step_by(2);
    let mut found = Vec::new();
    for block in &mut blocks {
        if let Some(text) = block.strip_prefix(&format!("{kind}\n")) {
            found.push(text.to_owned());
        }
    }
    found
}

#[test]
fn what_the_page_on_writing_journeys_shows_loads_without_a_word() {
    let page = file("probes/journeys/README.md").text;
    let [journey, profile] = <[String; 2]>::try_from(fenced(&page, "toml")).unwrap();
    let profile = SourceFile::new("target.toml", profile);
    for file in [&profile, &SourceFile::new("journey.toml", journey.as_str())] {
        assert_eq!(format(file).as_deref(), Ok(file.text.as_str()));
    }
    let target = load_target(&profile).map_err(|mistakes| drawn(&mistakes, &[profile]));
    let catalogue = load_catalogue(&file("probes/journeys/catalogue.toml")).unwrap();
    let files = [SourceFile::new("journey.toml", journey)];
    let options = CheckOptions {
        catalogue: Some(&catalogue),
        targets: &[target.unwrap()],
    };
    let loaded = load(&files, options);
    let told = drawn(&loaded.diagnostics, &files);
    assert!(told.is_empty(), "{told}");
    assert_eq!(loaded.journeys.len(), 1);
}

#[test]
fn every_shipped_journey_loads_without_a_word() {
    let loaded = shipped();
    for name in ["call-taxi", "login", "send-message", "transfer"] {
        let is_there = loaded.journeys.iter().any(|j| j.name.as_str() == name);
        assert!(is_there, "{name}");
    }
    // Every feature of the catalogue is measured by a journey of its own.
    for feature in loaded.catalogues[0].features() {
        let has_one = loaded.journeys.iter().any(|j| j.feature == feature.id);
        assert!(has_one, "{}", feature.id);
    }
    assert_eq!(loaded.catalogues.len(), 1);
}

#[test]
fn send_message_is_laid_out_as_its_file_says() {
    let loaded = shipped();
    let journey = loaded
        .journeys
        .iter()
        .find(|j| j.name.as_str() == "send-message")
        .unwrap();
    let names: Vec<&str> = journey
        .steps
        .iter()
        .map(|step| step.name.as_str())
        .collect();
    assert_eq!(
        names,
        [
            "both sign in: sign in",
            "bob listens",
            "alice sends",
            "bob receives it"
        ]
    );
    let cleanup: Vec<&str> = journey
        .cleanup
        .iter()
        .map(|step| step.name.as_str())
        .collect();
    assert_eq!(
        cleanup,
        [
            "find what was sent",
            "alice deletes the message",
            "both sign in: sign out"
        ]
    );
    assert_eq!(journey.steps[0].actors, [0, 1]);
    assert_eq!(journey.steps[0].scope, Scope::Fragment(0));
    assert_eq!(journey.steps[0].feature.as_str(), "account.login");
    assert_eq!(journey.steps[3].since, Some(2));
    assert_eq!(journey.steps[3].feature, journey.feature);
    let indices: Vec<u32> = journey
        .steps
        .iter()
        .chain(&journey.cleanup)
        .map(|step| step.index)
        .collect();
    assert_eq!(indices, [0, 1, 2, 3, 4, 5, 6]);
    assert_eq!(journey.actors[0].fields, ["login", "password", "user_id"]);
}

#[test]
fn a_revision_follows_the_text_of_journey_and_fragments() {
    let files = files_below("probes/journeys");
    let revision = |files: &[SourceFile]| {
        let loaded = load(files, CheckOptions::default());
        loaded
            .journeys
            .iter()
            .find(|j| j.name.as_str() == "login")
            .unwrap()
            .revision
            .clone()
    };
    let before = revision(&files);
    for (path, changes) in [
        ("login.toml", true),
        ("fragments/sign-in.toml", true),
        ("send-message.toml", false),
    ] {
        let mut changed = files.clone();
        let file = changed
            .iter_mut()
            .find(|file| file.path.ends_with(path))
            .unwrap();
        file.text.push_str("# more\n");
        assert_eq!(revision(&changed) != before, changes, "{path}");
    }
}

#[test]
fn the_example_target_has_pools_and_no_secrets() {
    let target = load_target(&file("deploy/config/target-superapp.toml")).unwrap();
    assert!(target.allows("talk.superapp.test") && !target.allows("example.com"));
    for account in target.pools.iter().flat_map(|pool| &pool.accounts) {
        for (name, source) in &account.fields {
            let is_plain = matches!(source, FieldSource::Plain(_));
            assert_eq!(is_plain, name != "password", "{name} of {}", account.name);
        }
    }
}
