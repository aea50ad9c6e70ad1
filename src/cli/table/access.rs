//! Keys, members, spaces, invitations, and who did what.

use crate::{
    api::oauth::DelegationView,
    api::v1::{
        audit::AuditEntry,
        dto::access::{ApiKeyView, InvitationView, MemberView, SpaceView},
    },
    cli::{
        layout::{Table, text, whole},
        screen::Screen,
    },
    domain::ids::Timestamp,
};

/// A row for each key.
pub fn keys(views: &[ApiKeyView], now: Timestamp) -> Table {
    let mut table = Table::new([whole("id"), whole("prefix"), whole("state"), whole("last used"), text("label"), text("scopes")]);
    for view in views {
        table.row([
            view.id.to_string().into(),
            view.prefix.as_str().into(),
            standing(view, now).into(),
            view.last_used_at.into(),
            view.label.as_str().into(),
            view.scopes.join(" ").into(),
        ]);
    }
    table
}

fn standing(view: &ApiKeyView, now: Timestamp) -> String {
    let screen = Screen::of_stdout();
    match (view.revoked_at, view.expires_at) {
        (Some(_), _) => "revoked".to_owned(),
        (None, Some(end)) if end <= now => "over".to_owned(),
        (None, Some(end)) => format!("until {}", screen.exact_time(end)),
        (None, None) => "good".to_owned(),
    }
}

/// A row for each client that acts for somebody.
pub fn delegations(views: &[DelegationView]) -> Table {
    let columns = [whole("id"), text("client"), whole("space"), whole("renewed"), whole("address"), text("scopes")];
    let mut table = Table::new(columns);
    for view in views {
        let current = if view.current { " (this one)" } else { "" };
        table.row([
            view.id.to_string().into(),
            format!("{}{current}", view.client_name).into(),
            view.space.as_deref().unwrap_or("*").into(),
            view.refreshed_at.into(),
            view.address.as_str().into(),
            view.scopes.join(" ").into(),
        ]);
    }
    table
}

/// A row for each member.
pub fn members(views: &[MemberView]) -> Table {
    let mut table = Table::new([whole("id"), whole("role"), whole("kind"), text("name")]);
    for view in views {
        let role = if view.disabled_at.is_some() { format!("{} (disabled)", view.role) } else { view.role.clone() };
        table.row([view.id.to_string().into(), role.into(), view.kind.as_deref().into(), view.name.as_deref().into()]);
    }
    table
}

/// A row for each change.
pub fn audit(entries: &[AuditEntry]) -> Table {
    let columns =
        [whole("position"), whole("time"), whole("type"), whole("resource"), text("actor"), text("by"), whole("address")];
    let mut table = Table::new(columns);
    for it in entries {
        table.row([
            it.position.into(),
            it.at.into(),
            it.kind.as_str().into(),
            it.resource.as_str().into(),
            it.actor_name.clone().unwrap_or_else(|| it.actor.to_string()).into(),
            by(it).into(),
            it.address.as_deref().into(),
        ]);
    }
    table
}

/// By what somebody came: the label of a key, or a session with the browser's name while it holds.
fn by(entry: &AuditEntry) -> Option<String> {
    let session = || match (entry.session?, &entry.session_agent) {
        (_, Some(agent)) => Some(format!("session in {agent}")),
        (id, None) => Some(format!("session {id}")),
    };
    entry.key_label.clone().or_else(session)
}

/// A row for each space.
pub fn spaces(views: &[SpaceView]) -> Table {
    let mut table = Table::new([whole("id"), whole("role"), whole("members"), text("name")]);
    for view in views {
        table.row([view.id.as_str().into(), view.role.as_str().into(), view.members.into(), view.name.as_str().into()]);
    }
    table
}

/// A row for each invitation.
pub fn invitations(views: &[InvitationView], now: Timestamp) -> Table {
    let mut table = Table::new([whole("id"), whole("role"), whole("state"), whole("until")]);
    for view in views {
        let state = match (view.accepted_at, view.revoked_at) {
            (Some(_), _) => "taken",
            (None, Some(_)) => "withdrawn",
            (None, None) if view.expires_at <= now => "over",
            (None, None) => "open",
        };
        table.row([view.id.to_string().into(), view.role.as_str().into(), state.into(), view.expires_at.into()]);
    }
    table
}
