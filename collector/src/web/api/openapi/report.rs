//! The paths of an incident's report.

use serde_json::{Value, json};

use super::{in_path, path, query, target, text};

fn id() -> Value {
    in_path("id", "The name of an incident.")
}

/// `/incidents/{id}/report`.
pub(super) fn report() -> Value {
    path(
        "What duties ask for of an incident, as far as it is measured. No legal advice.",
        "Report",
        &[id(), target()],
    )
}

/// `/incidents/{id}/evidence`.
pub(super) fn evidence() -> Value {
    let whole = json!({ "type": "integer", "minimum": 0 });
    path(
        "A page of the runs behind an incident's figures, as they are journaled.",
        "EvidencePage",
        &[
            id(),
            target(),
            query("after", "Runs after this place in the journal.", &whole),
            query("until", "Runs up to this place.", &whole),
        ],
    )
}

/// `/incidents/{id}/files/{name}`.
pub(super) fn file() -> Value {
    let mut file = path(
        "A file of the report: a draft, a table, a page.",
        "Error",
        &[
            id(),
            in_path("name", "Its name; a wrong one is answered with all names."),
            target(),
        ],
    );
    file["get"]["responses"]["200"]["content"] = json!({
        "text/plain": { "schema": text() },
        "text/csv": { "schema": text() },
        "text/html": { "schema": text() },
        "application/json": { "schema": {} },
    });
    file
}

/// `/incidents/{id}/words`.
pub(super) fn words() -> Value {
    let answer = |description: &str, name: &str| {
        let schema = json!({ "$ref": format!("#/components/schemas/{name}") });
        json!({
            "description": description,
            "content": { "application/json": { "schema": schema } },
        })
    };
    json!({
        "post": {
            "summary": "Writes what only people know of an incident: cause, response, plan, contact. \
                It is kept with who and when, and the newest text of a topic counts.",
            "security": [{ "operator": [] }],
            "parameters": [id(), target()],
            "requestBody": {
                "required": true,
                "content": { "application/toml": {
                    "schema": text(),
                    "example": "cause = { ko = \"전원 차단\", en = \"Power was cut\" }\n",
                } },
            },
            "responses": {
                "201": answer("It is durable.", "Written"),
                "400": answer("The question makes no sense.", "Error"),
                "401": answer("The token is no operator's.", "Error"),
                "404": answer("There is no such incident.", "Error"),
                "408": answer("The body did not come in time.", "Error"),
                "409": answer("The incident was merged into the one that the message names.", "Error"),
                "413": answer("The body is too long.", "Error"),
                "415": answer("The body is not application/toml.", "Error"),
                "422": answer("It has mistakes, which the message shows with their places.", "Error"),
                "429": answer("Too many texts.", "Error"),
                "503": answer("The collector cannot keep it now; send it again.", "Error"),
            },
        },
    })
}
