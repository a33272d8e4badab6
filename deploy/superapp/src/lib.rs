//! The stand-in platform: real services on loopback, over shared components, with faults.
//!
//! [`Platform::start`] binds one HTTPS listener per service and calling region, a DNS server per
//! region and an admin API. Host names, certificates, sessions, messages and WebSockets are real;
//! only the users are test accounts. A fault sits on a component or a feature and acts where
//! users would meet it: at the host (refuse, reset, DNS, certificate), as the 5xx of a service
//! behind which the component is, as wrong words, or as a message that never arrives. Components run
//! in data centres, which lose and get power; in the standby centre they are back in part.

mod account;
mod account_api;
mod admin;
mod audit;
mod bank_api;
mod bank_core;
mod bike_api;
mod bikes;
mod cdn_api;
mod chat_transfer_api;
mod clock;
mod component;
mod config;
mod credential;
mod datagram;
mod daum_api;
mod dispatch;
mod dns;
mod driver_api;
mod ent_api;
mod ent_cdn_api;
mod errand_api;
mod errands;
mod facility;
mod fault;
mod faults;
mod http;
mod line;
mod listener;
mod map_api;
mod map_core;
mod media_api;
mod media_store;
mod mobility_api;
mod mobility_app_api;
mod music;
mod outlet;
mod parking;
mod parking_api;
mod pay_api;
mod pay_core;
mod payment_api;
mod picture;
mod platform;
mod profile;
mod push_gateway;
mod record;
mod record_api;
mod relay;
mod smtp;
mod stream;
mod talk_api;
mod test_offers;
mod tls;
mod transit;
mod wallet_api;
mod world;

pub use account::TestAccount;
pub use audit::{Audit, Count, OpenSession, UndeletedMessage};
pub use bikes::BikeOut;
pub use clock::SystemClock;
pub use component::{Component, FaultPoint, PlatformFeature, Service, UnknownPoint, did_you_mean};
pub use config::{ACCOUNTS_MAX, PlatformConfig, Ports, REGIONS_MAX, StartError, pools_of};
pub use credential::NoKey;
pub use dispatch::OpenRide;
pub use errands::OpenErrand;
pub use facility::{Facilities, Facility, FacilityAct, FacilityError, StandbyCopy, Standing};
pub use fault::{CertificateFlaw, DnsFailure, Fault, FaultError, FaultKind, Percent, Reach, Share};
pub use faults::{FAULTS_MAX, FaultId, InjectError};
pub use parking::ParkedCar;
pub use pay_core::{MoneyAudit, OpenTransfer};
pub use platform::{Platform, RegionEndpoints};
pub use profile::{WriteError, write_profiles};
pub use record::OpenRecord;
pub use tls::CertificateError;
