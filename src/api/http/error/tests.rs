//! The table as clients know it: a changed line here is a changed contract.

use super::*;
use crate::{
    app::error::TABLE,
    domain::{ids::MemoryId, memory::Rejection, relationship::Rejection as Relation, webhook::Rejection as Hook},
};

fn lines(wanted: impl Fn(&str) -> bool) -> String {
    let of_app = TABLE.iter().map(|(code, kind, again)| (*code, status(*kind), *again));
    let rows = OF_HTTP.iter().copied().chain(of_app).filter(|(code, ..)| wanted(code));
    rows.map(|(code, status, again)| format!("{code} {status} {again}")).collect::<Vec<_>>().join("\n")
}

fn problem(rejection: impl Into<app::Error>) -> Problem {
    Problem::from(rejection.into())
}

fn is_of_an_aggregate(code: &str) -> bool {
    code.starts_with("memory.") || code.starts_with("relationship.")
}

#[test]
fn the_table_of_aggregates() {
    insta::assert_snapshot!(lines(is_of_an_aggregate), @r"
    memory.invalid 400 false
    memory.content_empty 400 false
    memory.content_too_long 400 false
    memory.script_tag 400 false
    memory.type_unknown 400 false
    memory.metadata_too_deep 400 false
    memory.metadata_too_large 400 false
    memory.nul_character 400 false
    memory.too_many_tags 400 false
    memory.tag_empty 400 false
    memory.tag_too_long 400 false
    memory.title_too_long 400 false
    memory.importance_out_of_range 400 false
    memory.field_too_long 400 false
    memory.position_out_of_range 400 false
    memory.time_out_of_range 400 false
    memory.filter_required 400 false
    memory.not_found 404 false
    memory.already_exists 409 false
    memory.deleted 410 false
    memory.deleted 409 false
    memory.erased 410 false
    memory.erased 409 false
    memory.stays_sensitive 403 false
    memory.sealing_off 422 false
    memory.revision_mismatch 412 false
    memory.contention 409 true
    relationship.invalid 400 false
    relationship.self_loop 400 false
    relationship.type_unknown 400 false
    relationship.weight_out_of_range 400 false
    relationship.time_out_of_range 400 false
    relationship.properties_too_deep 400 false
    relationship.properties_too_large 400 false
    relationship.nul_character 400 false
    relationship.end_missing 404 false
    relationship.not_found 404 false
    relationship.already_exists 409 false
    relationship.deleted 410 false
    relationship.deleted 409 false
    relationship.revision_mismatch 412 false
    relationship.contention 409 true
    ");
}

#[test]
fn the_rows_of_webhooks() {
    insta::assert_snapshot!(lines(|code| code.starts_with("webhook.")), @r"
    webhook.invalid 400 false
    webhook.url_invalid 400 false
    webhook.url_forbidden 422 false
    webhook.no_events 400 false
    webhook.too_many_events 400 false
    webhook.unknown_event 400 false
    webhook.too_many_tags 400 false
    webhook.too_many_headers 400 false
    webhook.header_invalid 400 false
    webhook.header_reserved 400 false
    webhook.field_too_long 400 false
    webhook.out_of_range 400 false
    webhook.nul_character 400 false
    webhook.secret_invalid 400 false
    webhook.bad_parameter 400 false
    webhook.not_found 404 false
    webhook.delivery_not_found 404 false
    webhook.already_exists 409 false
    webhook.too_many_secrets 409 false
    webhook.not_active 409 false
    webhook.switched_off 503 false
    webhook.deleted 410 false
    webhook.deleted 409 false
    webhook.revision_mismatch 412 false
    webhook.contention 409 true
    ");
}

/// Who may come in, and who says so.
fn is_of_access(code: &str) -> bool {
    ["auth.", "audit.", "access.", "space.", "principal.", "key.", "invitation."].iter().any(|noun| code.starts_with(noun))
}

#[test]
fn the_rows_of_access() {
    insta::assert_snapshot!(lines(is_of_access), @r"
    auth.too_many_failures 429 true
    auth.missing_key 401 false
    auth.invalid_key 401 false
    auth.key_over 401 false
    auth.scope_missing 403 false
    auth.space_forbidden 403 false
    auth.operator_only 403 false
    auth.invalid_session 401 false
    auth.forged_request 403 false
    auth.invalid_token 401 false
    auth.session_needed 403 false
    access.not_found 404 false
    access.invalid_name 400 false
    access.invalid_field 400 false
    access.last_owner 409 false
    access.too_many_members 409 false
    access.key_revoked 409 false
    access.invitation_over 410 false
    access.too_many_passkeys 409 false
    access.too_many_identities 409 false
    access.last_way_in 409 false
    audit.bad_parameter 400 false
    access.space_taken 409 false
    space.contention 409 true
    principal.contention 409 true
    key.contention 409 true
    invitation.contention 409 true
    ");
}

/// How people, and clients that act for them, come in.
fn is_of_login(code: &str) -> bool {
    ["login.", "oauth.", "passkey."].iter().any(|begin| code.starts_with(begin))
}

#[test]
fn the_rows_of_login() {
    insta::assert_snapshot!(lines(is_of_login), @r"
    login.unknown_provider 404 false
    login.no_base_url 503 false
    login.bad_return_to 400 false
    login.attempt_unknown 400 false
    login.refused 403 false
    login.not_invited 403 false
    login.no_role 403 false
    login.provider_away 503 true
    login.bad_notice 400 false
    login.bad_link 400 false
    login.unknown_session 404 false
    login.unavailable 503 true
    oauth.bad_request 400 false
    oauth.unknown_code 404 false
    oauth.unknown_delegation 404 false
    login.identity_taken 409 false
    login.link_elsewhere 403 false
    passkey.off 404 false
    passkey.no_name 503 false
    passkey.ceremony_unknown 400 false
    passkey.refused 403 false
    passkey.unknown 403 false
    passkey.cloned 403 false
    passkey.taken 409 false
    ");
}

#[test]
fn the_rows_of_the_master_key() {
    insta::assert_snapshot!(lines(|code| code.starts_with("vault.")), @r"
    vault.unknown_version 404 false
    vault.version_active 409 false
    vault.version_in_use 409 false
    vault.not_shared 409 false
    vault.read_only 409 false
    vault.busy 409 true
    vault.unavailable 503 true
    vault.failed 500 false
    ");
}

#[test]
fn the_rest_of_the_table() {
    let of_others = |code: &str| is_of_login(code) || ["webhook.", "vault."].iter().any(|noun| code.starts_with(noun));
    let is_rest = |code: &str| !is_of_an_aggregate(code) && !is_of_access(code) && !of_others(code);
    insta::assert_snapshot!(lines(is_rest), @r"
    request.invalid_json 400 false
    request.unknown_field 400 false
    request.invalid_id 400 false
    request.invalid_query 400 false
    request.invalid_header 400 false
    request.number_not_exact 400 false
    request.unreadable 400 true
    request.too_large 413 false
    request.too_many_values 413 false
    request.timeout 408 true
    request.unsupported_encoding 415 false
    request.unsupported_media_type 415 false
    request.upgrade_required 426 false
    request.unknown_route 404 false
    request.wrong_method 405 false
    request.wrong_host 421 false
    request.too_many 429 true
    live.bad_parameter 400 false
    live.origin_forbidden 403 false
    live.too_many_connections 503 true
    health.not_ready 503 true
    request.invalid_field 400 false
    request.too_many_items 400 false
    request.missing_field 400 false
    request.key_reused 422 false
    list.bad_cursor 400 false
    search.query_empty 400 false
    search.query_too_long 400 false
    search.bad_limit 400 false
    search.bad_mode 400 false
    search.bad_min_score 400 false
    search.bad_filter 400 false
    search.bad_wait 400 false
    search.bad_without 400 false
    search.unavailable 503 true
    read.bad_as_of 400 false
    read.bad_limit 400 false
    read.position_beyond_log 400 false
    read.not_yet_visible 504 true
    read.unavailable 503 true
    read.unreadable 500 false
    erasure.reason_too_long 400 false
    erasure.not_found 404 false
    secrets.no_master_key 503 false
    secrets.unsealable 500 false
    secrets.unavailable 503 true
    secrets.no_data_key 500 false
    graph.bad_parameter 400 false
    graph.too_far 422 false
    events.bad_parameter 400 false
    projection.parked 503 false
    replay.unknown_projection 404 false
    replay.busy 409 false
    replay.nothing_to_roll_back 409 false
    replay.unavailable 503 true
    replay.failed 500 false
    command.history_unavailable 503 true
    log.unavailable 503 true
    log.refused 503 true
    log.poison 500 false
    storage.full 507 true
    server.overloaded 503 true
    internal 500 false
    ");
}

#[test]
fn every_rejection_has_a_row_and_no_row_stands_twice() {
    for (code, ..) in OF_HTTP {
        assert!(!TABLE.iter().any(|row| row.0 == *code), "{code} stands in both tables");
    }
    for rejection in [Rejection::Invalid(vec![]), Rejection::AlreadyExists, Rejection::NotFound, Rejection::Deleted] {
        assert_eq!(problem(rejection.clone()).code, rejection.code());
    }
    let missing = Relation::EndMissing { field: "source_id", id: MemoryId(uuid::Uuid::nil()) };
    for rejection in [Relation::Invalid(vec![]), Relation::AlreadyExists, Relation::NotFound, Relation::Deleted, missing] {
        assert_eq!(problem(rejection.clone()).code, rejection.code());
    }
    let hooks = [Hook::Invalid(vec![]), Hook::AlreadyExists, Hook::NotFound, Hook::Deleted, Hook::TooManySecrets];
    for rejection in hooks {
        assert_eq!(problem(rejection.clone()).code, rejection.code());
    }
    assert_eq!(problem(Rejection::Deleted).status, 409);
    assert_eq!(Problem::new("memory.deleted", "").status, 410);
}
