//! A target as the network layer needs it: profile, resolver, trust roots, what may be reached.

mod reach;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bongsu_language::{Reach, TargetProfile};
use bongsu_model::TargetName;

use crate::dns::Resolver;
pub(crate) use reach::is_private;

/// Why a profile makes no target.
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

/// Whether the way to a target is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    /// It is; the rule outside rehearsals.
    Up,
    /// Nothing of it can be reached, as with a cable pulled on our side.
    Cut,
}

/// A named environment of the platform, ready to be reached.
#[derive(Debug)]
pub struct Target {
    profile: TargetProfile,
    is_cut: AtomicBool,
    pub(crate) resolver: Resolver,
    pub(crate) tls: Arc<rustls::ClientConfig>,
}

impl Target {
    /// Reads the platform's trust roots, adds those of `ca_pem` (the content of the profile's
    /// `ca`) and sets up the profile's resolver.
    ///
    /// # Errors
    /// When `ca_pem` is unusable, or there is neither a `resolver` nor a usable configuration of
    /// the system's.
    pub fn new(profile: TargetProfile, ca_pem: Option<&[u8]>) -> Result<Self, TargetError> {
        let tls = crate::tls::client_config(ca_pem).map_err(|problem| TargetError::Roots {
            target: profile.target.clone(),
            problem,
        })?;
        let resolver = Resolver::new(profile.resolver)?;
        Ok(Self {
            profile,
            is_cut: AtomicBool::new(false),
            resolver,
            tls: Arc::new(tls),
        })
    }

    /// Cuts the way to the target, or mends it: from now on dialling fails, or works again.
    pub fn set_link(&self, link: Link) {
        self.is_cut.store(link == Link::Cut, Ordering::Relaxed);
    }

    pub(crate) fn is_cut(&self) -> bool {
        self.is_cut.load(Ordering::Relaxed)
    }

    /// Its name.
    pub fn name(&self) -> &TargetName {
        &self.profile.target
    }

    /// What it was made of.
    pub fn profile(&self) -> &TargetProfile {
        &self.profile
    }

    pub(crate) fn allows_private(&self) -> bool {
        self.profile.reach == Reach::Private
    }
}
