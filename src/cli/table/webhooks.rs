//! Webhooks, what was sent to them, and how they fare.

use crate::{
    api::v1::dto::{
        delivery::{AttemptView, DeliveryView, HealthAnswer},
        webhook::WebhookView,
    },
    cli::{
        layout::{Cell, Layout, Table, text, whole},
        screen::Screen,
    },
};

/// A row for each webhook.
pub fn webhooks(views: &[WebhookView]) -> Table {
    let mut table = Table::new([whole("id"), text("active"), text("events"), text("url")]);
    for view in views {
        table.row([view.id.to_string().into(), standing(view).into(), view.events.join(", ").into(), view.url.as_str().into()]);
    }
    table
}

fn standing(view: &WebhookView) -> String {
    match &view.disabled_reason {
        Some(reason) => format!("no: {reason}"),
        None => "yes".to_owned(),
    }
}

/// One webhook, field by field.
pub fn webhook(view: &WebhookView) -> Layout {
    let fields = [
        ("id", view.id.to_string().into()),
        ("url", view.url.as_str().into()),
        ("active", standing(view).into()),
        ("description", view.description.as_str().into()),
        ("events", view.events.join(", ").into()),
        ("tags", view.filter.tags.join(", ").into()),
        ("payload", view.payload.as_str().into()),
        ("headers", view.headers.join(", ").into()),
        ("ordered", Cell::from(view.ordered.to_string())),
    ];
    let screen = Screen::of_stdout();
    let mut layout = Layout::default().fields(fields);
    for secret in &view.secrets {
        let end = secret.expires_at.map_or("signs".to_owned(), |end| format!("signs until {}", screen.exact_time(end)));
        let public = secret.public_key.as_deref().map(|key| format!(", {key}")).unwrap_or_default();
        let text = format!("of {}, {end}{public}", screen.exact_time(secret.created_at));
        layout = layout.fields([("secret", text.into())]);
    }
    layout
}

/// A row for each delivery.
pub fn deliveries(views: &[DeliveryView]) -> Table {
    let mut table =
        Table::new([whole("position"), whole("type"), whole("subject"), whole("state"), whole("attempts"), whole("next")]);
    for view in views {
        table.row([
            view.position.to_string().into(),
            view.kind.as_str().into(),
            view.subject.as_str().into(),
            view.state.as_str().into(),
            view.attempts.to_string().into(),
            view.due_at.into(),
        ]);
    }
    table
}

/// A row for each attempt.
pub fn attempts(views: &[AttemptView]) -> Table {
    let mut table = Table::new([whole("attempt"), whole("at"), whole("ms"), whole("status"), text("error")]);
    for view in views {
        table.row([
            view.number.to_string().into(),
            view.at.into(),
            format!("{:.1}", view.duration_ms).into(),
            view.status.map(|status| status.to_string()).into(),
            view.detail.as_deref().into(),
        ]);
    }
    table
}

/// How an endpoint fares, field by field.
pub fn health(view: &HealthAnswer) -> Layout {
    let rate = view.success_rate.map_or("no attempts".to_owned(), |rate| format!("{:.1} %", rate * 100.0));
    let ms = |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{value:.1} ms"));
    let pause = view.paused_until.map(|until| format!(", nothing is sent before {}", Screen::of_stdout().exact_time(until)));
    Layout::default().fields([
        ("active", view.active.to_string().into()),
        ("breaker", format!("{}{}", view.breaker, pause.unwrap_or_default()).into()),
        ("success, 24 h", format!("{rate} of {}", view.attempts).into()),
        ("p50 / p95", format!("{} / {}", ms(view.p50_ms), ms(view.p95_ms)).into()),
        ("pending", format!("{}, the oldest for {:.0} s", view.pending, view.backlog_s).into()),
        ("failed", view.failed.to_string().into()),
    ])
}
