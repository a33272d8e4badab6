//! The pages as browsers get them.

use std::time::Duration;

use axum::http::{Method, StatusCode};

use super::fixture::Fixture;
use super::visit::{ask, get, get_of, golden};

const FAILED: &str = "fafafafafafafafafafafafafafafafa";
const PASSED: &str = "0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a";

#[tokio::test]
async fn every_page_is_as_its_golden_in_both_languages() {
    for (name, path) in [
        ("board", "/"),
        ("feature", "/features/account.login"),
        ("run-failed", &format!("/runs/{FAILED}")),
        ("run-passed", &format!("/runs/{PASSED}")),
        (
            "runs",
            "/runs?feature=account.login&outcome=fail&from=2022-10-16T05:00:00Z",
        ),
        ("agents", "/agents"),
        ("claims", "/claims"),
    ] {
        for lang in ["ko", "en"] {
            let join = if path.contains('?') { '&' } else { '?' };
            let answer = get(&format!("{path}{join}lang={lang}")).await;
            assert_eq!(answer.status, StatusCode::OK, "{path}");
            golden(&format!("{name}.{lang}.html"), &readable(&answer.text));
        }
    }
}

/// A line per element, and no hashes of style and script, so that differences can be read.
pub(super) fn readable(html: &str) -> String {
    let mut parts = html.split("?v=");
    let mut text = parts.next().unwrap().to_owned();
    for part in parts {
        text.push_str("?v=HASH");
        text.push_str(part.trim_start_matches(|c: char| c.is_ascii_hexdigit()));
    }
    text.replace("><", ">\n<") + "\n"
}

#[tokio::test]
async fn no_address_makes_a_page_link_to_another_host() {
    for path in ["//evil.example/x", "///evil.example/", "/\\evil.example/x"] {
        let page = get(&format!("{path}?lang=en")).await;
        assert_eq!(page.status, StatusCode::NOT_FOUND, "{path}");
        assert!(page.text.contains("href=\"/evil.example/"), "{}", page.text);
        for foreign in ["\"//", "\"/\\"] {
            assert!(!page.text.contains(foreign), "{path}: {}", page.text);
        }
    }
}

#[tokio::test]
async fn the_four_sections_hold_every_feature_once() {
    let page = get("/?lang=en").await.text;
    let section = |id: &str| {
        let from = page.find(&format!("id=\"{id}\"")).unwrap();
        let to = page[from..].find("</section>").unwrap();
        &page[from..from + to]
    };
    for (id, features) in [
        (
            "outage",
            &[
                "account.login",
                "talk.message.text",
                "talk.openchat.room-create",
            ][..],
        ),
        ("recovering", &["talk.message.image"]),
        (
            "normal",
            &["talk.call.voice", "map.core", "pay.payment.offline"],
        ),
        (
            "unmeasured",
            &["map.roadview", "pay.transfer.in-talk", "pay.core"],
        ),
    ] {
        let section = section(id);
        assert_eq!(section.matches("<article").count(), features.len(), "{id}");
        for feature in features {
            assert!(
                section.contains(&format!("id=\"f-{feature}\"")),
                "{feature} in {id}"
            );
        }
    }
    assert!(section("outage").contains("Blocked by Log in"));
}

#[tokio::test]
async fn an_availability_that_is_not_known_is_a_dash() {
    let page = get("/?lang=en").await.text;
    let from = page.find("id=\"f-talk.message.text\"").unwrap();
    let row = &page[from..page[from..].find("<details").unwrap() + from];
    assert!(row.contains("<td>–</td>"), "own over five minutes");
    assert!(row.contains("79.99%"), "perceived over an hour");
}

#[tokio::test]
async fn what_the_platform_said_is_text_and_never_markup() {
    let page = get(&format!("/runs/{FAILED}")).await.text;
    assert!(page.contains("&lt;script&gt;alert('점검')&lt;/script&gt;"));
    assert!(!page.contains("<script>alert"));
    let board = get("/").await.text;
    assert!(board.contains("주요 금융 서비스 &lt;기타&gt;"));
}

#[tokio::test]
async fn pages_need_nothing_but_this_server() {
    for path in [
        "/",
        "/agents",
        "/recovery",
        "/incidents",
        "/features/map.core",
        "/features/map.core?window=7d",
        "/runs",
        "/claims",
        &format!("/runs/{PASSED}"),
    ] {
        let answer = get(path).await;
        let policy = answer.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'"), "{policy}");
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("referrer-policy"), "no-referrer");
        // A link may lead away; nothing is loaded from there.
        let text = answer.text.replace("<a href=\"http", "<a to=\"");
        for foreign in [
            " style=",
            "onclick=",
            "src=\"http",
            "href=\"http",
            "@import",
            "<style",
        ] {
            assert!(!text.contains(foreign), "{path} has {foreign}");
        }
        assert!(
            answer
                .text
                .contains("<noscript><meta http-equiv=\"refresh\"")
        );
    }
}

#[tokio::test]
async fn the_files_of_a_page_exist_and_may_be_kept() {
    let page = get("/").await.text;
    for kind in ["board.css", "board.js", "mark.svg"] {
        let from = page.find(&format!("/assets/{kind}?v=")).unwrap();
        let address = page[from..].split('"').next().unwrap();
        let answer = get(address).await;
        assert_eq!(answer.status, StatusCode::OK, "{address}");
        assert!(answer.header("cache-control").contains("immutable"));
        let stale = get(&format!("/assets/{kind}?v=0")).await;
        assert_eq!(stale.header("cache-control"), "no-cache");
    }
    assert_eq!(get("/assets/other.css").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn language_and_target_are_chosen_by_address_or_browser() {
    let english = ask(Method::GET, "/", &[("accept-language", "en-GB,en;q=0.9")]).await;
    assert!(english.text.contains("<html lang=\"en\""));
    assert_eq!(english.header("vary"), "Accept-Language");
    let korean = ask(Method::GET, "/?lang=ko", &[("accept-language", "en")]).await;
    assert!(korean.text.contains("<html lang=\"ko\""));
    let staging = get("/?target=staging&lang=en").await;
    assert!(staging.text.contains("<option value=\"staging\" selected>"));
    assert!(staging.text.contains("Nothing is seen"));
    assert!(
        staging
            .text
            .contains("href=\"/agents?lang=en&amp;target=staging\"")
    );
}

#[tokio::test]
async fn what_does_not_exist_is_said_on_a_page() {
    for (path, status, word) in [
        (
            "/features/no.such?lang=en",
            StatusCode::NOT_FOUND,
            "account.login",
        ),
        (
            "/runs/xyz?lang=en",
            StatusCode::BAD_REQUEST,
            "32 hex digits",
        ),
        (
            "/runs/00000000000000000000000000000000",
            StatusCode::NOT_FOUND,
            "journal",
        ),
        (
            "/?target=moon&lang=en",
            StatusCode::NOT_FOUND,
            "one of `superapp`, `staging`",
        ),
        ("/nowhere", StatusCode::NOT_FOUND, "no such page"),
        (
            "/%3Cscript%3E?lang=en",
            StatusCode::NOT_FOUND,
            "no such page",
        ),
    ] {
        let answer = get(path).await;
        assert_eq!(answer.status, status, "{path}");
        assert!(
            answer.header("content-type").starts_with("text/html"),
            "{path}"
        );
        assert!(
            answer.text.contains(word),
            "{path} says {word}: {}",
            answer.text
        );
    }
}

#[tokio::test]
async fn only_reading_is_served() {
    for method in [Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS] {
        let answer = ask(method, "/", &[]).await;
        assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(answer.header("allow"), "GET, HEAD");
    }
    let head = ask(Method::HEAD, "/", &[]).await;
    assert_eq!((head.status, head.text.as_str()), (StatusCode::OK, ""));
    let long = get(&format!("/?lang={}", "x".repeat(3_000))).await;
    assert_eq!(long.status, StatusCode::URI_TOO_LONG);
}

#[tokio::test]
async fn old_data_says_how_old_it_is() {
    let fresh = get("/?lang=en").await.text;
    assert!(fresh.contains("role=\"alert\" data-part=\"stale\" hidden>"));
    let fixture = Fixture::with_picture(Some(Duration::from_secs(200)));
    let old = get_of(fixture, "/?lang=en").await.text;
    assert!(old.contains("role=\"alert\" data-part=\"stale\">"));
    assert!(old.contains(">3 min ago</span>"));
    let ready = get_of(
        Fixture::with_picture(Some(Duration::from_secs(200))),
        "/readyz",
    )
    .await;
    assert_eq!(ready.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(
        ready.text.contains("the journal cannot be written"),
        "{}",
        ready.text
    );
}

#[tokio::test]
async fn before_the_journal_was_read_nothing_is_said_of_any_feature() {
    let unready = || Fixture::with_picture(None);
    let page = get_of(unready(), "/?lang=en").await;
    assert_eq!(page.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(page.header("refresh"), "5");
    let board = get_of(unready(), "/api/v1/board").await;
    assert_eq!(board.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(board.json()["error"]["code"], "replaying");
    assert_eq!(
        get_of(unready(), "/readyz").await.status,
        StatusCode::SERVICE_UNAVAILABLE
    );
    assert_eq!(get_of(unready(), "/livez").await.status, StatusCode::OK);
    let metrics = get_of(unready(), "/metrics").await.text;
    assert!(metrics.contains("\nbongsu_collector_ready 0\n"));
}

#[tokio::test]
async fn when_deriving_has_failed_the_last_board_stays_and_readiness_says_why() {
    let board = get_of(Fixture::stalled(), "/?lang=en").await;
    assert_eq!(board.status, StatusCode::OK);
    let ready = get_of(Fixture::stalled(), "/readyz").await;
    assert_eq!(ready.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(ready.text.contains("deriving has failed"), "{}", ready.text);
    let metrics = get_of(Fixture::stalled(), "/metrics").await.text;
    assert!(metrics.contains("\nbongsu_collector_ready 0\n"));
}

#[tokio::test]
async fn liveness_and_readiness_are_told_apart() {
    assert_eq!(get("/livez").await.text, "alive\n");
    assert_eq!(get("/readyz").await.text, "ready\n");
}
