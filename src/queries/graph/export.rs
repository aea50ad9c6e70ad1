//! The graph in the formats of other programs: node-link JSON, GraphML, GEXF. Called by `GET /api/v1/graph/export`.

use std::fmt::Write;

use serde_json::{Value, json};

use crate::{
    domain::ids::{SpaceId, StreamSeq},
    ports::{GraphReads, Node, QueryError, RelationshipRecord},
};

/// Most memories of one export, the best connected ones.
pub const NODES_MAX: u32 = 50_000;

/// A format of other programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Json,
    GraphMl,
    Gexf,
}

impl Format {
    pub const ALL: [(&'static str, Self); 3] = [("json", Self::Json), ("graphml", Self::GraphMl), ("gexf", Self::Gexf)];

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().find(|(name, _)| *name == text).map(|(_, format)| *format)
    }

    pub fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::GraphMl => "application/graphml+xml",
            Self::Gexf => "application/gexf+xml",
        }
    }
}

/// Everything that is exported.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Graph {
    pub nodes: Vec<Node>,
    pub edges: Vec<RelationshipRecord>,
}

/// Collects the graph of a space.
/// Errors: see [`QueryError`].
pub async fn ask(space: &SpaceId, at: Option<StreamSeq>, graph: &dyn GraphReads) -> Result<Graph, QueryError> {
    let ids = graph.best_connected(space, NODES_MAX, at).await?;
    Ok(Graph { nodes: super::in_order(space, &ids, at, graph).await?, edges: graph.among(space, &ids, at).await? })
}

impl Graph {
    pub fn write(&self, format: Format) -> String {
        match format {
            Format::Json => self.node_link().to_string(),
            Format::GraphMl => self.graphml(),
            Format::Gexf => self.gexf(),
        }
    }

    /// The node-link form of networkx and d3.
    fn node_link(&self) -> Value {
        let node = |node: &Node| {
            let Node { id, label, memory_type, importance } = node;
            json!({"id": id, "label": label, "memory_type": memory_type.as_str(), "importance": importance})
        };
        let edge = |edge: &RelationshipRecord| {
            let relationship = &edge.relationship;
            json!({
                "id": edge.id, "source": relationship.ends.source, "target": relationship.ends.target,
                "relationship_type": relationship.ends.relationship_type.as_str(),
                "weight": relationship.body.weight, "properties": relationship.body.properties,
            })
        };
        let (nodes, links) = (self.nodes.iter().map(node).collect(), self.edges.iter().map(edge).collect());
        json!({"directed": true, "multigraph": true, "graph": {}, "nodes": Value::Array(nodes), "links": Value::Array(links)})
    }

    fn graphml(&self) -> String {
        let mut xml = String::from(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<graphml xmlns=\"http://graphml.graphdrawing.org/xmlns\">\n\
             <key id=\"label\" for=\"node\" attr.name=\"label\" attr.type=\"string\"/>\n\
             <key id=\"memory_type\" for=\"node\" attr.name=\"memory_type\" attr.type=\"string\"/>\n\
             <key id=\"importance\" for=\"node\" attr.name=\"importance\" attr.type=\"double\"/>\n\
             <key id=\"relationship_type\" for=\"edge\" attr.name=\"relationship_type\" attr.type=\"string\"/>\n\
             <key id=\"weight\" for=\"edge\" attr.name=\"weight\" attr.type=\"double\"/>\n\
             <key id=\"properties\" for=\"edge\" attr.name=\"properties\" attr.type=\"string\"/>\n\
             <graph edgedefault=\"directed\">\n",
        );
        for Node { id, label, memory_type, importance } in &self.nodes {
            let (label, kind) = (escaped(label), memory_type.as_str());
            append(
                &mut xml,
                format_args!(
                    "<node id=\"{id}\"><data key=\"label\">{label}</data><data key=\"memory_type\">{kind}</data>\
                     <data key=\"importance\">{importance}</data></node>\n"
                ),
            );
        }
        for edge in &self.edges {
            let (ends, body) = (edge.relationship.ends, &edge.relationship.body);
            let (id, source, target, kind, weight) = (edge.id, ends.source, ends.target, ends.relationship_type, body.weight);
            let (kind, properties) = (kind.as_str(), escaped(&Value::from(body.properties.clone()).to_string()));
            append(
                &mut xml,
                format_args!(
                    "<edge id=\"{id}\" source=\"{source}\" target=\"{target}\"><data key=\"relationship_type\">{kind}</data>\
                     <data key=\"weight\">{weight}</data><data key=\"properties\">{properties}</data></edge>\n"
                ),
            );
        }
        xml.push_str("</graph>\n</graphml>\n");
        xml
    }

    fn gexf(&self) -> String {
        let mut xml = String::from(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<gexf xmlns=\"http://gexf.net/1.3\" version=\"1.3\">\n\
             <graph defaultedgetype=\"directed\">\n<attributes class=\"node\">\
             <attribute id=\"memory_type\" title=\"memory_type\" type=\"string\"/>\
             <attribute id=\"importance\" title=\"importance\" type=\"double\"/></attributes>\n<nodes>\n",
        );
        for Node { id, label, memory_type, importance } in &self.nodes {
            let (label, kind) = (escaped(label), memory_type.as_str());
            append(
                &mut xml,
                format_args!(
                    "<node id=\"{id}\" label=\"{label}\"><attvalues><attvalue for=\"memory_type\" value=\"{kind}\"/>\
                     <attvalue for=\"importance\" value=\"{importance}\"/></attvalues></node>\n"
                ),
            );
        }
        xml.push_str("</nodes>\n<edges>\n");
        for edge in &self.edges {
            let (ends, weight) = (edge.relationship.ends, edge.relationship.body.weight);
            let (id, source, target, kind) = (edge.id, ends.source, ends.target, ends.relationship_type.as_str());
            append(
                &mut xml,
                format_args!(
                    "<edge id=\"{id}\" source=\"{source}\" target=\"{target}\" kind=\"{kind}\" label=\"{kind}\" \
                     weight=\"{weight}\"/>\n"
                ),
            );
        }
        xml.push_str("</edges>\n</graph>\n</gexf>\n");
        xml
    }
}

fn append(xml: &mut String, text: std::fmt::Arguments<'_>) {
    xml.write_fmt(text).expect("writing into a String cannot fail");
}

/// Text as XML 1.0 allows it: its own marks escaped, control characters replaced.
fn escaped(text: &str) -> String {
    let mut xml = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => xml.push_str("&amp;"),
            '<' => xml.push_str("&lt;"),
            '>' => xml.push_str("&gt;"),
            '"' => xml.push_str("&quot;"),
            '\t' | '\n' | '\r' => xml.push(' '),
            '\u{fffe}' | '\u{ffff}' => xml.push('\u{fffd}'),
            control if control < ' ' => xml.push('\u{fffd}'),
            other => xml.push(other),
        }
    }
    xml
}
