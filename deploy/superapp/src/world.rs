//! What every listener of one platform shares.

use std::collections::BTreeMap;
use std::sync::Arc;

use bongsu_model::{Clock, RegionId};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::account::Accounts;
use crate::audit::{Audit, Count, Counts};
use crate::bank_core::BankCore;
use crate::bikes::Bikes;
use crate::component::Service;
use crate::credential::Signer;
use crate::datagram::Packets;
use crate::dispatch::Dispatch;
use crate::errands::Errands;
use crate::faults::Faults;
use crate::media_store::Blobs;
use crate::outlet::Outlets;
use crate::parking::Parking;
use crate::pay_core::{Channel, PayCore, PaymentKind, Payments};
use crate::push_gateway::Gateway;
use crate::record::Records;
use crate::relay::Relay;
use crate::test_offers::TestOffers;
use crate::{chat_transfer_api, mobility_api, parking_api, pay_api, wallet_api};

/// Most DNS connections over TCP at once, over all regions: agents ask over UDP.
pub(crate) const DNS_CONNECTIONS_MAX: usize = 128;

/// The shared parts of one platform: components, faults, counters, tasks.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) faults: Faults,
    pub(crate) accounts: Accounts,
    pub(crate) relay: Relay,
    pub(crate) outlets: Outlets,
    pub(crate) records: Records,
    pub(crate) blobs: Blobs,
    pub(crate) gateway: Gateway,
    pub(crate) packets: Packets,
    pub(crate) signer: Signer,
    /// The base URL of each service by name, as each region calls it.
    pub(crate) bases: BTreeMap<RegionId, BTreeMap<String, String>>,
    /// Where mail is taken, as each region reaches it.
    pub(crate) mail: BTreeMap<RegionId, String>,
    /// Reached through [`World::pay_core`], which settles first what is due.
    pub(crate) unsettled: PayCore,
    pub(crate) payments: Payments,
    /// The place of the platform's own wallet: it is the merchant of parking and of bikes.
    pub(crate) house: usize,
    pub(crate) bank: BankCore,
    /// Reached through [`World::parking`], which opens first the gates that are due.
    pub(crate) unopened: Parking,
    /// Reached through the API of bikes, which lets the locks do first what they were told.
    pub(crate) unlocked: Bikes,
    pub(crate) test_offers: TestOffers,
    /// Reached through their API, which lets drivers take first what is due.
    pub(crate) errands: Errands,
    /// What tokens of music streams are made with.
    pub(crate) stream_secret: String,
    /// Reached through [`World::dispatch`], which lets first happen what is due.
    pub(crate) unadvanced: Dispatch,
    pub(crate) counts: Counts,
    pub(crate) dns_connections: Arc<Semaphore>,
    pub(crate) stop: CancellationToken,
    pub(crate) tasks: TaskTracker,
}

impl World {
    /// The wallets, after what is due has settled.
    pub(crate) fn pay_core(&self) -> &PayCore {
        let stuck = |channel, region: &RegionId| {
            let points = match channel {
                Channel::Account => pay_api::SETTLES,
                Channel::Chat => chat_transfer_api::SETTLES,
                Channel::Payment(kind) => PaymentKind::settles(kind),
                Channel::IntoPocket | Channel::OutOfPocket => wallet_api::NEEDS,
            };
            self.faults.loses(points, [region, region])
        };
        let now = (self.clock.wall(), self.clock.monotonic());
        self.unsettled.settle_due(now, stuck, &self.counts);
        &self.unsettled
    }

    /// The car parks, after the gates that are due have opened for callers from `region`.
    pub(crate) fn parking(&self, region: &RegionId) -> &Parking {
        let stuck = |kind: PaymentKind| {
            let points = parking_api::opens(kind);
            self.faults.loses(points, [region, region])
        };
        self.unopened.advance(self.clock.monotonic(), stuck);
        &self.unopened
    }

    /// The dispatch, after what is due has happened and was told.
    pub(crate) fn dispatch(&self) -> &Dispatch {
        let now = (self.clock.wall(), self.clock.monotonic());
        let notices = self.unadvanced.advance(now, &self.counts);
        mobility_api::tell(self, notices);
        &self.unadvanced
    }

    /// Parking and rides that say that they were paid for, and were not, in words.
    fn bookings_unpaid(&self) -> Vec<String> {
        let booked = self.unopened.payments().into_iter();
        let booked = booked.chain(self.unlocked.payments());
        let unpaid = booked.filter_map(|(payment, won, what)| {
            let paid = self.payments.get((&payment, self.house), &self.unsettled);
            // A payment that is forgotten was over.
            let paid = paid.ok()?;
            (paid.won != won)
                .then(|| format!("{what} cost {won} won, {payment} is over {}", paid.won))
        });
        unpaid.collect()
    }

    pub(crate) fn audit(&self) -> Audit {
        let (wall, now) = (self.clock.wall(), self.clock.monotonic());
        let core = self.pay_core();
        let mut money = core.proof();
        money.problems.extend(self.payments.problems(core));
        money.problems.extend(self.bookings_unpaid());
        let bank = self.bank.books((wall, now), &self.counts);
        let mut sessions_open = self.accounts.open_sessions(now);
        sessions_open.extend(self.bank.customers.open_sessions(now));
        Audit {
            transfers_open: core.open(now),
            money,
            bank_transfers_open: bank.open(now),
            bank_money: bank.proof(),
            cards_stored: self.payments.cards_stored(),
            cars_parked: self.unopened.inside(now),
            bikes_out: self.unlocked.out(now),
            errands_open: self.errands.open(wall),
            rides_open: self.dispatch().open(wall),
            drivers_online: self.dispatch().drivers_online(),
            sessions_open,
            messages_undeleted: self.relay.undeleted(now),
            records_open: self.records.open(now),
            streams_open: self.outlets.count(),
            idempotency_conflicts: self.counts.get(Count::IdempotencyConflicts),
            counts: Count::ALL
                .iter()
                .map(|count| (count.as_str(), self.counts.get(*count)))
                .collect(),
        }
    }
}

/// One listener's place: which service it is, and who calls it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) service: Service,
    pub(crate) region: RegionId,
}
