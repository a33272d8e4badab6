//! What happened and what was left behind, so that a test can prove that cleanup was paid.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::bikes::BikeOut;
use crate::dispatch::OpenRide;
use crate::errands::OpenErrand;
use crate::parking::ParkedCar;
use crate::pay_core::{MoneyAudit, OpenTransfer};
use crate::record::OpenRecord;

macro_rules! counts {
    ($( $(#[$meta:meta])* $variant:ident = $word:literal ),+ $(,)?) => {
        /// What the platform counts.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Count { $( $(#[$meta])* $variant ),+ }

        impl Count {
            /// Everything that is counted.
            pub const ALL: &'static [Self] = &[ $( Self::$variant ),+ ];

            /// Its name in the audit.
            pub const fn as_str(self) -> &'static str {
                match self { $( Self::$variant => $word ),+ }
            }
        }
    };
}

counts! {
    /// Connections accepted by the services.
    Connections = "connections",
    /// Connections closed at once because the listener's bound was reached.
    ConnectionsTurnedAway = "connections_turned_away",
    /// TLS handshakes that did not end well.
    HandshakesFailed = "handshakes_failed",
    /// Requests that reached a service.
    Requests = "requests",
    /// DNS queries.
    DnsQueries = "dns_queries",
    /// Sessions opened.
    SessionsOpened = "sessions_opened",
    /// Sessions ended because their account had too many.
    SessionsCrowdedOut = "sessions_crowded_out",
    /// Sign-ins with a wrong password.
    WrongPasswords = "wrong_passwords",
    /// Sign-ins refused because the account was locked.
    LockedSignIns = "locked_sign_ins",
    /// Messages accepted.
    MessagesAccepted = "messages_accepted",
    /// Messages, cards, offers and positions handed to open streams.
    MessagesDelivered = "messages_delivered",
    /// Of these, lost by a fault.
    MessagesLost = "messages_lost",
    /// Of these, delivered twice by a fault.
    MessagesDoubled = "messages_doubled",
    /// Of these, dropped because a stream's queue was full.
    MessagesOverflowed = "messages_overflowed",
    /// Messages dropped by age or because their sender had too many.
    MessagesExpired = "messages_expired",
    /// Streams opened.
    StreamsOpened = "streams_opened",
    /// Streams closed because their user had too many.
    StreamsCrowdedOut = "streams_crowded_out",
    /// Transfers accepted.
    TransfersAccepted = "transfers_accepted",
    /// Transfers settled.
    TransfersSettled = "transfers_settled",
    /// Transfers that could not settle.
    TransfersRejected = "transfers_rejected",
    /// Transfers that were refused when they were asked for.
    TransfersRefused = "transfers_refused",
    /// Transfers forgotten because their sender had too many, whose money was not given back.
    TransfersExpired = "transfers_expired",
    /// Idempotency keys of transfers forgotten by age or because their sender had too many.
    PayKeysForgotten = "pay_keys_forgotten",
    /// Rooms, notices, calls, events and other things made.
    RecordsMade = "records_made",
    /// Of these, forgotten by age or because their maker had too many, and never ended.
    RecordsExpired = "records_expired",
    /// Contents of images and videos dropped because all together were too large.
    ContentsCrowdedOut = "contents_crowded_out",
    /// Notices of the bank that nobody heard in the messenger, so that a text message would go.
    SmsFallbacks = "sms_fallbacks",
    /// Datagrams that came.
    Datagrams = "datagrams",
    /// Rides called.
    RidesCalled = "rides_called",
    /// Rides that a driver accepted.
    RidesMatched = "rides_matched",
    /// Rides cancelled by their rider.
    RidesCancelled = "rides_cancelled",
    /// Rides that ended by themselves because nobody took or cancelled them.
    RidesAbandoned = "rides_abandoned",
    /// The same idempotency key with another request.
    IdempotencyConflicts = "idempotency_conflicts",
}

/// The counters of one platform.
#[derive(Debug)]
pub(crate) struct Counts([AtomicU64; Count::ALL.len()]);

impl Default for Counts {
    fn default() -> Self {
        Self([const { AtomicU64::new(0) }; Count::ALL.len()])
    }
}

impl Counts {
    pub(crate) fn add(&self, count: Count) {
        self.add_many(count, 1);
    }

    pub(crate) fn add_many(&self, count: Count, many: usize) {
        let many = u64::try_from(many).unwrap_or(u64::MAX);
        self.0[count as usize].fetch_add(many, Ordering::Relaxed);
    }

    pub(crate) fn get(&self, count: Count) -> u64 {
        self.0[count as usize].load(Ordering::Relaxed)
    }
}

/// What is left on the platform now.
#[derive(Debug, Clone, PartialEq, Default, serde::Serialize)]
pub struct Audit {
    /// Sessions that are neither ended nor expired.
    pub sessions_open: Vec<OpenSession>,
    /// Messages that nobody deleted.
    pub messages_undeleted: Vec<UndeletedMessage>,
    /// Rooms, notices, calls, contents and whatever else was made and not ended.
    pub records_open: Vec<OpenRecord>,
    /// Transfers that are not finished, or whose money was not given back.
    pub transfers_open: Vec<OpenTransfer>,
    /// Whether any won was made or lost.
    pub money: MoneyAudit,
    /// Transfers between accounts of the bank that are not finished, or not given back.
    pub bank_transfers_open: Vec<OpenTransfer>,
    /// Whether any won was made or lost at the bank.
    pub bank_money: MoneyAudit,
    /// Cards that are stored: what their owners call them.
    pub cards_stored: Vec<String>,
    /// Cars that are inside.
    pub cars_parked: Vec<ParkedCar>,
    /// Rides on bikes that are not over.
    pub bikes_out: Vec<BikeOut>,
    /// Errands that are not over.
    pub errands_open: Vec<OpenErrand>,
    /// Rides that are not over.
    pub rides_open: Vec<OpenRide>,
    /// Drivers that can be offered rides.
    pub drivers_online: usize,
    /// Streams that are open.
    pub streams_open: usize,
    /// How often an idempotency key came back with another request.
    pub idempotency_conflicts: u64,
    /// Every counter by name.
    pub counts: std::collections::BTreeMap<&'static str, u64>,
}

impl Audit {
    /// The value of a counter.
    pub fn count(&self, count: Count) -> u64 {
        self.counts.get(count.as_str()).copied().unwrap_or_default()
    }
}

/// A session that is open.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct OpenSession {
    /// Whose it is.
    pub user_id: String,
    /// What its opener called it.
    pub client_ref: Option<String>,
    /// Seconds since it was opened.
    pub age_s: f64,
}

/// A message that was not deleted.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct UndeletedMessage {
    /// Its id.
    pub id: String,
    /// Who sent it.
    pub from: String,
    /// What its sender called it.
    pub client_ref: Option<String>,
    /// Seconds since it was accepted.
    pub age_s: f64,
}
