//! Steps of gRPC held against a descriptor, before anything is sent.

use bongsu_language::{
    Act, CheckOptions, Effect, Loaded, Schema, SchemaError, SourceFile, load, named_descriptors,
};
use prost_reflect::prost::Message as _;
use prost_reflect::prost_types::field_descriptor_proto::{Label, Type};
use prost_reflect::prost_types::{
    DescriptorProto, FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet,
    MethodDescriptorProto, ServiceDescriptorProto,
};
use serde_json::json;

fn field(name: &str, number: i32, kind: Type, of: Option<&str>) -> FieldDescriptorProto {
    FieldDescriptorProto {
        name: Some(name.to_owned()),
        number: Some(number),
        label: Some(Label::Optional.into()),
        r#type: Some(kind.into()),
        type_name: of.map(str::to_owned),
        ..FieldDescriptorProto::default()
    }
}

fn file(dependency: &[&str]) -> FileDescriptorProto {
    let message = |name: &str, field: Vec<FieldDescriptorProto>| DescriptorProto {
        name: Some(name.to_owned()),
        field,
        ..DescriptorProto::default()
    };
    let method = |name: &str, streams: bool| MethodDescriptorProto {
        name: Some(name.to_owned()),
        input_type: Some(".shop.Make".to_owned()),
        output_type: Some(".shop.Item".to_owned()),
        client_streaming: Some(streams),
        ..MethodDescriptorProto::default()
    };
    let mut items = field("items", 3, Type::Message, Some(".shop.Item"));
    items.label = Some(Label::Repeated.into());
    FileDescriptorProto {
        name: Some("shop.proto".to_owned()),
        package: Some("shop".to_owned()),
        syntax: Some("proto3".to_owned()),
        dependency: dependency.iter().map(|&name| name.to_owned()).collect(),
        message_type: vec![
            message(
                "Make",
                vec![
                    field("client_ref", 1, Type::String, None),
                    field("amount", 2, Type::Int64, None),
                    items,
                    field("when", 4, Type::Message, Some(".google.protobuf.Timestamp")),
                ],
            ),
            message("Item", vec![field("name", 1, Type::String, None)]),
        ],
        service: vec![ServiceDescriptorProto {
            name: Some("Orders".to_owned()),
            method: vec![method("Make", false), method("Pour", true)],
            ..ServiceDescriptorProto::default()
        }],
        ..FileDescriptorProto::default()
    }
}

fn set() -> Vec<u8> {
    let file = vec![file(&["google/protobuf/timestamp.proto"])];
    FileDescriptorSet { file }.encode_to_vec()
}

fn step(method: &str, rest: &str) -> String {
    format!(
        "[[step]]\nname = \"make\"\ngrpc = \"https://shop.test/{method}\"\n\
         descriptor = \"protos/shop.binpb\"\n{rest}\n\
         [[cleanup]]\nname = \"undo\"\ndelete = \"https://shop.test/x\"\n"
    )
}

fn loaded(steps: &str, descriptor: Vec<u8>) -> Loaded {
    let text = format!(
        "format = 1\njourney = \"shop\"\nfeature = \"shop.order\"\ntimeout = \"9s\"\n\
         actor.user.account = \"pool:users\"\nvars.name = \"tea\"\n{steps}"
    );
    let journey = SourceFile::new("a/shop.toml", text);
    assert_eq!(named_descriptors(&journey), ["protos/shop.binpb"]);
    let journey = journey.with_descriptor("protos/shop.binpb", descriptor);
    load(&[journey], CheckOptions::default())
}

fn told(steps: &str) -> Vec<String> {
    let loaded = loaded(steps, set());
    let one = |d: &bongsu_language::Diagnostic| format!("{}; {}", d.message, d.help.join("; "));
    loaded.diagnostics.iter().map(one).collect()
}

#[test]
fn a_message_that_fits_is_written_as_its_descriptor_says() {
    let message = "json = { clientRef = \"r\", amount = \"900\", items = [{ name = \"{{ name }}\" }], \
                   when = \"2026-01-02T03:04:05Z\" }";
    let loaded = loaded(&step("shop.Orders/Make", message), set());
    assert!(loaded.diagnostics.is_empty(), "{:?}", loaded.diagnostics);
    let step = &loaded.journeys[0].steps[0];
    assert_eq!(step.effect, Effect::Change);
    let Act::Grpc(act) = &step.act else {
        panic!("{:?}", step.act)
    };
    let method = act.known.as_ref().expect("it is known");
    let bytes = method
        .encode(&json!({ "client_ref": "r", "amount": 900 }))
        .unwrap();
    assert_eq!(bytes, b"\x0a\x01r\x10\x84\x07");
}

#[test]
fn what_does_not_fit_is_told_before_anything_is_sent() {
    for (method, rest, expected) in [
        (
            "shop.Order/Make",
            "",
            "there is no service `shop.Order`; did you mean `shop.Orders`?",
        ),
        (
            "shop.Orders/Mke",
            "",
            "service `shop.Orders` has no method `Mke`; did you mean `Make`?",
        ),
        ("shop.Orders/Pour", "", "`shop.Orders.Pour` streams"),
        (
            "shop.Orders/Make",
            "json = { amont = 1 }",
            "`shop.Make` has no field `amont`; did you mean `amount`?",
        ),
        (
            "shop.Orders/Make",
            "json = { amount = \"many\" }",
            "`amount`: ",
        ),
        (
            "shop.Orders/Make",
            "json = { items = [{ nam = 1 }] }",
            "`shop.Item` has no field `nam`; did you mean `name`?",
        ),
        (
            "shop.Orders/Make",
            "json = { items = { name = \"x\" } }",
            "`items`: ",
        ),
        (
            "shop.Orders/Make",
            "json = { items = [\"x\"] }",
            "`items[0]` must be a table: it is shop.Item",
        ),
        (
            "shop.Orders/Make",
            "json = { when = \"tomorrow\" }",
            "`when`: ",
        ),
        (
            "shop.Orders/Make",
            "json = [1]",
            "the message must be a table: it is shop.Make",
        ),
    ] {
        let told = told(&step(method, rest));
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].starts_with(expected), "{told:?}");
    }
    let several = told(&step(
        "shop.Orders/Make",
        "json = { amont = 1, clientRef = 2 }",
    ));
    assert_eq!(several.len(), 2, "all at once: {several:?}");
}

#[test]
fn a_descriptor_that_is_none_is_told_where_it_is_named() {
    for (content, expected) in [
        (
            b"hello, world".to_vec(),
            "these are no descriptors of Protocol Buffers",
        ),
        (Vec::new(), "these are no descriptors of Protocol Buffers"),
        (vec![0; 5 << 20], "the descriptors are more than"),
        (
            FileDescriptorSet {
                file: vec![file(&["money.proto"])],
            }
            .encode_to_vec(),
            "the descriptors are not whole: `money.proto` is missing",
        ),
        (
            FileDescriptorSet {
                file: vec![file(&[])],
            }
            .encode_to_vec(),
            "the descriptors are not whole: ",
        ),
    ] {
        let loaded = loaded(&step("shop.Orders/Make", ""), content);
        let [told] = loaded.diagnostics.as_slice() else {
            panic!("{:?}", loaded.diagnostics)
        };
        assert!(told.message.starts_with(expected), "{}", told.message);
        assert_eq!(told.position.line, 10);
        assert!(loaded.journeys.is_empty());
    }
}

#[test]
fn a_revision_changes_with_the_descriptor() {
    let revision = |set: Vec<u8>| {
        let loaded = loaded(&step("shop.Orders/Make", ""), set);
        loaded.journeys[0].revision.clone()
    };
    let mut other = file(&["google/protobuf/timestamp.proto"]);
    other.message_type[1].field[0].name = Some("title".to_owned());
    let other = FileDescriptorSet { file: vec![other] }.encode_to_vec();
    assert_eq!(revision(set()), revision(set()));
    assert_ne!(revision(set()), revision(other));
}

#[test]
fn files_of_protocol_buffers_itself_need_not_be_asked_for() {
    let mut schema = Schema::default();
    let needs = file(&["google/protobuf/timestamp.proto", "other.proto"]);
    schema.add(&needs.encode_to_vec()).unwrap();
    assert_eq!(schema.missing(), ["other.proto"]);
    let other = FileDescriptorProto {
        name: Some("other.proto".to_owned()),
        ..FileDescriptorProto::default()
    };
    schema.add(&other.encode_to_vec()).unwrap();
    assert!(schema.missing().is_empty());
    assert!(schema.method("shop.Orders", "Make").is_ok());
    let heavy = [0x22, 0].repeat(100_000);
    assert_eq!(Schema::default().add(&heavy), Err(SchemaError::TooLarge));
    assert!(matches!(
        schema.method("shop.Orders", "Pour"),
        Err(SchemaError::Streams(_))
    ));
}
