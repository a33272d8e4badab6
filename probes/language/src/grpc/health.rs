//! The standard health check, whose messages are known without anybody being asked:
//! <https://github.com/grpc/grpc-proto/blob/master/grpc/health/v1/health.proto>.

use std::sync::OnceLock;

use prost_reflect::prost_types::field_descriptor_proto::{Label, Type};
use prost_reflect::prost_types::{
    DescriptorProto, EnumDescriptorProto, EnumValueDescriptorProto, FieldDescriptorProto,
    FileDescriptorProto, MethodDescriptorProto, ServiceDescriptorProto,
};

use super::{Method, Schema};

const SERVICE: &str = "grpc.health.v1.Health";
const METHOD: &str = "Check";

/// Whether a method is the standard health check.
pub(crate) fn is_health_check(service: &str, method: &str) -> bool {
    service == SERVICE && method == METHOD
}

/// The standard health check.
pub(crate) fn health_check() -> &'static Method {
    static CHECK: OnceLock<Method> = OnceLock::new();
    CHECK.get_or_init(|| {
        let mut schema = Schema::default();
        schema.take(file()).expect("one small file");
        schema
            .method(SERVICE, METHOD)
            .expect("the file has the method")
    })
}

fn file() -> FileDescriptorProto {
    let named = |name: &str| Some(name.to_owned());
    let field = |name, kind: Type, of: Option<&str>| FieldDescriptorProto {
        name: named(name),
        number: Some(1),
        label: Some(Label::Optional.into()),
        r#type: Some(kind.into()),
        type_name: of.map(str::to_owned),
        ..FieldDescriptorProto::default()
    };
    let word = |(number, word)| EnumValueDescriptorProto {
        name: named(word),
        number: Some(number),
        ..EnumValueDescriptorProto::default()
    };
    let words = ["UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"];
    let status = ".grpc.health.v1.HealthCheckResponse.ServingStatus";
    FileDescriptorProto {
        name: named("grpc/health/v1/health.proto"),
        package: named("grpc.health.v1"),
        syntax: named("proto3"),
        message_type: vec![
            DescriptorProto {
                name: named("HealthCheckRequest"),
                field: vec![field("service", Type::String, None)],
                ..DescriptorProto::default()
            },
            DescriptorProto {
                name: named("HealthCheckResponse"),
                field: vec![field("status", Type::Enum, Some(status))],
                enum_type: vec![EnumDescriptorProto {
                    name: named("ServingStatus"),
                    value: (0..).zip(words).map(word).collect(),
                    ..EnumDescriptorProto::default()
                }],
                ..DescriptorProto::default()
            },
        ],
        service: vec![ServiceDescriptorProto {
            name: named("Health"),
            method: vec![MethodDescriptorProto {
                name: named(METHOD),
                input_type: named(".grpc.health.v1.HealthCheckRequest"),
                output_type: named(".grpc.health.v1.HealthCheckResponse"),
                ..MethodDescriptorProto::default()
            }],
            ..ServiceDescriptorProto::default()
        }],
        ..FileDescriptorProto::default()
    }
}
