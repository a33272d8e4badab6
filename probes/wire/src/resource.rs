//! The agent as an OTLP resource.

use bongsu_model::{AgentId, NetworkId, RegionId};
use opentelemetry_proto::tonic::resource::v1::Resource;

use crate::attribute::{AttributeError, AttributeFault, Attributes, Writer};
use crate::frame::RESOURCE_ATTRIBUTES;
use crate::limits::TEXT_BYTES_MAX;
use crate::names::{self, key};

/// Who speaks: what an agent says of itself beside every run and record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentResource {
    /// The agent; the collector holds it against the token.
    pub agent: AgentId,
    /// The region that it claims to speak for. Runs say it again on their root span; plans and
    /// heartbeats have no other place for it.
    pub region: Option<RegionId>,
    /// The network that it claims to sit in.
    pub network: Option<NetworkId>,
    /// The agent's version.
    pub version: String,
    /// The machine that it runs on.
    pub host_name: Option<String>,
    /// The machine's processor architecture: `amd64`, `arm64`.
    pub host_arch: Option<String>,
    /// The machine's operating system: `linux`.
    pub os_type: Option<String>,
    /// The cloud that it runs in: `aws`.
    pub cloud_provider: Option<String>,
    /// The cloud's region: `ap-northeast-2`.
    pub cloud_region: Option<String>,
    /// The cloud's availability zone: `ap-northeast-2a`.
    pub cloud_availability_zone: Option<String>,
    /// Its country, ISO 3166-1 alpha-2: `KR`.
    pub geo_country: Option<String>,
    /// Its city: `Seoul`.
    pub geo_locality: Option<String>,
}

impl AgentResource {
    /// An agent of which nothing more is known.
    pub fn new(agent: AgentId, version: impl Into<String>) -> Self {
        Self {
            agent,
            region: None,
            network: None,
            version: version.into(),
            host_name: None,
            host_arch: None,
            os_type: None,
            cloud_provider: None,
            cloud_region: None,
            cloud_availability_zone: None,
            geo_country: None,
            geo_locality: None,
        }
    }

    pub(crate) fn encode(&self) -> Resource {
        Resource {
            attributes: self.write(&self.agent).tree(),
            ..Resource::default()
        }
    }

    /// The attributes of the resource, as of `agent`.
    pub(crate) fn write(&self, agent: &AgentId) -> Writer {
        let mut writer = Writer::of(RESOURCE_ATTRIBUTES);
        writer.word(names::SERVICE_NAME, names::AGENT_SERVICE);
        writer.text(names::SERVICE_VERSION, &self.version, TEXT_BYTES_MAX);
        writer.word(names::SERVICE_INSTANCE_ID, agent.as_str());
        if let Some(region) = &self.region {
            writer.word(names::REGION, region.as_str());
        }
        if let Some(network) = &self.network {
            writer.word(names::NETWORK, network.as_str());
        }
        for (name, text) in [
            (names::HOST_NAME, &self.host_name),
            (names::HOST_ARCH, &self.host_arch),
            (names::OS_TYPE, &self.os_type),
            (names::CLOUD_PROVIDER, &self.cloud_provider),
            (names::CLOUD_REGION, &self.cloud_region),
            (names::CLOUD_ZONE, &self.cloud_availability_zone),
            (names::GEO_COUNTRY, &self.geo_country),
            (names::GEO_LOCALITY, &self.geo_locality),
        ] {
            writer.optional_text(name, text.as_deref(), TEXT_BYTES_MAX);
        }
        writer
    }

    pub(crate) fn decode(resource: Option<&Resource>) -> Result<Self, AttributeError> {
        let Some(resource) = resource else {
            return Err(AttributeFault::Missing.of(key::SERVICE_INSTANCE_ID));
        };
        Self::read(&Attributes::new(&resource.attributes, "attributes")?)
    }

    pub(crate) fn read(attributes: &Attributes<'_>) -> Result<Self, AttributeError> {
        let text = |name| -> Result<Option<String>, AttributeError> {
            let text = attributes.optional_text(name, TEXT_BYTES_MAX)?;
            Ok(text.map(str::to_owned))
        };
        Ok(Self {
            agent: attributes.word(key::SERVICE_INSTANCE_ID)?,
            region: attributes.optional_word(key::REGION)?,
            network: attributes.optional_word(key::NETWORK)?,
            version: attributes
                .text(key::SERVICE_VERSION, TEXT_BYTES_MAX)?
                .to_owned(),
            host_name: text(key::HOST_NAME)?,
            host_arch: text(key::HOST_ARCH)?,
            os_type: text(key::OS_TYPE)?,
            cloud_provider: text(key::CLOUD_PROVIDER)?,
            cloud_region: text(key::CLOUD_REGION)?,
            cloud_availability_zone: text(key::CLOUD_ZONE)?,
            geo_country: text(key::GEO_COUNTRY)?,
            geo_locality: text(key::GEO_LOCALITY)?,
        })
    }
}
