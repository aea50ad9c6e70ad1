//! Members of the caller's space. Called by the routes.

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Path, Payload, ReqData},
};

use super::{BODY_BYTES_MAX, chosen, role};
use crate::{
    api::{
        http::{body, error::Problem, precondition::uuid, query::named},
        v1::dto::access::{MemberInput, MemberList, MemberView, PrincipalView, RoleInput},
    },
    app::{
        Caller,
        access::{Access, NewMember},
    },
    domain::{access::PrincipalKind, ids::PrincipalId},
};

/// `GET /api/v1/members`.
pub async fn list(caller: ReqData<Caller>, access: Data<Access>) -> Result<HttpResponse, Problem> {
    let members = access.members(&caller)?.into_iter().map(MemberView::from).collect();
    Ok(HttpResponse::Ok().json(MemberList { members }))
}

/// `POST /api/v1/members`.
pub async fn add(
    request: HttpRequest,
    payload: Payload,
    caller: ReqData<Caller>,
    access: Data<Access>,
) -> Result<HttpResponse, Problem> {
    let input: MemberInput = body::of(&request, payload, BODY_BYTES_MAX).await?;
    let kind = input.kind.as_deref().unwrap_or(PrincipalKind::Agent.as_str());
    let kind = chosen(PrincipalKind::parse(kind), ("kind", kind), "kind is agent or person")?;
    let new = NewMember { kind, name: named("name", input.name)?, role: role(input.role)? };
    Ok(HttpResponse::Created().json(MemberView::from(access.add_member(&caller, new).await?)))
}

/// `PUT /api/v1/members/{id}`.
pub async fn set_role(
    request: HttpRequest,
    path: Path<String>,
    payload: Payload,
    caller: ReqData<Caller>,
    access: Data<Access>,
) -> Result<HttpResponse, Problem> {
    let id = id(&path)?;
    let input: RoleInput = body::of(&request, payload, BODY_BYTES_MAX).await?;
    Ok(HttpResponse::Ok().json(MemberView::from(access.set_role(&caller, id, role(input.role)?).await?)))
}

/// `DELETE /api/v1/members/{id}`.
pub async fn remove(path: Path<String>, caller: ReqData<Caller>, access: Data<Access>) -> Result<HttpResponse, Problem> {
    access.remove_member(&caller, id(&path)?).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// `POST /api/v1/principals/{id}/disable`.
pub async fn disable(path: Path<String>, caller: ReqData<Caller>, access: Data<Access>) -> Result<HttpResponse, Problem> {
    Ok(HttpResponse::Ok().json(PrincipalView::from(access.enable_principal(&caller, id(&path)?, false).await?)))
}

/// `POST /api/v1/principals/{id}/enable`.
pub async fn enable(path: Path<String>, caller: ReqData<Caller>, access: Data<Access>) -> Result<HttpResponse, Problem> {
    Ok(HttpResponse::Ok().json(PrincipalView::from(access.enable_principal(&caller, id(&path)?, true).await?)))
}

fn id(text: &str) -> Result<PrincipalId, Problem> {
    uuid("id", text).map(PrincipalId)
}
