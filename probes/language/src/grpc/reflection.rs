//! What is said in server reflection, the same in v1 and v1alpha:
//! <https://github.com/grpc/grpc-proto/blob/master/grpc/reflection/v1/reflection.proto>.

use prost::Message as _;

use super::GrpcStatus;

/// The services that answer, the newest first, with their only method.
pub const REFLECTION_METHODS: [&str; 2] = [
    "grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    "grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
];

/// What is asked of a server's reflection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReflectionQuestion {
    /// The file that has this service.
    Symbol(String),
    /// The file of this name.
    File(String),
}

/// What a server's reflection answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReflectionAnswer {
    /// Files, each a `FileDescriptorProto`.
    Files(Vec<Vec<u8>>),
    /// It does not have what was asked for.
    Refused(GrpcStatus, String),
}

impl ReflectionQuestion {
    /// The question in Protocol Buffers.
    pub fn encode(&self) -> Vec<u8> {
        let ask = match self {
            Self::Symbol(symbol) => Ask::Symbol(symbol.clone()),
            Self::File(file) => Ask::File(file.clone()),
        };
        Request { ask: Some(ask) }.encode_to_vec()
    }
}

impl ReflectionAnswer {
    /// Reads one message; none if it is no answer to such a question.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        match Response::decode(bytes).ok()?.told? {
            Told::Files(files) => Some(Self::Files(files.files)),
            Told::Refused(refused) => {
                let status = GrpcStatus::from_number(refused.code.into());
                let status = status.unwrap_or(GrpcStatus::UNKNOWN);
                Some(Self::Refused(status, refused.message))
            }
        }
    }
}

#[derive(Clone, PartialEq, prost::Message)]
struct Request {
    #[prost(oneof = "Ask", tags = "3, 4")]
    ask: Option<Ask>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum Ask {
    #[prost(string, tag = "3")]
    File(String),
    #[prost(string, tag = "4")]
    Symbol(String),
}

#[derive(Clone, PartialEq, prost::Message)]
struct Response {
    #[prost(oneof = "Told", tags = "4, 7")]
    told: Option<Told>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum Told {
    #[prost(message, tag = "4")]
    Files(Files),
    #[prost(message, tag = "7")]
    Refused(Refused),
}

#[derive(Clone, PartialEq, prost::Message)]
struct Files {
    #[prost(bytes = "vec", repeated, tag = "1")]
    files: Vec<Vec<u8>>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Refused {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_and_answers_have_the_fields_of_the_protocol() {
        let asked = ReflectionQuestion::Symbol("a.B".into()).encode();
        assert_eq!(asked, b"\x22\x03a.B");
        let asked = ReflectionQuestion::File("a.proto".into()).encode();
        assert_eq!(asked, b"\x1a\x07a.proto");
        let files = ReflectionAnswer::decode(b"\x0a\x01h\x22\x06\x0a\x01x\x0a\x01y");
        let expected = vec![b"x".to_vec(), b"y".to_vec()];
        assert_eq!(files, Some(ReflectionAnswer::Files(expected)));
        let refused = ReflectionAnswer::decode(b"\x3a\x06\x08\x05\x12\x02no");
        let not_found = GrpcStatus::from_name("NOT_FOUND").unwrap();
        assert_eq!(
            refused,
            Some(ReflectionAnswer::Refused(not_found, "no".into()))
        );
        assert_eq!(ReflectionAnswer::decode(b""), None);
        assert_eq!(ReflectionAnswer::decode(b"\x22\xff"), None);
    }
}
