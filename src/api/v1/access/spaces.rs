//! Who calls, and their spaces. Called by the routes.

use actix_web::{
    HttpRequest, HttpResponse,
    http::StatusCode,
    web::{Data, Path, Payload, ReqData},
};

use super::{BODY_BYTES_MAX, with_secret};
use crate::{
    api::{
        http::{body, error::Problem, query::named},
        v1::dto::access::{MeView, SpaceCreated, SpaceInput, SpaceList, SpacePatch, SpaceView},
    },
    app::{Caller, access::Access},
};

/// `GET /api/v1/me`.
pub async fn me(caller: ReqData<Caller>, access: Data<Access>) -> HttpResponse {
    HttpResponse::Ok().json(MeView::of(access.me(&caller), &caller))
}

/// `GET /api/v1/spaces`.
pub async fn list(caller: ReqData<Caller>, access: Data<Access>) -> HttpResponse {
    HttpResponse::Ok().json(SpaceList { spaces: access.spaces(&caller).iter().map(SpaceView::from).collect() })
}

/// `POST /api/v1/spaces`: 201 with a key to it.
pub async fn create(
    request: HttpRequest,
    payload: Payload,
    caller: ReqData<Caller>,
    access: Data<Access>,
) -> Result<HttpResponse, Problem> {
    let input: SpaceInput = body::of(&request, payload, BODY_BYTES_MAX).await?;
    let made = access.create_space(&caller, &named("id", input.id)?, input.name).await?;
    Ok(with_secret(StatusCode::CREATED, SpaceCreated::from(made)))
}

/// `PATCH /api/v1/spaces/{space}`: at least one of its fields must be there.
pub async fn change(
    request: HttpRequest,
    path: Path<String>,
    payload: Payload,
    caller: ReqData<Caller>,
    access: Data<Access>,
) -> Result<HttpResponse, Problem> {
    let input: SpacePatch = body::of(&request, payload, BODY_BYTES_MAX).await?;
    let space = match (input.name, input.sensitive) {
        (name, None) => access.rename_space(&caller, &path, named("name", name)?).await?,
        (None, Some(sensitive)) => access.set_sensitivity(&caller, &path, sensitive).await?,
        (Some(name), Some(sensitive)) => {
            access.rename_space(&caller, &path, name).await?;
            access.set_sensitivity(&caller, &path, sensitive).await?
        }
    };
    let role = space.role_of(caller.principal()).map(|role| role.as_str()).unwrap_or_default();
    Ok(HttpResponse::Ok().json(SpaceView::of(&space, role)))
}
