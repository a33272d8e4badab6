//! Places that have a name, and how they are found by it.

use super::Place;

/// A place that users look for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Named {
    pub(crate) id: &'static str,
    pub(crate) ko: &'static str,
    pub(crate) en: &'static str,
    pub(crate) place: Place,
}

const fn named(
    id: &'static str,
    (ko, en): (&'static str, &'static str),
    (lat, lon): (f64, f64),
) -> Named {
    Named {
        id,
        ko,
        en,
        place: Place { lat, lon },
    }
}

/// Landmarks, at their places to about 100 m.
const PLACES: &[Named] = &[
    named(
        "gwanghwamun",
        ("광화문", "Gwanghwamun"),
        (37.5716, 126.9769),
    ),
    named(
        "gangnam-station",
        ("강남역", "Gangnam Station"),
        (37.4979, 127.0276),
    ),
    named(
        "seoul-station",
        ("서울역", "Seoul Station"),
        (37.5547, 126.9707),
    ),
    named(
        "namsan-tower",
        ("남산타워", "Namsan Tower"),
        (37.5512, 126.9882),
    ),
    named(
        "pangyo-station",
        ("판교역", "Pangyo Station"),
        (37.3948, 127.1112),
    ),
    named(
        "gimpo-airport",
        ("김포공항", "Gimpo Airport"),
        (37.5587, 126.8026),
    ),
    named("haeundae", ("해운대", "Haeundae"), (35.1587, 129.1604)),
    named("hallasan", ("한라산", "Hallasan"), (33.3617, 126.5292)),
];

/// The places in whose name the words are, in Korean or English, in any case.
pub(crate) fn search(words: &str) -> Vec<Named> {
    let words = words.trim().to_lowercase();
    if words.is_empty() {
        return Vec::new();
    }
    let has = |name: &str| name.to_lowercase().contains(&words);
    let found = PLACES.iter().filter(|one| has(one.ko) || has(one.en));
    found.copied().collect()
}

/// The named place of this id.
pub(crate) fn by_id(id: &str) -> Option<Named> {
    PLACES.iter().copied().find(|one| one.id == id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_found_by_its_name_in_both_languages_and_by_nothing_else() {
        for words in ["광화문", " gwanghwa ", "GWANGHWAMUN"] {
            assert_eq!(search(words)[0].id, "gwanghwamun", "{words}");
        }
        assert_eq!(search("station").len(), 3);
        assert!(search("").is_empty() && search("xyzzy").is_empty());
    }
}
