//! The canonical layout: it changes how a file looks, and nothing else.

use bongsu_language::{CheckOptions, SourceFile, format, load};
use proptest::prelude::*;

use crate::shipped::files_below;

/// Every file of the repository that is one of the language.
fn all() -> Vec<SourceFile> {
    let mut files = files_below("probes/journeys");
    files.extend(files_below("probes/language/tests/journeys"));
    files.extend(files_below("deploy/config"));
    files
}

/// What a run would do, without the places in the file.
fn meaning(file: &SourceFile) -> Vec<String> {
    let mut files = files_below("probes/journeys/fragments");
    files.extend(files_below("probes/language/tests/journeys/fragments"));
    files
        .retain(|other| other.path != file.path && !other.path.ends_with("fragments/sign-in.toml"));
    files.extend(
        files_below("probes/journeys/fragments")
            .into_iter()
            .filter(|other| other.path != file.path),
    );
    files.push(SourceFile::new("file.toml", file.text.clone()));
    let position = regex::Regex::new(r"Position \{[^}]*\}").unwrap();
    let revision = regex::Regex::new(r"revision: Revision\([^)]*\)").unwrap();
    let loaded = load(&files, CheckOptions::default());
    let told = loaded
        .diagnostics
        .iter()
        .filter(|d| &*d.position.path == "file.toml");
    let mut told: Vec<String> = told.map(|d| d.message.clone()).collect();
    told.sort();
    let journeys = loaded.journeys.iter().map(|journey| format!("{journey:?}"));
    let others = [
        format!("{:?}", loaded.catalogues),
        format!("{:?}", loaded.targets),
    ];
    told.extend(journeys.chain(others).map(|text| {
        let text = position.replace_all(&text, "");
        revision.replace_all(&text, "").into_owned()
    }));
    told
}

/// The comments of a text whose strings have no `#`, in any order.
fn comments(text: &str) -> Vec<&str> {
    let mut found: Vec<&str> = text
        .lines()
        .filter_map(|line| line.find('#').map(|at| line[at..].trim_end()))
        .collect();
    found.sort_unstable();
    found
}

fn lay_out(file: &SourceFile) -> Option<SourceFile> {
    format(file)
        .ok()
        .map(|text| SourceFile::new(file.path.clone(), text))
}

fn assert_kept(file: &SourceFile) {
    let Some(once) = lay_out(file) else { return };
    let twice = lay_out(&once).expect("what was laid out can be laid out");
    assert_eq!(once.text, twice.text, "{}", file.path);
    assert_eq!(meaning(file), meaning(&once), "{}", file.path);
    assert_eq!(comments(&file.text), comments(&once.text), "{}", file.path);
}

#[test]
fn every_file_of_the_repository_means_the_same_when_it_is_laid_out() {
    let files = all();
    let laid_out = files.iter().filter(|file| lay_out(file).is_some()).count();
    assert!(laid_out > 60, "only {laid_out}");
    files.iter().for_each(assert_kept);
}

#[test]
fn the_shipped_files_are_laid_out() {
    for file in files_below("probes/journeys") {
        let text = lay_out(&file).unwrap().text;
        assert!(text == file.text, "run `bongsu fmt {}`", file.path);
    }
}

#[test]
fn a_messy_file_is_put_in_order() {
    let messy = r#"#:schema schema/journey.json
# What it is about.

# said of the feature
feature="talk.text"


journey   =   "j"
format=1
[[cleanup]]
name = "gone"
delete = "/x"
[[step]] # the first
expect.status=200   # fine
capture.id={json="$.id",take = "first" , }   # kept
get="/x"

# who
as="a"
expect.json."$.a"=[1,2,3,]
name="one"
[[step]]
get = "/y"
name = "two"
query = {
}
[actor.a]
account = "pool:p"
# the end
"#;
    let tidy = r#"#:schema schema/journey.json
# What it is about.

format = 1

journey = "j"
# said of the feature
feature = "talk.text"

[actor.a]
account = "pool:p"

[[step]]  # the first
name = "one"

# who
as = "a"
get = "/x"
expect.status = 200  # fine
expect.json."$.a" = [1, 2, 3]
capture.id = { json = "$.id", take = "first" }  # kept

[[step]]
name = "two"
get = "/y"
query = {
}

[[cleanup]]
name = "gone"
delete = "/x"
# the end
"#;
    let messy = SourceFile::new("j.toml", messy);
    let found = format(&messy).unwrap();
    assert_eq!(found, tidy);
    assert_kept(&SourceFile::new("j.toml", tidy));
}

#[test]
fn what_is_no_file_of_the_language_is_refused() {
    for text in ["format = ", "colour = \"red\"\n", ""] {
        let refused = format(&SourceFile::new("x.toml", text)).unwrap_err();
        assert!(!refused.is_empty() && !refused[0].help.is_empty(), "{text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn blanks_comments_and_the_order_of_lines_do_not_matter(
        which in any::<prop::sample::Index>(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), 0_u8..5), 0..12),
    ) {
        let files = all();
        let file = which.get(&files);
        let mut lines: Vec<String> = file.text.lines().map(str::to_owned).collect();
        for (at, edit) in edits {
            if lines.is_empty() {
                lines.push(String::new());
            }
            let at = at.index(lines.len());
            match edit {
                0 => lines.insert(at, String::new()),
                1 => lines.insert(at, "  # a remark ".to_owned()),
                2 => lines[at] = lines[at].replacen(" = ", "=", 1),
                3 => lines[at].push_str("   "),
                _ => {
                    let other = (at + 1) % lines.len();
                    lines.swap(at, other);
                }
            }
        }
        assert_kept(&SourceFile::new(file.path.clone(), lines.join("\n")));
    }

    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,200}", piece in "[\\[\\]{}=.,#\"'a\\n\\r ]{0,60}") {
        let _ = format(&SourceFile::new("a.toml", text));
        let _ = format(&SourceFile::new("b.toml", format!("journey = \"j\"\n{piece}")));
    }
}

#[test]
fn what_is_no_toml_is_told_in_order_of_place() {
    // A wrong value is found after what cannot be taken apart.
    let text = "format = 1\njourney = \"a\\m\"\n\n[[step]]\nname \"x\"\n";
    let mistakes = format(&SourceFile::new("a.toml", text)).unwrap_err();
    let lines: Vec<u32> = mistakes.iter().map(|one| one.position.line).collect();
    assert_eq!(lines, [2, 5]);
}
