//! The platform as a whole: binds every listener, hands out endpoints, takes faults, shuts down.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bongsu_model::{PoolName, RegionId, TargetName};
use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::account::{Accounts, TestAccount, make_accounts, token};
use crate::audit::{Audit, Counts};
use crate::bank_core::BankCore;
use crate::bikes::Bikes;
use crate::component::{Component, FaultPoint, Service};
use crate::config::{PlatformConfig, Ports, StartError};
use crate::credential::Signer;
use crate::datagram::Packets;
use crate::dispatch::Dispatch;
use crate::errands::Errands;
use crate::facility::{Facilities, Facility, FacilityAct, FacilityError, Standing};
use crate::fault::Fault;
use crate::faults::{FaultId, Faults, InjectError};
use crate::listener::{Listener, bound, listen};
use crate::media_store::Blobs;
use crate::outlet::Outlets;
use crate::parking::Parking;
use crate::pay_core::{PayCore, Payments};
use crate::push_gateway::Gateway;
use crate::record::Records;
use crate::relay::Relay;
use crate::test_offers::TestOffers;
use crate::tls::Authority;
use crate::world::{DNS_CONNECTIONS_MAX, Place, World};
use crate::{admin, datagram, dns, smtp};

/// How often a free port is asked for until it is free for UDP and TCP both.
const PORT_TRIES: usize = 16;
/// What numbers of wallets begin with, and who owns the platform's own one.
const WALLETS: &str = "1015";
const HOUSE: &str = "the-platform";
/// The pool whose accounts are customers of the bank as well.
const BANK_POOL: &str = "bank-users";
/// Longest wait until every listener follows a change of the faults, and until all tasks end.
const SETTLE_MAX: Duration = Duration::from_secs(5);
const SHUTDOWN_MAX: Duration = Duration::from_secs(5);

/// Where callers from one region find the platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegionEndpoints {
    /// The DNS server to ask, over UDP or TCP.
    pub dns: SocketAddr,
    /// Base URL by service: `https://account.superapp.test:PORT`.
    pub base: BTreeMap<String, String>,
    /// WebSocket URL by service: `wss://talk.superapp.test:PORT`.
    pub ws: BTreeMap<String, String>,
    /// Where the help centre takes mail: `care.superapp.test:PORT`.
    pub mail: String,
    /// The host names behind them.
    pub hosts: Vec<String>,
    /// The listener of each service, for callers that resolve names by themselves.
    pub listeners: BTreeMap<String, SocketAddr>,
}

/// A running platform. Dropping it stops it without waiting; [`Platform::shutdown`] waits.
#[derive(Debug)]
pub struct Platform {
    name: TargetName,
    admin: SocketAddr,
    ca_pem: String,
    parts: Arc<Parts>,
}

/// What the admin API shares with the platform.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) world: Arc<World>,
    pub(crate) endpoints: BTreeMap<RegionId, RegionEndpoints>,
    followed: Vec<watch::Receiver<u64>>,
}

impl Platform {
    /// Binds every listener and begins to serve on the current runtime.
    ///
    /// # Errors
    /// When the configuration makes no sense or a port cannot be had; nothing is left running.
    pub async fn start(config: PlatformConfig) -> Result<Self, StartError> {
        config.check()?;
        let accounts = make_accounts(&config.pools, config.seed);
        let owners = accounts.iter().map(|one| one.user_id.clone());
        let owners = owners.chain([HOUSE.to_owned()]);
        let customers = accounts.iter().filter(|one| one.pool.as_str() == BANK_POOL);
        let customers = customers.cloned().collect();
        let authority = Authority::new()?;
        let mut certificates = BTreeMap::new();
        for service in Service::ALL {
            certificates.insert(*service, authority.certify(*service)?);
        }
        let mut regions = Vec::new();
        for (index, region) in config.regions.iter().enumerate() {
            regions.push(RegionSockets::bind(index, region, config.ports).await?);
        }
        let world = Arc::new(World {
            clock: Arc::clone(&config.clock),
            faults: Faults::new(config.regions.clone()),
            unsettled: PayCore::new(WALLETS, owners),
            payments: Payments::default(),
            house: accounts.len(),
            bank: BankCore::new(customers, config.session_lifetime),
            unopened: Parking::default(),
            unlocked: Bikes::default(),
            test_offers: TestOffers::default(),
            errands: Errands::default(),
            stream_secret: token(),
            accounts: Accounts::new(accounts, config.session_lifetime),
            relay: Relay::new(config.message_retention),
            outlets: Outlets::default(),
            records: Records::new(config.message_retention),
            blobs: Blobs::default(),
            gateway: Gateway::default(),
            packets: Packets::default(),
            signer: Signer::new()?,
            bases: regions
                .iter()
                .map(|sockets| (sockets.region.clone(), sockets.endpoints().base))
                .collect(),
            mail: regions
                .iter()
                .map(|sockets| (sockets.region.clone(), sockets.endpoints().mail))
                .collect(),
            unadvanced: Dispatch::default(),
            counts: Counts::default(),
            dns_connections: Arc::new(Semaphore::new(DNS_CONNECTIONS_MAX)),
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
        });
        let (admin_listener, admin) = tcp("the admin API", config.ports.admin())?;

        let mut endpoints = BTreeMap::new();
        let mut followed = Vec::new();
        for sockets in regions {
            let region = sockets.region.clone();
            endpoints.insert(region.clone(), sockets.endpoints());
            world.tasks.spawn(dns::serve_udp(
                Arc::clone(&world),
                region.clone(),
                sockets.dns_udp,
            ));
            world.tasks.spawn(dns::serve_tcp(
                Arc::clone(&world),
                region.clone(),
                sockets.dns_tcp,
            ));
            let place = |service| Place {
                service,
                region: region.clone(),
            };
            for (service, socket) in sockets.datagrams {
                world
                    .tasks
                    .spawn(datagram::serve(Arc::clone(&world), place(service), socket));
            }
            world.tasks.spawn(smtp::serve(
                Arc::clone(&world),
                place(Service::Care),
                sockets.mail.0,
            ));
            for (service, listener, address) in sockets.services {
                let follow = watch::Sender::new(0);
                followed.push(follow.subscribe());
                let one = Listener {
                    world: Arc::clone(&world),
                    place: place(service),
                    certificates: certificates[&service].clone(),
                    followed: follow,
                };
                world.tasks.spawn(one.run(listener, address));
            }
        }
        let parts = Arc::new(Parts {
            world: Arc::clone(&world),
            endpoints,
            followed,
        });
        world
            .tasks
            .spawn(admin::serve(Arc::clone(&parts), admin_listener));
        Ok(Self {
            name: config.name,
            admin,
            ca_pem: authority.ca_pem(),
            parts,
        })
    }

    /// The name that target profiles give it.
    pub fn name(&self) -> &TargetName {
        &self.name
    }

    /// Where the admin API listens, over plain HTTP on loopback.
    pub fn admin(&self) -> SocketAddr {
        self.admin
    }

    /// The root certificate that clients are to trust, as PEM; another one at each start.
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// The regions that it is called from, by name.
    pub fn regions(&self) -> impl Iterator<Item = &RegionId> {
        self.parts.endpoints.keys()
    }

    /// Where callers from `region` find it; None if it is not called from there.
    pub fn endpoints(&self, region: &RegionId) -> Option<&RegionEndpoints> {
        self.parts.endpoints.get(region)
    }

    /// The accounts of `pool`, in their order; none if there is no such pool.
    pub fn accounts(&self, pool: &PoolName) -> Vec<TestAccount> {
        let accounts = self.parts.world.accounts.all().iter();
        accounts
            .filter(|account| account.pool == *pool)
            .cloned()
            .collect()
    }

    /// Breaks something. Requests see it at once; ports are refused a moment later, when
    /// [`Platform::settle`] comes back.
    ///
    /// # Errors
    /// When the fault makes no sense here, or too many are active.
    pub fn inject(&self, fault: Fault) -> Result<FaultId, InjectError> {
        self.parts.world.faults.inject(fault)
    }

    /// Ends one fault; false if it is not active.
    pub fn mend(&self, id: FaultId) -> bool {
        self.parts.world.faults.mend(|one, _| one == id) > 0
    }

    /// Ends every fault on a component or feature; says how many there were.
    pub fn mend_on(&self, on: FaultPoint) -> usize {
        self.parts.world.faults.mend(|_, fault| fault.on == on)
    }

    /// Ends every fault; says how many there were.
    pub fn mend_all(&self) -> usize {
        self.parts.world.faults.mend(|_, _| true)
    }

    /// Takes or gives power, or fails a component over or back. Requests see it at once; ports are
    /// refused a moment later, when [`Platform::settle`] comes back.
    ///
    /// # Errors
    /// When a component has no place in the standby centre, or is there already.
    pub fn facility(&self, act: FacilityAct) -> Result<(), FacilityError> {
        let world = &self.parts.world;
        world.faults.facility(act, world.clock.wall())
    }

    /// Brings power and components to where `wanted` has them; says what was done. Requests and
    /// ports see it as with [`Platform::facility`].
    pub fn arrange(&self, wanted: &Facilities) -> Vec<FacilityAct> {
        let world = &self.parts.world;
        world.faults.arrange(wanted, world.clock.wall())
    }

    /// The data centres as they are.
    pub fn facilities(&self) -> Facilities {
        self.parts.world.faults.facilities().clone()
    }

    /// Whether a data centre has power.
    pub fn has_power(&self, facility: Facility) -> bool {
        self.parts.world.faults.facilities().has_power(facility)
    }

    /// How a component stands, as far as its data centre is concerned.
    pub fn standing(&self, component: Component) -> Standing {
        self.parts.world.faults.facilities().standing(component)
    }

    /// The active faults.
    pub fn faults(&self) -> Vec<(FaultId, Fault)> {
        self.parts.world.faults.list()
    }

    /// Waits, at most 5 s, until every listener follows the faults as they are now.
    pub async fn settle(&self) {
        self.parts.settle().await;
    }

    /// What was left behind on the platform, and what was counted.
    pub fn audit(&self) -> Audit {
        self.parts.world.audit()
    }

    /// Stops accepting, closes every connection and waits, at most 5 s, for the tasks to end.
    pub async fn shutdown(self) {
        let world = Arc::clone(&self.parts.world);
        world.stop.cancel();
        world.tasks.close();
        if tokio::time::timeout(SHUTDOWN_MAX, world.tasks.wait())
            .await
            .is_err()
        {
            tracing::warn!(tasks = world.tasks.len(), "the platform left tasks behind");
        }
    }
}

impl Drop for Platform {
    fn drop(&mut self) {
        self.parts.world.stop.cancel();
        self.parts.world.tasks.close();
    }
}

impl Parts {
    pub(crate) async fn settle(&self) {
        let wanted = *self.world.faults.watch().borrow();
        let all = async {
            for followed in &self.followed {
                // An error means that the listener has ended, which is settled too.
                let mut followed = followed.clone();
                let _ended = followed.wait_for(|version| *version >= wanted).await;
            }
        };
        if tokio::time::timeout(SETTLE_MAX, all).await.is_err() {
            tracing::warn!("a listener does not follow the faults: its port may be taken");
        }
    }
}

/// The bound sockets of one region, before they are served.
struct RegionSockets {
    region: RegionId,
    dns: SocketAddr,
    dns_udp: UdpSocket,
    dns_tcp: TcpListener,
    services: Vec<(Service, TcpListener, SocketAddr)>,
    /// UDP on the ports of services that have it.
    datagrams: Vec<(Service, UdpSocket)>,
    /// SMTP.
    mail: (TcpListener, SocketAddr),
}

impl RegionSockets {
    async fn bind(index: usize, region: &RegionId, ports: Ports) -> Result<Self, StartError> {
        let what = format!("DNS from {region}");
        let (dns_udp, dns_tcp, dns) = Self::bind_both(&what, ports.dns(index)).await?;
        let (mut services, mut datagrams) = (Vec::new(), Vec::new());
        for service in Service::ALL {
            let what = format!("{} from {region}", service.as_str());
            let port = ports.service(index, *service);
            if service.takes_datagrams() {
                let (socket, listener, address) = Self::bind_both(&what, port).await?;
                datagrams.push((*service, socket));
                services.push((*service, listener, address));
            } else {
                let (listener, address) = tcp(&what, port)?;
                services.push((*service, listener, address));
            }
        }
        let mail = tcp(&format!("mail from {region}"), ports.mail(index))?;
        Ok(Self {
            region: region.clone(),
            dns,
            dns_udp,
            dns_tcp,
            services,
            datagrams,
            mail,
        })
    }

    /// UDP and TCP on one port. A free TCP port need not be free for UDP: then another is tried.
    async fn bind_both(
        what: &str,
        port: u16,
    ) -> Result<(UdpSocket, TcpListener, SocketAddr), StartError> {
        let mut tries = if port == 0 { PORT_TRIES } else { 1 };
        loop {
            tries -= 1;
            let (listener, address) = tcp(what, port)?;
            match UdpSocket::bind(address).await {
                Ok(socket) => return Ok((socket, listener, address)),
                Err(source) if tries == 0 => {
                    return Err(StartError::Listen {
                        what: what.to_owned(),
                        address,
                        source,
                    });
                }
                Err(_) => (),
            }
        }
    }

    fn endpoints(&self) -> RegionEndpoints {
        let url = |scheme: &str, service: &Service, address: &SocketAddr| {
            let url = format!("{scheme}://{}:{}", service.host(), address.port());
            (service.as_str().to_owned(), url)
        };
        let services = || self.services.iter();
        RegionEndpoints {
            dns: self.dns,
            base: services().map(|(s, _, a)| url("https", s, a)).collect(),
            ws: services()
                .filter(|(s, _, _)| s.streams())
                .map(|(s, _, a)| url("wss", s, a))
                .collect(),
            mail: format!("{}:{}", Service::Care.host(), self.mail.1.port()),
            hosts: services().map(|(s, _, _)| s.host().to_owned()).collect(),
            listeners: services()
                .map(|(s, _, a)| (s.as_str().to_owned(), *a))
                .collect(),
        }
    }
}

fn tcp(what: &str, port: u16) -> Result<(TcpListener, SocketAddr), StartError> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let refused = |source| StartError::Listen {
        what: what.to_owned(),
        address,
        source,
    };
    let listener = bound(address).and_then(listen).map_err(refused)?;
    let address = listener.local_addr().map_err(refused)?;
    Ok((listener, address))
}
