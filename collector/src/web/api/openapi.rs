//! The OpenAPI document: every endpoint, every field, one line each.

mod schema;

use bongsu_availability::StripWindow;
use serde_json::{Value, json};

use super::super::query::{LIMIT_MAX, OUTCOMES};
use schema::schemas;

/// The document that the server serves.
pub fn document() -> Value {
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Bongsu",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Which features of a platform work for its users, where, since when, \
                and how sure that is. Times are RFC 3339 in UTC, ratios 0 to 1 or null.",
        },
        "servers": [{ "url": "/api/v1" }],
        "paths": {
            "/board": path("The board: every feature of a target.", "Board", &[target()]),
            "/features/{id}": path(
                "A feature with its recent changes of state.",
                "FeatureDetail",
                &[in_path("id", "A feature of the catalogue."), target()],
            ),
            "/features/{id}/strip": path(
                "A feature over time, region by region, with incidents and changes beside it.",
                "Strip",
                &[
                    in_path("id", "A feature of the catalogue."),
                    target(),
                    query(
                        "window",
                        "How far back: an hour by minutes, a day by quarters, a week by hours.",
                        &json!({
                            "type": "string",
                            "enum": StripWindow::ALL.map(StripWindow::as_str),
                            "default": "24h",
                        }),
                    ),
                ],
            ),
            "/runs": path(
                "The newest runs, newest received first.",
                "Runs",
                &[
                    target(),
                    query("feature", "Runs of journeys whose own feature is this one.", &text()),
                    query(
                        "outcome",
                        "Runs whose verdict has this word.",
                        &json!({ "type": "string", "enum": OUTCOMES }),
                    ),
                    query("agent", "Runs of this agent.", &text()),
                    query("region", "Runs from this region.", &text()),
                    query("from", "Runs due at this time or later, RFC 3339.", &text()),
                    query("until", "Runs due before this time, RFC 3339.", &text()),
                    query(
                        "limit",
                        "At most this many.",
                        &json!({
                            "type": "integer", "minimum": 1, "maximum": LIMIT_MAX, "default": 50
                        }),
                    ),
                ],
            ),
            "/runs/{run_id}": path(
                "A run with its steps, phases, expectations and evidence.",
                "RunDetail",
                &[in_path("run_id", "32 hex digits; also the id of the run's trace."), target()],
            ),
            "/agents": path("The fleet.", "Agents", &[target()]),
            "/events": events(),
            "/openapi.json": openapi_path(),
        },
        "components": { "schemas": schemas() },
    })
}

fn path(summary: &str, schema: &str, parameters: &[Value]) -> Value {
    let schema = json!({ "$ref": format!("#/components/schemas/{schema}") });
    let refusal = |description: &str| {
        let schema = json!({ "$ref": "#/components/schemas/Error" });
        json!({
            "description": description,
            "content": { "application/json": { "schema": schema } },
        })
    };
    json!({
        "get": {
            "summary": summary,
            "parameters": parameters,
            "responses": {
                "200": {
                    "description": "The answer.",
                    "content": { "application/json": { "schema": schema } },
                },
                "304": { "description": "Nothing has changed since the tag of `If-None-Match`." },
                "400": refusal("The question makes no sense; the message says how to mend it."),
                "404": refusal("It does not exist; the message says what does."),
                "503": refusal("The collector cannot say now; ask again."),
            },
        },
    })
}

fn events() -> Value {
    json!({
        "get": {
            "summary": "Server-sent events: `board` when there is a new board (at most one a \
                second), `transition` for each change.",
            "parameters": [target()],
            "responses": {
                "200": {
                    "description": "A stream. The data of `board` are target and as_of; the data \
                        of `transition` are a Transition.",
                    "content": { "text/event-stream": { "schema": text() } },
                },
                "503": { "description": "Too many readers listen." },
            },
        },
    })
}

fn openapi_path() -> Value {
    json!({
        "get": {
            "summary": "This document.",
            "responses": { "200": {
                "description": "This document.",
                "content": { "application/json": { "schema": { "type": "object" } } },
            } },
        },
    })
}

fn target() -> Value {
    query(
        "target",
        "The environment; without it the default one of the configuration.",
        &text(),
    )
}

fn query(name: &str, description: &str, schema: &Value) -> Value {
    json!({ "name": name, "in": "query", "description": description, "schema": schema })
}

fn in_path(name: &str, description: &str) -> Value {
    json!({
        "name": name, "in": "path", "required": true, "description": description, "schema": text()
    })
}

fn text() -> Value {
    json!({ "type": "string" })
}
