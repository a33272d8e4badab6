//! The pages in a real browser: every page, wide and narrow, by day and by night, in both languages.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;
use tokio::net::TcpListener;

use super::chromium::Chromium;
use super::fixture::Fixture;
use super::recovery::OUTAGE;

/// Widths in CSS pixels: a desk and a phone.
const WIDTHS: [u32; 2] = [1280, 390];

/// Waits until the open board shows something else; the mark stays only if it was not reloaded.
const CHANGED: &str = "new Promise((done) => {
  const look = () => document.querySelector('main').innerText !== window.before && done(window.mark);
  new MutationObserver(look).observe(document.body, { subtree: true, childList: true });
  look();
})";

/// Whether what has the keyboard is a link that shows it.
const FOCUS: &str = "(() => {
  const at = document.activeElement;
  const style = getComputedStyle(at);
  return at.matches('a[href]:focus-visible') && style.outlineStyle !== 'none'
    && parseFloat(style.outlineWidth) >= 1;
})()";

fn pages() -> [(&'static str, String); 10] {
    let run = "fa".repeat(16);
    [
        ("board", "/".to_owned()),
        ("feature", "/features/account.login".to_owned()),
        ("run", format!("/runs/{run}")),
        ("runs", "/runs".to_owned()),
        ("claims", "/claims".to_owned()),
        ("incidents", "/incidents".to_owned()),
        ("incident", format!("/incidents/{OUTAGE}")),
        ("report", format!("/incidents/{OUTAGE}/report")),
        ("recovery", "/recovery".to_owned()),
        ("agents", "/agents".to_owned()),
    ]
}

/// With `BONGSU_SHOTS=FOLDER` it leaves a picture of each page there, to look at.
#[tokio::test]
async fn every_page_is_sound_in_chromium() {
    let fixture = Arc::new(Fixture::new());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}/", listener.local_addr().unwrap());
    let router = bongsu_collector::web::router_of(Arc::clone(&fixture) as Arc<_>);
    let serving = tokio::spawn(async move { axum::serve(listener, router).await });
    let mut chromium = Chromium::start().await;
    let mut faults = Vec::new();
    for width in WIDTHS {
        let mut grounds = BTreeMap::new();
        for scheme in ["light", "dark"] {
            chromium.look(width, scheme).await;
            for (name, path) in pages() {
                for lang in ["ko", "en"] {
                    let place = format!("{name}.{lang}.{scheme}.{width}");
                    let url = format!("{}{}?lang={lang}", origin.trim_end_matches('/'), path);
                    let mut found = chromium.visit(&url, &origin).await;
                    let facts = chromium.evaluate(include_str!("facts.js")).await;
                    found.extend(wrong(&facts, lang, width));
                    grounds.insert((name, lang, scheme), facts["ground"].as_f64().unwrap());
                    faults.extend(found.iter().map(|fault| format!("{place}: {fault}")));
                    keep_picture(&mut chromium, &place).await;
                }
            }
        }
        for ((name, lang, _), dark) in grounds.iter().filter(|((_, _, s), _)| *s == "dark") {
            let light = grounds[&(*name, *lang, "light")];
            if light < 0.5 || *dark > 0.1 {
                faults.push(format!(
                    "{name}.{lang}.{width}: by day {light}, by night {dark}"
                ));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));

    let faults = chromium.visit(&format!("{origin}?lang=en"), &origin).await;
    assert_eq!(faults, Vec::<String>::new());
    chromium.press_tab().await;
    assert_eq!(chromium.evaluate(FOCUS).await, true, "focus shows");
    chromium
        .evaluate(
            "window.mark = 'same page'; window.before = document.querySelector('main').innerText",
        )
        .await;
    fixture.mend_everything();
    assert_eq!(chromium.evaluate(CHANGED).await, "same page");
    assert_eq!(chromium.faults(&origin), Vec::<String>::new());

    let id = chromium.id();
    drop(chromium);
    assert!(!std::path::Path::new(&format!("/proc/{id}")).exists());
    serving.abort();
}

/// What is wrong with a page of which these are the facts.
fn wrong(facts: &Value, lang: &str, width: u32) -> Vec<String> {
    let mut found = Vec::new();
    let mut check = |holds: bool, what: String| {
        if !holds {
            found.push(what);
        }
    };
    check(facts["lang"] == lang, format!("lang is {}", facts["lang"]));
    check(
        lang != "ko" || facts["hangul"] == true,
        "no Hangul".to_owned(),
    );
    check(facts["title"] != "", "no title".to_owned());
    check(
        facts["width"].as_u64().unwrap() <= u64::from(width),
        format!("scrolls sideways: {} {}", facts["width"], facts["wide"]),
    );
    check(facts["texts"].as_u64().unwrap() > 5, "no text".to_owned());
    check(
        facts["faint"].as_array().unwrap().is_empty(),
        format!("faint: {}", facts["faint"]),
    );
    found
}

async fn keep_picture(chromium: &mut Chromium, place: &str) {
    if let Some(folder) = std::env::var_os("BONGSU_SHOTS") {
        let file = std::path::Path::new(&folder).join(format!("{place}.png"));
        std::fs::write(file, from_base64(&chromium.picture().await)).unwrap();
    }
}

fn from_base64(text: &str) -> Vec<u8> {
    let digits = text.bytes().filter_map(|byte| match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    });
    let (mut bytes, mut held, mut bits) = (Vec::new(), 0_u32, 0);
    for digit in digits {
        held = (held << 6) | u32::from(digit);
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push(((held >> bits) & 0xff) as u8);
        }
    }
    bytes
}
