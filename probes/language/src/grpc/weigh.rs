//! How many values a message holds, counted before it is read: two bytes can be a message of its own,
//! and each takes up to a kilobyte of memory once it is read.

use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};
use prost_reflect::{Kind, MessageDescriptor};

/// Most messages, entries of maps and unknown fields in one message: some 25 MB once they are read.
pub(super) const VALUES_MAX: usize = 32 * 1024;

/// Deepest message in a message, as prost has it.
const DEPTH_MAX: usize = 100;

/// What is left of `most` messages, entries of maps and unknown fields after those of this message;
/// none if it holds as many or more. What is broken weighs what comes before.
pub(super) fn left_of(most: usize, message: &MessageDescriptor, bytes: &[u8]) -> Option<usize> {
    let mut left = most;
    let _ = count(message, bytes, DEPTH_MAX, &mut left);
    (left > 0).then_some(left)
}

fn count(
    message: &MessageDescriptor,
    mut bytes: &[u8],
    depth: usize,
    left: &mut usize,
) -> Option<()> {
    let deeper = depth.checked_sub(1)?;
    while !bytes.is_empty() && *left > 0 {
        let (number, wire_type) = decode_key(&mut bytes).ok()?;
        let field = message.get_field(number);
        let inner = match field.as_ref().map(prost_reflect::FieldDescriptor::kind) {
            Some(Kind::Message(inner)) => Some(inner),
            Some(_) => None,
            None => {
                *left -= 1;
                None
            }
        };
        match (inner, wire_type) {
            (Some(inner), WireType::LengthDelimited) => {
                *left -= 1;
                let length = usize::try_from(decode_varint(&mut bytes).ok()?).ok()?;
                let content = bytes.get(..length)?;
                bytes = &bytes[length..];
                count(&inner, content, deeper, left)?;
            }
            // A group's length is not said: what is in it counts by its bytes.
            (Some(_), WireType::StartGroup) => {
                let before = bytes.len();
                skip_field(wire_type, number, &mut bytes, DecodeContext::default()).ok()?;
                *left = left.saturating_sub((before - bytes.len()).div_ceil(2));
            }
            _ => skip_field(wire_type, number, &mut bytes, DecodeContext::default()).ok()?,
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::super::{MessageError, Schema};
    use super::*;
    use prost_reflect::prost_types::field_descriptor_proto::{Label, Type};
    use prost_reflect::prost_types::{
        DescriptorProto, FieldDescriptorProto, FileDescriptorProto, MethodDescriptorProto,
        ServiceDescriptorProto,
    };

    fn tree() -> crate::grpc::Method {
        let field = FieldDescriptorProto {
            name: Some("branch".to_owned()),
            number: Some(1),
            label: Some(Label::Repeated.into()),
            r#type: Some(Type::Message.into()),
            type_name: Some(".Tree".to_owned()),
            ..FieldDescriptorProto::default()
        };
        let method = MethodDescriptorProto {
            name: Some("Grow".to_owned()),
            input_type: Some(".Tree".to_owned()),
            output_type: Some(".Tree".to_owned()),
            ..MethodDescriptorProto::default()
        };
        let file = FileDescriptorProto {
            name: Some("tree.proto".to_owned()),
            syntax: Some("proto3".to_owned()),
            message_type: vec![DescriptorProto {
                name: Some("Tree".to_owned()),
                field: vec![field],
                ..DescriptorProto::default()
            }],
            service: vec![ServiceDescriptorProto {
                name: Some("Woods".to_owned()),
                method: vec![method],
                ..ServiceDescriptorProto::default()
            }],
            ..FileDescriptorProto::default()
        };
        let mut schema = Schema::default();
        schema.take(file).unwrap();
        schema.method("Woods", "Grow").unwrap()
    }

    #[test]
    fn a_message_of_very_many_is_refused_before_it_is_read() {
        let method = tree();
        let read = |bytes: &[u8]| method.decode(bytes, usize::MAX);
        assert!(read(&[0x0a, 0].repeat(VALUES_MAX - 1)).is_ok());
        for many in [
            [0x0a, 0].repeat(VALUES_MAX),
            // Unknown ones, alone and in a message.
            [0x10, 0].repeat(VALUES_MAX),
            [0x0a, 2, 0x10, 0].repeat(VALUES_MAX / 2),
            [&[0x0b][..], &[0x10, 0].repeat(VALUES_MAX), &[0x0c]].concat(),
        ] {
            assert_eq!(read(&many), Err(MessageError::TooLarge));
        }
        let mut deep = Vec::new();
        for _ in 0..200 {
            let mut outer = vec![0x0a];
            prost::encoding::encode_varint(deep.len() as u64, &mut outer);
            outer.extend(&deep);
            deep = outer;
        }
        assert!(matches!(read(&deep), Err(MessageError::Undecodable { .. })));
        assert!(matches!(
            read(&[0x0a, 9]),
            Err(MessageError::Undecodable { .. })
        ));
    }
}
