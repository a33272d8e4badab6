//! The kinds of things that users make and end, and what each rests on.

use std::sync::LazyLock;

use bongsu_model::DependencyStrength;

use crate::component::{Component, FaultPoint, PlatformFeature, Service};

macro_rules! kinds {
    ($( $(#[$meta:meta])* $variant:ident =
        $collection:literal, $service:ident, $feature:ident $(, without $($except:ident)+)? );+ $(;)?
    ) => {
        /// A kind of thing that a user makes, others may have a part in, and its maker ends.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub(crate) enum Kind { $( $(#[$meta])* $variant ),+ }

        impl Kind {
            /// Every kind.
            pub(crate) const ALL: &'static [Self] = &[ $( Self::$variant ),+ ];

            const fn row(self) -> Row {
                match self {
                    $( Self::$variant => Row {
                        collection: $collection,
                        service: Service::$service,
                        feature: PlatformFeature::$feature,
                        without: &[$($( Component::$except ),+)?],
                    } ),+
                }
            }
        }
    };
}

kinds! {
    /// A chat room.
    Room = "rooms", Talk, TalkRoomCreate;
    /// A chat room that comes of inviting others into a chat of two.
    Invitation = "invitations", Talk, TalkRoomInvite;
    /// A notice on the board of a chat of two.
    Notice = "notices", Talk, TalkBoardNotice;
    /// A message that is an emoticon; its picture is fetched by itself.
    EmoticonMessage = "emoticon-messages", Talk, TalkEmoticonExchange, without Cdn;
    /// A message that refers to an image.
    ImageMessage = "image-messages", Talk, TalkMessageImage;
    /// A message that refers to a video.
    VideoMessage = "video-messages", Talk, TalkMessageVideo;
    /// An image as it is stored.
    Image = "images", Media, TalkMessageImage, without Relay;
    /// A video as it is stored.
    Video = "videos", Media, TalkMessageVideo, without Relay;
    /// A message that refers to a file.
    FileMessage = "file-messages", Talk, TalkMessageFile;
    /// A file as it is stored.
    File = "files", Media, TalkMessageFile, without Relay;
    /// Something that was put into the drawer.
    DrawerItem = "drawer-items", Talk, TalkDrawer;
    /// What lies in the drawer, as it is stored.
    DrawerFile = "drawer-files", Media, TalkDrawer, without Relay;
    /// A vote on the board of a chat.
    Vote = "votes", Talk, TalkBoardVote;
    /// How a user shows to others.
    Profile = "profiles", Talk, TalkProfileEdit;
    /// A set of emoticons that a user got.
    EmoticonPack = "emoticon-packs", Talk, TalkEmoticonStore;
    /// A computer that its user signed in from.
    Device = "devices", Talk, TalkLoginPc;
    /// A call by voice. What is said goes over `turn`, not here.
    VoiceCall = "voice-calls", Talk, TalkCallVoice, without Turn;
    /// A call by video.
    VideoCall = "video-calls", Talk, TalkCallVideo, without Turn;
    /// An open chat room, which is joined by its link.
    OpenChat = "openchats", Talk, TalkOpenchatRoomCreate;
    /// An event of a calendar, with who is invited.
    Event = "events", Talk, TalkCalendar;
    /// A credential of the wallet.
    Credential = "credentials", Talk, TalkWallet;
    /// A user's following of a shop's channel.
    Following = "followings", Talk, TalkChannelUse;
    /// A device that pushes are sent to.
    PushDevice = "push-devices", Talk, TalkPushSend, without PushGateway;
    /// A push to devices of one or many.
    Notification = "notifications", Talk, TalkPushSend;
    /// A notice of the bank in the messenger.
    Alimtalk = "alimtalks", Bank, BankNotifyAlimtalk;
    /// A talk with the bank's support.
    Consult = "consults", Bank, BankSupportConsultTalk;
    /// A complaint by mail.
    MailCase = "mail-cases", Care, CareIntakeMail;
    /// A complaint by the form on the web.
    WebCase = "web-cases", Care, CareIntakeWeb;
    /// A subscription to emoticons.
    EmoticonSubscription = "emoticon-subscriptions", Talk, TalkEmoticonPlus;
    /// A room of open chat in which people talk.
    VoiceRoom = "voice-rooms", Talk, TalkOpenchatVoiceRoom;
    /// A message inside the bank's app.
    InAppMessage = "in-app-messages", Bank, BankMessageInApp;
    /// What somebody owns, of all banks together.
    AssetStatement = "asset-statements", Pay, PayAsset;
    /// An order for securities.
    SecuritiesOrder = "securities-orders", Pay, PaySecurities;
    /// A post in a cafe.
    CafePost = "cafe-posts", Daum, DaumCafePost;
    /// A mail.
    Mail = "mails", Daum, DaumMail;
    /// Something that was bought and paid in a shop.
    StyleOrder = "orders", Style, StylePayCancel;
    /// How far somebody has read a comic.
    Bookmark = "bookmarks", Piccoma, PiccomaApp;
    /// A match on phones.
    MobileMatch = "mobile-matches", Games, GamesMobile;
    /// A match on computers.
    PcMatch = "pc-matches", Games, GamesPc;
}

struct Row {
    collection: &'static str,
    service: Service,
    feature: PlatformFeature,
    /// Components of the feature that are needed elsewhere than here.
    without: &'static [Component],
}

/// What the feature of a kind rests on, as fault points.
struct Rests {
    hard: Vec<FaultPoint>,
    soft: Vec<[FaultPoint; 1]>,
}

static RESTS: LazyLock<Vec<Rests>> = LazyLock::new(|| {
    let rests = |kind: &Kind| {
        let row = kind.row();
        // Whoever calls has signed in before, and an open session needs no component.
        let is_asked =
            |component| component != Component::Account && !row.without.contains(&component);
        let of = |strength: DependencyStrength| {
            let needs = row.feature.needs().iter();
            let needs = needs.filter(move |(on, how)| *how == strength && is_asked(*on));
            needs.map(|(on, _)| FaultPoint::Component(*on))
        };
        let mut hard: Vec<_> = of(DependencyStrength::Hard).collect();
        hard.push(FaultPoint::Feature(row.feature));
        Rests {
            hard,
            soft: of(DependencyStrength::Soft).map(|point| [point]).collect(),
        }
    };
    Kind::ALL.iter().map(rests).collect()
});

impl Kind {
    /// The kind whose collection at `service` has this name.
    pub(crate) fn at(service: Service, collection: &str) -> Option<Self> {
        let mut all = Self::ALL.iter().copied();
        all.find(|kind| kind.service() == service && kind.collection() == collection)
    }

    /// The kind that a stream of the messenger may be about by this name.
    pub(crate) fn streamed(collection: &str) -> Option<Self> {
        let mut all = Self::ALL.iter().copied();
        all.find(|kind| kind.collection() == collection && kind.is_streamed())
    }

    /// Whether what happens to it is told on streams.
    const fn is_streamed(self) -> bool {
        !self.is_content() && !matches!(self, Self::PushDevice | Self::MailCase | Self::WebCase)
    }

    /// Its name in paths, streams and the audit.
    pub(crate) const fn collection(self) -> &'static str {
        self.row().collection
    }

    /// The service that has it.
    pub(crate) const fn service(self) -> Service {
        self.row().service
    }

    /// What everything done with it needs, and what news of it pass through.
    pub(crate) fn needs(self) -> &'static [FaultPoint] {
        &RESTS[self as usize].hard
    }

    /// What making one asks and can do without, each alone.
    pub(crate) fn softly(self) -> &'static [[FaultPoint; 1]] {
        &RESTS[self as usize].soft
    }

    /// What a packet of a call passes through.
    pub(crate) const fn packets_pass(self) -> [FaultPoint; 2] {
        [
            FaultPoint::Component(Component::Turn),
            FaultPoint::Feature(self.row().feature),
        ]
    }

    /// Whether it is bytes that are stored.
    pub(crate) const fn is_content(self) -> bool {
        matches!(
            self,
            Self::Image | Self::Video | Self::File | Self::DrawerFile
        )
    }

    /// The kind of what it refers to.
    pub(crate) const fn refers_to(self) -> Self {
        match self {
            Self::VideoMessage => Self::Video,
            Self::FileMessage => Self::File,
            Self::DrawerItem => Self::DrawerFile,
            _ => Self::Image,
        }
    }

    /// Whether it is a call.
    pub(crate) const fn is_call(self) -> bool {
        matches!(self, Self::VoiceCall | Self::VideoCall)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_the_account_component_is_never_asked() {
        for (n, kind) in Kind::ALL.iter().enumerate() {
            let name = kind.collection();
            assert!(
                Kind::ALL[..n]
                    .iter()
                    .all(|other| other.collection() != name)
            );
            assert_eq!(Kind::at(kind.service(), name), Some(*kind));
            let account = FaultPoint::Component(Component::Account);
            assert!(!kind.needs().contains(&account), "{name}");
        }
        assert_eq!(Kind::at(Service::Pay, "rooms"), None);
        assert_eq!(Kind::streamed("images"), None);
        let calls = Kind::VoiceCall;
        assert_eq!(calls.softly().len(), 2);
        assert!(!calls.needs().contains(&calls.packets_pass()[0]));
    }
}
