//! The options of curl: what each means for a request, and which are told as left out.

/// What an option means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    Method,
    Header,
    Data,
    DataRaw,
    DataEncoded,
    Json,
    Part,
    FormString,
    User,
    Bearer,
    Url,
    UrlQuery,
    Get,
    Head,
    UserAgent,
    Referer,
    Cookie,
    Insecure,
    MaxTime,
    /// Follows redirects.
    Location,
    MaxRedirects,
    MaxFilesize,
    Retry,
    Range,
    Upload,
    /// Another kind of login than HTTP Basic.
    OtherLogin,
    /// Begins another request.
    Next,
    /// Only about what is shown or saved.
    Quiet,
    /// Left out, and why.
    Told(&'static str),
}

use Meaning::{
    Bearer, Cookie, Data, DataEncoded, DataRaw, FormString, Get, Head, Header, Insecure, Json,
    Location, MaxFilesize, MaxRedirects, MaxTime, Method, Next, OtherLogin, Part, Quiet, Range,
    Referer, Retry, Told, Upload, Url, UrlQuery, User, UserAgent,
};

const REDIRECTS: &str = "a redirect of 301 to 303 becomes a GET, one of 307 or 308 stays as it was";
const PROXY: &str = "a proxy is named by the target's `proxy`, or with `bongsu run --proxy`";
const ROOTS: &str = "`ca` of the target profile names a root to be trusted";
const CLIENT: &str = "there are no client certificates";
const RETRIES: &str = "`retry` of the step says how often and after what";
const ADDRESS: &str = "`resolver` of the target profile says where names are looked up";
const IP: &str = "write `ip = \"4\"` or `ip = \"6\"` at the head of the journey";
const LIMITS: &str = "write `timeout` of the step or the journey";
const VERSION: &str = "the version of HTTP and TLS is agreed upon with the server";

/// Letter, name, whether a value follows, meaning.
type Row = (Option<char>, &'static str, bool, Meaning);

const OPTIONS: &[Row] = &[
    (Some('X'), "request", true, Method),
    (Some('H'), "header", true, Header),
    (Some('d'), "data", true, Data),
    (None, "data-ascii", true, Data),
    (None, "data-binary", true, Data),
    (None, "data-raw", true, DataRaw),
    (None, "data-urlencode", true, DataEncoded),
    (None, "json", true, Json),
    (Some('F'), "form", true, Part),
    (None, "form-string", true, FormString),
    (Some('u'), "user", true, User),
    (None, "oauth2-bearer", true, Bearer),
    (None, "url", true, Url),
    (None, "url-query", true, UrlQuery),
    (Some('G'), "get", false, Get),
    (Some('I'), "head", false, Head),
    (Some('A'), "user-agent", true, UserAgent),
    (Some('e'), "referer", true, Referer),
    (Some('b'), "cookie", true, Cookie),
    (Some('k'), "insecure", false, Insecure),
    (None, "proxy-insecure", false, Insecure),
    (Some('m'), "max-time", true, MaxTime),
    (Some(':'), "next", false, Next),
    (None, "compressed", false, Quiet),
    (Some('s'), "silent", false, Quiet),
    (Some('S'), "show-error", false, Quiet),
    (Some('v'), "verbose", false, Quiet),
    (Some('i'), "include", false, Quiet),
    (None, "show-headers", false, Quiet),
    (Some('f'), "fail", false, Quiet),
    (None, "fail-with-body", false, Quiet),
    (None, "fail-early", false, Quiet),
    (Some('o'), "output", true, Quiet),
    (None, "output-dir", true, Quiet),
    (None, "create-dirs", false, Quiet),
    (Some('O'), "remote-name", false, Quiet),
    (Some('J'), "remote-header-name", false, Quiet),
    (Some('w'), "write-out", true, Quiet),
    (Some('D'), "dump-header", true, Quiet),
    (Some('N'), "no-buffer", false, Quiet),
    (Some('#'), "progress-bar", false, Quiet),
    (None, "no-progress-meter", false, Quiet),
    (Some('g'), "globoff", false, Quiet),
    (Some('q'), "disable", false, Quiet),
    (None, "trace", true, Quiet),
    (None, "trace-ascii", true, Quiet),
    (None, "trace-time", false, Quiet),
    (None, "stderr", true, Quiet),
    (None, "basic", false, Quiet),
    (Some('Z'), "parallel", false, Quiet),
    (Some('L'), "location", false, Location),
    (
        None,
        "location-trusted",
        false,
        Told("credentials go to the first origin only; `follow` follows redirects"),
    ),
    (None, "max-redirs", true, MaxRedirects),
    (None, "post301", false, Told(REDIRECTS)),
    (None, "post302", false, Told(REDIRECTS)),
    (None, "post303", false, Told(REDIRECTS)),
    (None, "digest", false, OtherLogin),
    (None, "ntlm", false, OtherLogin),
    (None, "negotiate", false, OtherLogin),
    (None, "anyauth", false, OtherLogin),
    (None, "aws-sigv4", true, OtherLogin),
    (Some('x'), "proxy", true, Told(PROXY)),
    (Some('U'), "proxy-user", true, Told(PROXY)),
    (None, "noproxy", true, Told(PROXY)),
    (None, "socks5", true, Told(PROXY)),
    (None, "socks5-hostname", true, Told(PROXY)),
    (None, "cacert", true, Told(ROOTS)),
    (None, "capath", true, Told(ROOTS)),
    (Some('E'), "cert", true, Told(CLIENT)),
    (None, "key", true, Told(CLIENT)),
    (None, "pass", true, Told(CLIENT)),
    (None, "retry", true, Retry),
    (None, "retry-delay", true, Told(RETRIES)),
    (None, "retry-max-time", true, Told(RETRIES)),
    (None, "retry-all-errors", false, Told(RETRIES)),
    (None, "retry-connrefused", false, Told(RETRIES)),
    (None, "resolve", true, Told(ADDRESS)),
    (None, "connect-to", true, Told(ADDRESS)),
    (None, "dns-servers", true, Told(ADDRESS)),
    (None, "interface", true, Told(ADDRESS)),
    (None, "unix-socket", true, Told(ADDRESS)),
    (Some('4'), "ipv4", false, Told(IP)),
    (Some('6'), "ipv6", false, Told(IP)),
    (None, "connect-timeout", true, Told(LIMITS)),
    (None, "speed-time", true, Told(LIMITS)),
    (None, "speed-limit", true, Told(LIMITS)),
    (None, "limit-rate", true, Told(LIMITS)),
    (None, "max-filesize", true, MaxFilesize),
    (None, "http1.0", false, Told(VERSION)),
    (None, "http1.1", false, Told(VERSION)),
    (None, "http2", false, Told(VERSION)),
    (None, "http2-prior-knowledge", false, Told(VERSION)),
    (None, "http3", false, Told(VERSION)),
    (None, "tlsv1.2", false, Told(VERSION)),
    (None, "tlsv1.3", false, Told(VERSION)),
    (None, "tls-max", true, Told(VERSION)),
    (None, "ciphers", true, Told(VERSION)),
    (Some('T'), "upload-file", true, Upload),
    (
        Some('K'),
        "config",
        true,
        Told("write its options into the command"),
    ),
    (
        Some('c'),
        "cookie-jar",
        true,
        Told("each run begins without cookies and keeps its own"),
    ),
    (Some('r'), "range", true, Range),
    (
        Some('n'),
        "netrc",
        false,
        Told("the account comes from the target profile's pool"),
    ),
    (
        None,
        "digest",
        false,
        Told("digest authentication is not performed"),
    ),
    (
        None,
        "ntlm",
        false,
        Told("NTLM authentication is not performed"),
    ),
    (
        None,
        "negotiate",
        false,
        Told("negotiated authentication is not performed"),
    ),
    (None, "aws-sigv4", true, Told("requests are not signed")),
];

/// An option as it stands in a command.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Word<'a> {
    /// An option, as it was written, with its value if it has one.
    Option(Meaning, String, Option<&'a str>),
    /// An option that is not known, as it was written.
    Unknown(String),
    /// No option: a URL.
    Plain(&'a str),
}

/// The words of a command without its first one.
///
/// # Errors
/// The option whose value is missing.
pub(super) fn read<'a>(words: &'a [String]) -> Result<Vec<Word<'a>>, String> {
    let mut found = Vec::new();
    let mut rest = words.iter();
    let mut only_urls = false;
    while let Some(word) = rest.next() {
        if only_urls || !word.starts_with('-') || word == "-" {
            found.push(Word::Plain(word));
        } else if word == "--" {
            only_urls = true;
        } else if let Some(name) = word.strip_prefix("--") {
            match OPTIONS.iter().find(|row| row.1 == name) {
                Some((_, _, true, meaning)) => {
                    let value = rest.next().ok_or_else(|| word.clone())?;
                    found.push(Word::Option(*meaning, word.clone(), Some(value)));
                }
                Some((_, _, false, meaning)) => {
                    found.push(Word::Option(*meaning, word.clone(), None));
                }
                // `--no-…` turns a switch off, which is how a journey has it.
                None if is_switched_off(name) => {}
                None => found.push(Word::Unknown(word.clone())),
            }
        } else {
            short(word, &mut rest, &mut found)?;
        }
    }
    Ok(found)
}

fn is_switched_off(name: &str) -> bool {
    name.strip_prefix("no-").is_some_and(|name| {
        let row = OPTIONS.iter().find(|row| row.1 == name);
        row.is_some_and(|row| !row.2)
    })
}

/// Letters in one word, the last one perhaps with its value: `-sSL`, `-XPOST`.
fn short<'a>(
    word: &'a str,
    rest: &mut std::slice::Iter<'a, String>,
    found: &mut Vec<Word<'a>>,
) -> Result<(), String> {
    for (at, letter) in word.char_indices().skip(1) {
        let written = format!("-{letter}");
        match OPTIONS.iter().find(|row| row.0 == Some(letter)) {
            Some((_, _, true, meaning)) => {
                let inside = &word[at + letter.len_utf8()..];
                let value = if inside.is_empty() {
                    rest.next().ok_or_else(|| written.clone())?.as_str()
                } else {
                    inside
                };
                found.push(Word::Option(*meaning, written, Some(value)));
                return Ok(());
            }
            Some((_, _, false, meaning)) => found.push(Word::Option(*meaning, written, None)),
            None => found.push(Word::Unknown(written)),
        }
    }
    Ok(())
}
