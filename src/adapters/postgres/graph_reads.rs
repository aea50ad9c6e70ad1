//! Questions about the graph, asked of the views of `graph`, or of those of the histories for a past position.
//! Called by the queries, each in one snapshot bound to one space; never writes.

use async_trait::async_trait;
use serde_json::{Map, Value};
use sqlx::{PgPool, Postgres, QueryBuilder, Row, postgres::PgRow, types::Json};
use uuid::Uuid;

use super::{
    memory_reads::{readable, standing, unavailable},
    parked, snapshot, unsigned,
};
use crate::{
    domain::{
        ids::{MemoryId, RelationshipId, Revision, SpaceId, StreamSeq},
        memory::MemoryType,
        relationship::{Body, Ends, Relationship, RelationshipType},
    },
    journal::catalog,
    ports::{Direction, GraphReads, Hop, Node, QueryError, RelationshipQuery, RelationshipRecord, Stats, Step},
};

const EDGE: &str = "e.id, e.source_id, e.relationship_type, e.target_id, e.weight, e.properties, \
    e.created_at, e.updated_at, e.deleted_at, e.revision";
const NODE: &str = "n.id, n.label, n.memory_type, n.importance";
/// How many of the best connected memories the statistics name.
const HUBS: u32 = 10;

type Sql = QueryBuilder<Postgres>;

/// The graph from Postgres.
pub struct PgGraphReads {
    app: PgPool,
}

impl PgGraphReads {
    pub fn new(app: PgPool) -> Self {
        Self { app }
    }

    async fn rows(&self, space: &SpaceId, mut sql: Sql) -> Result<Vec<PgRow>, QueryError> {
        let rows = async {
            let mut transaction = snapshot::begin(&self.app, space).await?;
            let rows = sql.build().fetch_all(&mut *transaction).await?;
            transaction.commit().await?;
            Ok(rows)
        };
        rows.await.map_err(unavailable)
    }

    async fn fetch<T>(
        &self,
        space: &SpaceId,
        sql: Sql,
        read: impl Fn(&PgRow) -> Result<T, sqlx::Error>,
    ) -> Result<Vec<T>, QueryError> {
        Ok(readable(&self.rows(space, sql).await?, read))
    }
}

#[async_trait]
impl GraphReads for PgGraphReads {
    async fn relationship(
        &self,
        space: &SpaceId,
        id: RelationshipId,
        at: Option<StreamSeq>,
    ) -> Result<Option<RelationshipRecord>, QueryError> {
        let of = (catalog::RELATIONSHIP, space, id.0);
        let mut sql = Sql::new("SELECT asked.parked, ");
        sql.push(EDGE).push(" FROM (SELECT ");
        match at {
            None => parked::now(&mut sql, "graph", of),
            Some(at) => parked::then(&mut sql, "edge_history", of, at),
        }
        sql.push(" AS parked) AS asked LEFT JOIN ").push(edges_of(at)).push(" e ON e.space = ").push_bind(space.as_str());
        sql.push(" AND e.id = ").push_bind(id.0);
        standing("e", at, &mut sql);
        let rows = self.rows(space, sql).await?;
        rows.first().map_or(Ok(None), |row| parked::unless(row, relationship))
    }

    async fn relationships(&self, space: &SpaceId, query: &RelationshipQuery) -> Result<Vec<RelationshipRecord>, QueryError> {
        let mut sql = Sql::new("SELECT ");
        sql.push(EDGE);
        living_edges(&mut sql, space, query.at);
        let ends = [(" AND e.source_id = ", query.source), (" AND e.target_id = ", query.target)];
        for (condition, end) in ends {
            if let Some(end) = end {
                sql.push(condition).push_bind(end.0);
            }
        }
        if let Some(wanted) = query.relationship_type {
            sql.push(" AND e.relationship_type = ").push_bind(wanted.as_str());
        }
        if let Some(after) = query.after {
            sql.push(" AND e.id > ").push_bind(after.0);
        }
        sql.push(" ORDER BY e.id LIMIT ").push_bind(i64::from(query.limit));
        self.fetch(space, sql, relationship).await
    }

    async fn hops(&self, space: &SpaceId, from: &[MemoryId], step: &Step) -> Result<Vec<Hop>, QueryError> {
        let mut sql = Sql::new("SELECT h.* FROM (");
        both_ways(&mut sql, space, from, step);
        sql.push(") AS h JOIN ").push(nodes_of(step.at)).push(" n ON n.id = h.to_id AND n.deleted_at IS NULL AND n.space = ");
        sql.push_bind(space.as_str());
        standing("n", step.at, &mut sql);
        sql.push(" ORDER BY h.weight DESC, h.id, h.forward DESC LIMIT ").push_bind(i64::from(step.hops_max));
        self.fetch(space, sql, hop).await
    }

    async fn spread(&self, space: &SpaceId, from: &[MemoryId], seen: &[MemoryId], step: &Step) -> Result<Vec<Hop>, QueryError> {
        let mut sql = Sql::new("SELECT * FROM (SELECT DISTINCT ON (to_id) * FROM (");
        both_ways(&mut sql, space, from, step);
        sql.push(") AS h WHERE to_id <> ALL(").push_bind(uuids(seen));
        sql.push(") ORDER BY to_id, weight DESC, id, forward DESC) AS best ORDER BY weight DESC, id, forward DESC LIMIT ");
        sql.push_bind(i64::from(step.hops_max));
        self.fetch(space, sql, hop).await
    }

    async fn nodes(&self, space: &SpaceId, ids: &[MemoryId], at: Option<StreamSeq>) -> Result<Vec<Node>, QueryError> {
        let mut sql = Sql::new("SELECT ");
        sql.push(NODE).push(" FROM ").push(nodes_of(at)).push(" n WHERE n.deleted_at IS NULL AND n.space = ");
        sql.push_bind(space.as_str()).push(" AND n.id = ANY(").push_bind(uuids(ids)).push(")");
        standing("n", at, &mut sql);
        self.fetch(space, sql, node).await
    }

    async fn among(
        &self,
        space: &SpaceId,
        ids: &[MemoryId],
        at: Option<StreamSeq>,
    ) -> Result<Vec<RelationshipRecord>, QueryError> {
        let mut sql = Sql::new("SELECT ");
        sql.push(EDGE);
        living_edges(&mut sql, space, at);
        sql.push(" AND e.source_id = ANY(").push_bind(uuids(ids)).push(") AND e.target_id = ANY(").push_bind(uuids(ids));
        sql.push(") ORDER BY e.id");
        self.fetch(space, sql, relationship).await
    }

    async fn best_connected(&self, space: &SpaceId, limit: u32, at: Option<StreamSeq>) -> Result<Vec<MemoryId>, QueryError> {
        let mut sql = degrees(space, at);
        sql.push("SELECT n.id FROM ").push(nodes_of(at)).push(" n LEFT JOIN degrees USING (id) WHERE n.deleted_at IS NULL");
        sql.push(" AND n.space = ").push_bind(space.as_str());
        standing("n", at, &mut sql);
        sql.push(" ORDER BY degree DESC NULLS LAST, n.id LIMIT ").push_bind(i64::from(limit));
        self.fetch(space, sql, |row| Ok(MemoryId(row.try_get("id")?))).await
    }

    async fn stats(&self, space: &SpaceId, at: Option<StreamSeq>) -> Result<Stats, QueryError> {
        let mut by_type = Sql::new("SELECT e.relationship_type, count(*) AS count");
        living_edges(&mut by_type, space, at);
        by_type.push(" GROUP BY e.relationship_type ORDER BY count DESC, e.relationship_type");
        let count = |row: &PgRow| Ok((relationship_type(row)?, unsigned(row.try_get("count")?)));
        let by_type = self.fetch(space, by_type, count).await?;
        let mut totals = degrees(space, at);
        totals.push("SELECT count(*) AS nodes, count(*) FILTER (WHERE degree IS NULL) AS isolated FROM ").push(nodes_of(at));
        totals.push(" n LEFT JOIN degrees USING (id) WHERE n.deleted_at IS NULL AND n.space = ").push_bind(space.as_str());
        standing("n", at, &mut totals);
        let pair = |row: &PgRow| Ok((unsigned(row.try_get("nodes")?), unsigned(row.try_get("isolated")?)));
        let (nodes, isolated) = self.fetch(space, totals, pair).await?.pop().unwrap_or_default();
        let mut hubs = degrees(space, at);
        hubs.push("SELECT ").push(NODE).push(", degree FROM degrees JOIN ").push(nodes_of(at)).push(" n USING (id)");
        hubs.push(" WHERE n.space = ").push_bind(space.as_str());
        standing("n", at, &mut hubs);
        hubs.push(" ORDER BY degree DESC, n.id LIMIT ").push_bind(i64::from(HUBS));
        let hubs = self.fetch(space, hubs, |row| Ok((node(row)?, unsigned(row.try_get("degree")?)))).await?;
        Ok(Stats { nodes, edges: by_type.iter().map(|(_, count)| count).sum(), isolated, by_type, hubs })
    }
}

fn edges_of(at: Option<StreamSeq>) -> &'static str {
    if at.is_some() { "live.edge_history" } else { "live.edges" }
}

fn nodes_of(at: Option<StreamSeq>) -> &'static str {
    if at.is_some() { "live.memory_history" } else { "live.nodes" }
}

/// ` FROM … WHERE …` of the edges `e` that are part of the graph: living ones between living memories.
fn living_edges(sql: &mut Sql, space: &SpaceId, at: Option<StreamSeq>) {
    sql.push(" FROM ").push(edges_of(at)).push(" e");
    for (alias, end) in [("s", "source_id"), ("t", "target_id")] {
        sql.push(" JOIN ").push(nodes_of(at)).push(" ").push(alias).push(" ON ").push(alias).push(".space = e.space AND ");
        sql.push(alias).push(".id = e.").push(end).push(" AND ").push(alias).push(".deleted_at IS NULL");
        standing(alias, at, sql);
    }
    sql.push(" WHERE e.deleted_at IS NULL AND e.space = ").push_bind(space.as_str());
    standing("e", at, sql);
}

/// All hops of a step, whether their far ends live or not. That the near ends live is the caller's to know.
fn both_ways(sql: &mut Sql, space: &SpaceId, from: &[MemoryId], step: &Step) {
    if step.direction != Direction::In {
        one_way(sql, space, from, step, ["source_id", "target_id", "true"]);
    }
    if step.direction == Direction::Both {
        sql.push(" UNION ALL ");
    }
    if step.direction != Direction::Out {
        one_way(sql, space, from, step, ["target_id", "source_id", "false"]);
    }
}

fn one_way(sql: &mut Sql, space: &SpaceId, from: &[MemoryId], step: &Step, [near, far, forward]: [&'static str; 3]) {
    sql.push("SELECT e.id, e.").push(near).push(" AS from_id, e.").push(far).push(" AS to_id, e.relationship_type, e.weight, ");
    sql.push(forward).push(" AS forward FROM ").push(edges_of(step.at));
    sql.push(" e WHERE e.deleted_at IS NULL AND e.space = ").push_bind(space.as_str()).push(" AND e.").push(near);
    sql.push(" = ANY(").push_bind(uuids(from)).push(")");
    standing("e", step.at, sql);
    if !step.types.is_empty() {
        let types: Vec<&str> = step.types.iter().map(|wanted| wanted.as_str()).collect();
        sql.push(" AND e.relationship_type = ANY(").push_bind(types).push(")");
    }
}

/// `WITH degrees (id, degree)`: how many relationships each connected memory has; a loop counts twice.
fn degrees(space: &SpaceId, at: Option<StreamSeq>) -> Sql {
    let mut sql = Sql::new("WITH edges AS MATERIALIZED (SELECT e.source_id, e.target_id");
    living_edges(&mut sql, space, at);
    sql.push(
        "), degrees AS (SELECT id, count(*) AS degree FROM \
         (SELECT source_id AS id FROM edges UNION ALL SELECT target_id FROM edges) AS ends GROUP BY id) ",
    );
    sql
}

fn uuids(ids: &[MemoryId]) -> Vec<Uuid> {
    ids.iter().map(|id| id.0).collect()
}

fn relationship_type(row: &PgRow) -> Result<RelationshipType, sqlx::Error> {
    let text: String = row.try_get("relationship_type")?;
    RelationshipType::parse(&text).ok_or_else(|| sqlx::Error::ColumnDecode {
        index: "relationship_type".into(),
        source: format!("{text:?} is no type of relationship").into(),
    })
}

fn relationship(row: &PgRow) -> Result<RelationshipRecord, sqlx::Error> {
    let ends = Ends {
        source: MemoryId(row.try_get("source_id")?),
        target: MemoryId(row.try_get("target_id")?),
        relationship_type: relationship_type(row)?,
    };
    let Json(properties): Json<Map<String, Value>> = row.try_get("properties")?;
    Ok(RelationshipRecord {
        id: RelationshipId(row.try_get("id")?),
        revision: Revision(unsigned(row.try_get("revision")?)),
        relationship: Relationship {
            ends,
            body: Body { weight: row.try_get("weight")?, properties },
            created_at: row.try_get("created_at")?,
            updated_at: row.try_get("updated_at")?,
            deleted_at: row.try_get("deleted_at")?,
        },
    })
}

fn hop(row: &PgRow) -> Result<Hop, sqlx::Error> {
    Ok(Hop {
        id: RelationshipId(row.try_get("id")?),
        from: MemoryId(row.try_get("from_id")?),
        to: MemoryId(row.try_get("to_id")?),
        forward: row.try_get("forward")?,
        relationship_type: relationship_type(row)?,
        weight: row.try_get("weight")?,
    })
}

fn node(row: &PgRow) -> Result<Node, sqlx::Error> {
    let kind: String = row.try_get("memory_type")?;
    let memory_type = MemoryType::parse(&kind).ok_or_else(|| sqlx::Error::ColumnDecode {
        index: "memory_type".into(),
        source: format!("{kind:?} is no type of memory").into(),
    })?;
    Ok(Node {
        id: MemoryId(row.try_get("id")?),
        label: row.try_get("label")?,
        memory_type,
        importance: row.try_get("importance")?,
    })
}
