//! A target as the network layer needs it: resolver, trust roots, and what may be reached.

mod reach;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use bongsu_model::TargetName;

use crate::dns::Resolver;
pub(crate) use reach::is_private;
pub use reach::{HostPattern, HostPatternError};

/// What a target is made of, read from its profile by whoever may read files.
#[derive(Debug, Clone)]
pub struct TargetSettings {
    /// Its name.
    pub name: TargetName,
    /// The URLs that journeys read as `target.base.NAME`.
    pub base: BTreeMap<String, String>,
    /// The URLs that journeys read as `target.ws.NAME`.
    pub ws: BTreeMap<String, String>,
    /// The DNS server to ask; the system's when absent.
    pub resolver: Option<SocketAddr>,
    /// Trust roots beside the platform's own, as PEM.
    pub ca_pem: Option<Vec<u8>>,
    /// The hosts that may be reached; no other is ever resolved or connected to.
    pub hosts: Vec<HostPattern>,
    /// Whether loopback, private and link-local addresses may be reached.
    pub allow_private: bool,
}

/// Why settings make no target.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// The `ca` file holds no usable certificate.
    #[error("the `ca` of target `{target}` is no PEM file with a CA certificate: {problem}")]
    Roots {
        /// The target.
        target: TargetName,
        /// What is wrong with it.
        problem: String,
    },
    /// The system's resolver configuration cannot be used.
    #[error("the system's resolver configuration cannot be used; set `resolver` in the target")]
    Resolver(#[from] crate::dns::ResolverError),
}

/// A named environment of the platform, ready to be reached.
#[derive(Debug)]
pub struct Target {
    pub(crate) settings: TargetSettings,
    pub(crate) resolver: Resolver,
    pub(crate) tls: Arc<rustls::ClientConfig>,
}

impl Target {
    /// Reads the platform's trust roots, adds the target's own and sets up its resolver.
    ///
    /// # Errors
    /// When the target's `ca` is unusable, or there is neither a `resolver` nor a usable
    /// configuration of the system's.
    pub fn new(settings: TargetSettings) -> Result<Self, TargetError> {
        let tls = crate::tls::client_config(settings.ca_pem.as_deref()).map_err(|problem| {
            TargetError::Roots {
                target: settings.name.clone(),
                problem,
            }
        })?;
        let resolver = Resolver::new(settings.resolver)?;
        Ok(Self {
            settings,
            resolver,
            tls: Arc::new(tls),
        })
    }

    /// Its name.
    pub fn name(&self) -> &TargetName {
        &self.settings.name
    }

    /// What it was made of.
    pub fn settings(&self) -> &TargetSettings {
        &self.settings
    }

    /// Whether the allow-list has `host`.
    pub(crate) fn allows_host(&self, host: &str) -> bool {
        self.settings
            .hosts
            .iter()
            .any(|pattern| pattern.matches(host))
    }
}
