//! The features that the platform offers, and what each rests on.
//!
//! Hard: without the component the feature fails. Soft: it degrades. Who signs in first needs
//! `account`: without it nobody gets in anew, and sessions that are open live on.

use bongsu_model::DependencyStrength::{self, Hard, Soft};

use super::{Component, Service};

/// A feature that the platform offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PlatformFeature {
    /// Signing in and reading one's own profile.
    AccountLogin,
    /// Sending, listening for and receiving text messages.
    TalkMessageText,
    /// Signing in from a computer and getting what was missed.
    TalkLoginPc,
    /// Calling by voice.
    TalkCallVoice,
    /// Calling by video.
    TalkCallVideo,
    /// Opening a chat room.
    TalkRoomCreate,
    /// Inviting people into a chat room.
    TalkRoomInvite,
    /// Notices on a chat room's board.
    TalkBoardNotice,
    /// Sending money in a chat and receiving it there.
    TalkTransferInChat,
    /// Sending emoticons and seeing them.
    TalkEmoticonExchange,
    /// Sending images.
    TalkMessageImage,
    /// Sending videos.
    TalkMessageVideo,
    /// Writing with the channel of a shop.
    TalkChannelUse,
    /// Pushes to devices and broadcasts of channels.
    TalkPushSend,
    /// Opening an open chat room.
    TalkOpenchatRoomCreate,
    /// Calendars and invitations.
    TalkCalendar,
    /// Credentials in the wallet.
    TalkWallet,
    /// Votes on a chat room's board.
    TalkBoardVote,
    /// Sending files.
    TalkMessageFile,
    /// Keeping what was sent, to find it again.
    TalkDrawer,
    /// Changing one's own profile.
    TalkProfileEdit,
    /// Getting sets of emoticons.
    TalkEmoticonStore,
    /// Searching places, finding ways, seeing tiles.
    MapCore,
    /// Ways by bus and train, and when they come.
    MapTransit,
    /// Pictures of streets.
    MapRoadview,
    /// Seeing the balance and the latest entries.
    PayCore,
    /// Sending money to an account number.
    PayTransferAccount,
    /// Sending money in a chat, as pay sees it.
    PayTransferInTalk,
    /// Paying in a web shop.
    PayPaymentOnline,
    /// Paying at a till by bar code.
    PayPaymentOffline,
    /// Paying at a till abroad.
    PayPaymentOverseas,
    /// Paying for a ride with the stored card.
    PayPaymentKakaoT,
    /// Signing in to the bank, seeing and moving money.
    BankApp,
    /// Notices of the bank in the messenger.
    BankNotifyAlimtalk,
    /// Talking with the bank's support in the messenger.
    BankSupportConsultTalk,
    /// Starting the app: home, address book, switches.
    MobilityTApp,
    /// Calling a taxi, seeing it come, and cancelling.
    MobilityTaxiCall,
    /// Ways with traffic, found anew while driving.
    MobilityNaviApp,
    /// Ordering somebody who drives one's own car home.
    MobilityChauffeurCall,
    /// Having a parcel fetched at once.
    MobilityQuickParcel,
    /// Parcel pickers: going online and getting offers.
    MobilityPickerApp,
    /// Taxi drivers: going online and getting offers.
    MobilityTaxiDriverApp,
    /// Designated drivers: going online and getting offers.
    MobilityChauffeurApp,
    /// Paying for parking in the app.
    MobilityTParking,
    /// Riding a bike and ending the ride.
    MobilityTBike,
    /// Paying for parking at the gate.
    MobilityParkingKiosk,
    /// Reading a free episode.
    EntWebtoon,
    /// Playing music.
    EntMelonStreaming,
    /// Searching music.
    EntMelonSearch,
    /// The chart of the hour.
    EntMelonChart,
    /// Picks for oneself.
    EntMelonPersonalization,
    /// Complaints by mail.
    CareIntakeMail,
    /// Complaints by phone.
    CareIntakePhone,
    /// Complaints by the form on the web.
    CareIntakeWeb,
    /// A subscription to emoticons.
    TalkEmoticonPlus,
    /// Rooms of open chat in which people talk.
    TalkOpenchatVoiceRoom,
    /// Messages inside the bank's app.
    BankMessageInApp,
    /// What one owns, of all banks together.
    PayAsset,
    /// Orders for securities.
    PaySecurities,
    /// Reading the news.
    DaumNews,
    /// Posts in a cafe.
    DaumCafePost,
    /// Mail.
    DaumMail,
    /// Cancelling what was paid.
    StylePayCancel,
    /// Reading comics by the chapter.
    PiccomaApp,
    /// Matches on phones.
    GamesMobile,
    /// Matches on computers.
    GamesPc,
}

/// One row of the table: id, service, components.
type Row = (
    &'static str,
    Service,
    &'static [(Component, DependencyStrength)],
);

/// What moving money between banks rests on.
const MONEY_ACROSS_BANKS: &[(Component, DependencyStrength)] = &[
    (Component::Account, Hard),
    (Component::PayCore, Hard),
    (Component::BankNetwork, Hard),
];

impl PlatformFeature {
    /// Every feature.
    pub const ALL: &'static [Self] = &[
        Self::AccountLogin,
        Self::TalkMessageText,
        Self::TalkLoginPc,
        Self::TalkCallVoice,
        Self::TalkCallVideo,
        Self::TalkRoomCreate,
        Self::TalkRoomInvite,
        Self::TalkBoardNotice,
        Self::TalkTransferInChat,
        Self::TalkEmoticonExchange,
        Self::TalkMessageImage,
        Self::TalkMessageVideo,
        Self::TalkChannelUse,
        Self::TalkPushSend,
        Self::TalkOpenchatRoomCreate,
        Self::TalkCalendar,
        Self::TalkWallet,
        Self::TalkBoardVote,
        Self::TalkMessageFile,
        Self::TalkDrawer,
        Self::TalkProfileEdit,
        Self::TalkEmoticonStore,
        Self::MapCore,
        Self::MapTransit,
        Self::MapRoadview,
        Self::PayCore,
        Self::PayTransferAccount,
        Self::PayTransferInTalk,
        Self::PayPaymentOnline,
        Self::PayPaymentOffline,
        Self::PayPaymentOverseas,
        Self::PayPaymentKakaoT,
        Self::BankApp,
        Self::BankNotifyAlimtalk,
        Self::BankSupportConsultTalk,
        Self::MobilityTApp,
        Self::MobilityTaxiCall,
        Self::MobilityNaviApp,
        Self::MobilityChauffeurCall,
        Self::MobilityQuickParcel,
        Self::MobilityPickerApp,
        Self::MobilityTaxiDriverApp,
        Self::MobilityChauffeurApp,
        Self::MobilityTParking,
        Self::MobilityTBike,
        Self::MobilityParkingKiosk,
        Self::EntWebtoon,
        Self::EntMelonStreaming,
        Self::EntMelonSearch,
        Self::EntMelonChart,
        Self::EntMelonPersonalization,
        Self::CareIntakeMail,
        Self::CareIntakePhone,
        Self::CareIntakeWeb,
        Self::TalkEmoticonPlus,
        Self::TalkOpenchatVoiceRoom,
        Self::BankMessageInApp,
        Self::PayAsset,
        Self::PaySecurities,
        Self::DaumNews,
        Self::DaumCafePost,
        Self::DaumMail,
        Self::StylePayCancel,
        Self::PiccomaApp,
        Self::GamesMobile,
        Self::GamesPc,
    ];

    /// Its id in the catalogue.
    pub const fn as_str(self) -> &'static str {
        self.row().0
    }

    /// The service that offers it.
    pub const fn service(self) -> Service {
        self.row().1
    }

    /// The components that it rests on.
    pub const fn needs(self) -> &'static [(Component, DependencyStrength)] {
        self.row().2
    }

    const fn row(self) -> Row {
        use Component as C;
        match self {
            Self::AccountLogin => (
                "account.login",
                Service::Account,
                &[(C::Account, Hard), (C::Cache, Soft)],
            ),
            Self::TalkMessageText => (
                "talk.message.text",
                Service::Talk,
                &[(C::Account, Hard), (C::Relay, Hard), (C::Push, Soft)],
            ),
            Self::TalkLoginPc => (
                "talk.login.pc",
                Service::Talk,
                &[(C::Account, Hard), (C::Relay, Hard)],
            ),
            Self::TalkCallVoice => (
                "talk.call.voice",
                Service::Talk,
                &[
                    (C::Account, Hard),
                    (C::CallSignal, Hard),
                    (C::Turn, Hard),
                    (C::Relay, Soft),
                    (C::Push, Soft),
                ],
            ),
            Self::TalkCallVideo => (
                "talk.call.video",
                Service::Talk,
                &[
                    (C::Account, Hard),
                    (C::CallSignal, Hard),
                    (C::Turn, Hard),
                    (C::Relay, Soft),
                    (C::Push, Soft),
                ],
            ),
            Self::TalkRoomCreate => (
                "talk.room.create",
                Service::Talk,
                &[(C::Account, Hard), (C::Relay, Hard)],
            ),
            Self::TalkRoomInvite => (
                "talk.room.invite",
                Service::Talk,
                &[(C::Account, Hard), (C::Relay, Hard)],
            ),
            Self::TalkBoardNotice => (
                "talk.board.notice",
                Service::Talk,
                &[(C::Account, Hard), (C::BoardDb, Hard), (C::Relay, Soft)],
            ),
            Self::TalkTransferInChat => (
                "talk.transfer.in-chat",
                Service::Talk,
                &[(C::Account, Hard), (C::Relay, Hard), (C::PayCore, Hard)],
            ),
            Self::TalkEmoticonExchange => (
                "talk.emoticon.exchange",
                Service::Talk,
                &[(C::Account, Hard), (C::Relay, Hard), (C::Cdn, Soft)],
            ),
            Self::TalkMessageImage => (
                "talk.message.image",
                Service::Talk,
                &[(C::Account, Hard), (C::Relay, Hard), (C::MediaStore, Hard)],
            ),
            Self::TalkMessageVideo => (
                "talk.message.video",
                Service::Talk,
                &[(C::Account, Hard), (C::Relay, Hard), (C::MediaStore, Hard)],
            ),
            Self::TalkChannelUse => (
                "talk.channel.use",
                Service::Talk,
                &[(C::Account, Hard), (C::Relay, Hard), (C::BizMessage, Hard)],
            ),
            Self::TalkPushSend => (
                "talk.push.send",
                Service::Talk,
                &[(C::Account, Hard), (C::Push, Hard), (C::PushGateway, Hard)],
            ),
            Self::TalkOpenchatRoomCreate => (
                "talk.openchat.room-create",
                Service::Talk,
                &[
                    (C::Account, Hard),
                    (C::Relay, Hard),
                    (C::MediaStore, Soft),
                    (C::Search, Soft),
                ],
            ),
            Self::TalkCalendar => (
                "talk.calendar",
                Service::Talk,
                &[(C::Account, Hard), (C::CalendarDb, Hard)],
            ),
            Self::TalkWallet => (
                "talk.wallet",
                Service::Talk,
                &[(C::Account, Hard), (C::CertStore, Hard)],
            ),
            Self::TalkBoardVote => (
                "talk.board.vote",
                Service::Talk,
                &[(C::Account, Hard), (C::BoardDb, Hard), (C::Relay, Soft)],
            ),
            Self::TalkMessageFile => (
                "talk.message.file",
                Service::Talk,
                &[(C::Account, Hard), (C::Relay, Hard), (C::MediaStore, Hard)],
            ),
            Self::TalkDrawer => (
                "talk.drawer",
                Service::Talk,
                &[(C::Account, Hard), (C::Relay, Hard), (C::MediaStore, Hard)],
            ),
            Self::TalkProfileEdit => ("talk.profile.edit", Service::Talk, &[(C::Account, Hard)]),
            Self::TalkEmoticonStore => (
                "talk.emoticon.store",
                Service::Talk,
                &[(C::Account, Hard), (C::Cdn, Soft)],
            ),
            Self::MapCore => ("map.core", Service::Map, &[(C::MapCore, Hard)]),
            Self::MapTransit => (
                "map.transit",
                Service::Map,
                &[(C::MapCore, Hard), (C::TransitFeed, Hard)],
            ),
            Self::MapRoadview => (
                "map.roadview",
                Service::Map,
                &[(C::MapCore, Hard), (C::MediaStore, Hard)],
            ),
            Self::PayCore => (
                "pay.core",
                Service::Pay,
                &[(C::Account, Hard), (C::PayCore, Hard)],
            ),
            Self::PayTransferAccount => ("pay.transfer.account", Service::Pay, MONEY_ACROSS_BANKS),
            Self::PayTransferInTalk => (
                "pay.transfer.in-talk",
                Service::Pay,
                &[(C::Account, Hard), (C::Relay, Hard), (C::PayCore, Hard)],
            ),
            Self::PayPaymentOnline => ("pay.payment.online", Service::Pay, MONEY_ACROSS_BANKS),
            Self::PayPaymentOffline => ("pay.payment.offline", Service::Pay, MONEY_ACROSS_BANKS),
            Self::PayPaymentOverseas => ("pay.payment.overseas", Service::Pay, MONEY_ACROSS_BANKS),
            Self::PayPaymentKakaoT => ("pay.payment.kakao-t", Service::Pay, MONEY_ACROSS_BANKS),
            Self::BankApp => ("bank.app", Service::Bank, &[(C::BankCore, Hard)]),
            Self::BankNotifyAlimtalk => (
                "bank.notify.alimtalk",
                Service::Bank,
                &[
                    (C::Account, Hard),
                    (C::BankCore, Hard),
                    (C::BizMessage, Hard),
                    (C::Relay, Hard),
                ],
            ),
            Self::BankSupportConsultTalk => (
                "bank.support.consult-talk",
                Service::Bank,
                &[
                    (C::Account, Hard),
                    (C::BankCore, Hard),
                    (C::BizMessage, Hard),
                    (C::Relay, Hard),
                ],
            ),
            Self::MobilityTApp => (
                "mobility.t-app",
                Service::Mobility,
                &[(C::Account, Hard), (C::MapCore, Soft)],
            ),
            Self::MobilityTaxiCall => (
                "mobility.taxi.call",
                Service::Mobility,
                &[(C::Account, Hard), (C::MapCore, Hard), (C::Dispatch, Hard)],
            ),
            Self::MobilityNaviApp => (
                "mobility.navi-app",
                Service::Mobility,
                &[(C::Account, Hard), (C::MapCore, Hard)],
            ),
            Self::MobilityChauffeurCall => (
                "mobility.chauffeur.call",
                Service::Mobility,
                &[(C::Account, Hard), (C::MapCore, Hard), (C::Dispatch, Hard)],
            ),
            Self::MobilityQuickParcel => (
                "mobility.quick-parcel",
                Service::Mobility,
                &[(C::Account, Hard), (C::MapCore, Hard), (C::Dispatch, Hard)],
            ),
            Self::MobilityPickerApp => (
                "mobility.picker-app",
                Service::Mobility,
                &[(C::Account, Hard), (C::Dispatch, Hard)],
            ),
            Self::MobilityTaxiDriverApp => (
                "mobility.taxi-driver-app",
                Service::Mobility,
                &[(C::Account, Hard), (C::Dispatch, Hard)],
            ),
            Self::MobilityChauffeurApp => (
                "mobility.chauffeur-app",
                Service::Mobility,
                &[(C::Account, Hard), (C::Dispatch, Hard)],
            ),
            Self::MobilityTParking => (
                "mobility.t.parking",
                Service::Mobility,
                &[
                    (C::Account, Hard),
                    (C::PayCore, Hard),
                    (C::ParkingEdge, Hard),
                ],
            ),
            Self::MobilityTBike => (
                "mobility.t.bike",
                Service::Mobility,
                &[
                    (C::Account, Hard),
                    (C::Dispatch, Hard),
                    (C::PayCore, Hard),
                    (C::LockIot, Hard),
                ],
            ),
            Self::MobilityParkingKiosk => (
                "mobility.parking-kiosk",
                Service::Mobility,
                &[(C::PayCore, Hard), (C::ParkingEdge, Hard)],
            ),
            Self::EntWebtoon => (
                "ent.webtoon",
                Service::Ent,
                &[(C::Account, Hard), (C::Cdn, Hard)],
            ),
            Self::EntMelonStreaming => (
                "ent.melon.streaming",
                Service::Ent,
                &[(C::Account, Hard), (C::Cdn, Hard)],
            ),
            Self::EntMelonSearch => (
                "ent.melon.search",
                Service::Ent,
                &[(C::Account, Hard), (C::Search, Hard)],
            ),
            Self::EntMelonChart => (
                "ent.melon.chart",
                Service::Ent,
                &[(C::Account, Hard), (C::BigData, Hard)],
            ),
            Self::EntMelonPersonalization => (
                "ent.melon.personalization",
                Service::Ent,
                &[(C::Account, Hard), (C::BigData, Hard)],
            ),
            Self::CareIntakeMail => ("care.intake.mail", Service::Care, &[]),
            Self::CareIntakePhone => ("care.intake.phone", Service::Care, &[]),
            Self::CareIntakeWeb => ("care.intake.web", Service::Care, &[]),
            Self::TalkEmoticonPlus => (
                "talk.emoticon.plus",
                Service::Talk,
                &[(C::Account, Hard), (C::PayCore, Hard)],
            ),
            Self::TalkOpenchatVoiceRoom => (
                "talk.openchat.voice-room",
                Service::Talk,
                &[(C::Account, Hard), (C::Relay, Hard), (C::CallSignal, Hard)],
            ),
            Self::BankMessageInApp => (
                "bank.message.in-app",
                Service::Bank,
                &[(C::Account, Hard), (C::BizMessage, Hard)],
            ),
            Self::PayAsset => ("pay.asset", Service::Pay, MONEY_ACROSS_BANKS),
            Self::PaySecurities => ("pay.securities", Service::Pay, MONEY_ACROSS_BANKS),
            Self::DaumNews => ("daum.news", Service::Daum, &[(C::Cdn, Hard)]),
            Self::DaumCafePost => (
                "daum.cafe.post",
                Service::Daum,
                &[(C::Account, Hard), (C::BoardDb, Hard)],
            ),
            Self::DaumMail => (
                "daum.mail",
                Service::Daum,
                &[(C::Account, Hard), (C::MediaStore, Hard)],
            ),
            Self::StylePayCancel => (
                "style.pay-cancel",
                Service::Style,
                &[(C::Account, Hard), (C::PayCore, Hard)],
            ),
            Self::PiccomaApp => (
                "piccoma.app",
                Service::Piccoma,
                &[(C::Account, Hard), (C::Cdn, Hard)],
            ),
            Self::GamesMobile => ("games.mobile", Service::Games, &[(C::Account, Hard)]),
            Self::GamesPc => (
                "games.pc",
                Service::Games,
                &[(C::Account, Hard), (C::BigData, Hard)],
            ),
        }
    }
}
