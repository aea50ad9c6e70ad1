//! `/api/v1/me`, `/spaces`, `/members`, `/keys`, `/invitations`: who may come in. Each handler reads a request, asks [`crate::app::access`],
//! and writes what came of it. All but the list of spaces is about the caller's space.

mod invitations;
mod keys;
mod members;
mod spaces;

use actix_web::{HttpResponse, http::Method, web};
use serde::Serialize;

use super::dto::access::{
    ApiKeyView, InvitationInput, InvitationList, InvitationView, InvitationWritten, JoinInput, JoinedSpaceView, JoinedView,
    KeyInput, KeyList, KeyWritten, MeView, MemberInput, MemberList, MemberView, PrincipalView, RoleInput, RotateKeyInput,
    SecretInput, SpaceCreated, SpaceInput, SpaceList, SpacePatch, SpaceView,
};
use crate::{
    api::http::{
        error::Problem,
        query::named,
        route::{Route, Shape, Who, shape},
    },
    app::{self, error::short},
    domain::access::{Role, Scope},
};

const ADMIN: Who = Who::May(Scope::SpaceAdmin);
const BODY_BYTES_MAX: usize = 16 * 1_024;
type Handler = fn() -> actix_web::Route;

/// The routes of access.
pub fn routes() -> Vec<Route> {
    [of_spaces(), of_members(), of_keys(), of_invitations()].into_iter().flatten().collect()
}

fn get(path: &'static str, handler: Handler, gives: Shape, summary: &'static str) -> Route {
    Route { who: ADMIN, gives: (200, Some(gives)), ..Route::new(Method::GET, path, handler, summary) }
}

fn change(method: Method, path: &'static str, handler: Handler, gives: Shape, summary: &'static str) -> Route {
    Route { who: ADMIN, gives: (200, Some(gives)), ..Route::new(method, path, handler, summary) }
}

fn make(path: &'static str, handler: Handler, (takes, gives): (Shape, Shape), summary: &'static str) -> Route {
    Route { who: ADMIN, takes: Some(takes), gives: (201, Some(gives)), ..Route::new(Method::POST, path, handler, summary) }
}

fn of_spaces() -> Vec<Route> {
    let known = |path, handler, gives, summary| Route { who: Who::Known, ..get(path, handler, gives, summary) };
    vec![
        known("/api/v1/me", || web::to(spaces::me), shape::<MeView>(), "Who calls, and what they may do"),
        known("/api/v1/spaces", || web::to(spaces::list), shape::<SpaceList>(), "The caller's spaces"),
        make(
            "/api/v1/spaces",
            || web::to(spaces::create),
            (shape::<SpaceInput>(), shape::<SpaceCreated>()),
            "Make a space, and a first key to it",
        ),
        Route {
            takes: Some(shape::<SpacePatch>()),
            ..change(
                Method::PATCH,
                "/api/v1/spaces/{space}",
                || web::to(spaces::change),
                shape::<SpaceView>(),
                "Rename the caller's space, or say whether all that is written there is sensitive",
            )
        },
    ]
}

fn of_members() -> Vec<Route> {
    const ONE: &str = "/api/v1/members/{id}";
    vec![
        get("/api/v1/members", || web::to(members::list), shape::<MemberList>(), "Who belongs to the space"),
        make(
            "/api/v1/members",
            || web::to(members::add),
            (shape::<MemberInput>(), shape::<MemberView>()),
            "Make an agent or a person, as a member of the space",
        ),
        Route {
            takes: Some(shape::<RoleInput>()),
            ..change(Method::PUT, ONE, || web::to(members::set_role), shape::<MemberView>(), "Give a member another role")
        },
        Route {
            gives: (204, None),
            ..change(Method::DELETE, ONE, || web::to(members::remove), shape::<MemberView>(), "Remove a member")
        },
        change(
            Method::POST,
            "/api/v1/principals/{id}/disable",
            || web::to(members::disable),
            shape::<PrincipalView>(),
            "Close every space to somebody",
        ),
        change(
            Method::POST,
            "/api/v1/principals/{id}/enable",
            || web::to(members::enable),
            shape::<PrincipalView>(),
            "Open their spaces to somebody again",
        ),
    ]
}

fn of_keys() -> Vec<Route> {
    const ONE: &str = "/api/v1/keys/{id}";
    vec![
        get("/api/v1/keys", || web::to(keys::list), shape::<KeyList>(), "The API keys of the space, newest first"),
        make("/api/v1/keys", || web::to(keys::issue), (shape::<KeyInput>(), shape::<KeyWritten>()), "Make an API key"),
        get(ONE, || web::to(keys::get), shape::<ApiKeyView>(), "Show an API key, without its secret"),
        change(Method::DELETE, ONE, || web::to(keys::revoke), shape::<ApiKeyView>(), "Revoke an API key for ever"),
        Route {
            takes: Some(shape::<RotateKeyInput>()),
            ..change(
                Method::POST,
                "/api/v1/keys/{id}/rotate",
                || web::to(keys::rotate),
                shape::<KeyWritten>(),
                "Give an API key a new secret",
            )
        },
    ]
}

fn of_invitations() -> Vec<Route> {
    vec![
        get("/api/v1/invitations", || web::to(invitations::list), shape::<InvitationList>(), "The invitations to the space"),
        make(
            "/api/v1/invitations",
            || web::to(invitations::invite),
            (shape::<InvitationInput>(), shape::<InvitationWritten>()),
            "Invite somebody to the space",
        ),
        change(
            Method::DELETE,
            "/api/v1/invitations/{id}",
            || web::to(invitations::withdraw),
            shape::<InvitationView>(),
            "Withdraw an invitation",
        ),
        Route {
            who: Who::Anybody,
            ..make(
                "/api/v1/invitations/accept",
                || web::to(invitations::accept),
                (shape::<JoinInput>(), shape::<JoinedView>()),
                "Take an invitation, and get a first key",
            )
        },
        Route {
            who: Who::Known,
            takes: Some(shape::<SecretInput>()),
            ..change(
                Method::POST,
                "/api/v1/invitations/join",
                || web::to(invitations::join),
                shape::<JoinedSpaceView>(),
                "Take an invitation as the one who is logged in",
            )
        },
    ]
}

/// An answer that holds a secret, which nobody on the way keeps.
fn with_secret(status: actix_web::http::StatusCode, body: impl Serialize) -> HttpResponse {
    HttpResponse::build(status).insert_header(("Cache-Control", "no-store")).json(body)
}

fn role(text: Option<String>) -> Result<Role, Problem> {
    let text = named("role", text)?;
    chosen(Role::parse(&text), ("role", &text), "a role is owner, editor or reader")
}

/// What a word stands for, if for anything. Errors: `access.invalid_field`, with the word and with what there is.
fn chosen<T>(parsed: Option<T>, (field, word): (&str, &str), rule: impl Into<String>) -> Result<T, Problem> {
    parsed.ok_or_else(|| app::Error::new("access.invalid_field", rule).at(field, None, Some(short(word).into())).into())
}
