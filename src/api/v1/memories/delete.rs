//! Deleting all memories that pass a filter. Called by the routes.

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Payload, ReqData},
};

use crate::{
    api::{
        http::{
            body::{self, MEMORY_BODY_BYTES_MAX},
            error::Problem,
        },
        v1::{
            dto::delete::{DeleteAnswer, DeleteInput},
            filters,
        },
    },
    app::{
        Caller,
        memories::{Deletion, How, Memories, Selected},
    },
};

/// `POST /api/v1/memories/delete`.
pub async fn handle(
    request: HttpRequest,
    payload: Payload,
    caller: ReqData<Caller>,
    memories: Data<Memories>,
) -> Result<HttpResponse, Problem> {
    let input: DeleteInput = body::of(&request, payload, MEMORY_BODY_BYTES_MAX).await?;
    let wanted = deletion(&input)?;
    let answer = match input.dry_run {
        true => DeleteAnswer::from(memories.preview_deletion(&caller, &wanted).await?),
        false => memories.delete_all(&caller, &wanted).await?.into(),
    };
    Ok(HttpResponse::Ok().json(answer))
}

fn deletion(input: &DeleteInput) -> Result<Deletion, Problem> {
    let selected = Selected::new(filters::read(input.filters.as_ref())?, input.all)?;
    let how = match (input.erase, input.reason.clone()) {
        (true, reason) => How::Erase { reason },
        (false, None) => How::Delete,
        (false, Some(_)) => {
            let detail = "a reason is kept on the receipt of an erasure; say \"erase\": true, or leave it out";
            return Err(Problem::new("request.invalid_field", detail).at("reason", None, None));
        }
    };
    Ok(Deletion { selected, limit: input.limit, min_position: input.min_position, how })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn everything_is_deleted_only_where_that_is_said() {
        let read =
            |input| deletion(&serde_json::from_value::<DeleteInput>(input).expect("its shape")).map_err(|problem| problem.code);
        for empty in [json!({}), json!({"filters": {}}), json!({"filters": null}), json!({"filters": {"or": [{}]}})] {
            assert_eq!(read(empty), Err("memory.filter_required".to_owned()));
        }
        assert_eq!(read(json!({"all": true, "filters": {"tags": ["a"]}})), Err("memory.filter_required".to_owned()));
        assert!(read(json!({"all": true})).is_ok() && read(json!({"filters": {"tags": ["a"]}})).is_ok());
        assert_eq!(read(json!({"filters": {"colour": "red"}})), Err("search.bad_filter".to_owned()));
        assert!(serde_json::from_value::<DeleteInput>(json!({"dryrun": true})).is_err());
    }
}
