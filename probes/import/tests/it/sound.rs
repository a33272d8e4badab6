//! What every import keeps to: its text is a journey.

use bongsu_import::{Imported, Names};
use bongsu_language::{CheckOptions, Colour, Journey, SourceFile, format, load};
use bongsu_model::JourneyName;

pub(crate) fn unnamed() -> Names {
    Names {
        journey: JourneyName::new("imported").unwrap(),
        feature: None,
        pool: None,
    }
}

/// The journey of an import's text; the language has nothing to refuse in it.
pub(crate) fn journey(imported: &Imported) -> Journey {
    let files = [SourceFile::new("imported.toml", imported.text.clone())];
    assert_eq!(format(&files[0]).as_ref(), Ok(&imported.text), "its layout");
    let mut loaded = load(&files, CheckOptions::default());
    let errors: Vec<String> = loaded
        .diagnostics
        .iter()
        .filter(|diagnostic| diagnostic.is_error())
        .map(|diagnostic| diagnostic.render(&files, Colour::Plain))
        .collect();
    assert!(
        errors.is_empty(),
        "{}\n{}",
        errors.join("\n"),
        imported.text
    );
    assert_eq!(loaded.journeys.len(), 1, "{}", imported.text);
    loaded.journeys.remove(0)
}

/// Neither the text nor the notes show any of these.
pub(crate) fn hides(imported: &Imported, secrets: &[&str]) {
    let shown = format!("{}\n{}", imported.text, imported.notes.join("\n"));
    for secret in secrets {
        assert!(!shown.contains(secret), "{secret:?} is in\n{shown}");
    }
}
