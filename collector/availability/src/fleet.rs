//! The second machine: what the cells' changes and the agents' statistics mean together.

pub(crate) mod blindness;
pub(crate) mod incident;
pub(crate) mod presence;
pub(crate) mod quarantine;
pub(crate) mod recovery;
pub(crate) mod root;

#[cfg(test)]
mod fixture;
