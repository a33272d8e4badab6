//! The cookies of one actor: host, domain, path, secure and expiry of RFC 6265.
//!
//! There is no list of public suffixes: a `Domain` is accepted where the answering host falls
//! under it and it has a dot. They end with the run, unless it is a warm one that keeps its session.

use std::collections::VecDeque;

use bongsu_language::HeaderLines;
use bongsu_model::{Secret, Timestamp};

use crate::civil::Civil;

/// Most cookies of an actor; the oldest makes room (RFC 6265 section 6.1 asks for 50 a domain).
const COOKIES_MAX: usize = 50;

/// Longest name and value together, in bytes (RFC 6265 section 6.1); longer ones are ignored.
const COOKIE_BYTES_MAX: usize = 4096;

/// Most values that are known of cookies which are there no more: a session that each answer
/// renews is polled a few hundred times at most. The one that went first makes room.
const GONE_MAX: usize = 500;

/// An actor's cookies.
#[derive(Debug, Default, Clone)]
pub(crate) struct CookieJar {
    cookies: Vec<Cookie>,
    /// The credentials among the cookies that were deleted, replaced or crowded out: an answer
    /// may tell them still.
    gone: VecDeque<Secret>,
}

#[derive(Debug, Clone)]
struct Cookie {
    name: String,
    value: Secret,
    domain: String,
    is_host_only: bool,
    path: String,
    is_secure: bool,
    expires: Option<Timestamp>,
}

impl CookieJar {
    /// Takes in what an answer from `url` sets.
    pub(crate) fn store(&mut self, url: &http::Uri, headers: &HeaderLines, now: Timestamp) {
        for line in headers.values("set-cookie") {
            let Some(cookie) = Cookie::parse(line, url, now) else {
                continue;
            };
            let is_same = |old: &Cookie| {
                old.name == cookie.name && old.domain == cookie.domain && old.path == cookie.path
            };
            if let Some(at) = self.cookies.iter().position(is_same) {
                let old = self.cookies.remove(at);
                self.note_gone(old);
            }
            if !cookie.is_live(now) {
                self.note_gone(cookie);
                continue;
            }
            if self.cookies.len() == COOKIES_MAX {
                let oldest = self.cookies.remove(0);
                self.note_gone(oldest);
            }
            self.cookies.push(cookie);
        }
    }

    /// Sends none of them any more.
    pub(crate) fn clear(&mut self) {
        let cookies = std::mem::take(&mut self.cookies);
        cookies.into_iter().for_each(|old| self.note_gone(old));
    }

    /// The cookies alone, as another run begins with them.
    pub(crate) fn to_keep(&self) -> Self {
        Self {
            cookies: self.cookies.clone(),
            gone: VecDeque::new(),
        }
    }

    fn note_gone(&mut self, Cookie { value, .. }: Cookie) {
        if !is_credential(&value) || self.gone.contains(&value) {
            return;
        }
        if self.gone.len() == GONE_MAX {
            self.gone.pop_front();
        }
        self.gone.push_back(value);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.cookies.is_empty()
    }

    /// The bytes of all names, values, domains and paths.
    pub(crate) fn bytes(&self) -> usize {
        let texts = |cookie: &Cookie| {
            let place = cookie.domain.len() + cookie.path.len();
            cookie.name.len() + cookie.value.expose().len() + place
        };
        self.cookies.iter().map(texts).sum()
    }

    /// The values, also of cookies that are there no more, that may be credentials, such as a
    /// session's.
    pub(crate) fn credentials(&self) -> impl Iterator<Item = &Secret> {
        let values = self.cookies.iter().map(|cookie| &cookie.value);
        values
            .filter(|value| is_credential(value))
            .chain(&self.gone)
    }

    /// The `cookie` header for `url`, None if no cookie fits; longer paths first.
    pub(crate) fn header(&self, url: &http::Uri, now: Timestamp) -> Option<String> {
        let mut fitting: Vec<&Cookie> = self.cookies.iter().filter(|c| c.fits(url, now)).collect();
        fitting.sort_by_key(|cookie| std::cmp::Reverse(cookie.path.len()));
        let pairs: Vec<String> = fitting
            .iter()
            .map(|cookie| format!("{}={}", cookie.name, cookie.value.expose()))
            .collect();
        (!pairs.is_empty()).then(|| pairs.join("; "))
    }
}

/// Shortest value of a cookie that is taken for a credential: 80 bits in base 16. A shorter one
/// is a language or a flag, and taking it out would blacken ordinary words.
const CREDENTIAL_BYTES_MIN: usize = 20;

fn is_credential(value: &Secret) -> bool {
    value.expose().len() >= CREDENTIAL_BYTES_MIN
}

impl Cookie {
    fn parse(line: &str, url: &http::Uri, now: Timestamp) -> Option<Self> {
        let host = url.host()?.to_ascii_lowercase();
        let mut parts = line.split(';');
        let (name, value) = parts.next()?.split_once('=')?;
        let (name, value) = (name.trim(), value.trim());
        let is_plain = |text: &str| !text.bytes().any(|b| b < 0x20 || b == 0x7f);
        if name.is_empty()
            || name.len() + value.len() > COOKIE_BYTES_MAX
            || !is_plain(name)
            || !is_plain(value)
        {
            return None;
        }
        let mut cookie = Self {
            name: name.to_owned(),
            value: Secret::new(value),
            domain: host.clone(),
            is_host_only: true,
            path: default_path(url.path()),
            is_secure: false,
            expires: None,
        };
        let mut max_age = None;
        for part in parts {
            let (key, value) = part.split_once('=').unwrap_or((part, ""));
            let value = value.trim();
            match key.trim().to_ascii_lowercase().as_str() {
                "domain" if !value.is_empty() => {
                    let domain = value.trim_start_matches('.').to_ascii_lowercase();
                    if !domain.contains('.') || !is_under(&host, &domain) {
                        return None;
                    }
                    cookie.domain = domain;
                    cookie.is_host_only = false;
                }
                "path" if value.starts_with('/') => value.clone_into(&mut cookie.path),
                "secure" => cookie.is_secure = true,
                "expires" => cookie.expires = expires(value),
                "max-age" => max_age = value.parse::<i64>().ok(),
                _ => {}
            }
        }
        if let Some(seconds) = max_age {
            let seconds = u64::try_from(seconds).unwrap_or(0);
            cookie.expires = Some(now + std::time::Duration::from_secs(seconds));
        }
        Some(cookie)
    }

    fn is_live(&self, now: Timestamp) -> bool {
        self.expires.is_none_or(|expires| expires > now)
    }

    fn fits(&self, url: &http::Uri, now: Timestamp) -> bool {
        let host = url.host().unwrap_or("").to_ascii_lowercase();
        let path = url.path();
        let is_of_host = if self.is_host_only {
            host == self.domain
        } else {
            is_under(&host, &self.domain)
        };
        let is_of_path = path.strip_prefix(self.path.as_str()).is_some_and(|rest| {
            rest.is_empty() || rest.starts_with('/') || self.path.ends_with('/')
        });
        let is_safe = !self.is_secure || matches!(url.scheme_str(), Some("https" | "wss"));
        is_of_host && is_of_path && is_safe && self.is_live(now)
    }
}

fn is_under(host: &str, domain: &str) -> bool {
    host == domain
        || (host.parse::<std::net::IpAddr>().is_err()
            && host
                .strip_suffix(domain)
                .is_some_and(|rest| rest.ends_with('.')))
}

/// RFC 6265 section 5.1.4: the path up to, not with, its last slash.
fn default_path(path: &str) -> String {
    match path.rfind('/') {
        None | Some(0) => "/".to_owned(),
        Some(at) => path[..at].to_owned(),
    }
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`, also with dashes in the date. A session cookie otherwise.
fn expires(text: &str) -> Option<Timestamp> {
    const MONTHS: &str = "janfebmaraprmayjunjulaugsepoctnovdec";
    let rest = text.split_once(',')?.1.replace('-', " ");
    let mut words = rest.split_ascii_whitespace();
    let day = words.next()?.parse().ok()?;
    let month = words.next()?.to_ascii_lowercase();
    let month = MONTHS.find(month.get(..3)?).filter(|at| at % 3 == 0)? as u64 / 3 + 1;
    let year = words.next()?.parse().ok()?;
    let mut time = words.next()?.split(':').map(|part| part.parse().ok());
    let mut part = || time.next().flatten();
    let (hour, minute, second) = (part()?, part()?, part()?);
    Civil {
        year,
        month,
        day,
        hour,
        minute,
        second,
    }
    .timestamp()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jar(url: &str, lines: &[&str]) -> CookieJar {
        let mut jar = CookieJar::default();
        let headers = lines.iter().map(|line| ("Set-Cookie", *line)).collect();
        jar.store(
            &url.parse().unwrap(),
            &headers,
            Timestamp::from_unix_seconds(1_000),
        );
        jar
    }

    #[test]
    fn cookies_go_where_they_belong_and_nowhere_else() {
        let from = "https://a.x.test/app/login";
        let cases = [
            ("s=1", "https://a.x.test/app/next", true),
            ("s=1", "https://a.x.test/other", false),
            ("s=1", "https://a.x.test/application", false),
            ("s=1; Path=/", "https://a.x.test/other", true),
            ("s=1; Path=/", "https://b.x.test/", false),
            ("s=1; Path=/; Domain=x.test", "https://b.x.test/", true),
            ("s=1; Path=/; Domain=.x.test", "https://bx.test/", false),
            ("s=1; Path=/; Domain=test", "https://a.x.test/", false),
            ("s=1; Path=/; Domain=evil.test", "https://evil.test/", false),
            ("s=1; Path=/; Secure", "http://a.x.test/", false),
            ("s=1; Path=/; Max-Age=5", "https://a.x.test/", true),
            ("s=1; Path=/; Max-Age=0", "https://a.x.test/", false),
            ("s=1; Path=/; Max-Age=-9", "https://a.x.test/", false),
            (
                "s=1; Path=/; Expires=Thu, 01 Jan 1970 00:00:01 GMT",
                "https://a.x.test/",
                false,
            ),
            (
                "s=1; Path=/; Expires=Thu, 01-Jan-2037 00:00:01 GMT",
                "https://a.x.test/",
                true,
            ),
            ("=1; Path=/", "https://a.x.test/", false),
            ("s", "https://a.x.test/", false),
        ];
        for (line, to, expected) in cases {
            let header = jar(from, &[line])
                .header(&to.parse().unwrap(), Timestamp::from_unix_seconds(1_001));
            assert_eq!(header.is_some(), expected, "{line} to {to}: {header:?}");
        }
    }

    #[test]
    fn a_cookie_is_replaced_removed_and_forgotten() {
        let url = "https://a.test/";
        let header = |jar: &CookieJar, at| {
            jar.header(&url.parse().unwrap(), Timestamp::from_unix_seconds(at))
        };
        let two = jar(url, &["s=1", "s=2", "t=3; Max-Age=10"]);
        assert_eq!(header(&two, 1_001).as_deref(), Some("s=2; t=3"));
        assert_eq!(header(&two, 1_010).as_deref(), Some("s=2"));
        let none = jar(url, &["s=1", "s=; Max-Age=0"]);
        assert_eq!(header(&none, 1_001), None);
        let lines: Vec<String> = (0..200).map(|n| format!("c{n}=1")).collect();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        assert_eq!(jar(url, &lines).cookies.len(), COOKIES_MAX);
    }

    #[test]
    fn the_credentials_of_cookies_that_are_gone_are_known_until_another_run_begins() {
        let known = |jar: &CookieJar| {
            let texts = jar.credentials().map(|secret| secret.expose().to_owned());
            texts.collect::<Vec<String>>()
        };
        let value = |n: usize| format!("a-session-of-20-bytes-{n}");
        let set = |n: usize| format!("s={}", value(n));
        let url = "https://a.test/";
        let deleted = format!("{}; Max-Age=0", set(3));
        let lines = [&set(1), &set(2), &set(1), "t=ko", "t=en", &deleted];
        let mut jar = jar(url, &lines);
        assert_eq!(known(&jar), [1, 2, 3].map(value));
        let now = Timestamp::from_unix_seconds(1_001);
        let store = |jar: &mut CookieJar, line: String| {
            let headers = [("set-cookie", line.as_str())].into_iter().collect();
            jar.store(&url.parse().unwrap(), &headers, now);
        };
        store(&mut jar, set(4));
        for n in 0..COOKIES_MAX {
            store(&mut jar, format!("n{n}=0"));
        }
        assert!(known(&jar).contains(&value(4)), "one that was crowded out");
        store(&mut jar, set(5));
        jar.clear();
        assert_eq!(jar.header(&url.parse().unwrap(), now), None);
        assert!(known(&jar).contains(&value(5)), "one that was cleared");
        for n in 0..2 * GONE_MAX {
            store(&mut jar, set(1_000 + n));
        }
        assert_eq!(known(&jar).len(), GONE_MAX + 1);
        assert_eq!(known(&jar.to_keep()), [value(1_000 + 2 * GONE_MAX - 1)]);
    }

    #[test]
    fn cookie_values_are_not_shown() {
        let shown = format!("{:?}", jar("https://a.test/", &["s=sentinel-value"]));
        assert!(!shown.contains("sentinel"), "{shown}");
    }
}
