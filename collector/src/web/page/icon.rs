//! Small pictures of states: each has its own shape, so that colour is never alone.

use bongsu_availability::RecoveryState;
use bongsu_model::{CellState, FeatureState};
use maud::{Markup, html};

/// A shape of the sprite.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Icon {
    /// A disc with a tick.
    Good,
    /// A seal with a tick.
    Verified,
    /// A disc with a wave.
    Degraded,
    /// A disc that is half full.
    Recovering,
    /// A triangle with a stroke.
    Warning,
    /// A filled octagon with a cross.
    Bad,
    /// A ring with a bar through it.
    Blocked,
    /// A ring with a question mark.
    Unknown,
    /// Two bars.
    Paused,
    /// A dashed ring.
    Unmeasured,
}

impl Icon {
    const ALL: [Self; 10] = [
        Self::Good,
        Self::Verified,
        Self::Degraded,
        Self::Recovering,
        Self::Warning,
        Self::Bad,
        Self::Blocked,
        Self::Unknown,
        Self::Paused,
        Self::Unmeasured,
    ];

    /// The icon of a feature's state; blocked is a case of unknown.
    pub(super) const fn of_feature(state: FeatureState, blocked: bool) -> Self {
        match state {
            FeatureState::Operational => Self::Good,
            FeatureState::Degraded => Self::Degraded,
            FeatureState::Recovering => Self::Recovering,
            FeatureState::PartialOutage => Self::Warning,
            FeatureState::MajorOutage => Self::Bad,
            FeatureState::Unknown if blocked => Self::Blocked,
            FeatureState::Unknown => Self::Unknown,
            FeatureState::Maintenance => Self::Paused,
            FeatureState::Unmeasured => Self::Unmeasured,
        }
    }

    /// The icon of a cell's state.
    pub(super) const fn of_cell(state: CellState, blocked: bool) -> Self {
        match state {
            CellState::Up => Self::Good,
            CellState::Suspect => Self::Warning,
            CellState::Down => Self::Bad,
            CellState::Recovering => Self::Recovering,
            CellState::Unknown if blocked => Self::Blocked,
            CellState::Unknown => Self::Unknown,
            CellState::Unmeasured => Self::Unmeasured,
        }
    }

    /// The icon of how far a recovery is.
    pub(super) const fn of_recovery(state: RecoveryState) -> Self {
        match state {
            RecoveryState::Down => Self::Bad,
            RecoveryState::Blocked => Self::Blocked,
            RecoveryState::NoSight => Self::Unknown,
            RecoveryState::Recovering => Self::Recovering,
            RecoveryState::Recovered => Self::Good,
            RecoveryState::Verified => Self::Verified,
        }
    }

    /// The icon of an outcome's word.
    pub(super) fn of_outcome(word: &str) -> Self {
        match word {
            "pass" => Self::Good,
            "slow" => Self::Degraded,
            "fail" => Self::Bad,
            "blocked" => Self::Blocked,
            "blind" => Self::Unknown,
            "skipped" => Self::Paused,
            _ => Self::Unmeasured,
        }
    }

    /// The name, used as class and as id in the sprite.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Verified => "verified",
            Self::Degraded => "degraded",
            Self::Recovering => "recovering",
            Self::Warning => "warning",
            Self::Bad => "bad",
            Self::Blocked => "blocked",
            Self::Unknown => "unknown",
            Self::Paused => "paused",
            Self::Unmeasured => "unmeasured",
        }
    }

    const fn path(self) -> &'static str {
        match self {
            Self::Good => {
                "M8 .5a7.500 7.500 0 1 1 0 15 7.500 7.500 0 0 1 0-15zm3.300 4.200L6.900 9.300 4.800 7.300 3.500 8.700 7 12l5.700-6z"
            }
            Self::Verified => {
                "M8 0l2 1.600 2.500-.1.700 2.400 2.100 1.400-.8 2.700.8 2.400-2.100 1.400-.7 2.400-2.500-.1L8 16l-2-1.900-2.500.1-.7-2.400L.7 10.400l.8-2.400-.8-2.700 2.100-1.400.7-2.400 2.500.1zm3.300 4.700L6.900 9.300 4.800 7.300 3.500 8.700 7 12l5.700-6z"
            }
            Self::Degraded => {
                "M8 .5a7.500 7.500 0 1 1 0 15 7.500 7.500 0 0 1 0-15zM3.500 9.800C5 7 6.500 7.200 8 8.500s2.500 1.300 3.300-.4l1.400 1C11 12 9 11.200 7.600 10.100 6.200 9 5.500 9.200 4.900 10.600z"
            }
            Self::Recovering => {
                "M8 .5a7.500 7.500 0 1 1 0 15 7.500 7.500 0 0 1 0-15zM8 2.300v11.400A5.700 5.700 0 0 0 8 2.300z"
            }
            Self::Warning => {
                "M8 .8 15.700 15H.3zM7.100 6v4.500h1.800V6zm0 5.700v1.800h1.800v-1.800z"
            }
            Self::Bad => {
                "M5 .5h6L15.500 5v6L11 15.500H5L.5 11V5zm-.3 5.600L6.600 8l-1.900 1.900 1.400 1.400L8 9.400l1.900 1.900 1.400-1.400L9.400 8l1.900-1.900-1.400-1.400L8 6.600 6.100 4.700z"
            }
            Self::Blocked => "M8 .5a7.500 7.500 0 1 1 0 15 7.500 7.500 0 0 1 0-15zM3.500 7v2h9V7z",
            Self::Unknown => {
                "M8 .5a7.500 7.500 0 1 1 0 15 7.500 7.500 0 0 1 0-15zM8 3.400c-1.900 0-3 1.100-3.100 2.700h1.700C6.700 5.300 7.200 5 8 5s1.300.4 1.300 1c0 1.200-2.200 1.300-2.200 3.400h1.700c0-1.300 2.300-1.500 2.300-3.500C11.100 4.400 9.900 3.400 8 3.400zM7 10.600v1.900h1.900v-1.900z"
            }
            Self::Paused => {
                "M8 .5a7.500 7.500 0 1 1 0 15 7.500 7.500 0 0 1 0-15zM5 4.500v7h2v-7zm4 0v7h2v-7z"
            }
            Self::Unmeasured => {
                "M6.600.6a7.500 7.500 0 0 1 2.800 0L9.100 2.400a5.700 5.700 0 0 0-2.200 0zM12.200 1.800a7.500 7.500 0 0 1 2 2l-1.500 1a5.700 5.700 0 0 0-1.500-1.500zM15.400 6.600a7.500 7.500 0 0 1 0 2.800l-1.800-.3a5.700 5.700 0 0 0 0-2.200zM14.200 12.200a7.500 7.500 0 0 1-2 2l-1-1.500a5.700 5.700 0 0 0 1.500-1.500zM9.400 15.400a7.500 7.500 0 0 1-2.800 0l.3-1.800a5.700 5.700 0 0 0 2.200 0zM3.800 14.200a7.500 7.500 0 0 1-2-2l1.500-1a5.700 5.700 0 0 0 1.500 1.500zM.6 9.400a7.500 7.500 0 0 1 0-2.800l1.800.3a5.700 5.700 0 0 0 0 2.200zM1.800 3.800a7.500 7.500 0 0 1 2-2l1 1.500a5.700 5.700 0 0 0-1.500 1.500z"
            }
        }
    }
}

impl maud::Render for Icon {
    /// Hidden from screen readers: the word beside it says the same.
    fn render(&self) -> Markup {
        html! {
            svg class={ "icon " (self.name()) } viewBox="0 0 16 16" aria-hidden="true" {
                use href={ "#i-" (self.name()) } {}
            }
        }
    }
}

/// The shapes, once a page.
pub(super) fn sprite() -> Markup {
    html! {
        svg.sprite width="0" height="0" aria-hidden="true" {
            @for icon in Icon::ALL {
                symbol id={ "i-" (icon.name()) } viewBox="0 0 16 16" {
                    path fill-rule="evenodd" d=(icon.path()) {}
                }
            }
        }
    }
}
