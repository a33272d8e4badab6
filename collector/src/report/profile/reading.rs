//! Reads a profile from TOML; every mistake is told with its place and a remedy.

use std::path::Path;
use std::time::Duration;

use bongsu_model::{Names, Paid, ServiceId};
use jiff::civil::Date;

use super::{Days, Due, Exemption, Profile, Trigger, When, Word};
use crate::config::{ConfigError, Section, Value, parse_duration, read_document};

/// The shape of the file that this version reads.
const FORMAT: i64 = 1;

/// Entries of any list of a profile: more than a law has.
const ENTRIES_MAX: usize = 32;

/// Longest text of a profile in bytes.
const TEXT_BYTES_MAX: usize = 500;

/// The profile in `text`, which stands in `file`.
///
/// # Errors
/// Every mistake in it at once.
pub fn read(text: &str, file: &Path) -> Result<Profile, ConfigError> {
    read_document(text, file, lower)
}

fn lower(root: &Section<'_>) -> Option<Profile> {
    format(root);
    let id = root.required("id", |value| value.name(ServiceId::new));
    let names = root.required("names", |value| both(&value));
    let duty = root.required("duty", |value| word(&value));
    let recipient = root.required("recipient", |value| both(&value));
    let law = root.required("law", |value| both(&value));
    let days = days(root);
    let services = root.or("services", Vec::new(), |value| {
        list(&value, |item| item.name(ServiceId::new))
    });
    let due = root.required("due", |value| due(&value));
    let repeats = root.or("repeats", false, |value| value.boolean());
    let must_say = root.required("must_say", |value| some(list(&value, word)?));
    let means = root.or("means", Vec::new(), |value| list(&value, word));
    let sources = root.required("sources", |value| {
        some(list(&value, |item| plain(item.text()?))?)
    });
    let triggers = triggers(root);
    let exemptions = root.sections("exempt");
    let exemptions: Vec<_> = exemptions.iter().map(exemption).collect();
    let verify = verify(root);
    Some(Profile {
        id: id?,
        names: names?,
        duty: duty?,
        recipient: recipient?,
        law: law?,
        days: days?,
        services: services?,
        triggers: triggers?,
        exemptions: exemptions.into_iter().collect::<Option<_>>()?,
        due: due?,
        repeats: repeats?,
        must_say: must_say?,
        means: means?,
        sources: sources?,
        verify: verify?,
    })
}

/// Refuses files of another shape.
pub(in crate::report) fn format(root: &Section<'_>) {
    root.required("format", |value| match value.integer()? {
        FORMAT => Ok(()),
        other => Err(format!(
            "format {other} is not known to this version, which reads format {FORMAT}"
        )),
    });
}

/// What is to be verified, none if there is nothing.
pub(in crate::report) fn verify(root: &Section<'_>) -> Option<Vec<Names>> {
    let sections = root.sections("verify");
    let all: Vec<_> = sections
        .iter()
        .map(|section| {
            let ko = section.required("ko", |value| plain(value.text()?));
            let en = section.required("en", |value| plain(value.text()?));
            section.finish();
            Some(Names { ko: ko?, en: en? })
        })
        .collect();
    all.into_iter().collect()
}

fn days(section: &Section<'_>) -> Option<Days> {
    let from = section.or("from", None, |value| date(value.text()?).map(Some));
    let until = section.or("until", None, |value| date(value.text()?).map(Some));
    let days = Days {
        from: from?,
        until: until?,
    };
    if let (Some(from), Some(until)) = (days.from, days.until)
        && until <= from
    {
        let message = format!(
            "`until` is the first day after, and {until} is not after {from}: give a later day"
        );
        section.refuse("until", message);
        return None;
    }
    Some(days)
}

fn triggers(root: &Section<'_>) -> Option<Vec<Trigger>> {
    let sections = root.sections("trigger");
    if sections.is_empty() {
        let message = "nothing raises this duty: write a `[[trigger]]`".to_owned();
        root.refuse("trigger", message);
        return None;
    }
    let all: Vec<_> = sections.iter().map(trigger).collect();
    all.into_iter().collect()
}

fn trigger(section: &Section<'_>) -> Option<Trigger> {
    let longer = section.or("longer_than", None, |value| length(&value).map(Some));
    let least = section.or("at_least", None, |value| length(&value).map(Some));
    let cuts = section.or("cuts", None, |value| cuts(&value).map(Some));
    let said = section.or("circumstance", None, |value| word(&value).map(Some));
    let roles = section.or("roles", Vec::new(), |value| some(list(&value, word)?));
    let designated = section.or("designated", false, |value| value.boolean());
    let subscribers = section.or("subscribers_at_least", None, |value| {
        count(&value).map(Some)
    });
    let days = days(section);
    section.finish();
    let ways = [
        longer?.map(|limit| When::Lasts {
            limit,
            longer: true,
        }),
        least?.map(|limit| When::Lasts {
            limit,
            longer: false,
        }),
        cuts?,
        said?.map(When::Circumstance),
    ];
    let mut ways = ways.into_iter().flatten();
    let (Some(when), None) = (ways.next(), ways.next()) else {
        let message = "a trigger has one of `longer_than`, `at_least`, `cuts`, `circumstance`";
        section.refuse("longer_than", message.to_owned());
        return None;
    };
    Some(Trigger {
        when,
        roles: roles?,
        designated: designated?,
        subscribers_min: subscribers?,
        days: days?,
    })
}

fn cuts(value: &Value<'_>) -> Result<When, String> {
    let mut known = (None, None, None);
    for (key, inner) in value.entries()? {
        match key {
            "count" => known.0 = Some(count(&inner)?),
            "within" => known.1 = Some(length(&inner)?),
            "total" => known.2 = Some(length(&inner)?),
            other => {
                return Err(format!(
                    "unknown key `{other}`; the keys here are count, within, total"
                ));
            }
        }
    }
    let (Some(count), Some(within), Some(total)) = known else {
        return Err(
            "write it as { count = 2, within = \"24h\", total = \"45m\" }, all three".to_owned(),
        );
    };
    let count = u32::try_from(count).ok().filter(|count| *count >= 2);
    let count = count.ok_or("use 2 or more cuts: one is `at_least`")?;
    if total > within {
        return Err("`total` cannot be longer than `within`".to_owned());
    }
    Ok(When::Cuts {
        count,
        within,
        total,
    })
}

fn exemption(section: &Section<'_>) -> Option<Exemption> {
    let why = section.required("why", |value| both(&value));
    let roles = section.or("roles", Vec::new(), |value| some(list(&value, word)?));
    let paid = section.or("paid", None, |value| {
        let kind = |item: &Value<'_>| {
            let text = item.text()?;
            text.parse::<Paid>().map_err(|error| error.to_string())
        };
        some(list(&value, kind)?).map(Some)
    });
    let number = |key| section.or(key, None, |value| count(&value).map(Some));
    let users = number("daily_users_below");
    let revenue = number("revenue_won_below");
    let hall = number("hall_m2_below");
    let traffic = section.or("traffic_share_below", None, |value| {
        let share = value.number()?;
        if share > 0.0 && share <= 1.0 {
            Ok(Some(share))
        } else {
            Err("a share is above 0, up to 1: write 2 % as 0.02".to_owned())
        }
    });
    let said = section.or("circumstance", None, |value| word(&value).map(Some));
    section.finish();
    let found = Exemption {
        why: why?,
        roles: roles?,
        paid: paid?,
        daily_users_below: users?,
        revenue_won_below: revenue?,
        traffic_share_below: traffic?,
        hall_m2_below: hall?,
        circumstance: said?,
    };
    let has_condition = found.paid.is_some()
        || found.daily_users_below.is_some()
        || found.revenue_won_below.is_some()
        || found.traffic_share_below.is_some()
        || found.hall_m2_below.is_some()
        || found.circumstance.is_some();
    if !has_condition {
        let message = "an exemption without a condition frees everybody: write `paid`, \
                       `daily_users_below`, `revenue_won_below`, `traffic_share_below`, \
                       `hall_m2_below` or `circumstance`";
        section.refuse("why", message.to_owned());
        return None;
    }
    Some(found)
}

fn due(value: &Value<'_>) -> Result<Due, String> {
    let shape = "write `\"without-delay\"` or { within = \"30d\", of = \"resumption\" }";
    if let Ok(text) = value.text() {
        return match text {
            "without-delay" => Ok(Due::WithoutDelay),
            other => Err(format!("`{other}` is not a due time: {shape}")),
        };
    }
    if let Some(key) = value.keys().find(|key| !["within", "of"].contains(key)) {
        return Err(format!("unknown key `{key}`: {shape}"));
    }
    let limit = parse_duration(
        value
            .text_of("within")
            .map_err(|e| format!("{e}: {shape}"))?,
    )?;
    let of = Word::parse(value.text_of("of").map_err(|e| format!("{e}: {shape}"))?)?;
    Ok(Due::Within { limit, of })
}

/// A name in both languages.
pub(in crate::report) fn both(value: &Value<'_>) -> Result<Names, String> {
    if let Some(key) = value.keys().find(|key| !["ko", "en"].contains(key)) {
        return Err(format!("unknown key `{key}`; the keys here are ko, en"));
    }
    Ok(Names {
        ko: plain(value.text_of("ko")?)?,
        en: plain(value.text_of("en")?)?,
    })
}

/// A line of text that says something.
pub(in crate::report) fn plain(text: &str) -> Result<String, String> {
    if text.trim().is_empty() {
        return Err("the text is empty: write what is meant, or leave the key out".to_owned());
    }
    if text.len() > TEXT_BYTES_MAX {
        return Err(format!("use {TEXT_BYTES_MAX} bytes at most"));
    }
    if text.chars().any(char::is_control) {
        return Err("use one line without control characters".to_owned());
    }
    Ok(text.trim().to_owned())
}

/// A list of what `item` reads, without doubles.
pub(in crate::report) fn list<T: PartialEq>(
    value: &Value<'_>,
    item: impl Fn(&Value<'_>) -> Result<T, String>,
) -> Result<Vec<T>, String> {
    let mut found = Vec::new();
    for entry in value.items()? {
        let read = item(&entry)?;
        if found.contains(&read) {
            return Err("the same entry stands twice: leave one out".to_owned());
        }
        found.push(read);
    }
    if found.len() > ENTRIES_MAX {
        return Err(format!("use {ENTRIES_MAX} entries at most"));
    }
    Ok(found)
}

/// The list, if it has an entry.
pub(in crate::report) fn some<T>(list: Vec<T>) -> Result<Vec<T>, String> {
    if list.is_empty() {
        return Err("the list is empty: name one at least".to_owned());
    }
    Ok(list)
}

fn word<T: Word>(value: &Value<'_>) -> Result<T, String> {
    T::parse(value.text()?)
}

fn length(value: &Value<'_>) -> Result<Duration, String> {
    parse_duration(value.text()?)
}

fn count(value: &Value<'_>) -> Result<u64, String> {
    let number = u64::try_from(value.integer()?)
        .ok()
        .filter(|number| *number > 0);
    number.ok_or_else(|| "use a whole number above 0".to_owned())
}

fn date(text: &str) -> Result<Date, String> {
    text.parse()
        .map_err(|_| format!("`{text}` is not a day; write it as 2025-03-28"))
}
