//! What lies within three steps of a memory, among 100,000 memories and 500,000 relationships, against the recursive query that anybody
//! would write on the same tables. Goal: p99 at most 20 ms.
//!
//! `cargo bench --bench graph -- [--nodes 100000] [--edges 500000] [--walks 300]`

mod ground;

use std::time::{Duration, Instant};

use ground::{Ground, quantile, setting};
use second_brain::{
    domain::ids::{MemoryId, SpaceId},
    ports::Step,
    projectors::{definition, keeper},
    queries::graph::neighbors,
    runtime::Durability,
};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use uuid::Uuid;

const DEPTH: u32 = 3;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let (nodes, edges, walks) = (setting("nodes", 100_000), setting("edges", 500_000), setting("walks", 300));
    let ground = Ground::new(Durability::Os).await?;
    let postgres = ground.database("graph").await?;
    keeper::prepare(&*postgres.projection_store(), &definition::graph()).await?;
    let mut raw = PgConnection::connect(&ground.servers.postgres().owner_url("graph")).await?;
    fill(&mut raw, nodes, edges).await?;
    let (graph, space) = (postgres.graph_reads(), SpaceId::default_space());
    for limit in [100, neighbors::LIMIT_MAX] {
        let (mut ours, mut limits, mut reached) = (vec![], vec![], 0);
        for walk in 0..walks {
            let start = id((walk * 7_919) % nodes);
            let started = Instant::now();
            let found = neighbors::ask(&space, MemoryId(start), (DEPTH, limit), &Step::default(), &*graph).await?;
            ours.push(started.elapsed());
            reached += found.map_or(0, |found| found.reached.len());
            let started = Instant::now();
            recursive(&mut raw, start, limit).await?;
            limits.push(started.elapsed());
        }
        let row = |share: f64, times: &[Duration]| quantile(times.to_vec(), share);
        println!("depth {DEPTH}, at most {limit}, {} reached on average:", reached / walks);
        println!("| | recursive query | ours | ratio |\n|---|---|---|---|");
        for (name, share) in [("p50", 0.5), ("p99", 0.99)] {
            let (limit, ours) = (row(share, &limits), row(share, &ours));
            println!("| {name} | {limit:.2?} | {ours:.2?} | {:.2} |", ours.as_secs_f64() / limit.as_secs_f64());
        }
    }
    raw.close().await?;
    postgres.close().await;
    ground.end().await
}

fn id(n: usize) -> Uuid {
    Uuid::from_u128(n as u128 + 1)
}

/// Memories, and relationships between ones chosen by a hash; a fifth of the ends lie among one percent of the memories.
async fn fill(raw: &mut PgConnection, nodes: usize, edges: usize) -> anyhow::Result<()> {
    let uuid = |number: &str| format!("lpad(to_hex(({number}) + 1), 32, '0')::uuid");
    let hashed = |salt: u32| format!("(hashint8extended(n, {salt}) & 2147483647)");
    let end = |salt: u32| {
        format!(
            "CASE WHEN {} % 5 = 0 THEN {} % ({nodes} / 100) ELSE {} % {nodes} END",
            hashed(salt),
            hashed(salt + 1),
            hashed(salt + 2)
        )
    };
    let sql = format!(
        "INSERT INTO graph_v1.nodes SELECT 'default', {}, 'note ' || n, 'semantic', 0.5, NULL, 1 FROM generate_series(0, {nodes} - 1) n; \
         INSERT INTO graph_v1.edges SELECT 'default', {}, {}, 'references', {}, ({} % 100) / 100.0, '{{}}', now(), now(), NULL, 1, 1 \
         FROM generate_series(0, {edges} - 1) n; \
         ANALYZE graph_v1.nodes; ANALYZE graph_v1.edges",
        uuid("n"),
        uuid("n"),
        uuid(&end(1)),
        uuid(&end(11)),
        hashed(21),
    );
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut *raw).await?;
    for table in ["nodes", "edges"] {
        sqlx::raw_sql(AssertSqlSafe(format!("VACUUM graph_v1.{table}"))).execute(&mut *raw).await?;
    }
    Ok(())
}

async fn recursive(raw: &mut PgConnection, start: Uuid, limit: u32) -> anyhow::Result<usize> {
    const SQL: &str = "WITH RECURSIVE walk AS ( \
            SELECT $1::uuid AS id, 0 AS depth \
            UNION \
            SELECT CASE WHEN e.source_id = w.id THEN e.target_id ELSE e.source_id END, w.depth + 1 \
            FROM walk w JOIN graph_v1.edges e ON e.space = 'default' AND e.deleted_at IS NULL AND w.id IN (e.source_id, e.target_id) \
            WHERE w.depth < $2 \
        ) SELECT n.id, n.label, min(w.depth) AS depth FROM walk w JOIN graph_v1.nodes n ON n.space = 'default' AND n.id = w.id \
        AND n.deleted_at IS NULL WHERE w.depth > 0 GROUP BY n.id, n.label ORDER BY depth LIMIT $3";
    let query = sqlx::query(SQL).bind(start).bind(DEPTH as i32).bind(i64::from(limit));
    Ok(query.fetch_all(raw).await?.len())
}
