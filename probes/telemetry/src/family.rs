//! Families of metrics, as `/metrics` shows them and as OTLP sends them.

/// What kind of metric a family is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FamilyKind {
    /// It only grows, from the start of the process.
    Counter,
    /// It goes up and down.
    Gauge,
}

/// One value and what it is the value of.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Labels by name.
    pub labels: Vec<(&'static str, String)>,
    /// The value, in the family's unit.
    pub value: f64,
}

/// A metric and its samples.
#[derive(Debug, Clone, PartialEq)]
pub struct Family {
    /// Its name, of a counter without `_total`.
    pub name: &'static str,
    /// What kind it is.
    pub kind: FamilyKind,
    /// What it says, in one sentence.
    pub help: &'static str,
    /// Its samples.
    pub samples: Vec<Sample>,
}

/// Where the families are read. Reading is cheap and never waits.
pub trait Source: Send + Sync + std::fmt::Debug {
    /// Every family with its samples now.
    fn families(&self) -> Vec<Family>;
}
