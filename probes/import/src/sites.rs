//! Where requests go: each origin gets a name by which the target profile knows it.

use url::Url;

/// The sites of a journey, in order of first use.
#[derive(Debug, Default)]
pub(crate) struct Sites {
    all: Vec<Site>,
    /// Hosts that stand for a site that is known by a name only.
    aliases: Vec<(String, String)>,
}

/// A site's place in [`Sites`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SiteId(usize);

/// How a site is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SiteKind {
    /// `target.base.NAME`.
    Base,
    /// `target.ws.NAME`.
    Ws,
}

/// A service of the target.
#[derive(Debug, Clone)]
pub(crate) struct Site {
    pub(crate) kind: SiteKind,
    /// As in `target.base.NAME`.
    pub(crate) name: String,
    /// `https://host:port` as it was seen; none if only its name is known.
    pub(crate) origin: Option<String>,
}

/// First labels of hosts that tell nothing apart.
const EMPTY_LABELS: &[&str] = &["www", "www2", "m"];

impl Sites {
    /// The site that a URL leads to.
    pub(crate) fn of_url(&mut self, url: &Url) -> SiteId {
        let kind = match url.scheme() {
            "ws" | "wss" => SiteKind::Ws,
            _ => SiteKind::Base,
        };
        let host = url.host_str().unwrap_or_default();
        if let Some((_, name)) = self.aliases.iter().find(|(alias, _)| alias == host) {
            let name = name.clone();
            return self.named(kind, &name);
        }
        let port = url
            .port()
            .map_or_else(String::new, |port| format!(":{port}"));
        let origin = format!("{}://{host}{port}", url.scheme());
        if let Some(at) = self
            .all
            .iter()
            .position(|site| site.origin.as_deref() == Some(&origin))
        {
            return SiteId(at);
        }
        // A socket goes to the service that answers HTTP on the same host.
        let sibling = self.all.iter().find(|site| {
            let rest = |origin: &str| origin.split_once("://").map(|(_, rest)| rest.to_owned());
            site.kind != kind && site.origin.as_deref().and_then(rest) == rest(&origin)
        });
        let name = match sibling {
            Some(site) => site.name.clone(),
            None => name_of(host),
        };
        self.add(kind, &name, Some(origin))
    }

    /// The site that is known by a name only.
    pub(crate) fn named(&mut self, kind: SiteKind, name: &str) -> SiteId {
        let name = identifier(name);
        match self
            .all
            .iter()
            .position(|site| site.kind == kind && site.name == name)
        {
            Some(at) => SiteId(at),
            None => self.add(kind, &name, None),
        }
    }

    /// From now on this host is the site of that name.
    pub(crate) fn alias(&mut self, host: &str, name: &str) {
        if !self.aliases.iter().any(|(known, _)| known == host) {
            self.aliases.push((host.to_owned(), name.to_owned()));
        }
    }

    fn add(&mut self, kind: SiteKind, name: &str, origin: Option<String>) -> SiteId {
        let taken = |name: &str| {
            self.all
                .iter()
                .any(|site| site.kind == kind && site.name == name)
        };
        let name = crate::names::unique(name, "_", taken);
        self.all.push(Site { kind, name, origin });
        SiteId(self.all.len() - 1)
    }

    pub(crate) fn get(&self, id: SiteId) -> &Site {
        &self.all[id.0]
    }

    pub(crate) fn ids(&self) -> impl Iterator<Item = SiteId> {
        (0..self.all.len()).map(SiteId)
    }
}

impl Site {
    /// The expression that gives its address.
    pub(crate) fn expression(&self) -> String {
        let kind = match self.kind {
            SiteKind::Base => "base",
            SiteKind::Ws => "ws",
        };
        format!("target.{kind}.{}", self.name)
    }
}

/// The label of a host that tells it from its neighbours.
fn name_of(host: &str) -> String {
    let is_address = host.starts_with('[') || host.parse::<std::net::IpAddr>().is_ok();
    let label = host
        .split('.')
        .find(|label| !label.is_empty() && !EMPTY_LABELS.contains(label));
    match label {
        Some(label) if !is_address && label != "localhost" => identifier(label),
        _ => "site".to_owned(),
    }
}

/// A word that expressions can read.
fn identifier(text: &str) -> String {
    let word = crate::names::snake(text);
    if word.starts_with(|c: char| c.is_ascii_alphabetic()) {
        word
    } else {
        format!("site_{word}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_is_named_after_its_host_and_once() {
        let mut sites = Sites::default();
        let names: Vec<String> = [
            "https://account.shop.test/a",
            "https://www.shop.test/",
            "http://127.0.0.1:8080/x",
            "https://account.other.test/",
            "https://account.shop.test/b",
            "wss://account.shop.test/stream",
            "https://1-a.test/",
        ]
        .iter()
        .map(|url| {
            let id = sites.of_url(&Url::parse(url).unwrap());
            sites.get(id).expression()
        })
        .collect();
        assert_eq!(
            names,
            [
                "target.base.account",
                "target.base.shop",
                "target.base.site",
                "target.base.account_2",
                "target.base.account",
                "target.ws.account",
                "target.base.site_1_a",
            ]
        );
    }
}
