//! Redirects that a step lets the runner follow: where they may lead, and what goes with them.
//!
//! Every hop is an exchange of its own, with the target's allow-list, its resolver and the checks
//! of addresses. What belongs to the actor (its headers, its cookies, a body) goes to the origin
//! that the step names and to no other.

use std::net::IpAddr;

use bongsu_model::{FailClass, Phases, RedirectHop};
use url::{Host, Url};

use super::Acting;
use crate::dial::{Endpoint, Protocol};
use crate::failure::Fault;
use crate::http::{Answer, Exchange, Request, exchange};
use crate::phases::between;
use crate::target::{Target, is_metadata, is_private};

/// What a redirect does to the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Redirect {
    /// 301, 302 and 303: it becomes a GET with no body; HEAD stays HEAD.
    AsGet,
    /// 307 and 308: it stays as it was.
    AsItWas,
}

impl Redirect {
    fn of(status: u16) -> Option<Self> {
        match status {
            301..=303 => Some(Self::AsGet),
            307 | 308 => Some(Self::AsItWas),
            _ => None,
        }
    }
}

impl Acting<'_> {
    /// Sends `request` and follows at most `limit` redirects; the exchange is the last one's.
    pub(super) async fn follow(&mut self, mut request: Request, limit: u32) -> Exchange {
        let own = if limit > 0 {
            request.headers.clone()
        } else {
            Vec::new()
        };
        let start = request.url.clone();
        let headers = std::mem::take(&mut request.headers);
        request.headers = self.with_own_headers(headers, &start);
        loop {
            let before = self.watch.phases();
            let mut exchange = exchange(&request, self.line()).await;
            if let Some(answer) = &exchange.answer {
                self.keep_cookies(&request.url, answer);
            }
            if let Some(fault) = exchange.fault.take() {
                exchange.fault = Some(self.on_the_way(fault));
                return exchange;
            }
            let answer = exchange.answer.as_ref();
            match answer.and_then(|answer| Some((answer, Redirect::of(answer.status)?))) {
                Some((answer, redirect)) if limit > 0 => {
                    match self.redirected(&request, answer, redirect, limit) {
                        Ok(next) => {
                            self.note(&request, exchange.answer.unwrap_or_default(), before);
                            request = next;
                            request.headers = self.headers_for(&request, &own, &start);
                        }
                        Err(fault) => {
                            exchange.fault = Some(fault);
                            return exchange;
                        }
                    }
                }
                Some(_) | None => return exchange,
            }
        }
    }

    /// The headers of a request that an answer redirected to: to another origin than the first
    /// none of the actor's go, and where the body is gone what spoke of it is gone too.
    fn headers_for(
        &self,
        request: &Request,
        own: &[(String, String)],
        start: &http::Uri,
    ) -> Vec<(String, String)> {
        if !is_same_origin(&request.url, start) {
            return Vec::new();
        }
        let has_lost_body = request.body.is_none();
        let kept = own
            .iter()
            .filter(|(name, _)| !(has_lost_body && name.starts_with("content-")));
        self.with_own_headers(kept.cloned().collect(), &request.url)
    }

    /// The request that an answer redirects to.
    fn redirected(
        &self,
        request: &Request,
        answer: &Answer,
        redirect: Redirect,
        limit: u32,
    ) -> Result<Request, Fault> {
        if self.attempt.redirects.len() >= limit as usize {
            return Err(refused(format!("limit {limit}")));
        }
        let url = location(&request.url, answer)?;
        check(&url, &self.run.context.target)?;
        let url: http::Uri = url.as_str().parse().map_err(|_| refused("location"))?;
        let mut next = request.clone();
        match redirect {
            Redirect::AsGet => {
                next.body = None;
                if next.method != http::Method::HEAD {
                    next.method = http::Method::GET;
                }
            }
            Redirect::AsItWas if next.body.is_some() && !is_same_origin(&url, &request.url) => {
                return Err(refused("body"));
            }
            Redirect::AsItWas => {}
        }
        next.url = url;
        Ok(next)
    }

    fn note(&mut self, request: &Request, answer: Answer, before: Phases) {
        let phases = between(before, self.watch.phases());
        self.attempt.redirects.push(RedirectHop {
            status: answer.status,
            url: request.url.to_string(),
            duration: phases.total(),
            phases,
        });
        self.attempt.redirect_headers.push(answer.headers);
    }

    /// A name that leads to a forbidden address is the redirect's fault if a redirect gave it.
    fn on_the_way(&self, fault: Fault) -> Fault {
        let is_refused = fault.class() == Some(FailClass::Dns)
            && ["private_address", "metadata_address"]
                .iter()
                .any(|word| fault.detail().starts_with(word));
        if is_refused && !self.attempt.redirects.is_empty() {
            refused(fault.detail())
        } else {
            fault
        }
    }
}

fn refused(detail: impl Into<String>) -> Fault {
    Fault::platform(FailClass::RedirectRefused, detail)
}

/// Where an answer from `from` redirects to.
fn location(from: &http::Uri, answer: &Answer) -> Result<Url, Fault> {
    let mut given = answer.headers.values("location");
    let (Some(to), None) = (given.next(), given.next()) else {
        return Err(refused("location"));
    };
    let base = Url::parse(&from.to_string()).map_err(|_| refused("location"))?;
    let mut url = base.join(to).map_err(|_| refused("location"))?;
    url.set_fragment(None);
    Ok(url)
}

/// Whether a redirect may lead to `url`, as far as that is known before its name is resolved.
fn check(url: &Url, target: &Target) -> Result<(), Fault> {
    if !matches!(url.scheme(), "http" | "https") {
        return Err(refused(format!("scheme {}", url.scheme())));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(refused("credentials"));
    }
    let (host, address) = match url.host() {
        Some(Host::Domain(name)) => (name.to_owned(), None),
        Some(Host::Ipv4(address)) => (address.to_string(), Some(IpAddr::V4(address))),
        Some(Host::Ipv6(address)) => (address.to_string(), Some(IpAddr::V6(address))),
        None => return Err(refused("location")),
    };
    if let Some(address) = address.filter(|address| is_metadata(*address)) {
        return Err(refused(format!("metadata_address {address}")));
    }
    if !target.profile().allows(&host) {
        return Err(refused(format!(
            "host `{host}` is not in `hosts` of target `{}`",
            target.name()
        )));
    }
    match address {
        Some(address) if is_private(address) && !target.allows_private() => {
            Err(refused(format!("private_address {address}")))
        }
        Some(_) | None => Ok(()),
    }
}

/// Whether two URLs have scheme, host and port in common.
fn is_same_origin(a: &http::Uri, b: &http::Uri) -> bool {
    let endpoint = |url| Endpoint::of(url, Protocol::Http1).ok();
    endpoint(a).is_some_and(|a| Some(a) == endpoint(b))
}
