//! How the data centres stand at an instant, and how features lie by it.

use bongsu_model::{DependencyStrength, Timestamp};
use bongsu_superapp::{Facilities, Facility, FacilityAct, PlatformFeature};

use super::super::{Basis, Event, centre};
use super::{Lie, Timeline};

impl Timeline<'_> {
    /// How the data centres stand at `at`.
    pub fn facilities_at(&self, at: Timestamp) -> Facilities {
        after(self.acts_until(at))
    }

    /// How a feature lies by each component that it rests on and that does not work by its centre,
    /// and whether a made-up row has it so.
    pub(super) fn lies_by_centre(
        &self,
        feature: PlatformFeature,
        at: Timestamp,
    ) -> Vec<(Lie, bool)> {
        let centres = self.facilities_at(at);
        let acts = self.acts_until(at);
        let known = after(acts.filter(|(_, basis, _)| *basis == Basis::Fact));
        let lies = feature.needs().iter().filter_map(|(component, strength)| {
            let lie = |centres: &Facilities| match strength {
                DependencyStrength::Hard => centre::lie(centres, *component),
                DependencyStrength::Soft => centre::lie(centres, *component).min(Lie::Impaired),
            };
            // Whether it would lie otherwise, or elsewhere, by what is known alone.
            let is_modelled = lie(&centres) != lie(&known)
                || centres.runs_in(*component) != known.runs_in(*component);
            let lie = lie(&centres);
            (lie != Lie::Works).then_some((lie, is_modelled))
        });
        lies.collect()
    }

    fn acts_until(&self, at: Timestamp) -> impl Iterator<Item = (FacilityAct, Basis, Timestamp)> {
        let until = self.happenings.iter();
        let until = until.take_while(move |happening| happening.at <= at);
        until.filter_map(|happening| match happening.row.event {
            Event::Facility { act, basis } => Some((act, basis, happening.at)),
            _ => None,
        })
    }
}

/// How the centres stand after these acts.
fn after(acts: impl Iterator<Item = (FacilityAct, Basis, Timestamp)>) -> Facilities {
    let mut centres = Facilities::default();
    for (act, _, since) in acts {
        // Drawn times may bring one before what it undoes: then it does nothing.
        let _refused = centres.act(act, since);
    }
    centres
}

/// Whether what is done to a centre may change how a feature lies. What is moved takes capacity of
/// whatever else stands by.
pub(super) fn may_change(act: FacilityAct, feature: PlatformFeature) -> bool {
    let concerned = match act {
        FacilityAct::PowerOff(Facility::BankDc) | FacilityAct::PowerOn(Facility::BankDc) => {
            Facility::BankDc
        }
        FacilityAct::PowerOff(Facility::DcA | Facility::DcB)
        | FacilityAct::PowerOn(Facility::DcA | Facility::DcB)
        | FacilityAct::FailOver(_)
        | FacilityAct::FailBack(_) => Facility::DcA,
    };
    let mut needs = feature.needs().iter();
    needs.any(|(component, _)| component.home() == Some(concerned))
}
