//! A copy of board and recovery as files, all of one picture: what `export board` writes down.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::Response;

use super::Web;
use super::answer::CopyAnswer;
use super::answer::CopyFileAnswer;
use super::api::{ApiError, json};
use super::page::{Lang, PageContext, copy_name, copy_page, plain_text, text_name};
use super::pages::context_of;
use super::query::Query;

const HTML: &str = "text/html; charset=utf-8";
const TEXT: &str = "text/plain; charset=utf-8";
const JSON: &str = "application/json; charset=utf-8";

/// `GET /api/v1/copy`.
pub(super) async fn copy(
    State(web): State<Arc<Web>>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, ApiError> {
    let query = Query::of(&uri);
    query.only(&["target"])?;
    let picture = web.picture().await?;
    let target = query.target(&*web.source, &picture)?;
    let board = web.board(&picture, &target);
    let recovery = web.recovery(&picture, &target, None)?;
    let mut files = vec![
        file("board.json", JSON, pretty(&board)),
        file("recovery.json", JSON, pretty(&recovery)),
    ];
    for lang in [Lang::Ko, Lang::En] {
        let context = PageContext {
            lang,
            is_copy: true,
            ..context_of(&web, &picture, target.clone())
        };
        let text = plain_text(&context, &board, &recovery);
        files.push(file(text_name(lang), TEXT, text));
        // The pages come last: who sees a new page finds the new files beside it.
        let page = copy_page(&context, &board, &recovery);
        files.push(file(copy_name(lang), HTML, page));
    }
    let answer = CopyAnswer {
        target,
        as_of: board.as_of,
        files,
    };
    Ok(json(&headers, &answer))
}

fn file(name: &'static str, media_type: &'static str, content: String) -> CopyFileAnswer {
    CopyFileAnswer {
        name,
        media_type,
        content,
    }
}

fn pretty(answer: &impl serde::Serialize) -> String {
    let mut text = serde_json::to_string_pretty(answer).expect("answers have text keys only");
    text.push('\n');
    text
}
