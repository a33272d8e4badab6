//! The shapes of the answers: a field per line, so that a reader sees what there is.

use bongsu_model::{
    BlindReason, CellState, CleanupState, FailClass, FeatureState, Overlay, StepKind, TriggerKind,
    Verb,
};
use serde_json::{Map, Value, json};

use crate::web::query::OUTCOMES;

/// The type of a field.
#[derive(Clone, Copy)]
enum Is {
    Text,
    Time,
    Whole,
    Number,
    Ratio,
    Yes,
    /// A word of a closed list.
    Word(&'static [&'static str]),
    /// Another shape.
    Shape(&'static str),
    /// Anything.
    Any,
}

use Is::{Any, Number, Ratio, Shape, Text, Time, Whole, Word, Yes};

/// How often a field's value occurs.
#[derive(Clone, Copy)]
enum Has {
    One,
    OneOrNull,
    Many,
}

use Has::{Many, One, OneOrNull};

type Field = (&'static str, Has, Is, &'static str);

/// Every shape by its name.
pub(super) fn schemas() -> Value {
    let mut all = Map::new();
    let shapes = [
        board_shapes(),
        cell_shapes(),
        fleet_shapes(),
        run_shapes(),
        step_shapes(),
    ];
    for (name, fields) in shapes.into_iter().flatten() {
        all.insert(name.to_owned(), object(&fields));
    }
    all.insert("RunDetail".to_owned(), run_detail(&all));
    for (name, words) in [
        ("FeatureState", words(FeatureState::ALL, |w| w.as_str())),
        ("CellState", words(CellState::ALL, |w| w.as_str())),
        ("Overlay", words(Overlay::ALL, |w| w.as_str())),
        ("FailClass", words(FailClass::ALL, |w| w.as_str())),
        ("BlindReason", words(BlindReason::ALL, |w| w.as_str())),
        ("Trigger", words(TriggerKind::ALL, |w| w.as_str())),
        ("Cleanup", words(CleanupState::ALL, |w| w.as_str())),
        ("StepKind", words(StepKind::ALL, |w| w.as_str())),
        ("Verb", words(Verb::ALL, |w| w.as_str())),
    ] {
        all.insert(name.to_owned(), json!({ "type": "string", "enum": words }));
    }
    Value::Object(all)
}

fn words<T: Copy>(all: &[T], word: impl Fn(T) -> &'static str) -> Vec<&'static str> {
    all.iter().copied().map(word).collect()
}

fn object(fields: &[Field]) -> Value {
    let properties: Map<String, Value> = fields
        .iter()
        .map(|(name, has, is, description)| ((*name).to_owned(), property(*has, *is, description)))
        .collect();
    let required: Vec<_> = fields.iter().map(|(name, ..)| *name).collect();
    json!({
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

fn property(has: Has, is: Is, description: &str) -> Value {
    let one = match is {
        Text => json!({ "type": "string" }),
        Time => json!({ "type": "string", "format": "date-time" }),
        Whole => json!({ "type": "integer", "minimum": 0 }),
        Number => json!({ "type": "number" }),
        Ratio => json!({ "type": "number", "minimum": 0, "maximum": 1 }),
        Yes => json!({ "type": "boolean" }),
        Word(words) => json!({ "type": "string", "enum": words }),
        Shape(name) => json!({ "$ref": format!("#/components/schemas/{name}") }),
        Any => json!({}),
    };
    let mut schema = match has {
        One => one,
        OneOrNull => json!({ "anyOf": [one, { "type": "null" }] }),
        Many => json!({ "type": "array", "items": one }),
    };
    schema["description"] = json!(description);
    schema
}

/// A run's detail has all that the list has, and more.
fn run_detail(all: &Map<String, Value>) -> Value {
    let mut detail = object(&[
        (
            "journey_revision",
            One,
            Text,
            "The content hash of the journey.",
        ),
        ("plan_revision", One, Text, "The content hash of the plan."),
        (
            "clock_offset_s",
            One,
            Number,
            "The agent's clock minus the collector's, in seconds.",
        ),
    ]);
    let steps = json!({
        "anyOf": [
            { "type": "array", "items": { "$ref": "#/components/schemas/Step" } },
            { "type": "null" },
        ],
        "description": "In order of start; null when they were thinned out to save room.",
    });
    let run = &all["Run"];
    let mut properties = run["properties"].as_object().cloned().unwrap_or_default();
    properties.extend(
        detail["properties"]
            .as_object()
            .cloned()
            .unwrap_or_default(),
    );
    properties.insert("steps".to_owned(), steps);
    detail["required"] = properties.keys().cloned().collect();
    detail["properties"] = Value::Object(properties);
    detail
}

fn board_shapes() -> Vec<(&'static str, Vec<Field>)> {
    vec![
        (
            "Error",
            vec![("error", One, Shape("Refusal"), "Why there is no answer.")],
        ),
        (
            "Refusal",
            vec![
                ("code", One, Text, "A word for programs."),
                (
                    "message",
                    One,
                    Text,
                    "What is wrong and how to mend it, for people.",
                ),
            ],
        ),
        (
            "Names",
            vec![("ko", One, Text, "Korean."), ("en", One, Text, "English.")],
        ),
        (
            "Board",
            vec![
                ("target", One, Text, "The environment."),
                ("as_of", One, Time, "Up to when the engine has decided."),
                (
                    "services",
                    Many,
                    Shape("Service"),
                    "In the catalogue's order.",
                ),
                (
                    "features",
                    Many,
                    Shape("Feature"),
                    "In the catalogue's order.",
                ),
                ("fleet", One, Shape("Fleet"), "Who measures them."),
            ],
        ),
        (
            "Service",
            vec![
                ("id", One, Text, "Its id."),
                ("names", One, Shape("Names"), "Its names."),
            ],
        ),
        (
            "Feature",
            vec![
                ("id", One, Text, "Its id."),
                ("names", One, Shape("Names"), "Its names."),
                ("service", One, Text, "The service that it belongs to."),
                (
                    "state",
                    One,
                    Shape("FeatureState"),
                    "Its state over the regions.",
                ),
                (
                    "since",
                    OneOrNull,
                    Time,
                    "Since when; null if it was never measured.",
                ),
                (
                    "blocked_by",
                    OneOrNull,
                    Text,
                    "While unknown: the feature that stands before it.",
                ),
                (
                    "overlays",
                    Many,
                    Shape("Overlay"),
                    "What is said beside its state.",
                ),
                (
                    "availability",
                    One,
                    Shape("Availability"),
                    "Over the trailing windows.",
                ),
                (
                    "claim",
                    OneOrNull,
                    Any,
                    "What the platform's owner says; null until there is a claim.",
                ),
                (
                    "regions",
                    Many,
                    Shape("Region"),
                    "The regions that it is measured from.",
                ),
                (
                    "last_failure",
                    OneOrNull,
                    Shape("Failure"),
                    "The newest failure in any region.",
                ),
                (
                    "incident",
                    OneOrNull,
                    Text,
                    "The incident that covers it, until it is closed.",
                ),
            ],
        ),
        (
            "FeatureDetail",
            vec![
                ("target", One, Text, "The environment."),
                ("as_of", One, Time, "Up to when the engine has decided."),
                ("feature", One, Shape("Feature"), "As the board has it."),
                (
                    "transitions",
                    Many,
                    Shape("Transition"),
                    "Its newest changes, newest first.",
                ),
            ],
        ),
        (
            "Transition",
            vec![
                ("at", One, Time, "When, in engine time."),
                (
                    "kind",
                    One,
                    Word(&[
                        "cell",
                        "feature",
                        "incident",
                        "quarantine",
                        "presence",
                        "fleet",
                    ]),
                    "What changed.",
                ),
                ("target", OneOrNull, Text, "The environment."),
                ("feature", OneOrNull, Text, "The feature."),
                ("region", OneOrNull, Text, "The region."),
                ("agent", OneOrNull, Text, "The agent."),
                ("incident", OneOrNull, Text, "The incident."),
                ("from", OneOrNull, Text, "The word before."),
                ("to", One, Text, "The word from then on."),
                (
                    "blocked_by",
                    OneOrNull,
                    Text,
                    "While unknown: the feature that stands before it.",
                ),
                (
                    "evidence",
                    Many,
                    Text,
                    "Runs that speak for it, the newest last.",
                ),
            ],
        ),
    ]
}

fn cell_shapes() -> Vec<(&'static str, Vec<Field>)> {
    vec![
        (
            "Region",
            vec![
                ("region", One, Text, "Its id."),
                ("names", One, Shape("Names"), "Its names."),
                (
                    "state",
                    One,
                    Shape("CellState"),
                    "The feature's state seen from here.",
                ),
                ("since", OneOrNull, Time, "Since when."),
                (
                    "blocked_by",
                    OneOrNull,
                    Text,
                    "While unknown: the feature that stands before it.",
                ),
                (
                    "overlays",
                    Many,
                    Shape("Overlay"),
                    "What is said beside its state.",
                ),
                (
                    "onset",
                    OneOrNull,
                    Time,
                    "While not up: the start of the first failed run.",
                ),
                (
                    "confidence",
                    One,
                    Word(&["low", "full"]),
                    "`low`: down rests on one agent alone.",
                ),
                (
                    "score",
                    One,
                    Number,
                    "The decision score as a share of its threshold: at 1 it is down.",
                ),
                ("passes", One, Whole, "Passes in a row."),
                (
                    "agents",
                    One,
                    Whole,
                    "Agents whose plan covers it, less the quarantined.",
                ),
                (
                    "seeing",
                    One,
                    Whole,
                    "Agents whose newest run is fresh evidence.",
                ),
                (
                    "quarantined",
                    Many,
                    Text,
                    "Agents that do not count here: they fail alone.",
                ),
                (
                    "last_run",
                    OneOrNull,
                    Shape("RunMention"),
                    "The newest run that says anything of it.",
                ),
                (
                    "last_success",
                    OneOrNull,
                    Shape("RunMention"),
                    "The newest run that passed.",
                ),
                (
                    "last_failure",
                    OneOrNull,
                    Shape("Failure"),
                    "The newest run that failed.",
                ),
                (
                    "samples",
                    One,
                    Shape("Samples"),
                    "Slots of the last hour by outcome.",
                ),
                (
                    "availability",
                    One,
                    Shape("Availability"),
                    "Over the trailing windows.",
                ),
            ],
        ),
        (
            "Availability",
            vec![
                ("5m", One, Shape("Window"), "The last five minutes."),
                ("1h", One, Shape("Window"), "The last hour."),
                ("24h", One, Shape("Window"), "The last 24 hours."),
            ],
        ),
        (
            "Window",
            vec![
                (
                    "own",
                    OneOrNull,
                    Ratio,
                    "Without what other features blocked; null if nothing is known.",
                ),
                (
                    "perceived",
                    OneOrNull,
                    Ratio,
                    "With blocked time as down; null if nothing is known.",
                ),
                (
                    "coverage",
                    One,
                    Ratio,
                    "Own's known time over the window less maintenance.",
                ),
            ],
        ),
        (
            "RunMention",
            vec![
                ("run_id", One, Text, "The run."),
                ("at", One, Time, "When it started."),
                ("agent", One, Text, "Who made it."),
            ],
        ),
        (
            "Failure",
            vec![
                ("run_id", One, Text, "The run."),
                ("at", One, Time, "When it started."),
                ("agent", One, Text, "Who made it."),
                ("region", One, Text, "From where."),
                ("class", One, Shape("FailClass"), "Why it failed."),
            ],
        ),
        (
            "Samples",
            vec![
                ("pass", One, Whole, "Ran, worked."),
                ("slow", One, Whole, "Ran, worked slowly."),
                ("fail", One, Whole, "Ran, did not work."),
                (
                    "blocked",
                    One,
                    Whole,
                    "Not reached because another feature failed first.",
                ),
                (
                    "blind",
                    One,
                    Whole,
                    "The agent's own fault, or an agent that fails alone.",
                ),
                ("skipped", One, Whole, "Not run, on purpose."),
                ("missed", One, Whole, "Nothing was heard in time."),
            ],
        ),
    ]
}

fn fleet_shapes() -> Vec<(&'static str, Vec<Field>)> {
    vec![
        (
            "Fleet",
            vec![
                (
                    "state",
                    One,
                    Word(&["sighted", "blind"]),
                    "Whether the fleet can see.",
                ),
                ("agents", One, Whole, "Agents that the configuration lists."),
                ("present", One, Whole, "Agents whose heartbeat is fresh."),
                ("blind", Many, Text, "Agents that call themselves blind."),
                (
                    "outliers",
                    Many,
                    Text,
                    "Agents that are quarantined in half of their cells or more.",
                ),
                (
                    "quarantined_cells",
                    One,
                    Whole,
                    "Cells of the target in which an agent is quarantined.",
                ),
                (
                    "incidents_open",
                    One,
                    Whole,
                    "Incidents of the target that are not yet resolved.",
                ),
            ],
        ),
        (
            "Agents",
            vec![
                (
                    "target",
                    One,
                    Text,
                    "The environment that the fleet's counts speak of.",
                ),
                ("as_of", One, Time, "Up to when the engine has decided."),
                ("fleet", One, Shape("Fleet"), "The fleet as a whole."),
                (
                    "agents",
                    Many,
                    Shape("Agent"),
                    "Every agent of the configuration.",
                ),
            ],
        ),
        (
            "Agent",
            vec![
                ("id", One, Text, "Its id."),
                ("region", One, Text, "The region that it speaks for."),
                ("network", OneOrNull, Text, "The network that it sits in."),
                (
                    "presence",
                    One,
                    Word(&["unseen", "present", "lost"]),
                    "Whether it gives signs of life.",
                ),
                (
                    "blind",
                    One,
                    Yes,
                    "Whether most of its newest runs are blind.",
                ),
                (
                    "last_heartbeat",
                    OneOrNull,
                    Time,
                    "When its newest heartbeat was received.",
                ),
                (
                    "last_run",
                    OneOrNull,
                    Time,
                    "When its newest run was received.",
                ),
                ("boot", OneOrNull, Text, "Its start, as it names it."),
                ("version", OneOrNull, Text, "Its version."),
                (
                    "clock_offset_s",
                    OneOrNull,
                    Number,
                    "Its clock minus the collector's, in seconds.",
                ),
                ("spool", OneOrNull, Shape("Spool"), "Its disk queue."),
                (
                    "cleanup_debts",
                    OneOrNull,
                    Whole,
                    "Runs whose cleanup is still owed.",
                ),
                (
                    "plan_revision",
                    OneOrNull,
                    Text,
                    "The plan that it works on.",
                ),
                (
                    "plan_refused",
                    OneOrNull,
                    Text,
                    "Why it refused a newer plan.",
                ),
                (
                    "controls",
                    Many,
                    Shape("Control"),
                    "What its neutral controls answered.",
                ),
                ("cells", One, Whole, "Cells that its plan covers."),
                (
                    "quarantined",
                    Many,
                    Shape("Cell"),
                    "Cells in which it does not count.",
                ),
                (
                    "outlier",
                    One,
                    Yes,
                    "Whether these are half of its cells or more.",
                ),
                (
                    "samples",
                    One,
                    Shape("Samples"),
                    "Its slots of the last hour, over all targets.",
                ),
                (
                    "quiet_runs",
                    One,
                    Whole,
                    "Runs with evidence while the cell was not in an outage.",
                ),
                (
                    "uncorroborated",
                    One,
                    Whole,
                    "How many of these failed and no other agent agreed.",
                ),
            ],
        ),
        (
            "Spool",
            vec![
                (
                    "records",
                    One,
                    Whole,
                    "Records that are not acknowledged everywhere.",
                ),
                ("bytes", One, Whole, "Their size."),
                ("oldest", OneOrNull, Time, "When the oldest was written."),
                (
                    "dropped",
                    One,
                    Whole,
                    "Records dropped because it was full, since the agent's start.",
                ),
            ],
        ),
        (
            "Control",
            vec![
                ("control", One, Text, "Its address."),
                ("reachable", One, Yes, "Whether it could be reached."),
                ("checked", One, Time, "When it was asked."),
            ],
        ),
        (
            "Cell",
            vec![
                ("target", One, Text, "The environment."),
                ("feature", One, Text, "The feature."),
                ("region", One, Text, "The region."),
            ],
        ),
    ]
}

fn run_shapes() -> Vec<(&'static str, Vec<Field>)> {
    vec![
        (
            "Runs",
            vec![
                ("target", One, Text, "The environment."),
                ("runs", Many, Shape("Run"), "Newest received first."),
            ],
        ),
        (
            "Run",
            vec![
                ("id", One, Text, "Its id, 32 hex digits; also its trace id."),
                ("target", One, Text, "The environment."),
                ("feature", One, Text, "The journey's own feature."),
                ("journey", One, Text, "The journey."),
                ("variant", One, Text, "`cold`, `warm` or a named case."),
                ("trigger", One, Shape("Trigger"), "What started it."),
                (
                    "slot",
                    OneOrNull,
                    Whole,
                    "The slot that a scheduled run answers.",
                ),
                ("agent", One, Text, "Who made it."),
                ("region", One, Text, "From where."),
                ("network", One, Text, "In which network."),
                ("due", One, Time, "When it was due."),
                ("started", One, Time, "When it started."),
                (
                    "ended",
                    One,
                    Time,
                    "When its last step, cleanup included, ended.",
                ),
                ("received", One, Time, "When the collector received it."),
                (
                    "late_s",
                    One,
                    Number,
                    "From its end to its receipt, in seconds.",
                ),
                (
                    "verdict",
                    One,
                    Shape("Outcome"),
                    "The outcome of the journey's own feature.",
                ),
                (
                    "outcomes",
                    Many,
                    Shape("Outcome"),
                    "Of all features that it speaks of, the own one first.",
                ),
                (
                    "flaky",
                    One,
                    Yes,
                    "Whether a step passed only on a later attempt.",
                ),
                (
                    "cleanup",
                    One,
                    Shape("Cleanup"),
                    "What became of the cleanup.",
                ),
            ],
        ),
        (
            "Outcome",
            vec![
                ("feature", One, Text, "The feature."),
                ("own", One, Yes, "Whether it is the journey's own."),
                ("outcome", One, Word(&OUTCOMES), "How the run ended for it."),
                ("class", OneOrNull, Shape("FailClass"), "Why it failed."),
                ("by", OneOrNull, Text, "The feature that blocked it."),
                ("reason", OneOrNull, Text, "Why it is blind or was skipped."),
            ],
        ),
    ]
}

fn step_shapes() -> Vec<(&'static str, Vec<Field>)> {
    vec![
        (
            "Step",
            vec![
                ("name", One, Text, "Its name."),
                ("index", One, Whole, "Its place in the journey, from 0."),
                (
                    "kind",
                    One,
                    Shape("StepKind"),
                    "Whether it measures or undoes.",
                ),
                ("verb", One, Shape("Verb"), "The act."),
                ("actor", One, Text, "Who performed it."),
                (
                    "feature",
                    OneOrNull,
                    Text,
                    "Whose availability it measures; null for cleanup.",
                ),
                (
                    "outcome",
                    One,
                    Word(&["pass", "slow", "fail", "blind"]),
                    "How it ended.",
                ),
                ("class", OneOrNull, Shape("FailClass"), "Why it failed."),
                (
                    "reason",
                    OneOrNull,
                    Shape("BlindReason"),
                    "Why it is blind.",
                ),
                ("detail", OneOrNull, Text, "How it failed, in a few words."),
                ("started", One, Time, "When its first attempt started."),
                ("ended", One, Time, "When its last attempt ended."),
                (
                    "duration_s",
                    One,
                    Number,
                    "From the one to the other, in seconds.",
                ),
                ("attempts", One, Whole, "How often it was tried."),
                ("polls", One, Whole, "How often a poll asked."),
                (
                    "phases",
                    One,
                    Shape("Phases"),
                    "Of the deciding attempt, in seconds.",
                ),
                (
                    "network",
                    One,
                    Shape("Network"),
                    "What the deciding attempt saw of the network.",
                ),
                (
                    "failed_expectations",
                    Many,
                    Text,
                    "What did not hold, with actual values.",
                ),
                (
                    "earlier_attempts",
                    Many,
                    Shape("Attempt"),
                    "Attempts before the deciding one.",
                ),
                (
                    "evidence",
                    OneOrNull,
                    Shape("Evidence"),
                    "What a failed step saw.",
                ),
            ],
        ),
        (
            "Phases",
            vec![
                ("dns", OneOrNull, Number, "Resolving the name."),
                ("connect", OneOrNull, Number, "The TCP handshake."),
                ("tls", OneOrNull, Number, "The TLS handshake."),
                (
                    "wait",
                    OneOrNull,
                    Number,
                    "Until the first byte of the answer.",
                ),
                ("receive", OneOrNull, Number, "Until its last byte."),
            ],
        ),
        (
            "Network",
            vec![
                (
                    "server_address",
                    OneOrNull,
                    Text,
                    "The name or address that was asked for.",
                ),
                (
                    "server_port",
                    OneOrNull,
                    Whole,
                    "The port that was asked for.",
                ),
                (
                    "peer_address",
                    OneOrNull,
                    Text,
                    "The address that was connected to.",
                ),
                ("url", OneOrNull, Text, "The URL, redacted."),
                (
                    "http_status",
                    OneOrNull,
                    Whole,
                    "The status of the HTTP answer.",
                ),
                ("http_version", OneOrNull, Text, "`1.1` or `2`."),
                (
                    "body_bytes",
                    OneOrNull,
                    Whole,
                    "Bytes of the body after decompression.",
                ),
                (
                    "dns_answers",
                    Many,
                    Text,
                    "The addresses that the name resolved to.",
                ),
                ("tls_version", OneOrNull, Text, "`1.2` or `1.3`."),
                ("tls_cipher", OneOrNull, Text, "The cipher suite."),
                (
                    "tls_not_after",
                    OneOrNull,
                    Time,
                    "When the server's certificate ends.",
                ),
            ],
        ),
        (
            "Attempt",
            vec![
                ("class", One, Shape("FailClass"), "Why it failed."),
                ("detail", One, Text, "How."),
                ("duration_s", One, Number, "How long it took, in seconds."),
            ],
        ),
        (
            "Evidence",
            vec![
                (
                    "headers",
                    Many,
                    Any,
                    "Header lines, each as name and value, redacted.",
                ),
                (
                    "body_head",
                    One,
                    Text,
                    "The first 4 KiB of the body, redacted.",
                ),
            ],
        ),
    ]
}
