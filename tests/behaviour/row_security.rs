//! The second wall between spaces: Postgres itself shows a question that forgets its space nothing, whatever table it asks.

use serde_json::json;
use sqlx::{AssertSqlSafe, PgConnection};

use crate::harness::World;

/// What is of no space: where projections, the dispatcher and the embedder stand, which version of a projection is live, and when each
/// position was written.
const OF_NO_SPACE: [&str; 5] = ["brain.checkpoints", "brain.live", "brain.dispatch", ".embedder", ".positions"];
/// Names aggregates of all spaces by their ids, and shows nothing of them: the numbers of operators are counted here.
const OF_OPERATORS: &str = "brain.parked";

/// Every table and view that the role may read, and whether it has a column `space`.
const READABLE: &str = "SELECT format('%I.%I', space.nspname, it.relname), \
    EXISTS (SELECT FROM pg_attribute WHERE attrelid = it.oid AND attname = 'space' AND NOT attisdropped) \
    FROM pg_class it JOIN pg_namespace space ON space.oid = it.relnamespace \
    WHERE it.relkind IN ('r', 'v', 'm', 'p') AND space.nspname !~ '^(pg_|information_schema)' \
    AND has_schema_privilege(space.oid, 'USAGE') AND has_any_column_privilege(it.oid, 'SELECT') ORDER BY 1";

async fn count(reader: &mut PgConnection, question: String) -> i64 {
    sqlx::query_scalar(AssertSqlSafe(question.clone()))
        .fetch_one(reader)
        .await
        .unwrap_or_else(|cause| panic!("{question}: {cause}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_that_forgets_its_space_is_answered_with_nothing() {
    let world = World::new().await;
    world.stranger().await;
    let mut ids = vec![];
    for content in ["one quokka", "another quokka"] {
        let made = world.send(reqwest::Method::POST, "/api/v1/memories", json!({"content": content})).await;
        ids.push(made.body["memory"]["id"].clone());
    }
    let related = json!({"source_id": ids[0], "target_id": ids[1], "relationship_type": "supports"});
    let related = world.send(reqwest::Method::POST, "/api/v1/relationships", related).await;
    let hook = json!({"url": "http://127.0.0.1:9/x", "events": ["memory.*"]});
    let hook = world.send(reqwest::Method::POST, "/api/v1/webhooks", hook).await;
    let position = hook.body["position"].as_u64().expect("a position").max(related.body["position"].as_u64().expect("one"));
    world.get(&format!("/api/v1/webhooks?min_position={position}")).await;
    world.get(&format!("/api/v1/relationships?min_position={position}")).await;
    world.get(&format!("/api/v1/memories?min_position={position}")).await;
    let mut reader = world.as_reader().await;
    let readable: Vec<(String, bool)> = sqlx::query_as(READABLE).fetch_all(&mut reader).await.expect("tables");
    assert!(readable.len() > 15, "{readable:?}");
    let walled: Vec<&(String, bool)> =
        readable.iter().filter(|(name, _)| !OF_NO_SPACE.iter().any(|one| name.ends_with(one)) && name != OF_OPERATORS).collect();
    for (name, _) in &walled {
        assert_eq!(count(&mut reader, format!("SELECT count(*) FROM {name}")).await, 0, "{name} without a space");
    }
    let mut filled = 0;
    for (space, other) in [("default", "stranger"), ("stranger", "default")] {
        count(&mut reader, format!("SELECT count(*) FROM (SELECT set_config('brain.space', '{space}', false)) it")).await;
        for (name, has_space) in &walled {
            let column = if *has_space { "space" } else { "id" };
            let theirs = format!("SELECT count(*) FROM {name} WHERE {column}::text = '{other}'");
            assert_eq!(count(&mut reader, theirs).await, 0, "{name}: {space} is shown what is of {other}");
            filled += i64::from(count(&mut reader, format!("SELECT count(*) FROM {name}")).await > 0);
        }
    }
    assert!(filled > 8, "only {filled} tables had anything to hide");
    world.end().await;
}
