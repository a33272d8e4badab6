//! A contract's thresholds for interruptions, as data.

use std::path::Path;
use std::time::Duration;

use bongsu_model::{Names, ServiceId};

use super::profile::reading as profile;
use crate::config::{ConfigError, Section, parse_duration, read_document};

/// From what interruption on a contract promises something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contract {
    /// Its id: `kt-2021`.
    pub id: ServiceId,
    /// What it is called.
    pub names: Names,
    /// An interruption of so long in a row.
    pub in_a_row: Duration,
    /// Or so much together in a calendar month.
    pub in_a_month: Duration,
    /// What it promises then.
    pub credit: Names,
    /// Where it is from.
    pub sources: Vec<String>,
    /// What is to be verified before it is relied on.
    pub verify: Vec<Names>,
}

/// The contract in `text`, which stands in `file`.
///
/// # Errors
/// Every mistake in it at once.
pub fn read(text: &str, file: &Path) -> Result<Contract, ConfigError> {
    read_document(text, file, lower)
}

fn lower(root: &Section<'_>) -> Option<Contract> {
    profile::format(root);
    let id = root.required("id", |value| value.name(ServiceId::new));
    let names = root.required("names", |value| profile::both(&value));
    let limit = |key| root.required(key, |value| parse_duration(value.text()?));
    let (in_a_row, in_a_month) = (limit("in_a_row"), limit("in_a_month"));
    let credit = root.required("credit", |value| profile::both(&value));
    let sources = root.required("sources", |value| {
        profile::some(profile::list(&value, |item| profile::plain(item.text()?))?)
    });
    let verify = profile::verify(root);
    if let (Some(row), Some(month)) = (in_a_row, in_a_month)
        && month < row
    {
        let message = "`in_a_month` cannot be shorter than `in_a_row`, which it would always meet";
        root.refuse("in_a_month", message.to_owned());
        return None;
    }
    Some(Contract {
        id: id?,
        names: names?,
        in_a_row: in_a_row?,
        in_a_month: in_a_month?,
        credit: credit?,
        sources: sources?,
        verify: verify?,
    })
}
