//! Descriptions: versions, references that lead in a circle or nowhere, and what is asked for.

use bongsu_import::{ImportError, openapi};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::sound::{hides, journey, unnamed};

const SHOP: &str = include_str!("../openapi/shop.yaml");

fn named(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

#[test]
fn what_is_no_description_or_not_in_it_is_refused_and_says_what_there_is() {
    let cases = [
        ("", "x", "it does not say `openapi: 3.…`"),
        ("{", "x", "this is not an OpenAPI description: EOF"),
        ("a: [1\nb: 2", "x", "this is not an OpenAPI description: "),
        ("swagger: '2.0'", "x", "it is Swagger 2.0"),
        (
            "openapi: 2.0.0",
            "x",
            "version 2.0.0 is not known; 3.0 and 3.1 are",
        ),
        ("openapi: 4.0.0", "x", "version 4.0.0 is not known"),
        (
            SHOP,
            "nothing",
            "there is no operation `nothing`; there are: createSession, listOrders",
        ),
        (SHOP, "askOrders", "operation `askOrders` is refused"),
    ];
    for (text, name, expected) in cases {
        let error = openapi(text, &named(&[name]), &unnamed()).unwrap_err();
        assert!(error.to_string().contains(expected), "{text}: {error}");
    }
    let error = openapi(SHOP, &[], &unnamed()).unwrap_err();
    assert!(matches!(error, ImportError::Absent { .. }));
    assert!(
        error.to_string().contains("GET /orders/{orderId}"),
        "{error}"
    );
}

#[test]
fn the_same_description_in_json_gives_the_same_journey() {
    let wanted = named(&[
        "createSession",
        "GET /orders/{orderId}",
        "GET /orders/{orderId}",
    ]);
    let yaml = openapi(SHOP, &wanted, &unnamed()).unwrap();
    assert_eq!(journey(&yaml).steps.len(), 3);
    hides(&yaml, &["an-example-of-one"]);
    let json = json!({
        "openapi": "3.1.0",
        "servers": [{ "url": "https://{region}.shop.test/v1" }],
        "paths": { "/a": { "get": { "operationId": "a", "parameters":
            [{ "name": "n", "in": "query", "required": true, "schema": { "type": ["null", "integer"], "maximum": -3 } }] } } },
    });
    let imported = openapi(&json.to_string(), &named(&["a"]), &unnamed()).unwrap();
    let _ = journey(&imported);
    assert!(
        imported.text.contains("base = \"{{ target.base.api }}\""),
        "{}",
        imported.text
    );
    assert!(
        imported.text.contains("query = { n = \"-3\" }"),
        "{}",
        imported.text
    );
}

#[test]
fn references_in_a_circle_and_aliases_without_end_are_survived() {
    let circle = json!({
        "openapi": "3.0.0",
        "paths": { "/a": { "post": { "operationId": "a", "requestBody": { "content":
            { "application/json": { "schema": { "$ref": "#/components/schemas/A" } } } } } } },
        "components": { "schemas": {
            "A": { "type": "object", "properties": { "a": { "$ref": "#/components/schemas/A" },
                "b": { "$ref": "#/components/schemas/B" }, "c": { "$ref": "elsewhere.yaml#/C" } } },
            "B": { "$ref": "#/components/schemas/B" },
        } },
    });
    let imported = openapi(&circle.to_string(), &named(&["a"]), &unnamed()).unwrap();
    let _ = journey(&imported);
    let mut bomb = "openapi: 3.0.0\na0: &a0 [x,x,x,x,x,x,x,x,x,x]\n".to_owned();
    for level in 1..12 {
        let inner = vec![format!("*a{}", level - 1); 10].join(",");
        bomb.push_str(&format!("a{level}: &a{level} [{inner}]\n"));
    }
    let error = openapi(&bomb, &named(&["a"]), &unnamed()).unwrap_err();
    assert!(error.to_string().contains("budget"), "{error}");
}

fn schema() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        prop::sample::select(vec!["string", "integer", "number", "boolean", "null", "object", "array", "x"])
            .prop_map(|kind| json!({ "type": kind })),
        ("\\PC{0,8}", any::<i64>(), any::<u64>()).prop_map(|(text, low, least)| json!({
            "type": "string", "format": text, "minLength": least, "minimum": low, "maxLength": 3 })),
        (any::<i64>(), any::<f64>()).prop_map(|(low, high)| json!({
            "type": "integer", "exclusiveMinimum": low, "maximum": high })),
        "\\PC{0,12}".prop_map(|text| json!({ "example": { "{{ x }}": text, "n": null } })),
        Just(json!({ "$ref": "#/paths" })),
        Just(json!({ "enum": [] })),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(|all| json!({ "allOf": all })),
            inner
                .clone()
                .prop_map(|items| json!({ "type": "array", "items": items })),
            prop::collection::btree_map("\\PC{0,6}|password|id", inner, 0..4)
                .prop_map(|properties| json!({ "type": "object", "properties": properties })),
        ]
    })
}

proptest! {
    #[test]
    fn any_schema_and_parameter_gives_a_journey(
        schema in schema(), name in "\\PC{0,8}|token|host", place in "path|query|header|cookie",
        path in "(/[a-z{}%? ]{0,6}){1,3}", summary in "\\PC{0,30}", kind in "application/(json|x-www-form-urlencoded|xml)"
    ) {
        let description = json!({
            "openapi": "3.1.0",
            "paths": { path: { "post": {
                "operationId": "a", "summary": summary,
                "parameters": [{ "name": name, "in": place, "required": true, "schema": schema }],
                "requestBody": { "content": { kind: { "schema": schema } } },
            } } },
        });
        if let Ok(imported) = openapi(&description.to_string(), &named(&["a"]), &unnamed()) {
            let _ = journey(&imported);
        }
    }
}
