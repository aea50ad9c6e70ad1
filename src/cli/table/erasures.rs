//! What was erased, and the receipts.

use crate::{
    api::v1::dto::erasure::ErasureView,
    cli::layout::{Cell, Layout, Table, text, whole},
};

/// A row for each erasure.
pub fn erasures(views: &[ErasureView]) -> Table {
    let mut table = Table::new([whole("id"), whole("erased"), whole("what"), whole("state"), whole("messages"), text("reason")]);
    for view in views {
        let messages = view.receipt.as_ref().map(|receipt| (receipt.events + receipt.vectors).to_string());
        table.row([
            view.id.to_string().into(),
            view.erased_at.into(),
            what(view).into(),
            view.state.as_str().into(),
            messages.into(),
            view.reason.as_ref().into(),
        ]);
    }
    table
}

fn what(view: &ErasureView) -> &'static str {
    if view.sealing { "its past" } else { "all of it" }
}

/// One erasure with its receipt, field by field.
pub fn erasure(view: &ErasureView) -> Layout {
    let mut layout = Layout::default().fields([
        ("id", view.id.to_string().into()),
        ("erased", Cell::Exact(view.erased_at)),
        ("what", what(view).into()),
        ("state", view.state.as_str().into()),
        ("position", view.position.into()),
        ("reason", view.reason.as_ref().into()),
    ]);
    if let Some(receipt) = &view.receipt {
        layout = layout.fields([
            ("completed", Cell::Exact(receipt.completed_at)),
            ("relationships", receipt.relationships.into()),
            ("events", receipt.events.into()),
            ("vectors", receipt.vectors.into()),
            ("attempts", receipt.attempts.into()),
            ("deliveries", receipt.deliveries.into()),
            ("tables", receipt.tables.into()),
        ]);
        for remain in &receipt.not_reached {
            layout = layout.fields([("not reached", format!("{}: {}", remain.place, remain.why).into())]);
        }
    }
    layout
}
