//! The facts of a network exchange that is no HTTP: what `dns`, `tls`, `tcp` and `udp` steps
//! expect and capture by name.

use bongsu_model::Verb;

/// One thing that can be said of an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fact {
    /// The code of a DNS answer, such as `NOERROR`.
    Rcode,
    /// The records of a DNS answer that are of the type asked for, in presentation format.
    Answers,
    /// The shortest time to live of a DNS answer's records, in seconds.
    Ttl,
    /// What the DNS server says of DNSSEC: `authenticated`, `unauthenticated` or `bogus`.
    Dnssec,
    /// Whole days until the server's certificate ends, rounded down.
    DaysLeft,
    /// Who issued the server's certificate, as a distinguished name.
    Issuer,
    /// The names and addresses that the server's certificate is good for.
    Names,
    /// The subjects of the certificates that the server sent, its own first.
    Chain,
    /// The version of TLS: `1.2` or `1.3`.
    Version,
    /// The cipher suite, by its IANA name.
    Cipher,
    /// What ALPN agreed on.
    Alpn,
    /// What the server stapled of its certificate's revocation status.
    Ocsp,
    /// The bytes that came, as lower-case hexadecimal digits.
    Hex,
}

/// The codes of DNS answers by name (IANA DNS RCODEs).
const RCODES: &[&str] = &[
    "NOERROR",
    "FORMERR",
    "SERVFAIL",
    "NXDOMAIN",
    "NOTIMP",
    "REFUSED",
    "YXDOMAIN",
    "YXRRSET",
    "NXRRSET",
    "NOTAUTH",
    "NOTZONE",
    "BADVERS",
    "BADCOOKIE",
];

impl Fact {
    /// All facts.
    const ALL: &'static [Self] = &[
        Self::Rcode,
        Self::Answers,
        Self::Ttl,
        Self::Dnssec,
        Self::DaysLeft,
        Self::Issuer,
        Self::Names,
        Self::Chain,
        Self::Version,
        Self::Cipher,
        Self::Alpn,
        Self::Ocsp,
        Self::Hex,
    ];

    /// The facts of an exchange by this verb.
    pub const fn of(verb: Verb) -> &'static [Self] {
        match verb {
            Verb::Dns => &[Self::Rcode, Self::Answers, Self::Ttl, Self::Dnssec],
            Verb::Tls => &[
                Self::DaysLeft,
                Self::Issuer,
                Self::Names,
                Self::Chain,
                Self::Version,
                Self::Cipher,
                Self::Alpn,
                Self::Ocsp,
            ],
            Verb::Tcp | Verb::Udp => &[Self::Hex],
            Verb::Get
            | Verb::Post
            | Verb::Put
            | Verb::Patch
            | Verb::Delete
            | Verb::Head
            | Verb::Ws
            | Verb::Send
            | Verb::Receive
            | Verb::Close
            | Verb::Grpc
            | Verb::Ping => &[],
        }
    }

    /// The fact of this name.
    pub(crate) fn named(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|fact| fact.as_str() == word)
    }

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rcode => "rcode",
            Self::Answers => "answers",
            Self::Ttl => "ttl",
            Self::Dnssec => "dnssec",
            Self::DaysLeft => "days_left",
            Self::Issuer => "issuer",
            Self::Names => "names",
            Self::Chain => "chain",
            Self::Version => "version",
            Self::Cipher => "cipher",
            Self::Alpn => "alpn",
            Self::Ocsp => "ocsp",
            Self::Hex => "hex",
        }
    }

    /// Whether it is a list, so that a capture must say which item it means.
    pub const fn is_list(self) -> bool {
        matches!(self, Self::Answers | Self::Names | Self::Chain)
    }

    /// Whether it is a number.
    pub(crate) const fn is_number(self) -> bool {
        matches!(self, Self::Ttl | Self::DaysLeft)
    }

    /// The words that it can be, if it is one of a closed list.
    pub(crate) const fn words(self) -> Option<&'static [&'static str]> {
        match self {
            Self::Rcode => Some(RCODES),
            Self::Dnssec => Some(&["authenticated", "unauthenticated", "bogus"]),
            Self::Version => Some(&["1.2", "1.3"]),
            Self::Ocsp => Some(&["good", "revoked", "unknown", "stale", "unreadable", "none"]),
            Self::Answers
            | Self::Ttl
            | Self::DaysLeft
            | Self::Issuer
            | Self::Names
            | Self::Chain
            | Self::Cipher
            | Self::Alpn
            | Self::Hex => None,
        }
    }
}

impl std::fmt::Display for Fact {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}
