//! Which instance speaks: a number that is the agent's id in sixteen bytes.

use bongsu_model::AgentId;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value};
use sha2::Digest as _;

use super::AgentDescription;
use crate::names;
use crate::resource::AgentResource;

/// A UUID that names one agent on the control channel.
pub type InstanceUid = [u8; 16];

/// The instance uid of an agent: a UUID of version 8 whose free bits are the first of SHA-256
/// over `bongsu-agent`, 0x00 and the agent's id. The same after a restart and on a new disk, and
/// the collector, which knows every id, knows whose it is.
pub fn instance_uid(agent: &AgentId) -> InstanceUid {
    let mut digest = sha2::Sha256::new();
    digest.update(names::AGENT_SERVICE);
    digest.update([0]);
    digest.update(agent.as_str());
    let digest: [u8; 32] = digest.finalize().into();
    let mut uid: InstanceUid = digest[..16].try_into().expect("16 of 32 bytes");
    uid[6] = (uid[6] & 0x0f) | 0x80;
    uid[8] = (uid[8] & 0x3f) | 0x80;
    uid
}

/// What an agent says of itself: its id, name and version identify it, the rest tells where it is.
pub fn describe(resource: &AgentResource) -> AgentDescription {
    let is_identifying = |attribute: &KeyValue| {
        [
            names::SERVICE_NAME,
            names::SERVICE_VERSION,
            names::SERVICE_INSTANCE_ID,
        ]
        .contains(&attribute.key.as_str())
    };
    let attributes = resource.encode().attributes;
    let (identifying_attributes, non_identifying_attributes) =
        attributes.into_iter().partition(is_identifying);
    AgentDescription {
        identifying_attributes,
        non_identifying_attributes,
    }
}

/// The `service.instance.id` that a description claims.
pub fn named_agent(description: &AgentDescription) -> Option<&str> {
    let mut attributes = description.identifying_attributes.iter();
    let id = attributes.find(|attribute| attribute.key == names::SERVICE_INSTANCE_ID)?;
    match id.value.as_ref()?.value.as_ref()? {
        any_value::Value::StringValue(text) => Some(text),
        _ => None,
    }
}
