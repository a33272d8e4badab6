//! A target as the network layer needs it: profile, resolver, trust roots, what may be reached.

mod reach;

use std::sync::atomic::{AtomicBool, Ordering};

use bongsu_language::{Reach, TargetProfile};
use bongsu_model::{Secret, TargetName};

use crate::dial::Proxy;
use crate::dns::Resolver;
use crate::tls::Trust;
pub(crate) use reach::{is_metadata, is_private};

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
    /// Neither the system nor the profile says which certificates to trust.
    #[error(
        "target `{target}` is reached over TLS and there is no certificate to trust: install the \
         system's CA certificates, or set `ca` in the target"
    )]
    NoRoots {
        /// The target.
        target: TargetName,
    },
    /// The TLS library refuses its own configuration.
    #[error("TLS cannot be set up: {0}")]
    Tls(String),
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
    pub(crate) proxy: Option<Proxy>,
    pub(crate) tls: crate::tls::Configs,
}

impl Target {
    /// Trusts the roots in `ca_pem` (the content of the profile's `ca`) and the platform's, and sets
    /// up the profile's resolver.
    ///
    /// # Errors
    /// When `ca_pem` is unusable, when nothing is trusted that TLS could be verified by, or there is neither a `resolver` nor a usable configuration of
    /// the system's.
    pub fn new(profile: TargetProfile, ca_pem: Option<&[u8]>) -> Result<Self, TargetError> {
        let trust = Trust::new(ca_pem).map_err(|problem| TargetError::Roots {
            target: profile.target.clone(),
            problem,
        })?;
        Self::trusting(trust, profile)
    }

    fn trusting(trust: Trust, profile: TargetProfile) -> Result<Self, TargetError> {
        if is_reached_over_tls(&profile) && trust.is_empty() {
            // Every handshake would fail, and each would be charged to the platform.
            let target = profile.target.clone();
            return Err(TargetError::NoRoots { target });
        }
        let tls = crate::tls::Configs::new(trust).map_err(TargetError::Tls)?;
        let resolver = Resolver::new(profile.resolver)?;
        let proxy = profile.proxy.as_ref().map(Proxy::new).transpose()?;
        Ok(Self {
            profile,
            is_cut: AtomicBool::new(false),
            resolver,
            proxy,
            tls,
        })
    }

    /// Tells the profile's proxy, if it has one, who asks. A user with a colon in it is nobody's.
    pub fn log_in_to_proxy(&mut self, user: &Secret, password: Secret) {
        if let Some(proxy) = &mut self.proxy {
            proxy.log_in(user, password);
        }
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

    /// What the proxy is told and nobody else.
    pub(crate) fn proxy_secrets(&self) -> Vec<Secret> {
        self.proxy.as_ref().map_or_else(Vec::new, Proxy::secrets)
    }

    pub(crate) fn allows_private(&self) -> bool {
        self.profile.reach == Reach::Private
    }
}

fn is_reached_over_tls(profile: &TargetProfile) -> bool {
    let is_tls = |(_, url): &(String, String)| {
        let scheme = url.split("://").next().unwrap_or_default();
        scheme.eq_ignore_ascii_case("https") || scheme.eq_ignore_ascii_case("wss")
    };
    profile.base.iter().any(is_tls) || profile.ws.iter().any(is_tls)
}

#[cfg(test)]
mod tests {
    use bongsu_language::{SourceFile, load_target};

    use super::*;

    #[test]
    fn without_a_root_to_trust_nothing_is_reached_over_tls() {
        for (addresses, expected) in [
            ("base.api = \"http://a.test\"", false),
            (
                "base.api = \"http://a.test\"\nws.api = \"wss://a.test\"",
                true,
            ),
            ("base.api = \"https://a.test\"", true),
        ] {
            let text = format!(
                "format = 1\ntarget = \"test\"\n{addresses}\nhosts = [\"a.test\"]\n\
                 [pool.users]\naccounts = [{{ name = \"users-1\", login = \"users-1\" }}]\n"
            );
            let profile = load_target(&SourceFile::new("target.toml", text)).expect("it is right");
            let trust = Trust::beside(None, rustls::RootCertStore::empty).expect("it has no `ca`");
            let made = Target::trusting(trust, profile);
            let is_refused = matches!(made, Err(TargetError::NoRoots { .. }));
            assert_eq!(is_refused, expected, "{addresses}");
        }
    }
}
