//! The tables of catalogues.

use super::{Section, Shape, optional, required};

/// The keys of a catalogue.
pub(crate) static CATALOGUE: Section = Section {
    title: "a catalogue",
    keys: &[
        required("format", Shape::Integer, "the version of the format: 1"),
        required("service", Shape::Tables, "the services"),
        required("feature", Shape::Tables, "the features"),
    ],
};

/// The keys of a service.
pub(crate) static SERVICE: Section = Section {
    title: "a service",
    keys: &[
        required("id", Shape::Text, "its id"),
        required("names", Shape::Table, "its names"),
    ],
};

/// The keys of names.
pub(crate) static NAMES: Section = Section {
    title: "a pair of names",
    keys: &[
        required("ko", Shape::Text, "Korean"),
        required("en", Shape::Text, "English"),
    ],
};

/// The keys of a feature.
pub(crate) static FEATURE: Section = Section {
    title: "a feature",
    keys: &[
        required("id", Shape::Text, "its id, lower-case and dotted"),
        required("names", Shape::Table, "its names"),
        required("service", Shape::Text, "the service that it belongs to"),
        required(
            "life_impact",
            Shape::Integer,
            "how much daily life rests on it, 0 to 3",
        ),
        required(
            "absence_harm",
            Shape::Integer,
            "how much harm its absence does, 0 to 3",
        ),
        required("daily_users", Shape::Integer, "users a day"),
        required("paid", Shape::Text, "free, subscription or per-use"),
        optional("depends_on", Shape::Tables, "the features that it rests on"),
        optional(
            "shares",
            Shape::Texts,
            "features in which users first miss a part that this one rests on too",
        ),
        optional(
            "objective",
            Shape::Number,
            "the availability that is aimed at, between 0 and 1",
        ),
    ],
};

/// The keys of a dependency.
pub(crate) static DEPENDENCY: Section = Section {
    title: "a dependency",
    keys: &[
        required("feature", Shape::Text, "the feature that is needed"),
        optional("strength", Shape::Text, "hard or soft"),
    ],
};
