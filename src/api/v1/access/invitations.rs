//! Invitations to the caller's space, and how one is taken. Called by the routes.

use actix_web::{
    HttpRequest, HttpResponse,
    http::StatusCode,
    web::{Data, Path, Payload, ReqData},
};

use super::{BODY_BYTES_MAX, role, with_secret};
use crate::{
    api::{
        http::{auth::address, body, error::Problem, precondition::uuid, query::named, session::shown},
        v1::dto::access::{
            InvitationInput, InvitationList, InvitationView, InvitationWritten, JoinInput, JoinedSpaceView, JoinedView,
            SecretInput,
        },
    },
    app::{
        Caller,
        access::{Access, NewInvitation},
        sessions::Shown,
    },
};

/// `GET /api/v1/invitations`.
pub async fn list(caller: ReqData<Caller>, access: Data<Access>) -> HttpResponse {
    let invitations = access.invitations(&caller).iter().map(|it| InvitationView::from(&**it)).collect();
    HttpResponse::Ok().json(InvitationList { invitations })
}

/// `POST /api/v1/invitations`: 201 with the secret.
pub async fn invite(
    request: HttpRequest,
    payload: Payload,
    caller: ReqData<Caller>,
    access: Data<Access>,
) -> Result<HttpResponse, Problem> {
    let input: InvitationInput = body::of(&request, payload, BODY_BYTES_MAX).await?;
    let new = NewInvitation { role: role(input.role)?, expires_in_s: input.expires_in_s };
    Ok(with_secret(StatusCode::CREATED, InvitationWritten::from(access.invite(&caller, new).await?)))
}

/// `DELETE /api/v1/invitations/{id}`.
pub async fn withdraw(path: Path<String>, caller: ReqData<Caller>, access: Data<Access>) -> Result<HttpResponse, Problem> {
    Ok(HttpResponse::Ok().json(InvitationView::from(&access.withdraw(&caller, uuid("id", &path)?).await?)))
}

/// `POST /api/v1/invitations/join`: whoever is known already joins as themselves, and gets no key.
pub async fn join(
    request: HttpRequest,
    payload: Payload,
    caller: ReqData<Caller>,
    session: Option<ReqData<Shown>>,
    access: Data<Access>,
) -> Result<HttpResponse, Problem> {
    shown(session)?;
    let input: SecretInput = body::of(&request, payload, BODY_BYTES_MAX).await?;
    let joined = access.join_as(&caller, &named("secret", input.secret)?).await?;
    Ok(HttpResponse::Ok().json(JoinedSpaceView::from(&*joined)))
}

/// `POST /api/v1/invitations/accept`: 201 with a key. Who has no key yet shows the invitation's secret in its place.
pub async fn accept(request: HttpRequest, payload: Payload, access: Data<Access>) -> Result<HttpResponse, Problem> {
    let input: JoinInput = body::of(&request, payload, BODY_BYTES_MAX).await?;
    let joined = access.join(&named("secret", input.secret)?, &named("name", input.name)?, address(&request)).await?;
    Ok(with_secret(StatusCode::CREATED, JoinedView::from(joined)))
}
