//! The OpenAPI document, and whether the answers are as it says.

use serde_json::Value;

use super::visit::{get, golden, hand_in};

#[tokio::test]
async fn the_document_is_as_its_golden() {
    let answer = get("/api/v1/openapi.json").await;
    assert_eq!(
        answer.header("content-type"),
        "application/json; charset=utf-8"
    );
    golden("openapi.json", &answer.text);
}

#[tokio::test]
async fn real_answers_have_the_documented_fields_and_no_others() {
    let document = get("/api/v1/openapi.json").await.json();
    for (address, path) in [
        ("/board", "/board"),
        ("/board?target=staging", "/board"),
        ("/features/account.login", "/features/{id}"),
        ("/features/pay.core", "/features/{id}"),
        ("/features/account.login/strip", "/features/{id}/strip"),
        (
            "/features/talk.message.text/strip?window=1h",
            "/features/{id}/strip",
        ),
        ("/features/pay.core/strip?window=7d", "/features/{id}/strip"),
        ("/runs", "/runs"),
        ("/runs/fafafafafafafafafafafafafafafafa", "/runs/{run_id}"),
        ("/runs/0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a", "/runs/{run_id}"),
        ("/recovery", "/recovery"),
        ("/recovery?target=staging", "/recovery"),
        ("/incidents", "/incidents"),
        (
            "/incidents/1665897469000.superapp.account.login",
            "/incidents/{id}",
        ),
        ("/copy", "/copy"),
        ("/agents", "/agents"),
        ("/claims", "/claims"),
        ("/claims?target=staging", "/claims"),
        ("/incidents", "/incidents"),
    ] {
        let answer = get(&format!("/api/v1{address}")).await.json();
        let schema = &document["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]
            ["schema"];
        assert!(schema["$ref"].is_string(), "{path} is documented");
        check(&document, schema, &answer, address);
    }
    let refusal = get("/api/v1/board?target=moon").await.json();
    let schema = serde_json::json!({ "$ref": "#/components/schemas/Error" });
    check(&document, &schema, &refusal, "refusal");
}

#[tokio::test]
async fn what_claims_are_answered_with_is_documented() {
    let document = get("/api/v1/openapi.json").await.json();
    let claim = serde_json::json!({
        "feature": "map.core", "state": "up", "as_of": "2022-10-16T14:30:00+09:00",
        "source": "notice", "note": null,
    });
    let wrong = serde_json::json!({ "feature": "map.cor" });
    let post = &document["paths"]["/claims"]["post"];
    for (body, status) in [
        (claim.clone(), "201"),
        (serde_json::json!({ "claims": [claim] }), "201"),
        (
            serde_json::json!({ "claims": vec![claim.clone(); 3] }),
            "503",
        ),
        (serde_json::json!({ "claims": [claim, wrong] }), "422"),
        (serde_json::json!([]), "400"),
    ] {
        let answer = hand_in("/api/v1/claims", &body).await;
        assert_eq!(answer.status.as_str(), status, "{}", answer.text);
        let schema = &post["responses"][status]["content"]["application/json"]["schema"];
        assert!(schema["$ref"].is_string(), "{status} is documented");
        check(&document, schema, &answer.json(), status);
    }
    let asked = &post["requestBody"]["content"]["application/json"]["schema"];
    check(&document, asked, &claim, "one claim");
    check(
        &document,
        asked,
        &serde_json::json!({ "claims": [claim] }),
        "a list",
    );
    let fault = fault(&document, asked, &wrong, "a wrong one");
    assert!(fault.is_some());
}

#[tokio::test]
async fn a_wrong_answer_would_be_found() {
    let document = get("/api/v1/openapi.json").await.json();
    let schema = serde_json::json!({ "$ref": "#/components/schemas/Window" });
    for (wrong, why) in [
        (
            serde_json::json!({ "own": 0.5, "perceived": null }),
            "a field is missing",
        ),
        (
            serde_json::json!({ "own": 2.0, "perceived": null, "coverage": 1.0 }),
            "above 1",
        ),
        (
            serde_json::json!({ "own": "x", "perceived": null, "coverage": 1.0 }),
            "a text",
        ),
        (
            serde_json::json!({ "own": 1, "perceived": 1, "coverage": 1, "more": 1 }),
            "a field too many",
        ),
    ] {
        assert!(
            fault(&document, &schema, &wrong, "wrong").is_some(),
            "{why}"
        );
    }
}

fn check(document: &Value, schema: &Value, value: &Value, at: &str) {
    if let Some(fault) = fault(document, schema, value, at) {
        panic!("{fault}");
    }
}

/// The first place where `value` is not as `schema` says, for the keywords that the document uses.
fn fault(document: &Value, schema: &Value, value: &Value, at: &str) -> Option<String> {
    if let Some(reference) = schema["$ref"].as_str() {
        let name = reference.strip_prefix("#/components/schemas/").unwrap();
        let target = &document["components"]["schemas"][name];
        if target.is_null() {
            return Some(format!("{at}: the schema {name} does not exist"));
        }
        return fault(document, target, value, at);
    }
    if let Some(choices) = schema["anyOf"].as_array() {
        let faults: Vec<_> = choices
            .iter()
            .map(|choice| fault(document, choice, value, at))
            .collect();
        let none_fits = faults.iter().all(Option::is_some);
        return none_fits.then(|| faults[0].clone().unwrap());
    }
    let fits = match schema["type"].as_str() {
        None => true,
        Some("string") => value.is_string(),
        Some("integer") => value.is_u64(),
        Some("number") => value.is_number(),
        Some("boolean") => value.is_boolean(),
        Some("null") => value.is_null(),
        Some("array") => value.is_array(),
        Some("object") => value.is_object(),
        Some(other) => panic!("{other} is not a type that this test knows"),
    };
    if !fits {
        return Some(format!("{at}: {value} is not a {}", schema["type"]));
    }
    if let Some(words) = schema["enum"].as_array()
        && !words.contains(value)
    {
        return Some(format!("{at}: {value} is not one of {words:?}"));
    }
    if let (Some(max), Some(number)) = (schema["maximum"].as_f64(), value.as_f64())
        && number > max
    {
        return Some(format!("{at}: {number} is above {max}"));
    }
    if schema["format"] == "date-time" && !value.as_str().unwrap_or("").ends_with('Z') {
        return Some(format!("{at}: {value} is not a time in UTC"));
    }
    if let Some(items) = value.as_array() {
        let mut items = items.iter().enumerate();
        return items
            .find_map(|(i, item)| fault(document, &schema["items"], item, &format!("{at}[{i}]")));
    }
    let (Some(object), Some(known)) = (value.as_object(), schema["properties"].as_object()) else {
        return None;
    };
    for name in schema["required"].as_array().unwrap() {
        if !object.contains_key(name.as_str().unwrap()) {
            return Some(format!("{at}: {name} is missing"));
        }
    }
    object
        .iter()
        .find_map(|(name, inner)| match known.get(name) {
            Some(schema) => fault(document, schema, inner, &format!("{at}.{name}")),
            None => Some(format!("{at}: {name} is not documented")),
        })
}
