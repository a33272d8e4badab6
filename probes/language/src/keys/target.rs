//! The tables of target profiles.

use super::{Section, Shape, optional, required};

/// The keys of a target profile.
pub(crate) static TARGET: Section = Section {
    title: "a target profile",
    keys: &[
        required("format", Shape::Integer, "the version of the format: 1"),
        required("target", Shape::Text, "its name"),
        required("base", Shape::Table, "where services answer HTTP"),
        optional("ws", Shape::Table, "where services answer WebSocket"),
        optional(
            "resolver",
            Shape::Text,
            "the DNS server to ask, as address:port",
        ),
        optional(
            "ca",
            Shape::Text,
            "a file with a root to be trusted beside the platform's own",
        ),
        required("hosts", Shape::Texts, "the hosts that journeys may reach"),
        optional(
            "allow_private",
            Shape::Flag,
            "whether loopback and private addresses may be reached",
        ),
        optional(
            "proxy",
            Shape::Any,
            "the HTTP proxy that requests and sockets go through: its URL, or a table; without \
             it none is used, whatever the environment says",
        ),
        optional("pool", Shape::Table, "the test accounts"),
        optional(
            "kill_switch",
            Shape::Text,
            "what is held back: off, side-effects or everything",
        ),
    ],
};

/// The keys of a proxy.
pub(crate) static PROXY: Section = Section {
    title: "a proxy",
    keys: &[
        required("url", Shape::Text, "where it is, as http://host:port"),
        optional("user", Shape::Any, "whom it knows the agent as"),
        optional("password", Shape::Any, "the user's password"),
    ],
};

/// The keys of a pool.
pub(crate) static POOL: Section = Section {
    title: "a pool",
    keys: &[
        required("accounts", Shape::Tables, "its accounts"),
        optional(
            "budget",
            Shape::Table,
            "what each account may be used for in any 24 hours",
        ),
    ],
};

/// The keys of a budget.
pub(crate) static BUDGET: Section = Section {
    title: "a budget",
    keys: &[
        optional("runs", Shape::Integer, "runs of one account in 24 hours"),
        optional(
            "money",
            Shape::Integer,
            "money that one account moves in 24 hours, in whole minor units",
        ),
        optional(
            "uncleaned",
            Shape::Integer,
            "cleanups that one account may owe at a time",
        ),
    ],
};

/// The keys of a secret.
pub(crate) static SECRET: Section = Section {
    title: "a secret",
    keys: &[
        optional("file", Shape::Text, "a file that holds it"),
        optional("env", Shape::Text, "an environment variable that holds it"),
    ],
};
