//! The OpenAPI document: every endpoint, every field, one line each.

mod report;
mod schema;

use bongsu_availability::StripWindow;
use bongsu_model::Track;
use serde_json::{Value, json};

use super::super::query::{LIMIT_MAX, OUTCOMES};
use super::claims::CLAIMS_DEFAULT;
use crate::claims::CLAIMS_PER_REQUEST_MAX;
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
                    limit(),
                ],
            ),
            "/runs/{run_id}": path(
                "A run with its steps, phases, expectations and evidence.",
                "RunDetail",
                &[in_path("run_id", "32 hex digits; also the id of the run's trace."), target()],
            ),
            "/recovery": path(
                "The recovery board: an outage with every feature that it affected.",
                "Recovery",
                &[
                    target(),
                    query(
                        "outage",
                        "The outage by its name; without it the newest one.",
                        &text(),
                    ),
                ],
            ),
            "/incidents/{id}": path(
                "An incident with its clocks, scope, timeline and evidence.",
                "IncidentDetail",
                &[in_path("id", "The name of an incident."), target()],
            ),
            "/incidents/{id}/report": report::report(),
            "/incidents/{id}/files/{name}": report::file(),
            "/incidents/{id}/evidence": report::evidence(),
            "/incidents/{id}/words": report::words(),
            "/copy": path(
                "Board and recovery as files of one instant, to be served from anywhere.",
                "Copy",
                &[target()],
            ),
            "/agents": path("The fleet.", "Agents", &[target()]),
            "/incidents": path(
                "Incidents, newest first, each with when it was announced.",
                "Incidents",
                &[target()],
            ),
            "/claims": claims(),
            "/events": events(),
            "/openapi.json": openapi_path(),
        },
        "components": {
            "schemas": schemas(),
            "securitySchemes": { "operator": {
                "type": "http",
                "scheme": "bearer",
                "description": "The token of an [[operator]] of the configuration.",
            } },
        },
    })
}

fn claims() -> Value {
    let mut both = path(
        "What was said of features, the latest first, held against what was measured then.",
        "Claims",
        &[
            target(),
            query(
                "feature",
                "What speaks of this feature, or of all.",
                &text(),
            ),
            query(
                "track",
                "What the platform's owner claims, or what others observed.",
                &json!({
                    "type": "string",
                    "enum": Track::ALL.iter().map(|track| track.as_str()).collect::<Vec<_>>(),
                }),
            ),
            query(
                "since",
                "What speaks of this time or later, RFC 3339.",
                &text(),
            ),
            query(
                "until",
                "What speaks of an earlier time, RFC 3339.",
                &text(),
            ),
            query(
                "incident",
                "What was said of an incident while it lasted.",
                &text(),
            ),
            query(
                "limit",
                "At most this many.",
                &json!({
                    "type": "integer", "minimum": 1, "maximum": LIMIT_MAX,
                    "default": CLAIMS_DEFAULT,
                }),
            ),
        ],
    );
    both["post"] = hand_in();
    both
}

fn hand_in() -> Value {
    let shape = |name: &str| json!({ "$ref": format!("#/components/schemas/{name}") });
    let answer = |description: &str, name: &str| {
        json!({
            "description": description,
            "content": { "application/json": { "schema": shape(name) } },
        })
    };
    json!({
        "summary": format!(
            "Hands in one claim or up to {CLAIMS_PER_REQUEST_MAX}, all or none. The same claim \
             counts once, whoever hands it in again."
        ),
        "security": [{ "operator": [] }],
        "requestBody": {
            "required": true,
            "content": { "application/json": {
                "schema": { "anyOf": [shape("ClaimsHandedIn"), shape("ClaimHandedIn")] },
            } },
        },
        "responses": {
            "200": answer("All were there already.", "HandedIn"),
            "201": answer("They are durable; some are new.", "HandedIn"),
            "400": answer("The body is no JSON of claims.", "Error"),
            "401": answer("The token is no operator's.", "Error"),
            "408": answer("The body did not come in time.", "Error"),
            "413": answer("The body or the list is too long.", "Error"),
            "415": answer("The body is not application/json.", "Error"),
            "422": answer("Some claims are wrong, and none was taken in.", "ClaimsRefused"),
            "429": answer("Too many claims within a day.", "Error"),
            "503": answer("The collector cannot keep them now; send them again.", "Error"),
        },
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
                second), `transition` for each change, `claim` for each new claim.",
            "parameters": [target()],
            "responses": {
                "200": {
                    "description": "A stream. The data of `board` are target and as_of; the data \
                        of `transition` are a Transition, those of `claim` a Claim.",
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

fn limit() -> Value {
    let schema = json!({ "type": "integer", "minimum": 1, "maximum": LIMIT_MAX, "default": 50 });
    query("limit", "At most this many.", &schema)
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
