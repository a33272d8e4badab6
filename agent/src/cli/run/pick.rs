//! Which files, which journeys of them, and which cases of those.

use std::path::PathBuf;

use bongsu_language::Journey;
use bongsu_model::{Tag, Variant};

/// The paths as given, and in the place of a pattern those that it matches.
///
/// # Errors
/// A pattern that is none, or that matches nothing, in one line.
pub(super) fn expand(paths: &[PathBuf]) -> Result<Vec<PathBuf>, String> {
    let mut all = Vec::with_capacity(paths.len());
    for path in paths {
        let text = path.to_string_lossy();
        if !text.contains(['*', '?', '[']) || path.exists() {
            all.push(path.clone());
            continue;
        }
        let before = all.len();
        let matches =
            glob::glob(&text).map_err(|error| format!("{text} is no pattern: {error}"))?;
        for found in matches {
            let found = found.map_err(|error| format!("{text}: {error}"))?;
            all.push(found);
        }
        if all.len() == before {
            return Err(format!("no file matches {text}"));
        }
    }
    Ok(all)
}

/// Keeps the journeys that have one of the tags, and none of those behind a `!`.
///
/// # Errors
/// A word that is no tag, or when no journey is left, in one line.
pub(super) fn pick_tags(journeys: &mut Vec<Journey>, words: &[String]) -> Result<(), String> {
    if words.is_empty() {
        return Ok(());
    }
    let (mut wanted, mut unwanted) = (Vec::new(), Vec::new());
    for word in words {
        let (list, name) = match word.strip_prefix('!') {
            Some(name) => (&mut unwanted, name),
            None => (&mut wanted, word.as_str()),
        };
        list.push(Tag::new(name).map_err(|error| format!("--tags {word}: {error}"))?);
    }
    let mut known: Vec<Tag> = Vec::new();
    for tag in journeys.iter().flat_map(|journey| &journey.tags) {
        if !known.contains(tag) {
            known.push(tag.clone());
        }
    }
    journeys.retain(|journey| {
        let has_one_of = |tags: &[Tag]| tags.iter().any(|tag| journey.tags.contains(tag));
        (wanted.is_empty() || has_one_of(&wanted)) && !has_one_of(&unwanted)
    });
    if !journeys.is_empty() {
        return Ok(());
    }
    let known: Vec<&str> = known.iter().map(Tag::as_str).collect();
    let known = if known.is_empty() {
        "no journey has `tags`".to_owned()
    } else {
        format!("the journeys' tags are {}", known.join(", "))
    };
    Err(format!(
        "--tags {} leaves no journey: {known}",
        words.join(",")
    ))
}

/// The journeys, and in the place of one with cases the journey of each case that is wanted.
///
/// # Errors
/// A case that no journey has, in one line.
pub(super) fn pick_cases(
    journeys: Vec<Journey>,
    wanted: &[String],
) -> Result<Vec<Journey>, String> {
    let cases = || journeys.iter().flat_map(|journey| &journey.cases);
    for name in wanted {
        if !cases().any(|case| is_case(case, name)) {
            let known: Vec<&str> = cases()
                .flat_map(|case| &case.variants)
                .map(Variant::as_str)
                .collect();
            return Err(if known.is_empty() {
                format!("--case {name}: no journey has a `[[case]]`")
            } else {
                format!("--case {name}: the cases are {}", known.join(", "))
            });
        }
    }
    let mut picked = Vec::with_capacity(journeys.len());
    for mut journey in journeys {
        let cases = std::mem::take(&mut journey.cases);
        let is_wanted =
            |case: &Journey| wanted.is_empty() || wanted.iter().any(|name| is_case(case, name));
        if cases.is_empty() {
            picked.push(journey);
        } else {
            picked.extend(cases.into_iter().filter(is_wanted));
        }
    }
    Ok(picked)
}

fn is_case(case: &Journey, name: &str) -> bool {
    case.variants.iter().any(|variant| variant.as_str() == name)
}

#[cfg(test)]
mod tests {
    use bongsu_language::{SourceFile, load_journeys};

    use super::*;

    fn journeys() -> Vec<Journey> {
        let text = |name: &str, more: &str| {
            let text = format!(
                "format = 1\njourney = \"{name}\"\nfeature = \"f\"\ntimeout = \"5s\"\n\
                 actor.user.account = \"pool:users\"\nvars.n = 1\n{more}\n\
                 [[step]]\nname = \"s\"\nget = \"https://a.test/\"\n"
            );
            SourceFile::new(format!("{name}.toml"), text)
        };
        let cases = "tags = [\"slow\", \"smoke\"]\n\
                     case = [{ name = \"one\", vars = { n = 1 } }, { name = \"two\", vars = { n = 2 } }]";
        let files = [
            text("plain", ""),
            text("tagged", "tags = [\"smoke\"]"),
            text("cased", cases),
        ];
        load_journeys(&files).unwrap()
    }

    fn tagged(words: &[&str]) -> Result<Vec<String>, String> {
        let mut picked = journeys();
        let words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
        pick_tags(&mut picked, &words)?;
        Ok(picked.iter().map(|one| one.name.to_string()).collect())
    }

    #[test]
    fn tags_pick_and_leave_out() {
        assert_eq!(tagged(&[]).unwrap(), ["plain", "tagged", "cased"]);
        assert_eq!(tagged(&["smoke"]).unwrap(), ["tagged", "cased"]);
        assert_eq!(tagged(&["smoke", "!slow"]).unwrap(), ["tagged"]);
        assert_eq!(tagged(&["!smoke"]).unwrap(), ["plain"]);
        let nothing = tagged(&["smok"]).unwrap_err();
        assert_eq!(
            nothing,
            "--tags smok leaves no journey: the journeys' tags are smoke, slow"
        );
        assert!(tagged(&["A B"]).unwrap_err().contains("`A B` is not a tag"));
    }

    #[test]
    fn each_case_is_a_journey_with_its_variables() {
        let all = pick_cases(journeys(), &[]).unwrap();
        let seen: Vec<String> = all
            .iter()
            .map(|one| format!("{} {} {}", one.name, one.variants[0], one.vars[0].1))
            .collect();
        assert_eq!(
            seen,
            [
                "plain cold 1",
                "tagged cold 1",
                "cased one 1",
                "cased two 2"
            ]
        );
        let two = pick_cases(journeys(), &["two".to_owned()]).unwrap();
        assert_eq!(two.len(), 3);
        let unknown = pick_cases(journeys(), &["three".to_owned()]).unwrap_err();
        assert_eq!(unknown, "--case three: the cases are one, two");
    }

    #[test]
    fn patterns_are_expanded_and_must_match() {
        let folder = tempfile::tempdir().unwrap();
        let within = |name: &str| folder.path().join(name);
        std::fs::create_dir(within("deep")).unwrap();
        for name in ["a.toml", "b.toml", "deep/c.toml", "[d].toml"] {
            std::fs::write(within(name), "").unwrap();
        }
        let all = expand(&[within("**/[abc].toml")]).unwrap();
        assert_eq!(all, ["a.toml", "b.toml", "deep/c.toml"].map(within));
        assert_eq!(expand(&[within("[d].toml")]).unwrap(), [within("[d].toml")]);
        let nothing = expand(&[within("*.json")]).unwrap_err();
        assert!(nothing.starts_with("no file matches "), "{nothing}");
        let bad = expand(&[within("a**b/***")]).unwrap_err();
        assert!(bad.contains("is no pattern"), "{bad}");
    }
}
