//! What lies around a memory, ways between two, and what the graph amounts to.

use crate::{
    api::v1::dto::graph::{GraphStats, HopView, NeighborsAnswer, PathAnswer, PathView},
    cli::{
        layout::{Layout, Table, text, whole},
        screen::{cut, one_line},
    },
};

/// How much of a memory's label stands beside a way.
const LABEL_COLUMNS_MAX: usize = 80;

fn label(text: &str) -> String {
    cut(&one_line(text), LABEL_COLUMNS_MAX)
}

fn arrow(hop: &HopView) -> String {
    if hop.forward { format!("─{}→", hop.relationship_type) } else { format!("←{}─", hop.relationship_type) }
}

/// A row for each memory around another, nearest first.
pub fn neighbors(answer: &NeighborsAnswer) -> Layout {
    let mut table = Table::new([whole("depth"), whole("way"), whole("weight"), whole("id"), text("memory")]);
    for reached in &answer.neighbors {
        let via = &reached.via;
        table.row([
            reached.depth.to_string().into(),
            arrow(via).into(),
            via.weight.to_string().into(),
            reached.node.id.to_string().into(),
            reached.node.label.as_str().into(),
        ]);
    }
    let layout = Layout::from(table).hint(format!("around {}", label(&answer.start.label)));
    if answer.truncated { layout.hint("there is more than the limit lets through") } else { layout }
}

/// Each way, one memory per line.
pub fn paths(answer: &PathAnswer) -> Layout {
    if answer.paths.is_empty() {
        return "no way leads there".into();
    }
    let way = |path: &PathView| {
        let mut lines = vec![format!("{} hops, cost {:.2}", path.hops.len(), path.cost)];
        for (index, node) in path.nodes.iter().enumerate() {
            let via = index.checked_sub(1).and_then(|before| path.hops.get(before));
            let via = via.map(|hop| format!("{} ", arrow(hop))).unwrap_or_default();
            lines.push(format!("  {via}{} {}", node.id, label(&node.label)));
        }
        lines.join("\n")
    };
    answer.paths.iter().map(way).collect::<Vec<_>>().join("\n").into()
}

pub fn graph_stats(stats: &GraphStats) -> Layout {
    let mut types = Table::new([whole("type"), whole("relationships")]);
    for (kind, count) in &stats.edges_by_type {
        types.row([kind.into(), count.to_string().into()]);
    }
    let mut hubs = Table::new([whole("relationships"), whole("id"), text("memory")]);
    for hub in &stats.hubs {
        hubs.row([hub.degree.to_string().into(), hub.node.id.to_string().into(), hub.node.label.as_str().into()]);
    }
    let GraphStats { nodes, edges, isolated, average_degree, .. } = stats;
    let sums = format!("{nodes} memories ({isolated} alone), {edges} relationships, {average_degree:.2} per memory");
    Layout::default().text(sums).table(types).table(hubs)
}
