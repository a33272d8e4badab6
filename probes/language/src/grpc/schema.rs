//! The descriptors of a server: gathered from a file or by reflection, then a method looked up.

use std::collections::BTreeMap;

use prost_reflect::prost::Message as _;
use prost_reflect::prost_types::{FileDescriptorProto, FileDescriptorSet};
use prost_reflect::{DescriptorPool, MethodDescriptor};

use super::Method;
use super::weigh::left_of;
use crate::keys::did_you_mean;

/// Most files of a schema: large platforms have hundreds.
const FILES_MAX: usize = 1024;

/// Most bytes of a schema, as it came: a platform of a thousand messages has some 300 KiB.
const BYTES_MAX: usize = 4 * 1024 * 1024;

/// Most messages, fields, options and the like of a schema: some 30 for each of those thousand messages,
/// and some 50 MB once they are read.
const VALUES_MAX: usize = 64 * 1024;

/// Files of Protocol Buffers by their names, as they were compiled.
#[derive(Debug, Clone)]
pub struct Schema {
    files: BTreeMap<String, FileDescriptorProto>,
    bytes: usize,
    values_left: usize,
    /// All of them together, once a method was looked up: journeys share their descriptors.
    pool: Option<DescriptorPool>,
}

/// Why a schema does not give a method.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SchemaError {
    /// The bytes are no descriptors.
    #[error("these are no descriptors of Protocol Buffers")]
    NoDescriptors,
    /// There are too many.
    #[error(
        "the descriptors are more than {BYTES_MAX} bytes, {FILES_MAX} files or {VALUES_MAX} values"
    )]
    TooLarge,
    /// They contradict each other, or one is missing.
    #[error("the descriptors are not whole: {0}")]
    Broken(String),
    /// The service is not among them.
    #[error("there is no service `{service}`")]
    NoService {
        /// The service that was asked for.
        service: String,
        /// What may have been meant.
        similar: Option<String>,
    },
    /// The service has no such method.
    #[error("service `{service}` has no method `{method}`")]
    NoMethod {
        /// The service.
        service: String,
        /// The method that was asked for.
        method: String,
        /// What may have been meant.
        similar: Option<String>,
    },
    /// The method streams.
    #[error("`{0}` streams: only methods with one message each way can be called")]
    Streams(String),
}

impl Default for Schema {
    fn default() -> Self {
        Self {
            files: BTreeMap::new(),
            bytes: 0,
            values_left: VALUES_MAX,
            pool: None,
        }
    }
}

impl Schema {
    /// The schema in a file that `protoc --include_imports --descriptor_set_out` has written.
    ///
    /// # Errors
    /// When it is no such file, or too large.
    pub fn from_set(bytes: &[u8]) -> Result<Self, SchemaError> {
        if bytes.len() > BYTES_MAX {
            return Err(SchemaError::TooLarge);
        }
        let mut schema = Self::default();
        schema.weigh("google.protobuf.FileDescriptorSet", bytes)?;
        let set = FileDescriptorSet::decode(bytes).map_err(|_| SchemaError::NoDescriptors)?;
        if set.file.is_empty() {
            return Err(SchemaError::NoDescriptors);
        }
        for file in set.file {
            schema.take(file)?;
        }
        Ok(schema)
    }

    /// Takes one file in, as reflection gives it.
    ///
    /// # Errors
    /// When it is no descriptor of a file, or one too many.
    pub fn add(&mut self, bytes: &[u8]) -> Result<(), SchemaError> {
        self.bytes += bytes.len();
        if self.bytes > BYTES_MAX {
            return Err(SchemaError::TooLarge);
        }
        self.weigh("google.protobuf.FileDescriptorProto", bytes)?;
        let file = FileDescriptorProto::decode(bytes).map_err(|_| SchemaError::NoDescriptors)?;
        self.take(file)
    }

    fn weigh(&mut self, message: &str, bytes: &[u8]) -> Result<(), SchemaError> {
        let pool = DescriptorPool::global();
        let message = pool.get_message_by_name(message);
        let message = message.ok_or(SchemaError::NoDescriptors)?;
        let left = left_of(self.values_left, &message, bytes);
        self.values_left = left.ok_or(SchemaError::TooLarge)?;
        Ok(())
    }

    pub(super) fn take(&mut self, file: FileDescriptorProto) -> Result<(), SchemaError> {
        let name = file.name.clone().ok_or(SchemaError::NoDescriptors)?;
        // What lies beyond these the library of descriptors knows only to panic about.
        if !matches!(file.syntax(), "" | "proto2" | "proto3") {
            let syntax: String = file.syntax().chars().take(40).collect();
            return Err(SchemaError::Broken(format!("`{syntax}` is not known")));
        }
        self.pool = None;
        let _ = self.files.insert(name, file);
        if self.files.len() > FILES_MAX {
            return Err(SchemaError::TooLarge);
        }
        Ok(())
    }

    /// The files that others need and that are not there yet. Those of Protocol Buffers itself
    /// need not be asked for.
    pub fn missing(&mut self) -> Vec<String> {
        let mut missing = Vec::new();
        let mut own = Vec::new();
        for needed in self.files.values().flat_map(|file| &file.dependency) {
            if self.files.contains_key(needed) || missing.contains(needed) {
                continue;
            }
            match DescriptorPool::global().get_file_by_name(needed) {
                Some(file) => own.push(file.file_descriptor_proto().clone()),
                None => missing.push(needed.clone()),
            }
        }
        let is_grown = !own.is_empty();
        for file in own {
            let _ = self.files.insert(file.name().to_owned(), file);
        }
        if is_grown { self.missing() } else { missing }
    }

    /// The unary method of this name.
    ///
    /// # Errors
    /// When the files are not whole, or there is no such method, or it streams.
    pub fn method(&mut self, service: &str, method: &str) -> Result<Method, SchemaError> {
        let pool = self.pool()?;
        let Some(found) = pool.get_service_by_name(service) else {
            let known: Vec<String> = pool
                .services()
                .map(|known| known.full_name().to_owned())
                .collect();
            return Err(SchemaError::NoService {
                service: service.to_owned(),
                similar: similar(service, &known),
            });
        };
        let Some(found) = found.methods().find(|known| known.name() == method) else {
            let known: Vec<String> = found
                .methods()
                .map(|known| known.name().to_owned())
                .collect();
            return Err(SchemaError::NoMethod {
                service: service.to_owned(),
                method: method.to_owned(),
                similar: similar(method, &known),
            });
        };
        unary(found)
    }

    fn pool(&mut self) -> Result<DescriptorPool, SchemaError> {
        if let Some(pool) = &self.pool {
            return Ok(pool.clone());
        }
        if let Some(missing) = self.missing().first() {
            return Err(SchemaError::Broken(format!("`{missing}` is missing")));
        }
        let mut pool = DescriptorPool::new();
        pool.add_file_descriptor_protos(self.files.values().cloned())
            .map_err(|error| SchemaError::Broken(error.to_string()))?;
        Ok(self.pool.insert(pool).clone())
    }
}

impl SchemaError {
    /// What may help.
    pub fn help(&self) -> Option<String> {
        match self {
            Self::NoService {
                similar: Some(similar),
                ..
            }
            | Self::NoMethod {
                similar: Some(similar),
                ..
            } => Some(format!("did you mean `{similar}`?")),
            Self::NoDescriptors | Self::Broken(_) => Some(
                "write it anew: protoc --include_imports --descriptor_set_out=FILE.binpb …"
                    .to_owned(),
            ),
            Self::NoService { similar: None, .. }
            | Self::NoMethod { similar: None, .. }
            | Self::Streams(_)
            | Self::TooLarge => None,
        }
    }
}

fn unary(method: MethodDescriptor) -> Result<Method, SchemaError> {
    if method.is_client_streaming() || method.is_server_streaming() {
        return Err(SchemaError::Streams(method.full_name().to_owned()));
    }
    Ok(Method(method))
}

fn similar(word: &str, known: &[String]) -> Option<String> {
    did_you_mean(word, known.iter().map(String::as_str)).map(str::to_owned)
}
