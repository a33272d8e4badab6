//! Name resolution: the target's DNS server or the system's, without cache or fallback.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bongsu_language::IpVersion;
use bongsu_model::FailClass;
use hickory_resolver::TokioResolver;
use hickory_resolver::config::{
    ConnectionConfig, LookupIpStrategy, NameServerConfig, ResolveHosts, ResolverConfig,
    ResolverOpts,
};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::RecordType;

use crate::failure::Fault;

/// How long one question waits for its answer.
pub(crate) const QUESTION_TIMEOUT: Duration = Duration::from_millis(1_500);

/// How often a question that got no answer is asked again: one lost datagram is no outage.
pub(crate) const QUESTION_REPEATS: usize = 1;

/// Why there is no resolver.
#[derive(Debug, thiserror::Error)]
#[error("no resolver: {0}")]
pub struct ResolverError(String);

/// Asks one DNS configuration, each time anew.
pub(crate) struct Resolver {
    resolver: TokioResolver,
    server: Option<SocketAddr>,
}

impl std::fmt::Debug for Resolver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Resolver")
    }
}

impl Resolver {
    /// A resolver that asks `server`, or what the system is configured with.
    pub(crate) fn new(server: Option<SocketAddr>) -> Result<Self, ResolverError> {
        let (config, hosts) = match server {
            Some(server) => {
                let port = |mut connection: ConnectionConfig| {
                    connection.port = server.port();
                    connection
                };
                let connections =
                    vec![port(ConnectionConfig::udp()), port(ConnectionConfig::tcp())];
                let server = NameServerConfig::new(server.ip(), true, connections);
                let config = ResolverConfig::from_parts(None, Vec::new(), vec![server]);
                (config, ResolveHosts::Never)
            }
            None => {
                let (config, _) = hickory_resolver::system_conf::read_system_conf()
                    .map_err(|error| ResolverError(error.to_string()))?;
                (config, ResolveHosts::Always)
            }
        };
        let first = config.name_servers.first().and_then(|server| {
            let connection = server.connections.first()?;
            Some(SocketAddr::new(server.ip, connection.port))
        });
        let mut builder =
            TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
        let options: &mut ResolverOpts = builder.options_mut();
        options.cache_size = 0;
        options.timeout = QUESTION_TIMEOUT;
        options.attempts = QUESTION_REPEATS;
        options.num_concurrent_reqs = 1;
        options.use_hosts_file = hosts;
        // One address is used, so one kind is asked for: the second only where the first is absent.
        options.ip_strategy = LookupIpStrategy::Ipv4thenIpv6;
        builder
            .build()
            .map(|resolver| Self {
                resolver,
                server: first,
            })
            .map_err(|error| ResolverError(error.to_string()))
    }

    /// The DNS server that is asked first.
    pub(crate) fn server(&self) -> Option<SocketAddr> {
        self.server
    }

    /// The addresses of `host`, in the order of the answer; at least one.
    pub(crate) async fn resolve(
        &self,
        host: &str,
        ip: Option<IpVersion>,
    ) -> Result<Vec<IpAddr>, Fault> {
        // A trailing dot makes the name absolute: search domains would ask for other names.
        let absolute = format!("{}.", host.trim_end_matches('.'));
        let found: Result<Vec<IpAddr>, NetError> = match ip {
            None => self
                .resolver
                .lookup_ip(absolute)
                .await
                .map(|found| found.iter().take(ADDRESSES_MAX).collect()),
            Some(ip) => {
                let found = self.resolver.lookup(absolute, record_type(ip)).await;
                found.map(|found| {
                    let addresses = found
                        .answers()
                        .iter()
                        .filter_map(|record| record.data.ip_addr());
                    addresses.take(ADDRESSES_MAX).collect()
                })
            }
        };
        match found {
            Ok(addresses) => {
                if addresses.is_empty() {
                    return Err(Fault::platform(FailClass::Dns, "no_address"));
                }
                Ok(addresses)
            }
            Err(error) => Err(Fault::platform(FailClass::Dns, detail(&error))),
        }
    }
}

const fn record_type(ip: IpVersion) -> RecordType {
    match ip {
        IpVersion::V4 => RecordType::A,
        IpVersion::V6 => RecordType::AAAA,
    }
}

/// How many addresses of an answer are kept in a report.
const ADDRESSES_MAX: usize = 16;

fn detail(error: &NetError) -> &'static str {
    match error {
        _ if error.is_nx_domain() => "nxdomain",
        NetError::Dns(DnsError::ResponseCode(code)) => code_word(*code),
        NetError::Dns(DnsError::NoRecordsFound(none)) => match none.response_code {
            ResponseCode::NoError => "no_address",
            code => code_word(code),
        },
        NetError::Timeout => "timeout",
        NetError::Io(_) | NetError::NoConnections => "unreachable",
        NetError::Proto(_) => "malformed",
        _ => "error",
    }
}

fn code_word(code: ResponseCode) -> &'static str {
    match code {
        ResponseCode::NXDomain => "nxdomain",
        ResponseCode::ServFail => "servfail",
        ResponseCode::Refused => "refused",
        ResponseCode::FormErr => "formerr",
        ResponseCode::NotImp => "notimp",
        _ => "error",
    }
}
