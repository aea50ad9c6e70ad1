//! A filter as SQL over `live.memories m`, every value bound. Used by the reads of searches; never runs anything.

use serde_json::{Map, Value};
use sqlx::{Encode, Postgres, QueryBuilder, Type, types::Json};
use uuid::Uuid;

use crate::{
    domain::ids::{MemoryId, Timestamp},
    ports::{Bound, End, Filter, Optional, Test, ValueTest},
};

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
        Test::SourceUri(values) => any_of(sql, "m.source_uri", values),
        Test::SourceId(values) => any_of(sql, "m.source_id", values),
        Test::UserId(values) => any_of(sql, "m.user_id", values),
        Test::AgentId(values) => any_of(sql, "m.agent_id", values),
        Test::RunId(values) => any_of(sql, "m.run_id", values),
        Test::TagsAll(tags) => drop(sql.push("m.tags @> ").push_bind(tags.clone())),
        Test::TagsAny(tags) => drop(sql.push("m.tags && ").push_bind(tags.clone())),
        Test::Untagged => drop(sql.push("cardinality(m.tags) = 0")),
        Test::Id(ids) => {
            let ids: Vec<Uuid> = ids.iter().map(|MemoryId(id)| *id).collect();
            sql.push("m.id = ANY(").push_bind(ids).push(")");
        }
        Test::Present(optional) => drop(sql.push(column(*optional)).push(" IS NOT NULL")),
        Test::MetadataAt(path, value) => within(sql, &json_path(path), value),
        Test::Metadata(part) => drop(sql.push("m.metadata @> ").push_bind(Json(part.clone()))),
        Test::OccurredAt(bound) => range(sql, "m.occurred_at", bound),
        Test::CreatedAt(bound) => range(sql, "m.created_at", bound),
        Test::UpdatedAt(bound) => range(sql, "m.updated_at", bound),
        Test::Importance(bound) => range(sql, "m.importance", bound),
    }
}

fn column(optional: Optional) -> &'static str {
    match optional {
        Optional::OccurredAt => "m.occurred_at",
        Optional::SourceKind => "m.source_kind",
        Optional::SourceUri => "m.source_uri",
        Optional::SourceId => "m.source_id",
        Optional::UserId => "m.user_id",
        Optional::AgentId => "m.agent_id",
        Optional::RunId => "m.run_id",
    }
}

/// The place as a path of the lax kind, which looks into lists; names are quoted as JSON quotes them.
fn json_path(path: &[String]) -> String {
    path.iter().fold("$".to_owned(), |text, name| format!("{text}.{}", Value::from(name.as_str())))
}

/// What is asked of the values at a place of the metadata.
fn within(sql: &mut QueryBuilder<Postgres>, path: &str, value: &ValueTest) {
    match value {
        ValueTest::Exists => {
            sql.push("jsonb_path_exists(m.metadata, ").push_bind(path.to_owned()).push("::jsonpath)");
        }
        ValueTest::In(values) => {
            // Paths compare plain values only, so lists and objects are compared here: as a whole, and element by element.
            let values: Vec<Json<Value>> = values.iter().cloned().map(Json).collect();
            sql.push("EXISTS (SELECT FROM (SELECT jsonb_path_query(m.metadata, ").push_bind(path.to_owned());
            sql.push("::jsonpath) UNION ALL SELECT jsonb_path_query(m.metadata, ").push_bind(format!("{path}[*]"));
            sql.push("::jsonpath)) AS found (value) WHERE found.value = ANY(").push_bind(values).push("))");
        }
        ValueTest::Between(ends) => {
            let sign = |end: &End| match end {
                End::Greater => ">",
                End::GreaterOrEqual => ">=",
                End::Less => "<",
                End::LessOrEqual => "<=",
            };
            let conditions: Vec<String> =
                ends.iter().enumerate().map(|(place, (end, _))| format!("@ {} $v{place}", sign(end))).collect();
            let named = |(place, (_, value)): (usize, &(End, Value))| (format!("v{place}"), value.clone());
            let values: Map<String, Value> = ends.iter().enumerate().map(named).collect();
            sql.push("jsonb_path_exists(m.metadata, ").push_bind(format!("{path} ? ({})", conditions.join(" && ")));
            sql.push("::jsonpath, ").push_bind(Json(Value::Object(values))).push(")");
        }
    }
}

fn any_of(sql: &mut QueryBuilder<Postgres>, column: &str, values: &[String]) {
    sql.push(column).push(" = ANY(").push_bind(values.to_vec()).push(")");
}

/// A value that a range may end at.
trait RangeEnd: Copy + Send + Sync + Type<Postgres> + for<'q> Encode<'q, Postgres> + 'static {
    /// The greatest value of the column that is no greater than this.
    fn floor(self) -> Self;
}

impl RangeEnd for f64 {
    fn floor(self) -> Self {
        self
    }
}

impl RangeEnd for Timestamp {
    /// Columns hold whole microseconds, a client's time may be between two of them.
    fn floor(self) -> Self {
        Self::from_timestamp_micros(self.timestamp_micros()).unwrap_or(self)
    }
}

fn range<T: RangeEnd + PartialEq>(sql: &mut QueryBuilder<Postgres>, column: &str, bound: &Bound<T>) {
    sql.push("(").push(column).push(" IS NOT NULL");
    // Whoever is not below an end between two values of the column is above the lower one, and whoever is below it is not.
    let ends = [(" > ", " > ", bound.gt), (" >= ", " > ", bound.gte), (" < ", " <= ", bound.lt), (" <= ", " <= ", bound.lte)];
    for (sign, between, end) in ends {
        if let Some(end) = end {
            let sign = if end.floor() == end { sign } else { between };
            sql.push(" AND ").push(column).push(sign).push_bind(end.floor());
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

    #[test]
    fn an_end_between_two_microseconds_is_not_rounded() {
        let between = Timestamp::from_timestamp(-1, 1_500).expect("in range");
        let whole = Timestamp::from_timestamp(-1, 1_000);
        assert_eq!(Some(between.floor()), whole);
        let bound = Bound { gt: Some(between), gte: Some(between), lt: Some(between), lte: whole };
        let mut sql = QueryBuilder::new("");
        range(&mut sql, "m.created_at", &bound);
        let ends = "m.created_at > $1 AND m.created_at > $2 AND m.created_at <= $3 AND m.created_at <= $4";
        assert_eq!(sql.sql().as_str(), format!("(m.created_at IS NOT NULL AND {ends})"));
    }

    #[test]
    fn a_place_in_the_metadata_is_a_quoted_path() {
        assert_eq!(json_path(&["a b".into(), "q\"\\".into(), "ключ".into()]), r#"$."a b"."q\"\\"."ключ""#);
        let ends = vec![(End::GreaterOrEqual, Value::from(4)), (End::Less, Value::from(9))];
        let mut sql = QueryBuilder::new("");
        push(&mut sql, &Filter::Is(Test::MetadataAt(vec!["n".into()], ValueTest::Between(ends))));
        insta::assert_snapshot!(sql.sql().as_str(), @"jsonb_path_exists(m.metadata, $1::jsonpath, $2)");
    }
}
