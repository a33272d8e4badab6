//! What the platform is made of: services, the components under them, and what can be broken.
//!
//! Features stand in `feature`. A new component or service is a variant here with its row;
//! faults, the admin API and the topology follow from these tables.

mod feature;

pub use feature::PlatformFeature;

/// A service with a host name of its own and one listener per calling region.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Service {
    /// Sessions and profiles.
    Account,
    /// Messages, rooms, calls and what else is in the messenger.
    Talk,
    /// Images, videos and files, as they are sent and fetched.
    Media,
    /// Places, ways, tiles and timetables.
    Map,
    /// Wallets, payments and transfers.
    Pay,
    /// The bank: in a centre of its own, with accounts of its own.
    Bank,
    /// Taxis, drivers, parking and bikes.
    Mobility,
    /// Webtoons and music.
    Ent,
    /// Static assets, images and media segments.
    Cdn,
    /// The gateways of the device makers, which bring pushes to devices.
    Push,
    /// The help centre: takes complaints by web, mail and phone.
    Care,
    /// The portal: news, cafes and mail.
    Daum,
    /// Fashion from many shops.
    Style,
    /// Comics by the chapter.
    Piccoma,
    /// Games on phones and computers.
    Games,
}

impl Service {
    /// Every service, in the order of its ports.
    pub const ALL: &'static [Self] = &[
        Self::Account,
        Self::Talk,
        Self::Media,
        Self::Map,
        Self::Pay,
        Self::Bank,
        Self::Mobility,
        Self::Ent,
        Self::Cdn,
        Self::Push,
        Self::Care,
        Self::Daum,
        Self::Style,
        Self::Piccoma,
        Self::Games,
    ];

    /// Its name in target profiles: `base.NAME`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Talk => "talk",
            Self::Media => "media",
            Self::Map => "map",
            Self::Pay => "pay",
            Self::Bank => "bank",
            Self::Mobility => "mobility",
            Self::Ent => "ent",
            Self::Cdn => "cdn",
            Self::Push => "push",
            Self::Care => "care",
            Self::Daum => "daum",
            Self::Style => "style",
            Self::Piccoma => "piccoma",
            Self::Games => "games",
        }
    }

    /// The host name that the platform's DNS answers for.
    pub const fn host(self) -> &'static str {
        match self {
            Self::Account => "account.superapp.test",
            Self::Talk => "talk.superapp.test",
            Self::Media => "media.superapp.test",
            Self::Map => "map.superapp.test",
            Self::Pay => "pay.superapp.test",
            Self::Bank => "bank.superapp.test",
            Self::Mobility => "mobility.superapp.test",
            Self::Ent => "ent.superapp.test",
            Self::Cdn => "cdn.superapp.test",
            Self::Push => "push.superapp.test",
            Self::Care => "care.superapp.test",
            Self::Daum => "daum.superapp.test",
            Self::Style => "style.superapp.test",
            Self::Piccoma => "piccoma.superapp.test",
            Self::Games => "games.superapp.test",
        }
    }

    /// Whether it also takes datagrams: packets of calls, and the phone line's signalling.
    pub const fn takes_datagrams(self) -> bool {
        matches!(self, Self::Talk | Self::Care)
    }

    /// Whether it also speaks WebSocket.
    pub const fn streams(self) -> bool {
        matches!(
            self,
            Self::Talk | Self::Pay | Self::Bank | Self::Mobility | Self::Push
        )
    }
}

/// A shared part that features rest on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Component {
    /// Accounts and sessions.
    Account,
    /// Keeps what is asked for often, sessions first of all.
    Cache,
    /// Takes messages and delivers them on open streams.
    Relay,
    /// Keeps images, videos and files.
    MediaStore,
    /// Hands what users miss to the gateways of the device makers.
    Push,
    /// The device makers' gateways: somebody else's.
    PushGateway,
    /// Messages of businesses to their customers.
    BizMessage,
    /// Notices and votes of chat rooms.
    BoardDb,
    /// Lets two phones agree on a call.
    CallSignal,
    /// Carries the sound and pictures of calls.
    Turn,
    /// Events and invitations.
    CalendarDb,
    /// Credentials of the wallet.
    CertStore,
    /// Finds things by words.
    Search,
    /// Charts and personal picks, computed over everybody.
    BigData,
    /// Keeps the wallets and moves the money.
    PayCore,
    /// The way to other banks and card companies: somebody else's.
    BankNetwork,
    /// The bank's own books.
    BankCore,
    /// Places, ways and what they cost.
    MapCore,
    /// Where buses and trains are: somebody else's.
    TransitFeed,
    /// Finds drivers for riders.
    Dispatch,
    /// The locks of bikes.
    LockIot,
    /// The machines at the gates of car parks.
    ParkingEdge,
    /// Brings static assets near to users.
    Cdn,
}

impl Component {
    /// Every component.
    pub const ALL: &'static [Self] = &[
        Self::Account,
        Self::Cache,
        Self::Relay,
        Self::MediaStore,
        Self::Push,
        Self::PushGateway,
        Self::BizMessage,
        Self::BoardDb,
        Self::CallSignal,
        Self::Turn,
        Self::CalendarDb,
        Self::CertStore,
        Self::Search,
        Self::BigData,
        Self::PayCore,
        Self::BankNetwork,
        Self::BankCore,
        Self::MapCore,
        Self::TransitFeed,
        Self::Dispatch,
        Self::LockIot,
        Self::ParkingEdge,
        Self::Cdn,
    ];

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Cache => "cache",
            Self::Relay => "relay",
            Self::MediaStore => "media-store",
            Self::Push => "push",
            Self::PushGateway => "push-gateway",
            Self::BizMessage => "biz-message",
            Self::BoardDb => "board-db",
            Self::CallSignal => "call-signal",
            Self::Turn => "turn",
            Self::CalendarDb => "calendar-db",
            Self::CertStore => "cert-store",
            Self::Search => "search",
            Self::BigData => "big-data",
            Self::PayCore => "pay-core",
            Self::BankNetwork => "bank-network",
            Self::BankCore => "bank-core",
            Self::MapCore => "map-core",
            Self::TransitFeed => "transit-feed",
            Self::Dispatch => "dispatch",
            Self::LockIot => "lock-iot",
            Self::ParkingEdge => "parking-edge",
            Self::Cdn => "cdn",
        }
    }

    /// The service whose host is this component and nothing else, if there is one.
    pub const fn fronts(self) -> Option<Service> {
        match self {
            Self::Account => Some(Service::Account),
            Self::MediaStore => Some(Service::Media),
            Self::PushGateway => Some(Service::Push),
            Self::PayCore => Some(Service::Pay),
            Self::BankCore => Some(Service::Bank),
            Self::MapCore => Some(Service::Map),
            Self::Cdn => Some(Service::Cdn),
            Self::Cache
            | Self::Relay
            | Self::Push
            | Self::BizMessage
            | Self::BoardDb
            | Self::CallSignal
            | Self::Turn
            | Self::CalendarDb
            | Self::CertStore
            | Self::Search
            | Self::BigData
            | Self::BankNetwork
            | Self::TransitFeed
            | Self::Dispatch
            | Self::LockIot
            | Self::ParkingEdge => None,
        }
    }

    /// The feature in which users miss it first: of those that fail without it the one that most
    /// people use or that rests on the least besides; where none fails, the one that degrades.
    ///
    /// Catalogues know components by it: what else needs the component depends on this feature, or
    /// `shares` it. Components that are missed by the same users look alike from outside.
    pub const fn first_feature(self) -> PlatformFeature {
        match self {
            // Without the cache signing in is slow, and nothing fails.
            Self::Account | Self::Cache => PlatformFeature::AccountLogin,
            Self::Relay => PlatformFeature::TalkMessageText,
            Self::MediaStore => PlatformFeature::TalkMessageImage,
            Self::Push | Self::PushGateway => PlatformFeature::TalkPushSend,
            Self::BizMessage => PlatformFeature::TalkChannelUse,
            Self::BoardDb => PlatformFeature::TalkBoardNotice,
            Self::CallSignal | Self::Turn => PlatformFeature::TalkCallVoice,
            Self::CalendarDb => PlatformFeature::TalkCalendar,
            Self::CertStore => PlatformFeature::TalkWallet,
            Self::Search => PlatformFeature::EntMelonSearch,
            Self::BigData => PlatformFeature::EntMelonChart,
            Self::PayCore => PlatformFeature::PayCore,
            Self::BankNetwork => PlatformFeature::PayTransferAccount,
            Self::BankCore => PlatformFeature::BankApp,
            Self::MapCore => PlatformFeature::MapCore,
            Self::TransitFeed => PlatformFeature::MapTransit,
            // Nobody gets a taxi whose driver hears of nobody.
            Self::Dispatch => PlatformFeature::MobilityTaxiDriverApp,
            Self::LockIot => PlatformFeature::MobilityTBike,
            Self::ParkingEdge => PlatformFeature::MobilityParkingKiosk,
            Self::Cdn => PlatformFeature::DaumNews,
        }
    }

    /// Whether something is accepted by it and delivered later, so that it can get lost in it: a
    /// message, an offer, or money that never settles.
    pub const fn delivers(self) -> bool {
        match self {
            Self::Relay
            | Self::Push
            | Self::PushGateway
            | Self::BizMessage
            | Self::CallSignal
            | Self::Turn
            | Self::PayCore
            | Self::BankNetwork
            | Self::Dispatch
            | Self::LockIot
            | Self::ParkingEdge => true,
            Self::Account
            | Self::Cache
            | Self::MediaStore
            | Self::BoardDb
            | Self::CalendarDb
            | Self::CertStore
            | Self::Search
            | Self::BigData
            | Self::BankCore
            | Self::MapCore
            | Self::TransitFeed
            | Self::Cdn => false,
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

    /// Whether something is accepted by it and delivered later, so that it can get lost in it.
    /// A feature delivers if a component that it rests on does.
    pub fn delivers(self) -> bool {
        match self {
            Self::Component(component) => component.delivers(),
            Self::Feature(feature) => {
                let mut needs = feature.needs().iter();
                needs.any(|(component, _)| component.delivers())
            }
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
pub fn did_you_mean<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> String {
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
