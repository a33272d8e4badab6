//! From the platform to whoever listens: a bounded queue for each open stream.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bongsu_model::RegionId;
use serde_json::Value;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::audit::{Count, Counts};
use crate::component::{Component, FaultPoint, PlatformFeature};
use crate::record::Kind;

/// Most open streams of one user and topic; the oldest is closed.
const STREAMS_PER_USER_MAX: usize = 8;
/// Frames waiting for one stream: a minute of one a second; more are dropped.
const FRAMES_WAITING_MAX: usize = 64;

/// What a stream is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Topic {
    /// Text messages.
    Texts,
    /// Money sent in a chat.
    Cards,
    /// The same, in the app of the service `pay`.
    PayCards,
    /// A rider's rides, and where the taxis are.
    Rides,
    /// What a driver is offered.
    Offers,
    /// Things of one kind that one made or has a part in.
    Records(Kind),
    /// What a taxi driver's app gets.
    TaxiDriver,
    /// What a designated driver's app gets.
    Chauffeur,
    /// What a parcel picker's app gets.
    Picker,
}

impl Topic {
    /// What a frame passes through on its way to a stream.
    pub(crate) fn passes(self) -> &'static [FaultPoint] {
        match self {
            Self::Texts => &[
                FaultPoint::Component(Component::Relay),
                FaultPoint::Feature(PlatformFeature::TalkMessageText),
            ],
            Self::Cards => &[
                FaultPoint::Component(Component::Relay),
                FaultPoint::Feature(PlatformFeature::TalkTransferInChat),
            ],
            Self::Records(kind) => kind.needs(),
            Self::PayCards => &[
                FaultPoint::Component(Component::Relay),
                FaultPoint::Feature(PlatformFeature::PayTransferInTalk),
            ],
            Self::Rides | Self::Offers => &[
                FaultPoint::Component(Component::Dispatch),
                FaultPoint::Feature(PlatformFeature::MobilityTaxiCall),
            ],
            Self::TaxiDriver => &[
                FaultPoint::Component(Component::Dispatch),
                FaultPoint::Feature(PlatformFeature::MobilityTaxiDriverApp),
            ],
            Self::Chauffeur => &[
                FaultPoint::Component(Component::Dispatch),
                FaultPoint::Feature(PlatformFeature::MobilityChauffeurApp),
            ],
            Self::Picker => &[
                FaultPoint::Component(Component::Dispatch),
                FaultPoint::Feature(PlatformFeature::MobilityPickerApp),
            ],
        }
    }
}

/// One frame on its way to the streams of its receiver.
#[derive(Debug, Clone)]
pub(crate) struct Delivery {
    pub(crate) frame: Value,
    /// What is handed over instead while something says wrong things.
    pub(crate) altered: Value,
    /// From where it was sent.
    pub(crate) region: RegionId,
}

/// A stream's end of its queue.
#[derive(Debug)]
pub(crate) struct Inbox {
    pub(crate) id: u64,
    pub(crate) user_id: String,
    pub(crate) topic: Topic,
    pub(crate) deliveries: mpsc::Receiver<Delivery>,
    /// Fires when a newer stream took this one's place.
    pub(crate) crowded_out: CancellationToken,
}

#[derive(Debug)]
struct Outlet {
    id: u64,
    deliveries: mpsc::Sender<Delivery>,
    crowded_out: CancellationToken,
}

#[derive(Debug, Default)]
struct State {
    last_id: u64,
    outlets: HashMap<(String, Topic), VecDeque<Outlet>>,
}

/// The open streams of one platform.
#[derive(Debug, Default)]
pub(crate) struct Outlets(Mutex<State>);

impl Outlets {
    /// Opens a queue for a stream of `user_id`.
    pub(crate) fn open(&self, user_id: &str, topic: Topic, counts: &Counts) -> Inbox {
        let (sender, deliveries) = mpsc::channel(FRAMES_WAITING_MAX);
        let crowded_out = CancellationToken::new();
        let mut state = self.state();
        state.last_id += 1;
        let id = state.last_id;
        let key = (user_id.to_owned(), topic);
        let outlets = state.outlets.entry(key).or_default();
        if outlets.len() >= STREAMS_PER_USER_MAX
            && let Some(oldest) = outlets.pop_front()
        {
            counts.add(Count::StreamsCrowdedOut);
            oldest.crowded_out.cancel();
        }
        outlets.push_back(Outlet {
            id,
            deliveries: sender,
            crowded_out: crowded_out.clone(),
        });
        counts.add(Count::StreamsOpened);
        Inbox {
            id,
            user_id: user_id.to_owned(),
            topic,
            deliveries,
            crowded_out,
        }
    }

    /// Hands a frame to every open stream of `user_id` about `topic`; says how many took it.
    pub(crate) fn deliver(
        &self,
        user_id: &str,
        topic: Topic,
        delivery: &Delivery,
        counts: &Counts,
    ) -> usize {
        let state = self.state();
        let outlets = state.outlets.get(&(user_id.to_owned(), topic));
        let mut taken = 0;
        for outlet in outlets.into_iter().flatten() {
            if outlet.deliveries.try_send(delivery.clone()).is_ok() {
                taken += 1;
            } else {
                counts.add(Count::MessagesOverflowed);
            }
        }
        taken
    }

    /// Forgets the queue of a stream that is over.
    pub(crate) fn close(&self, inbox: &Inbox) {
        let mut state = self.state();
        let key = (inbox.user_id.clone(), inbox.topic);
        if let Some(outlets) = state.outlets.get_mut(&key) {
            outlets.retain(|outlet| outlet.id != inbox.id);
            if outlets.is_empty() {
                state.outlets.remove(&key);
            }
        }
    }

    /// Whether `user_id` has a stream about `topic`.
    pub(crate) fn is_open(&self, user_id: &str, topic: Topic) -> bool {
        let state = self.state();
        state.outlets.contains_key(&(user_id.to_owned(), topic))
    }

    pub(crate) fn count(&self) -> usize {
        self.state().outlets.values().map(VecDeque::len).sum()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_with_too_many_streams_loses_the_oldest() {
        let (outlets, counts) = (Outlets::default(), Counts::default());
        let first = outlets.open("u-b", Topic::Texts, &counts);
        let rest: Vec<_> = (0..STREAMS_PER_USER_MAX)
            .map(|_| outlets.open("u-b", Topic::Texts, &counts))
            .collect();
        assert!(first.crowded_out.is_cancelled());
        assert_eq!(outlets.count(), STREAMS_PER_USER_MAX);
        for inbox in rest {
            outlets.close(&inbox);
        }
        assert_eq!(outlets.count(), 0);
    }

    #[test]
    fn a_frame_goes_to_its_topic_and_is_dropped_where_nobody_reads() {
        let (outlets, counts) = (Outlets::default(), Counts::default());
        let mut texts = outlets.open("u-b", Topic::Texts, &counts);
        let mut cards = outlets.open("u-b", Topic::Cards, &counts);
        let delivery = Delivery {
            frame: Value::from(1),
            altered: Value::from(2),
            region: RegionId::new("kr-seoul").unwrap(),
        };
        for _ in 0..=FRAMES_WAITING_MAX {
            outlets.deliver("u-b", Topic::Cards, &delivery, &counts);
        }
        assert!(texts.deliveries.try_recv().is_err());
        assert_eq!(cards.deliveries.try_recv().unwrap().frame, Value::from(1));
        assert_eq!(counts.get(Count::MessagesOverflowed), 1);
    }
}
