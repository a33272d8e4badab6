//! The colours of the pages against WCAG 2.1, 1.4.3: 4.5 to 1 for text, by day and by night.

use std::collections::BTreeMap;

use super::visit::get;

/// The least contrast of text of any size (WCAG 2.1 level AA).
const CONTRAST_MIN: f64 = 4.5;

/// The least contrast of what is drawn and has to be seen (WCAG 2.1, 1.4.11).
const DRAWN_CONTRAST_MIN: f64 = 3.0;

#[tokio::test]
async fn every_bar_can_be_seen_on_its_ground_by_day_and_by_night() {
    let sheet = get("/assets/board.css").await.text;
    let (day, night) = sheet.split_once("prefers-color-scheme: dark").unwrap();
    let night = night.split_once("box-sizing").unwrap().0;
    for (when, colours) in [("day", colours(day)), ("night", colours(night))] {
        let mut pairs = vec![];
        for phase in [
            "dns", "connect", "tls", "wait", "receive", "earlier", "rest",
        ] {
            // On the card, and on the shade of what follows the measuring.
            pairs.extend([
                (format!("p-{phase}"), "card"),
                (format!("p-{phase}"), "quiet-bg"),
            ]);
        }
        // The marks of the strip, each on its wash, and its fill on the card.
        for (mark, wash) in [
            ("blocked", "blocked-bg"),
            ("quiet", "quiet-bg"),
            ("good", "card"),
            ("bad", "card"),
        ] {
            pairs.push((mark.to_owned(), wash));
        }
        for (drawn, ground) in pairs {
            let contrast = contrast(colours[drawn.as_str()], colours[ground]);
            assert!(
                contrast >= DRAWN_CONTRAST_MIN,
                "{drawn} on {ground} by {when}: {contrast:.2}"
            );
        }
    }
}

#[tokio::test]
async fn every_text_can_be_read_on_its_ground_by_day_and_by_night() {
    let sheet = get("/assets/board.css").await.text;
    let (day, night) = sheet.split_once("prefers-color-scheme: dark").unwrap();
    let day = colours(day);
    let night = colours(night.split_once("box-sizing").unwrap().0);
    for (when, colours) in [("day", day), ("night", night)] {
        let mut pairs = vec![];
        for text in [
            "ink",
            "muted",
            "ember",
            "bad",
            "good",
            "degraded",
            "recovering",
        ] {
            pairs.extend([(text, "paper"), (text, "card")]);
        }
        for tone in ["good", "degraded", "recovering", "bad", "blocked", "quiet"] {
            pairs.push((tone, "card"));
        }
        let washes = [
            "good-bg",
            "degraded-bg",
            "recovering-bg",
            "bad-bg",
            "blocked-bg",
            "quiet-bg",
        ];
        for wash in washes {
            pairs.extend([("ink", wash), (wash.strip_suffix("-bg").unwrap(), wash)]);
        }
        for (text, ground) in pairs {
            let contrast = contrast(colours[text], colours[ground]);
            assert!(
                contrast >= CONTRAST_MIN,
                "{text} on {ground} by {when}: {contrast:.2}"
            );
        }
    }
}

/// The custom properties that are six-digit colours.
fn colours(sheet: &str) -> BTreeMap<&str, [u8; 3]> {
    sheet
        .split("--")
        .filter_map(|part| part.split_once(": #"))
        .filter_map(|(name, rest)| {
            let channel = |at: usize| u8::from_str_radix(rest.get(at..at + 2)?, 16).ok();
            Some((name, [channel(0)?, channel(2)?, channel(4)?]))
        })
        .collect()
}

/// The contrast ratio of WCAG 2.1.
fn contrast(a: [u8; 3], b: [u8; 3]) -> f64 {
    let (a, b) = (luminance(a), luminance(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

/// The relative luminance of WCAG 2.1.
fn luminance(colour: [u8; 3]) -> f64 {
    let [r, g, b] = colour.map(|channel| {
        let c = f64::from(channel) / 255.0;
        if c <= 0.040_45 {
            c / 12.92
        } else {
            ((c + 0.055) / 1.055).powf(2.4)
        }
    });
    0.2126 * r + 0.7152 * g + 0.0722 * b
}
