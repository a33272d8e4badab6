//! The way through a target's proxy: a tunnel (CONNECT) for all that is encrypted or upgraded, and
//! plain HTTP/1.1 handed to it whole.
//!
//! The proxy is the agent's own surroundings. That it cannot be reached, wants another login or
//! lets nobody through is the agent's fault and proves nothing about the platform: `blind`. That it
//! answers 502, 503 or 504 says that it could not reach the platform, which is a failure to
//! connect, as without a proxy.

use base64::Engine as _;
use bongsu_language::ProxySpec;
use bongsu_model::{BlindReason, FailClass, NetworkFacts, Secret};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::{Place, check_allowed, check_literal, knock, version};
use crate::clock::{Budget, Deadline, Struck};
use crate::dns::{Resolver, ResolverError};
use crate::failure::Fault;
use crate::phases::{Phase, Stopwatch};
use crate::target::Target;

/// Most bytes of a proxy's answer to CONNECT: a status line and a few headers; a page that tells
/// why not is not read.
const HEAD_BYTES_MAX: usize = 16 * 1024;

/// A proxy that can be used.
#[derive(Debug)]
pub(crate) struct Proxy {
    host: String,
    port: u16,
    /// The system's: a proxy is known by name where the agent is, not where the platform is. None
    /// where an address is written out.
    resolver: Option<Resolver>,
    login: Option<Login>,
}

#[derive(Debug)]
struct Login {
    password: Secret,
    /// The value of `proxy-authorization`.
    header: Secret,
}

impl Proxy {
    pub(crate) fn new(spec: &ProxySpec) -> Result<Self, ResolverError> {
        let is_address = spec.host.parse::<std::net::IpAddr>().is_ok();
        let resolver = (!is_address).then(|| Resolver::new(None)).transpose()?;
        Ok(Self {
            host: spec.host.clone(),
            port: spec.port,
            resolver,
            login: None,
        })
    }

    /// From now on it is told who asks, by HTTP Basic (RFC 7617).
    pub(crate) fn log_in(&mut self, user: &Secret, password: Secret) {
        let pair = format!("{}:{}", user.expose(), password.expose());
        let coded = base64::engine::general_purpose::STANDARD.encode(pair);
        let header = Secret::new(format!("Basic {coded}"));
        self.login = Some(Login { password, header });
    }

    /// What must be shown nowhere.
    pub(crate) fn secrets(&self) -> Vec<Secret> {
        let login = self.login.iter();
        let coded = |login: &Login| {
            let header = login.header.expose();
            Secret::new(header.trim_start_matches("Basic "))
        };
        login
            .flat_map(|login| [login.password.clone(), coded(login)])
            .collect()
    }

    /// The value of `proxy-authorization`.
    pub(crate) fn authorization(&self) -> Option<&str> {
        self.login.as_ref().map(|login| login.header.expose())
    }

    /// Connects to the proxy on the way to `place`, ending the phases dns and connect.
    pub(crate) async fn reach(
        &self,
        place: Place<'_>,
        target: &Target,
        watch: &mut Stopwatch,
        facts: &mut NetworkFacts,
        deadline: Deadline,
    ) -> Result<TcpStream, Fault> {
        facts.server_address = Some(place.host.to_owned());
        facts.server_port = Some(place.port);
        check_allowed(place.host, target)?;
        check_literal(place, target)?;
        if target.is_cut() {
            return Err(Fault::platform(FailClass::Connect, "unreachable"));
        }
        let address = match &self.resolver {
            // An address stands in the profile, as it was parsed.
            None => self
                .host
                .parse()
                .map_err(|_| unreachable("its address cannot be read"))?,
            Some(resolver) => {
                let asked = deadline.bound(resolver.resolve(&self.host, place.ip)).await;
                watch.end(Phase::Dns);
                let found = asked.map_err(|struck| not_in_time(struck, Phase::Dns))?;
                found.map_err(|fault| unreachable(fault.detail()))?[0]
            }
        };
        if place.ip.is_some_and(|ip| ip != version(address)) {
            return Err(Fault::internal(format!(
                "the proxy's address {address} is not of the IP version that the journey asks for"
            )));
        }
        facts.peer_address = Some(address);
        let knocked = knock((address, self.port).into(), watch, deadline).await;
        let knocked = knocked.map_err(|struck| not_in_time(struck, Phase::Connect))?;
        knocked.map_err(|fault| match fault {
            Fault::Platform { detail, .. } => unreachable(&detail),
            own @ Fault::Own { .. } => own,
        })
    }

    /// Opens a tunnel through the proxy to `place`. What it takes is a part of the phase connect,
    /// and stands in the facts by itself.
    pub(crate) async fn tunnel(
        &self,
        place: Place<'_>,
        target: &Target,
        watch: &mut Stopwatch,
        facts: &mut NetworkFacts,
        deadline: Deadline,
    ) -> Result<TcpStream, Fault> {
        let mut stream = self.reach(place, target, watch, facts, deadline).await?;
        let asked_at = watch.ended();
        let question = self.question(place);
        let asked = deadline.bound(async {
            stream.write_all(question.as_bytes()).await?;
            read_head(&mut stream).await
        });
        let asked = asked.await;
        watch.end(Phase::Connect);
        facts.tunnel = Some(watch.ended().since(asked_at));
        // The proxy took the connection: what hangs now is most likely its way to the platform.
        let head = asked.map_err(|struck| Fault::struck(struck, Phase::Connect))?;
        let head = head
            .map_err(|error: std::io::Error| unreachable(&crate::failure::broken(error.kind())))?;
        judge(&head, place)?;
        Ok(stream)
    }

    fn question(&self, place: Place<'_>) -> String {
        let Place { host, port, .. } = place;
        let authority = if host.contains(':') {
            format!("[{host}]:{port}")
        } else {
            format!("{host}:{port}")
        };
        let login = self.authorization().map_or_else(String::new, |value| {
            format!("Proxy-Authorization: {value}\r\n")
        });
        format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n{login}\r\n")
    }
}

/// The answer up to its empty line; behind it nothing may have come, since whoever is at the other
/// end waits to be spoken to.
async fn read_head(stream: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut head = Vec::new();
    let mut room = [0; 1024];
    loop {
        let count = stream.read(&mut room).await?;
        if count == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        head.extend_from_slice(&room[..count]);
        let is_whole = head.windows(4).any(|end| end == b"\r\n\r\n");
        if is_whole || head.len() > HEAD_BYTES_MAX {
            return Ok(head);
        }
    }
}

/// What a proxy's answer to CONNECT means for the run.
pub(crate) fn judge(head: &[u8], place: Place<'_>) -> Result<(), Fault> {
    let own = |reason, detail: String| Err(Fault::Own { reason, detail });
    let Some(status) = status_of(head) else {
        let detail = "the target's `proxy` does not speak HTTP".to_owned();
        return own(BlindReason::Egress, detail);
    };
    match status {
        200..=299 if head.ends_with(b"\r\n\r\n") => Ok(()),
        200..=299 => own(
            BlindReason::Egress,
            "the proxy spoke before the platform was asked anything".to_owned(),
        ),
        407 => Err(login_refused()),
        502..=504 => Err(Fault::platform(
            FailClass::Connect,
            format!("proxy_{status}"),
        )),
        _ => own(
            BlindReason::Egress,
            format!(
                "the proxy answers {status} to CONNECT {}:{}: it lets nobody through there",
                place.host, place.port
            ),
        ),
    }
}

/// The proxy wants a login, or another one.
pub(crate) fn login_refused() -> Fault {
    Fault::Own {
        reason: BlindReason::Credentials,
        detail: "the proxy answers 407: it wants `user` and `password` of the target's `proxy`, \
                 or other ones"
            .to_owned(),
    }
}

/// A deadline struck on the way to the proxy. That an attempt had all of its own time for nothing
/// else is the proxy's doing; any other may have been spent before.
fn not_in_time(struck: Struck, phase: Phase) -> Fault {
    match struck.0 {
        Budget::Step => unreachable("timeout"),
        Budget::Journey | Budget::Within | Budget::Poll | Budget::Cleanup => {
            Fault::struck(struck, phase)
        }
    }
}

fn unreachable(how: &str) -> Fault {
    Fault::Own {
        reason: BlindReason::Egress,
        detail: format!("the target's `proxy` cannot be reached: {how}"),
    }
}

/// The status of `HTTP/1.1 200 …`.
fn status_of(head: &[u8]) -> Option<u16> {
    let rest = head.strip_prefix(b"HTTP/1.")?;
    let [b'0' | b'1', b' ', digits @ ..] = rest else {
        return None;
    };
    let end = digits.iter().position(|byte| !byte.is_ascii_digit())?;
    let digits = std::str::from_utf8(&digits[..end]).ok()?;
    (digits.len() == 3).then(|| digits.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: Place<'_> = Place {
        host: "a.test",
        port: 443,
        ip: None,
    };

    fn judged(head: &str) -> String {
        match judge(head.as_bytes(), PLACE) {
            Ok(()) => "open".to_owned(),
            Err(Fault::Platform { class, detail }) => format!("fail({class}): {detail}"),
            Err(Fault::Own { reason, .. }) => format!("blind({reason})"),
        }
    }

    #[test]
    fn what_a_proxy_answers_is_its_own_fault_unless_it_could_not_reach_the_platform() {
        for (head, expected) in [
            ("HTTP/1.1 200 Connection established\r\n\r\n", "open"),
            ("HTTP/1.0 200 OK\r\nvia: x\r\n\r\n", "open"),
            ("HTTP/1.1 200 OK\r\n\r\nearly", "blind(egress)"),
            ("HTTP/1.1 407 Login\r\n\r\n", "blind(credentials)"),
            ("HTTP/1.1 403 Forbidden\r\n\r\n", "blind(egress)"),
            ("HTTP/1.1 302 Found\r\n\r\n", "blind(egress)"),
            ("HTTP/1.1 500 Oh\r\n\r\n", "blind(egress)"),
            ("HTTP/1.1 502 Bad\r\n\r\n", "fail(connect): proxy_502"),
            ("HTTP/1.1 503 No\r\n\r\n", "fail(connect): proxy_503"),
            ("HTTP/1.1 504 Late\r\n\r\n", "fail(connect): proxy_504"),
            ("HTTP/2 200\r\n\r\n", "blind(egress)"),
            ("HTTP/1.1 2000 OK\r\n\r\n", "blind(egress)"),
            ("SSH-2.0-x\r\n\r\n", "blind(egress)"),
            ("", "blind(egress)"),
        ] {
            assert_eq!(judged(head), expected, "{head:?}");
        }
    }

    #[test]
    fn the_question_names_the_host_and_who_asks() {
        let spec = ProxySpec::parse("http://127.0.0.1:3128").unwrap();
        let mut proxy = Proxy::new(&spec).unwrap();
        let question = "CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\n\r\n";
        assert_eq!(proxy.question(PLACE), question);
        proxy.log_in(&Secret::new("me"), Secret::new("sentinel"));
        let asked = proxy.question(Place {
            host: "::1",
            ..PLACE
        });
        let login = "Proxy-Authorization: Basic bWU6c2VudGluZWw=\r\n";
        assert!(asked.starts_with("CONNECT [::1]:443 "), "{asked}");
        assert!(asked.contains(login), "{asked}");
        assert!(!format!("{proxy:?}").contains("sentinel"));
    }
}
