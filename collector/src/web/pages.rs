//! The addresses of pages and of the files that they load.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use bongsu_model::TargetName;

use super::Web;
use super::answer::ClaimsWanted;
use super::api::ApiError;
use super::assets::Asset;
use super::page::{
    FeatureMore, Lang, PageContext, agents_page, board_page, claims_page, feature_page,
    incident_page, incidents_page, plain_text, problem_page, recovery_page, report_page, run_page,
    runs_page,
};
use super::query::{self, Query};
use super::respond::with_tag;
use super::source::RunsWanted;
use crate::published::Published;
use crate::strips::StripWanted;

const HTML: &str = "text/html; charset=utf-8";
const TEXT: &str = "text/plain; charset=utf-8";

/// Runs on a feature's page.
const RUNS_SHOWN: u32 = 30;

/// Failed runs on a feature's page.
const FAILURES_SHOWN: u32 = 10;

/// Runs on a page of runs.
const RUNS_LISTED: u32 = 200;

/// Claims on a feature's page, and as far back as its strip has them.
const CLAIMS_SHOWN: usize = 50;

/// Claims on the page of claims.
const CLAIMS_LISTED: u32 = 200;

/// What a page's address may say beside language and environment.
const KEPT: [&str; 11] = [
    "window", "outage", "feature", "region", "agent", "outcome", "from", "until", "track",
    "incident", "since",
];

/// How soon a page that could not be shown is asked for again.
const ASK_AGAIN_SECONDS: &str = "5";

pub(super) fn routes() -> Router<Arc<Web>> {
    Router::new()
        .route("/", get(board))
        .route("/features/{id}", get(feature))
        .route("/recovery", get(recovery))
        .route("/recovery.txt", get(recovery_text))
        .route("/incidents", get(incidents))
        .route("/incidents/{id}", get(incident))
        .route("/incidents/{id}/report", get(report))
        .route("/runs", get(runs))
        .route("/runs/{run_id}", get(run))
        .route("/claims", get(claims))
        .route("/agents", get(agents))
        .route("/assets/{name}", get(asset))
        .route("/favicon.ico", get(async || StatusCode::NOT_FOUND))
        .fallback(no_such_page)
}

/// What a page is asked with.
struct Asked {
    web: Arc<Web>,
    picture: Arc<Published>,
    context: PageContext,
    headers: HeaderMap,
    query: Query,
}

impl Asked {
    /// The context of a page. When the target is not known, the refusal as a page.
    async fn new(web: Arc<Web>, uri: &Uri, headers: HeaderMap) -> Result<Self, Box<Response>> {
        let query = Query::of(uri);
        let settled = web.picture().await;
        let picture = web.source.picture();
        let accept = headers.get(header::ACCEPT_LANGUAGE);
        let accept = accept.and_then(|value| value.to_str().ok());
        let target = query.target(&*web.source, &picture);
        let default = web.source.default_target();
        let shown = target.as_ref().unwrap_or(default).clone();
        let context = PageContext {
            lang: Lang::choose(query.get("lang"), accept),
            target_asked: target.is_ok() && query.get("target").is_some(),
            path: local(uri.path()),
            kept: query.kept(&KEPT),
            ..context_of(&web, &picture, shown)
        };
        if let Err(error) = settled.and(target) {
            return Err(Box::new(problem(&context, &error)));
        }
        Ok(Self {
            web,
            picture,
            context,
            headers,
            query,
        })
    }

    fn target(&self) -> &TargetName {
        &self.context.target
    }

    fn page(&self, html: String) -> Response {
        self.answer(HTML, html)
    }

    fn answer(&self, media_type: &'static str, text: String) -> Response {
        let mut response = with_tag(&self.headers, media_type, text.into());
        let vary = axum::http::HeaderValue::from_static("Accept-Language");
        response.headers_mut().insert(header::VARY, vary);
        response
    }
}

/// The path of an address for links of its own page: one that begins with two slashes would lead
/// to another host.
fn local(path: &str) -> String {
    format!("/{}", path.trim_start_matches(['/', '\\']))
}

/// What every page and copy of `target` knows, without what its reader asked for.
pub(super) fn context_of(web: &Web, picture: &Published, target: TargetName) -> PageContext {
    let names = web.source.catalogue().features().iter();
    PageContext {
        lang: Lang::Ko,
        zone: web.source.zone(),
        now: web.source.now(),
        speed: web.source.speed(),
        target,
        target_asked: false,
        targets: query::targets(web.source.default_target(), picture),
        names: names
            .map(|feature| (feature.id.clone(), feature.names.clone()))
            .collect(),
        path: "/".to_owned(),
        is_copy: false,
        kept: Vec::new(),
    }
}

async fn board(State(web): State<Arc<Web>>, headers: HeaderMap, uri: Uri) -> Response {
    let asked = match Asked::new(web, &uri, headers).await {
        Ok(asked) => asked,
        Err(refusal) => return *refusal,
    };
    let board = asked.web.board(&asked.picture, asked.target());
    asked.page(board_page(&asked.context, &board))
}

async fn feature(
    State(web): State<Arc<Web>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    uri: Uri,
) -> Response {
    let asked = match Asked::new(web, &uri, headers).await {
        Ok(asked) => asked,
        Err(refusal) => return *refusal,
    };
    let board = asked.web.board(&asked.picture, asked.target());
    let found = query::feature(&id, asked.web.source.catalogue())
        .and_then(|id| asked.web.feature_detail(&board, &id))
        .and_then(|detail| Ok((detail, asked.query.window()?)));
    let (detail, window) = match found {
        Ok(found) => found,
        Err(error) => return problem(&asked.context, &error),
    };
    let newest = |outcome, limit| RunsWanted {
        target: asked.target().clone(),
        feature: Some(detail.feature.id.clone()),
        outcome,
        agent: None,
        region: None,
        due: None,
        limit,
    };
    let wanted = StripWanted {
        target: asked.target().clone(),
        feature: detail.feature.id.clone(),
        window,
    };
    let (strip, runs, failures) = tokio::join!(
        asked.web.strip(&asked.picture, wanted),
        asked.web.runs(newest(None, RUNS_SHOWN)),
        asked.web.runs(newest(Some("fail"), FAILURES_SHOWN)),
    );
    let said = ClaimsWanted {
        feature: Some(detail.feature.id.clone()),
        ..ClaimsWanted::of(asked.target().clone(), CLAIMS_SHOWN)
    };
    let more = FeatureMore {
        window,
        claims: asked.web.claims(&asked.picture, &said),
        strip: strip.ok(),
        runs: runs.ok(),
        failures: failures.ok(),
    };
    asked.page(feature_page(&asked.context, &board, &detail, &more))
}

async fn recovery(State(web): State<Arc<Web>>, headers: HeaderMap, uri: Uri) -> Response {
    let asked = match Asked::new(web, &uri, headers).await {
        Ok(asked) => asked,
        Err(refusal) => return *refusal,
    };
    let outage = asked.query.get("outage");
    match asked.web.recovery(&asked.picture, asked.target(), outage) {
        Ok(answer) => asked.page(recovery_page(&asked.context, &answer)),
        Err(error) => problem(&asked.context, &error),
    }
}

/// Board and recovery as text.
async fn recovery_text(State(web): State<Arc<Web>>, headers: HeaderMap, uri: Uri) -> Response {
    let asked = match Asked::new(web, &uri, headers).await {
        Ok(asked) => asked,
        Err(refusal) => return *refusal,
    };
    let outage = asked.query.get("outage");
    let board = asked.web.board(&asked.picture, asked.target());
    match asked.web.recovery(&asked.picture, asked.target(), outage) {
        Ok(answer) => asked.answer(TEXT, plain_text(&asked.context, &board, &answer)),
        Err(error) => problem(&asked.context, &error),
    }
}

async fn incidents(State(web): State<Arc<Web>>, headers: HeaderMap, uri: Uri) -> Response {
    let asked = match Asked::new(web, &uri, headers).await {
        Ok(asked) => asked,
        Err(refusal) => return *refusal,
    };
    let answer = asked.web.incidents(&asked.picture, asked.target());
    asked.page(incidents_page(&asked.context, &answer))
}

async fn incident(
    State(web): State<Arc<Web>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    uri: Uri,
) -> Response {
    let asked = match Asked::new(web, &uri, headers).await {
        Ok(asked) => asked,
        Err(refusal) => return *refusal,
    };
    match asked.web.incident(&asked.picture, asked.target(), &id) {
        Ok(detail) => asked.page(incident_page(&asked.context, &detail)),
        Err(error) => problem(&asked.context, &error),
    }
}

async fn report(
    State(web): State<Arc<Web>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    uri: Uri,
) -> Response {
    let asked = match Asked::new(web, &uri, headers).await {
        Ok(asked) => asked,
        Err(refusal) => return *refusal,
    };
    match asked.web.subject(&asked.picture, asked.target(), &id).await {
        Ok(subject) => {
            let shelf = asked.web.source.duties().shelf_on(&subject);
            asked.page(report_page(&asked.context, &subject, &shelf))
        }
        Err(error) => problem(&asked.context, &error),
    }
}

async fn runs(State(web): State<Arc<Web>>, headers: HeaderMap, uri: Uri) -> Response {
    let asked = match Asked::new(web, &uri, headers).await {
        Ok(asked) => asked,
        Err(refusal) => return *refusal,
    };
    let source = &*asked.web.source;
    let wanted = asked
        .query
        .runs_wanted(asked.target().clone(), source, &asked.picture);
    let wanted = wanted.map(|wanted| RunsWanted {
        limit: RUNS_LISTED,
        ..wanted
    });
    let runs = match wanted {
        Ok(wanted) => asked.web.runs(wanted).await,
        Err(error) => Err(error),
    };
    match runs {
        Ok(runs) => asked.page(runs_page(&asked.context, &runs, RUNS_LISTED)),
        Err(error) => problem(&asked.context, &error),
    }
}

async fn run(
    State(web): State<Arc<Web>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    uri: Uri,
) -> Response {
    let asked = match Asked::new(web, &uri, headers).await {
        Ok(asked) => asked,
        Err(refusal) => return *refusal,
    };
    let target = asked.context.target_asked.then(|| asked.target());
    match asked.web.run(&id, target).await {
        Ok(detail) => asked.page(run_page(&asked.context, &detail)),
        Err(error) => problem(&asked.context, &error),
    }
}

async fn claims(State(web): State<Arc<Web>>, headers: HeaderMap, uri: Uri) -> Response {
    let asked = match Asked::new(web, &uri, headers).await {
        Ok(asked) => asked,
        Err(refusal) => return *refusal,
    };
    let (source, target) = (&*asked.web.source, asked.target().clone());
    let wanted = asked
        .query
        .claims_wanted(target, source, &asked.picture, CLAIMS_LISTED);
    match wanted {
        Ok(wanted) => {
            let log = asked.web.claims(&asked.picture, &wanted);
            let mut incidents = asked.web.incidents(&asked.picture, asked.target());
            // What was said of one that was merged was said of the one that has its features now.
            incidents
                .incidents
                .retain(|incident| incident.merged_into.is_none());
            asked.page(claims_page(&asked.context, &log, &incidents))
        }
        Err(error) => problem(&asked.context, &error),
    }
}

async fn agents(State(web): State<Arc<Web>>, headers: HeaderMap, uri: Uri) -> Response {
    let asked = match Asked::new(web, &uri, headers).await {
        Ok(asked) => asked,
        Err(refusal) => return *refusal,
    };
    let answer = asked.web.agents(&asked.picture, asked.target());
    asked.page(agents_page(&asked.context, &answer))
}

/// An embedded file. Under its full address it never changes, so that browsers keep it.
async fn asset(Path(name): Path<String>, uri: Uri, headers: HeaderMap) -> Response {
    let Some(asset) = Asset::named(&name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let mut response = with_tag(&headers, asset.media_type, asset.content.into());
    if Query::of(&uri).get("v") == Some(asset.tag().as_str()) {
        let forever = axum::http::HeaderValue::from_static("public, max-age=31536000, immutable");
        response
            .headers_mut()
            .insert(header::CACHE_CONTROL, forever);
    }
    response
}

async fn no_such_page(State(web): State<Arc<Web>>, headers: HeaderMap, uri: Uri) -> Response {
    let asked = match Asked::new(web, &uri, headers).await {
        Ok(asked) => asked,
        Err(refusal) => return *refusal,
    };
    let error = ApiError::missing("unknown_page", "there is no such page".to_owned());
    problem(&asked.context, &error)
}

fn problem(context: &PageContext, error: &ApiError) -> Response {
    let title = match error.status {
        StatusCode::NOT_FOUND => context.lang.pick("찾을 수 없습니다", "Not found"),
        StatusCode::BAD_REQUEST => context.lang.pick("잘못된 주소입니다", "A wrong address"),
        _ => context
            .lang
            .pick("지금은 볼 수 없습니다", "Not available now"),
    };
    let html = problem_page(context, title, &error.message);
    // Our own trouble passes: the browser asks again by itself.
    let again = (error.status == StatusCode::SERVICE_UNAVAILABLE)
        .then_some([(header::REFRESH, ASK_AGAIN_SECONDS)]);
    let headers = [
        (header::CONTENT_TYPE, HTML),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (error.status, headers, again, html).into_response()
}
