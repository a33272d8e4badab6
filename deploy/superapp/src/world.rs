//! What every listener of one platform shares.

use std::collections::BTreeMap;
use std::sync::Arc;

use bongsu_model::{Clock, RegionId};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::account::Accounts;
use crate::audit::{Audit, Count, Counts};
use crate::component::Service;
use crate::credential::Signer;
use crate::datagram::Packets;
use crate::dispatch::Dispatch;
use crate::faults::Faults;
use crate::media_store::Blobs;
use crate::outlet::Outlets;
use crate::pay_core::{Channel, PayCore};
use crate::push_gateway::Gateway;
use crate::record::Records;
use crate::relay::Relay;
use crate::{chat_transfer_api, mobility_api, pay_api};

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
            };
            self.faults.loses(points, [region, region])
        };
        let now = self.clock.monotonic();
        self.unsettled.settle_due(now, stuck, &self.counts);
        &self.unsettled
    }

    /// The dispatch, after what is due has happened and was told.
    pub(crate) fn dispatch(&self) -> &Dispatch {
        let now = self.clock.monotonic();
        let notices = self.unadvanced.advance(now, &self.counts);
        mobility_api::tell(self, notices);
        &self.unadvanced
    }

    pub(crate) fn audit(&self) -> Audit {
        let now = self.clock.monotonic();
        Audit {
            transfers_open: self.pay_core().open(now),
            money: self.pay_core().proof(),
            rides_open: self.dispatch().open(now),
            drivers_online: self.dispatch().drivers_online(),
            sessions_open: self.accounts.open_sessions(now),
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
