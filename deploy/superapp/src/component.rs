//! What the platform is made of: services, features, the components under them, and who needs whom.
//!
//! A new component or feature is a variant here, with its row in `fronts`, `service` and `needs`;
//! faults, the admin API and the topology follow from these tables.

use bongsu_model::DependencyStrength;

/// A service with a host name of its own and one listener per calling region.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Service {
    /// Sessions and profiles.
    Account,
    /// Messages.
    Talk,
    /// Wallets and transfers.
    Pay,
    /// Taxis.
    Mobility,
}

impl Service {
    /// Every service, in the order of its ports.
    pub const ALL: &'static [Self] = &[Self::Account, Self::Talk, Self::Pay, Self::Mobility];

    /// Its name in target profiles: `base.NAME`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Talk => "talk",
            Self::Pay => "pay",
            Self::Mobility => "mobility",
        }
    }

    /// The host name that the platform's DNS answers for.
    pub const fn host(self) -> &'static str {
        match self {
            Self::Account => "account.superapp.test",
            Self::Talk => "talk.superapp.test",
            Self::Pay => "pay.superapp.test",
            Self::Mobility => "mobility.superapp.test",
        }
    }

    /// Whether it also speaks WebSocket.
    pub const fn streams(self) -> bool {
        match self {
            Self::Account | Self::Pay => false,
            Self::Talk | Self::Mobility => true,
        }
    }
}

/// A shared part that features rest on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Component {
    /// Accounts and sessions.
    Account,
    /// Takes messages and delivers them on open streams.
    Relay,
    /// Keeps the wallets and moves the money.
    PayCore,
    /// Places, ways and what they cost.
    MapCore,
    /// Finds drivers for riders.
    Dispatch,
}

impl Component {
    /// Every component.
    pub const ALL: &'static [Self] = &[
        Self::Account,
        Self::Relay,
        Self::PayCore,
        Self::MapCore,
        Self::Dispatch,
    ];

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Relay => "relay",
            Self::PayCore => "pay-core",
            Self::MapCore => "map-core",
            Self::Dispatch => "dispatch",
        }
    }

    /// The service whose host is this component and nothing else, if there is one.
    pub const fn fronts(self) -> Option<Service> {
        match self {
            Self::Account => Some(Service::Account),
            Self::PayCore => Some(Service::Pay),
            Self::Relay | Self::MapCore | Self::Dispatch => None,
        }
    }
}

/// A feature that the platform offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PlatformFeature {
    /// Signing in and reading one's own profile.
    AccountLogin,
    /// Sending, listening for and receiving text messages.
    TalkMessageText,
    /// Sending money in a chat and receiving it there.
    TalkTransferInChat,
    /// Sending money to an account number.
    PayTransferAccount,
    /// Calling a taxi, seeing it come, and cancelling.
    MobilityTaxiCall,
}

impl PlatformFeature {
    /// Every feature.
    pub const ALL: &'static [Self] = &[
        Self::AccountLogin,
        Self::TalkMessageText,
        Self::TalkTransferInChat,
        Self::PayTransferAccount,
        Self::MobilityTaxiCall,
    ];

    /// Its id in the catalogue.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AccountLogin => "account.login",
            Self::TalkMessageText => "talk.message.text",
            Self::TalkTransferInChat => "talk.transfer.in-chat",
            Self::PayTransferAccount => "pay.transfer.account",
            Self::MobilityTaxiCall => "mobility.taxi.call",
        }
    }

    /// The service that offers it.
    pub const fn service(self) -> Service {
        match self {
            Self::AccountLogin => Service::Account,
            Self::TalkMessageText | Self::TalkTransferInChat => Service::Talk,
            Self::PayTransferAccount => Service::Pay,
            Self::MobilityTaxiCall => Service::Mobility,
        }
    }

    /// The components that it rests on.
    pub const fn needs(self) -> &'static [(Component, DependencyStrength)] {
        use DependencyStrength::Hard;
        match self {
            Self::AccountLogin => &[(Component::Account, Hard)],
            Self::TalkMessageText => &[(Component::Account, Hard), (Component::Relay, Hard)],
            Self::TalkTransferInChat => &[
                (Component::Account, Hard),
                (Component::Relay, Hard),
                (Component::PayCore, Hard),
            ],
            Self::PayTransferAccount => &[(Component::Account, Hard), (Component::PayCore, Hard)],
            Self::MobilityTaxiCall => &[
                (Component::Account, Hard),
                (Component::MapCore, Hard),
                (Component::Dispatch, Hard),
            ],
        }
    }
}

/// What a fault can be put on: a component or a feature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FaultPoint {
    /// A component: every feature that needs it suffers.
    Component(Component),
    /// One feature alone.
    Feature(PlatformFeature),
}

impl FaultPoint {
    /// Everything that can be broken: components first.
    pub fn all() -> impl Iterator<Item = Self> {
        let components = Component::ALL.iter().copied().map(Self::Component);
        components.chain(PlatformFeature::ALL.iter().copied().map(Self::Feature))
    }

    /// Its name: `account`, `talk.message.text`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Component(component) => component.as_str(),
            Self::Feature(feature) => feature.as_str(),
        }
    }

    /// The service whose host goes when this goes: the one that a component fronts, or the one
    /// that offers this feature and no other.
    pub fn fronts(self) -> Option<Service> {
        match self {
            Self::Component(component) => component.fronts(),
            Self::Feature(feature) => {
                let service = feature.service();
                let offered = PlatformFeature::ALL
                    .iter()
                    .filter(|f| f.service() == service);
                (offered.count() == 1).then_some(service)
            }
        }
    }

    /// Whether something is accepted by it and delivered later, so that it can get lost in it: a
    /// message, an offer, or money that never settles.
    pub const fn delivers(self) -> bool {
        match self {
            Self::Component(component) => match component {
                Component::Relay | Component::PayCore | Component::Dispatch => true,
                Component::Account | Component::MapCore => false,
            },
            Self::Feature(feature) => !matches!(feature, PlatformFeature::AccountLogin),
        }
    }
}

impl std::fmt::Display for FaultPoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A name that is neither a component nor a feature.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` is neither a component nor a feature{hint}; known: {known}", known = known())]
pub struct UnknownPoint {
    name: String,
    hint: String,
}

impl std::str::FromStr for FaultPoint {
    type Err = UnknownPoint;

    fn from_str(name: &str) -> Result<Self, UnknownPoint> {
        let found = Self::all().find(|point| point.as_str() == name);
        found.ok_or_else(|| UnknownPoint {
            name: name.chars().take(80).collect(),
            hint: did_you_mean(name, Self::all().map(Self::as_str)),
        })
    }
}

/// `, did you mean …?` when one of `known` is near `word`, else nothing.
pub(crate) fn did_you_mean<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> String {
    known
        .map(|candidate| (strsim::jaro_winkler(word, candidate), candidate))
        .filter(|(likeness, _)| *likeness > 0.75)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| format!(", did you mean `{candidate}`?"))
        .unwrap_or_default()
}

fn known() -> String {
    FaultPoint::all()
        .map(FaultPoint::as_str)
        .collect::<Vec<_>>()
        .join(", ")
}
