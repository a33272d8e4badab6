//! What the platform is, as far as duties depend on it, and what only people know of an incident.

use super::profile::words;

words! {
    /// What the platform's owner is before the law.
    Role: "role" {
        /// A carrier.
        Carrier = "carrier",
        /// An operator of value-added services.
        ValueAdded = "value-added",
        /// A data centre.
        DataCentre = "data-centre",
        /// Who rents a data centre whole.
        DataCentreTenant = "data-centre-tenant",
    }
}

words! {
    /// What no measurement tells: it is open until a human says yes or no.
    Circumstance: "circumstance" {
        /// The maintenance was announced before.
        AnnouncedMaintenance = "announced-maintenance",
        /// The carrier's line was at fault.
        CarrierFault = "carrier-fault",
        /// It is a cloud service.
        CloudService = "cloud-service",
        /// It is a communications disaster (방송통신재난).
        Disaster = "disaster",
    }
}

/// What the configuration says of the platform. What it does not say is not known.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Platform {
    /// What its owner is.
    pub roles: Vec<Role>,
    /// Whether its facilities are designated as important.
    pub designated: Option<bool>,
    /// Revenue a year in won.
    pub revenue_won: Option<u64>,
    /// Users a day.
    pub daily_users: Option<u64>,
    /// Its share of the country's traffic, 0 to 1.
    pub traffic_share: Option<f64>,
    /// The size of its hall in square metres.
    pub hall_m2: Option<u64>,
}

impl Default for Platform {
    /// An operator of value-added services of which nothing else is known.
    fn default() -> Self {
        Self {
            roles: vec![Role::ValueAdded],
            designated: None,
            revenue_won: None,
            daily_users: None,
            traffic_share: None,
            hall_m2: None,
        }
    }
}

impl Platform {
    /// Whether it has one of `roles`; of none asked for it has always one.
    pub fn has_role(&self, roles: &[Role]) -> bool {
        roles.is_empty() || roles.iter().any(|role| self.roles.contains(role))
    }
}
