//! From a URL to an open, metered stream: allow-list, resolve, connect, TLS.
//!
//! One address is used and recorded, and no second one is tried: a host that is half up must
//! not look up.

mod meter;
mod proxy;

use std::io::ErrorKind;
use std::mem::MaybeUninit;
use std::net::{IpAddr, SocketAddr};

use bongsu_language::IpVersion;
use bongsu_model::{FailClass, NetworkFacts};
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use crate::clock::{Deadline, Struck};
use crate::failure::{Fault, broken, own_shortage};
use crate::phases::{Phase, Stopwatch};
use crate::target::{Target, is_metadata, is_private};
pub(crate) use meter::{Meter, Metered};
pub(crate) use proxy::{Proxy, login_refused};

/// Anything that bytes go through.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin + Send + Sync {
    /// Whether nothing has come in at the socket that nobody has read, neither bytes nor the end;
    /// false where that cannot be told without the runtime. What TLS has taken in and not given on
    /// is not looked at: the read that follows empties it.
    fn is_quiet(&self) -> bool;
}

impl Stream for TcpStream {
    fn is_quiet(&self) -> bool {
        let peeked = SockRef::from(self).peek(&mut [MaybeUninit::uninit()]);
        peeked.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
    }
}

impl Stream for TlsStream<TcpStream> {
    fn is_quiet(&self) -> bool {
        self.get_ref().0.is_quiet()
    }
}

/// A stream without a network.
#[cfg(any(test, fuzzing))]
impl<R, W> Stream for tokio::io::Join<R, W>
where
    R: AsyncRead + Unpin + Send + Sync,
    W: AsyncWrite + Unpin + Send + Sync,
{
    fn is_quiet(&self) -> bool {
        false
    }
}

/// Whether a connection is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Security {
    Plain,
    Tls,
}

/// A version of HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Protocol {
    /// HTTP/1.1.
    Http1,
    /// HTTP/2 where the server says by ALPN that it speaks it.
    Http2,
    /// HTTP/2 and nothing else: by ALPN, or without TLS by prior knowledge (RFC 9113, section 3.3).
    Http2Only,
}

/// Where to connect to, and for what.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Endpoint {
    pub(crate) security: Security,
    /// The newest that ALPN offers the server.
    pub(crate) newest: Protocol,
    /// The only IP version that is wanted, if one is.
    pub(crate) ip: Option<IpVersion>,
    /// A lower-case name or an address, without brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
}

impl Endpoint {
    /// The endpoint of an `http`, `https`, `ws` or `wss` URL, of which no more than `newest` is
    /// wanted.
    pub(crate) fn of(url: &http::Uri, newest: Protocol) -> Result<Self, Fault> {
        let (security, default_port) = match url.scheme_str() {
            Some("https" | "wss") => (Security::Tls, 443),
            Some("http" | "ws") => (Security::Plain, 80),
            other => {
                let scheme = other.unwrap_or("");
                return Err(Fault::internal(format!("no connections over `{scheme}`")));
            }
        };
        let authority = url
            .authority()
            .ok_or_else(|| Fault::internal("the URL has no host"))?;
        let authority = authority.as_str();
        if authority.contains('@') {
            return Err(Fault::internal("a URL may not carry a user or password"));
        }
        let (host, port) = match authority.rsplit_once(':') {
            // A port that is no number of 16 bits must not become the scheme's own port.
            Some((host, port)) if !port.ends_with(']') => {
                let port = port.parse();
                (
                    host,
                    port.map_err(|_| Fault::internal("the URL's port cannot be used"))?,
                )
            }
            Some(_) | None => (authority, default_port),
        };
        let host = host
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
            .unwrap_or(host);
        if host.contains(['[', ']']) {
            return Err(Fault::internal("the URL's host cannot be used"));
        }
        Ok(Self {
            security,
            newest,
            ip: None,
            host: host.to_ascii_lowercase(),
            port,
        })
    }

    fn place(&self) -> Place<'_> {
        Place {
            host: &self.host,
            port: self.port,
            ip: self.ip,
        }
    }

    /// The proxy that requests to here are handed to whole: all that are neither encrypted nor of
    /// HTTP/2, for which a tunnel is dug.
    pub(crate) fn forwarder<'t>(&self, target: &'t Target) -> Option<&'t Proxy> {
        let is_plain = self.security == Security::Plain && self.newest != Protocol::Http2Only;
        target.proxy.as_ref().filter(|_| is_plain)
    }

    /// The same, over `ip` alone if one is given.
    pub(crate) fn over(self, ip: Option<IpVersion>) -> Self {
        Self { ip, ..self }
    }
}

/// An open stream, and what is to be spoken over it.
#[derive(Debug)]
pub(crate) struct Dialled {
    pub(crate) stream: Metered,
    pub(crate) protocol: Protocol,
    pub(crate) security: Security,
}

/// Opens a stream to `endpoint`, ending the phases dns, connect and tls on the way.
pub(crate) async fn dial(
    endpoint: &Endpoint,
    target: &Target,
    watch: &mut Stopwatch,
    facts: &mut NetworkFacts,
    deadline: Deadline,
) -> Result<Dialled, Fault> {
    let place = endpoint.place();
    let stream = match &target.proxy {
        Some(proxy) => proxy.tunnel(place, target, watch, facts, deadline).await?,
        None => open(place, target, watch, facts, deadline).await?,
    };
    let (stream, protocol): (Box<dyn Stream>, _) = match endpoint.security {
        Security::Plain => {
            let protocol = match endpoint.newest {
                Protocol::Http1 | Protocol::Http2 => Protocol::Http1,
                Protocol::Http2Only => Protocol::Http2,
            };
            (Box::new(stream), protocol)
        }
        Security::Tls => {
            let config = target.tls.offering(endpoint.newest);
            let shaking = crate::tls::shake_hands(config, &endpoint.host, stream);
            let shaken = deadline.bound(shaking).await;
            watch.end(Phase::Tls);
            let stream = shaken.map_err(|struck| Fault::struck(struck, Phase::Tls))??;
            crate::tls::record(&stream, facts);
            let protocol = crate::tls::agreed(&stream);
            if endpoint.newest == Protocol::Http2Only && protocol != Protocol::Http2 {
                // It took part in the handshake and named nothing: it speaks HTTP/1.1.
                return Err(Fault::platform(FailClass::Tls, "alpn"));
            }
            (Box::new(stream), protocol)
        }
    };
    let stream = Metered::new(stream, watch.clock());
    Ok(Dialled {
        stream,
        protocol,
        security: endpoint.security,
    })
}

/// Opens a stream to `proxy`, which requests to `endpoint` are handed to whole; ends the phases dns
/// and connect on the way.
pub(crate) async fn dial_proxy(
    proxy: &Proxy,
    endpoint: &Endpoint,
    target: &Target,
    (watch, facts): (&mut Stopwatch, &mut NetworkFacts),
    deadline: Deadline,
) -> Result<Dialled, Fault> {
    let place = endpoint.place();
    let stream = proxy.reach(place, target, watch, facts, deadline).await?;
    Ok(Dialled {
        stream: Metered::new(Box::new(stream), watch.clock()),
        protocol: Protocol::Http1,
        security: endpoint.security,
    })
}

/// A lower-case name or an address, without brackets, and a port.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) host: &'a str,
    pub(crate) port: u16,
    /// The IP version, if the journey asks for one.
    pub(crate) ip: Option<IpVersion>,
}

/// Opens a TCP connection to `place`, ending the phases dns and connect on the way.
pub(crate) async fn open(
    place: Place<'_>,
    target: &Target,
    watch: &mut Stopwatch,
    facts: &mut NetworkFacts,
    deadline: Deadline,
) -> Result<TcpStream, Fault> {
    let address = locate(place, target, watch, facts, deadline).await?;
    connect(address, watch, deadline).await
}

/// The one address of `place`, if the target lets it be reached; ends the phase dns if it has to
/// be resolved.
pub(crate) async fn locate(
    place: Place<'_>,
    target: &Target,
    watch: &mut Stopwatch,
    facts: &mut NetworkFacts,
    deadline: Deadline,
) -> Result<SocketAddr, Fault> {
    facts.server_address = Some(place.host.to_owned());
    facts.server_port = Some(place.port).filter(|port| *port > 0);
    check_allowed(place.host, target)?;
    if target.is_cut() {
        return Err(Fault::platform(FailClass::Connect, "unreachable"));
    }
    let address = resolve(place, target, watch, facts, deadline).await?;
    facts.peer_address = Some(address);
    Ok(SocketAddr::new(address, place.port))
}

/// Whether the target's allow-list has `host`.
pub(crate) fn check_allowed(host: &str, target: &Target) -> Result<(), Fault> {
    if target.profile().allows(host) {
        return Ok(());
    }
    // The journey or a captured value asks for it: our configuration, not the platform's fault.
    Err(Fault::internal(format!(
        "host `{host}` is not in `hosts` of target `{}`",
        target.name()
    )))
}

async fn resolve(
    place: Place<'_>,
    target: &Target,
    watch: &mut Stopwatch,
    facts: &mut NetworkFacts,
    deadline: Deadline,
) -> Result<IpAddr, Fault> {
    let private_allowed = target.allows_private();
    if let Some(address) = check_literal(place, target)? {
        if place.ip.is_some_and(|ip| ip != version(address)) {
            return Err(Fault::internal(format!(
                "address {address} is not of the IP version that the journey asks for"
            )));
        }
        return Ok(address);
    }
    let asked = deadline
        .bound(target.resolver.resolve(place.host, place.ip))
        .await;
    watch.end(Phase::Dns);
    let addresses = asked.map_err(|struck| Fault::struck(struck, Phase::Dns))??;
    facts.dns_answers.clone_from(&addresses);
    let address = addresses[0];
    if !private_allowed && is_private(address) {
        // A public name that leads to a private address serves no user: the name is wrong.
        return Err(Fault::platform(
            FailClass::Dns,
            format!(
                "private_address {address}, and target `{}` has no `allow_private`",
                target.name()
            ),
        ));
    }
    if is_metadata(address) {
        // Of a platform that is tested at a private address no service lives there.
        return Err(Fault::platform(
            FailClass::Dns,
            format!("metadata_address {address}"),
        ));
    }
    Ok(address)
}

/// The address, if one is written out; it must be one that the target lets be reached.
fn check_literal(place: Place<'_>, target: &Target) -> Result<Option<IpAddr>, Fault> {
    let Ok(address) = place.host.parse::<IpAddr>() else {
        return Ok(None);
    };
    if !target.allows_private() && is_private(address) {
        let target = target.name();
        return Err(Fault::internal(format!(
            "address {address} is private and target `{target}` has no `allow_private`"
        )));
    }
    Ok(Some(address))
}

fn version(address: IpAddr) -> IpVersion {
    match address {
        IpAddr::V4(_) => IpVersion::V4,
        IpAddr::V6(_) => IpVersion::V6,
    }
}

/// Opens a TCP connection, ending the phase connect.
pub(crate) async fn connect(
    address: SocketAddr,
    watch: &mut Stopwatch,
    deadline: Deadline,
) -> Result<TcpStream, Fault> {
    let knocked = knock(address, watch, deadline).await;
    knocked.map_err(|struck| Fault::struck(struck, Phase::Connect))?
}

/// The same, and tells a deadline apart from what the network said.
async fn knock(
    address: SocketAddr,
    watch: &mut Stopwatch,
    deadline: Deadline,
) -> Result<Result<TcpStream, Fault>, Struck> {
    let connected = deadline.bound(TcpStream::connect(address)).await;
    watch.end(Phase::Connect);
    let stream = match connected? {
        Ok(stream) => stream,
        Err(error) => return Ok(Err(own_shortage(&error).unwrap_or_else(|| refused(&error)))),
    };
    // Small requests must leave at once; where the option cannot be set they leave a little later.
    let _ = stream.set_nodelay(true);
    Ok(Ok(stream))
}

/// That nobody is there: what became of a connection, a datagram or an echo.
pub(crate) fn refused(error: &std::io::Error) -> Fault {
    let detail = match error.kind() {
        ErrorKind::ConnectionRefused => "refused".to_owned(),
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => "unreachable".to_owned(),
        kind => broken(kind),
    };
    Fault::platform(FailClass::Connect, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_come_from_urls_with_their_default_ports() {
        let cases = [
            ("https://A.test/x", Security::Tls, "a.test", 443),
            ("wss://a.test:9", Security::Tls, "a.test", 9),
            ("http://a.test", Security::Plain, "a.test", 80),
            ("ws://[::1]:8/x", Security::Plain, "::1", 8),
            ("https://[::1]/x", Security::Tls, "::1", 443),
        ];
        for (url, security, host, port) in cases {
            let endpoint = Endpoint::of(&url.parse().unwrap(), Protocol::Http2).unwrap();
            assert_eq!(
                endpoint,
                Endpoint {
                    security,
                    newest: Protocol::Http2,
                    ip: None,
                    host: host.to_owned(),
                    port
                },
                "{url}"
            );
        }
        for bad in [
            "/path",
            "ftp://a.test/",
            "https://user:pw@a.test/",
            "https://a.test:99999/",
            "https://a.test:/",
            "https://[::1]x:80/",
            "https://[::1]x/",
        ] {
            let url = bad.parse::<http::Uri>();
            assert!(
                url.is_err() || Endpoint::of(&url.unwrap(), Protocol::Http1).is_err(),
                "{bad}"
            );
        }
    }

    #[tokio::test]
    async fn a_stream_is_quiet_until_something_comes_in_and_once_that_is_read() {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut stream = TcpStream::connect(listener.local_addr().unwrap())
            .await
            .unwrap();
        let (mut other_side, _) = listener.accept().await.unwrap();
        assert!(stream.is_quiet());
        other_side.write_all(b"x").await.unwrap();
        stream.readable().await.unwrap();
        assert!(!stream.is_quiet(), "a byte is there");
        assert_eq!(stream.read_u8().await.unwrap(), b'x');
        assert!(stream.is_quiet());
        drop(other_side);
        assert_eq!(stream.read(&mut [0]).await.unwrap(), 0);
        assert!(!stream.is_quiet(), "its end is there");
    }
}
