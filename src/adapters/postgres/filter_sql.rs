//! A filter as SQL over `live.memories m`, every value bound. Used by the reads of searches; never runs anything.

use sqlx::{Encode, Postgres, QueryBuilder, Type, types::Json};

use crate::ports::{Bound, Filter, Test};

/// Appends the filter as one condition.
pub fn push(sql: &mut QueryBuilder<Postgres>, filter: &Filter) {
    match filter {
        Filter::All(parts) => group(sql, parts, " AND ", "true"),
        Filter::Any(parts) => group(sql, parts, " OR ", "false"),
        Filter::Not(part) => {
            // A field without a value passes no test, so it does pass the test's opposite.
            sql.push("NOT coalesce(");
            push(sql, part);
            sql.push(", false)");
        }
        Filter::Is(test) => one(sql, test),
    }
}

fn group(sql: &mut QueryBuilder<Postgres>, parts: &[Filter], between: &str, empty: &str) {
    if parts.is_empty() {
        sql.push(empty);
        return;
    }
    sql.push("(");
    for (place, part) in parts.iter().enumerate() {
        if place > 0 {
            sql.push(between);
        }
        push(sql, part);
    }
    sql.push(")");
}

fn one(sql: &mut QueryBuilder<Postgres>, test: &Test) {
    match test {
        Test::MemoryType(values) => any_of(sql, "m.memory_type", values),
        Test::SourceKind(values) => any_of(sql, "m.source_kind", values),
        Test::SourceId(values) => any_of(sql, "m.source_id", values),
        Test::UserId(values) => any_of(sql, "m.user_id", values),
        Test::AgentId(values) => any_of(sql, "m.agent_id", values),
        Test::RunId(values) => any_of(sql, "m.run_id", values),
        Test::TagsAll(tags) => drop(sql.push("m.tags @> ").push_bind(tags.clone())),
        Test::TagsAny(tags) => drop(sql.push("m.tags && ").push_bind(tags.clone())),
        Test::Metadata(part) => drop(sql.push("m.metadata @> ").push_bind(Json(part.clone()))),
        Test::OccurredAt(bound) => range(sql, "m.occurred_at", bound),
        Test::CreatedAt(bound) => range(sql, "m.created_at", bound),
        Test::Importance(bound) => range(sql, "m.importance", bound),
    }
}

fn any_of(sql: &mut QueryBuilder<Postgres>, column: &str, values: &[String]) {
    sql.push(column).push(" = ANY(").push_bind(values.to_vec()).push(")");
}

fn range<T>(sql: &mut QueryBuilder<Postgres>, column: &str, bound: &Bound<T>)
where
    T: Copy + Send + Sync + Type<Postgres> + for<'q> Encode<'q, Postgres> + 'static,
{
    sql.push("(").push(column).push(" IS NOT NULL");
    for (sign, end) in [(" > ", bound.gt), (" >= ", bound.gte), (" < ", bound.lt), (" <= ", bound.lte)] {
        if let Some(end) = end {
            sql.push(" AND ").push(column).push(sign).push_bind(end);
        }
    }
    sql.push(")");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_bound_and_missing_ones_pass_an_opposite() {
        let range = Bound { gte: Some(0.5), lt: Some(0.9), ..Bound::default() };
        let filter = Filter::All(vec![
            Filter::Is(Test::UserId(vec!["a'b".into()])),
            Filter::Not(Box::new(Filter::Any(vec![Filter::Is(Test::Importance(range)), Filter::Any(vec![])]))),
        ]);
        let mut sql = QueryBuilder::new("");
        push(&mut sql, &filter);
        insta::assert_snapshot!(sql.sql().as_str(), @"(m.user_id = ANY($1) AND NOT coalesce(((m.importance IS NOT NULL AND m.importance >= $2 AND m.importance < $3) OR false), false))");
    }
}
