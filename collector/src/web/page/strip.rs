//! Regions over time: a table whose cells are drawn as bars and read as figures.

mod said;

use bongsu_availability::{Sight, StripWindow};
use maud::{Markup, html};

use super::layout::PageContext;
use super::runs::runs_address;
use super::{Lang, figures};
use crate::web::answer::{
    BucketAnswer, ClaimsAnswer, StripAnswer, StripIncidentAnswer, Time, to_jiff,
};
use said::{announcements, said_rows};

/// Heads narrower than this many buckets stay empty: their text would not fit.
const HEAD_MIN: usize = 4;

/// Changes that one bucket's title lists.
const LISTED_MAX: usize = 6;

/// The strip with the choice of its window, and what was `said` of the feature beside it. None: it
/// could not be asked for now.
pub(super) fn strip_section(
    context: &PageContext,
    window: StripWindow,
    strip: Option<&StripAnswer>,
    said: &ClaimsAnswer,
) -> Markup {
    let lang = context.lang;
    html! {
        section.block aria-labelledby="h-strip" data-part="strip" {
            div.heading {
                h2 #h-strip { (lang.pick("지역별 흐름", "Regions over time")) }
                nav.ways aria-label=(lang.pick("기간", "Window")) {
                    @for choice in StripWindow::ALL {
                        a href=(context.link(&format!("{}?window={}", context.path, choice.as_str())))
                            aria-current=[(choice == window).then_some("true")] {
                            (window_name(lang, choice))
                        }
                    }
                }
            }
            @match strip {
                None => p.none.wrong {
                    (lang.pick("지금은 볼 수 없습니다.", "It cannot be shown now."))
                },
                Some(strip) if strip.regions.is_empty() => p.none {
                    (lang.pick("측정한 적이 없습니다.", "It was never measured."))
                },
                Some(strip) => {
                    div.card {
                        (legend(lang))
                        div.scroll.strip-scroll tabindex="0" role="region" aria-labelledby="h-strip" {
                            (strip_table(context, window, strip, said))
                        }
                        (announcements(context, strip))
                    }
                }
            }
        }
    }
}

const fn window_name(lang: Lang, window: StripWindow) -> &'static str {
    match window {
        StripWindow::Hour => lang.pick("1시간", "1 h"),
        StripWindow::Day => lang.pick("24시간", "24 h"),
        StripWindow::Week => lang.pick("7일", "7 d"),
    }
}

fn legend(lang: Lang) -> Markup {
    html! {
        p.legend aria-hidden="true" {
            @for (class, text) in [
                ("a10", lang.pick("모두 정상", "all up")),
                ("a6", lang.pick("일부 장애 (자체 가용성만큼 찬 막대)", "part down (filled to own availability)")),
                ("a0", lang.pick("모두 장애", "all down")),
                ("b", lang.pick("차단됨", "blocked")),
                ("u", lang.pick("확인 불가", "unknown")),
                ("m", lang.pick("점검", "maintenance")),
                ("n", lang.pick("미측정", "not measured")),
            ] {
                span { i class={ "swatch " (class) } {} (text) }
            }
        }
    }
}

fn strip_table(
    context: &PageContext,
    window: StripWindow,
    strip: &StripAnswer,
    said: &ClaimsAnswer,
) -> Markup {
    let lang = context.lang;
    let buckets = strip.regions.first().map_or(&[][..], |row| &row.buckets);
    html! {
        table class={ "strip s-" (window.as_str()) } {
            caption.unseen {
                (lang.pick(
                    "칸마다 자체 가용성, 또는 그것을 모르는 까닭",
                    "In each cell own availability, or why it is not known",
                ))
            }
            thead {
                tr {
                    th scope="col" { (lang.pick("지역", "Region")) }
                    @for (text, count) in heads(context, window, buckets) {
                        th scope="colgroup" colspan=(count) { @if count >= HEAD_MIN { (text) } }
                    }
                }
            }
            tbody {
                @for row in &strip.regions {
                    tr {
                        th scope="row" { (lang.name(&row.names)) }
                        @for bucket in &row.buckets {
                            (cell(context, strip, (row.region.as_str(), lang.name(&row.names)), bucket))
                        }
                    }
                }
                (said_rows(context, said, buckets))
                (incident_row(context, strip, buckets))
                (change_row(context, strip, buckets))
            }
        }
    }
}

/// The times above the buckets, each with how many buckets it stands over.
fn heads(
    context: &PageContext,
    window: StripWindow,
    buckets: &[BucketAnswer],
) -> Vec<(String, usize)> {
    let pattern = match window {
        StripWindow::Hour | StripWindow::Day => "%H:%M",
        StripWindow::Week => "%m-%d",
    };
    let mut heads: Vec<(i64, String, usize)> = Vec::new();
    for bucket in buckets {
        let at = to_jiff(bucket.from.0).to_zoned(context.zone.clone());
        let group = match window {
            StripWindow::Hour => i64::from(at.hour()) * 6 + i64::from(at.minute()) / 10,
            StripWindow::Day => i64::from(at.day()) * 8 + i64::from(at.hour()) / 3,
            StripWindow::Week => i64::from(at.day()),
        };
        match heads.last_mut() {
            Some((known, _, count)) if *known == group => *count += 1,
            _ => heads.push((group, at.strftime(pattern).to_string(), 1)),
        }
    }
    heads
        .into_iter()
        .map(|(_, text, count)| (text, count))
        .collect()
}

fn cell(
    context: &PageContext,
    strip: &StripAnswer,
    (region, name): (&str, &str),
    bucket: &BucketAnswer,
) -> Markup {
    let lang = context.lang;
    let text = match bucket.sight {
        Sight::Known => figures::percent(bucket.own),
        other => sight_word(lang, other).to_owned(),
    };
    html! {
        td class=(class(bucket)) {
            @if bucket.sight == Sight::Unmeasured {
                span title={ (stretch(context, bucket)) " · " (name) " · " (text) } { (text) }
            } @else {
                a href=(context.link(&bucket_address(strip, region, bucket)))
                    title=(title(context, strip, name, bucket)) { (text) }
            }
        }
    }
}

fn bucket_address(strip: &StripAnswer, region: &str, bucket: &BucketAnswer) -> String {
    runs_address(&[
        ("feature", strip.feature.as_str()),
        ("region", region),
        ("from", &short(bucket.from)),
        ("until", &short(bucket.until)),
    ])
}

/// RFC 3339 without the milliseconds where there are none.
fn short(at: Time) -> String {
    at.to_string().replace(".000Z", "Z")
}

/// How a bucket is drawn: its sight, and how full it is.
fn class(bucket: &BucketAnswer) -> String {
    let sight = match (bucket.sight, bucket.own) {
        (Sight::Known, Some(own)) => format!("a{}", tenths(own)),
        (Sight::Blocked, _) => "b".to_owned(),
        (Sight::Maintenance, _) => "m".to_owned(),
        (Sight::Unmeasured, _) => "n".to_owned(),
        (Sight::Unknown | Sight::Known, _) => "u".to_owned(),
    };
    let known = bucket.sight == Sight::Known;
    let marks = [
        (known && bucket.samples.blocked > 0, " x"),
        (known && bucket.maintenance > 0.0, " w"),
        (bucket.revised, " r"),
    ];
    let marks = marks.iter().filter(|(applies, _)| *applies);
    sight + &marks.map(|(_, mark)| *mark).collect::<String>()
}

/// Own availability in tenths, cut: only all of it is 10.
fn tenths(own: f64) -> u8 {
    (0..10_u8)
        .rev()
        .map(|n| n + 1)
        .find(|n| own >= f64::from(*n) / 10.0)
        .unwrap_or(0)
}

const fn sight_word(lang: Lang, sight: Sight) -> &'static str {
    match sight {
        Sight::Known => lang.pick("측정됨", "known"),
        Sight::Blocked => lang.pick("차단됨", "blocked"),
        Sight::Unknown => lang.pick("확인 불가", "unknown"),
        Sight::Maintenance => lang.pick("점검", "maintenance"),
        Sight::Unmeasured => lang.pick("미측정", "not measured"),
    }
}

/// The stretch of a bucket: `14:15–14:30`.
fn stretch(context: &PageContext, bucket: &BucketAnswer) -> String {
    let time = |at| figures::minute(at, context.now, &context.zone);
    format!("{}–{}", time(bucket.from), time(bucket.until))
}

fn title(
    context: &PageContext,
    strip: &StripAnswer,
    region: &str,
    bucket: &BucketAnswer,
) -> String {
    let lang = context.lang;
    let samples = &bucket.samples;
    let percent = figures::percent;
    let mut parts = vec![
        stretch(context, bucket),
        region.to_owned(),
        format!("{} {}", lang.pick("자체", "own"), percent(bucket.own)),
        format!(
            "{} {}",
            lang.pick("체감", "perceived"),
            percent(bucket.perceived)
        ),
        format!(
            "{} {}",
            lang.pick("관측률", "coverage"),
            percent(Some(bucket.coverage))
        ),
        format!(
            "{} {}/{}",
            lang.pick("표본", "samples"),
            samples.valid(),
            samples.expected()
        ),
    ];
    if bucket.sight != Sight::Known {
        parts.push(sight_word(lang, bucket.sight).to_owned());
    }
    for (count, word) in [
        (samples.blocked, "blocked"),
        (samples.blind, "blind"),
        (samples.missed, "missed"),
    ] {
        if count > 0 {
            parts.push(format!("{} {count}", lang.outcome(word)));
        }
    }
    if bucket.maintenance > 0.0 {
        parts.push(format!(
            "{} {}",
            lang.pick("점검", "maintenance"),
            percent(Some(bucket.maintenance))
        ));
    }
    if bucket.revised {
        parts.push(
            lang.pick("늦게 온 결과로 고쳐짐", "revised by late results")
                .to_owned(),
        );
    }
    let as_of = if bucket.sealed {
        lang.pick("하루 뒤 확정", "sealed a day later").to_owned()
    } else {
        let at = to_jiff(strip.as_of.0).to_zoned(context.zone.clone());
        format!("{} {}", lang.pick("기준", "as of"), at.strftime("%H:%M:%S"))
    };
    parts.push(as_of);
    parts.join(" · ")
}

/// A run of buckets with the same thing over them.
struct Stretch<T> {
    what: Option<T>,
    count: usize,
}

fn stretches<T: PartialEq + Copy>(whats: impl Iterator<Item = Option<T>>) -> Vec<Stretch<T>> {
    let mut stretches: Vec<Stretch<T>> = Vec::new();
    for what in whats {
        match stretches.last_mut() {
            Some(last) if last.what == what => last.count += 1,
            _ => stretches.push(Stretch { what, count: 1 }),
        }
    }
    stretches
}

fn incident_row(context: &PageContext, strip: &StripAnswer, buckets: &[BucketAnswer]) -> Markup {
    let lang = context.lang;
    // Newest first: where two touch one bucket the newer one is shown.
    let over = |bucket: &BucketAnswer| {
        strip.incidents.iter().position(|incident| {
            let end = incident.resolved.or(incident.closed);
            incident.onset < bucket.until && end.is_none_or(|end| end >= bucket.from)
        })
    };
    html! {
        @if !strip.incidents.is_empty() {
            tr.incidents {
                th scope="row" { (lang.pick("사고", "Incidents")) }
                @for stretch in stretches(buckets.iter().map(over)) {
                    @match stretch.what.and_then(|place| strip.incidents.get(place)) {
                        Some(incident) => td colspan=(stretch.count)
                            class={ "incident" @if !incident.down { " b" } } {
                            span title=(incident_title(context, incident)) {
                                (incident_word(context, incident))
                            }
                        },
                        None => td colspan=(stretch.count) {},
                    }
                }
            }
        }
    }
}

fn incident_word(context: &PageContext, incident: &StripIncidentAnswer) -> String {
    let lang = context.lang;
    if incident.down {
        lang.pick("사고", "incident").to_owned()
    } else {
        lang.blocked_by(context.feature_name(&incident.root))
    }
}

fn incident_title(context: &PageContext, incident: &StripIncidentAnswer) -> String {
    let lang = context.lang;
    let time = |at: Time| {
        let at = to_jiff(at.0).to_zoned(context.zone.clone());
        at.strftime("%m-%d %H:%M:%S").to_string()
    };
    let mut parts = vec![
        incident_word(context, incident),
        format!("{} {}", lang.pick("시작", "onset"), time(incident.onset)),
        format!(
            "{} {}",
            lang.pick("감지", "detected"),
            time(incident.detected)
        ),
    ];
    parts.push(match incident.resolved {
        Some(resolved) => format!("{} {}", lang.pick("해소", "resolved"), time(resolved)),
        None => super::claims::unresolved(incident.phase, lang).to_owned(),
    });
    parts.push(format!(
        "{} {}",
        lang.pick("뿌리 기능", "root"),
        incident.root
    ));
    parts.push(match &incident.announcement {
        Some(told) => format!(
            "{} {} ({})",
            lang.pick("첫 발표", "announced"),
            time(told.published),
            super::claims::lag_text(lang, told)
        ),
        None => lang.pick("발표 없음", "not announced").to_owned(),
    });
    parts.join(" · ")
}

fn change_row(context: &PageContext, strip: &StripAnswer, buckets: &[BucketAnswer]) -> Markup {
    let lang = context.lang;
    let place = |at: Time| {
        // What came with the newest event belongs to the last bucket.
        let found = buckets.iter().rposition(|bucket| bucket.from <= at)?;
        Some(found)
    };
    let mut changes: Vec<Vec<String>> = vec![Vec::new(); buckets.len()];
    for change in strip.transitions.iter().rev() {
        if let Some(changes) = place(change.at).and_then(|place| changes.get_mut(place)) {
            changes.push(super::feature::change_text(context, strip, change));
        }
    }
    let title = |changes: &[String]| {
        let more = changes.len().saturating_sub(LISTED_MAX);
        let mut text = changes[..changes.len().min(LISTED_MAX)].join("; ");
        if more > 0 {
            text.push_str(&format!("; +{more}"));
        }
        text
    };
    html! {
        tr.changes {
            th scope="row" { (lang.pick("변화", "Changes")) }
            @for changes in &changes {
                td {
                    @if !changes.is_empty() {
                        a href="#h-transitions" title=(title(changes)) { (changes.len()) }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_all_of_it_is_full_and_any_of_it_is_more_than_nothing_only_from_a_tenth_on() {
        for (own, expected) in [
            (1.0, 10),
            (0.999_99, 9),
            (0.9, 9),
            (0.899, 8),
            (0.1, 1),
            (0.099, 0),
            (0.0, 0),
        ] {
            assert_eq!(tenths(own), expected, "{own}");
        }
    }

    #[test]
    fn equal_neighbours_are_one_stretch() {
        let whats = [None, Some(1), Some(1), Some(2), None, None];
        let counts: Vec<_> = stretches(whats.into_iter())
            .iter()
            .map(|stretch| (stretch.what, stretch.count))
            .collect();
        assert_eq!(counts, [(None, 1), (Some(1), 2), (Some(2), 1), (None, 2)]);
    }
}
