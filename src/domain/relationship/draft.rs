//! What a client says of a relationship before it is believed, and the rules that it must keep (specification §2.2).
//!
//! Called by the decider of relationships. Collects every violation, not the first one.

use serde_json::{Map, Value, json};

use super::{Body, Ends, RelationshipType};
use crate::domain::{
    ids::{MemoryId, RelationshipId, Timestamp},
    json_object::{self, Codes},
    limits,
    violation::Violation,
};

/// Weight of a relationship that does not say its own.
pub const WEIGHT_DEFAULT: f64 = 1.0;
/// Types whose ends must differ. The specification names types beyond the nine, so this rule is checked first, as written there.
const NO_SELF_LOOP: [&str; 3] = ["manages", "reports_to", "parent_of"];
/// Longest part of an unknown type that a refusal repeats, in characters.
const TYPE_SHOWN_CHARS_MAX: usize = 64;

const CODES: Codes = Codes {
    too_deep: "relationship.properties_too_deep",
    too_large: "relationship.properties_too_large",
    nul: "relationship.nul_character",
};

/// A relationship as a client wrote it.
#[derive(Clone, Debug, PartialEq)]
pub struct Draft {
    pub source: MemoryId,
    pub target: MemoryId,
    pub relationship_type: String,
    /// [`WEIGHT_DEFAULT`] when absent.
    pub weight: Option<f64>,
    pub properties: Map<String, Value>,
}

impl Draft {
    /// The id that this relationship has or would have.
    pub fn id(&self) -> RelationshipId {
        RelationshipId::of(self.source, &self.relationship_type, self.target)
    }

    /// Checks every rule, also of the time at which the relationship is said to have been created.
    /// Errors: every field that is out of its bounds, with its limit and the value; never none.
    pub fn validate(self, created_at: Option<Timestamp>) -> Result<(Ends, Body, Option<Timestamp>), Vec<Violation>> {
        let mut broken = Vec::new();
        let relationship_type = self.check_type(&mut broken);
        let body = Body::new(self.weight.unwrap_or(WEIGHT_DEFAULT), self.properties);
        check(&body, &mut broken);
        let created_at = limits::check_time("created_at", "relationship.time_out_of_range", created_at, &mut broken);
        match relationship_type {
            Some(relationship_type) if broken.is_empty() => {
                Ok((Ends { source: self.source, target: self.target, relationship_type }, body, created_at))
            }
            _ => Err(broken),
        }
    }

    fn check_type(&self, broken: &mut Vec<Violation>) -> Option<RelationshipType> {
        let text = self.relationship_type.as_str();
        if self.source == self.target && NO_SELF_LOOP.contains(&text) {
            let detail = format!("a memory cannot stand in {text} to itself");
            broken.push(Violation::new("relationship.self_loop", "target_id", detail).value(self.target.to_string()));
        }
        let known = RelationshipType::parse(text);
        if known.is_none() {
            let allowed = RelationshipType::ALL.map(RelationshipType::as_str);
            let detail = format!("relationship_type is one of {}", allowed.join(", "));
            let shown: String = text.chars().take(TYPE_SHOWN_CHARS_MAX).collect();
            let violation = Violation::new("relationship.type_unknown", "relationship_type", detail);
            broken.push(violation.limit(json!(allowed)).value(shown));
        }
        known
    }
}

/// The fields of a relationship that an update names; `None` leaves a field as it is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Patch {
    pub weight: Option<f64>,
    /// Replaces the properties as a whole.
    pub properties: Option<Map<String, Value>>,
}

impl Patch {
    pub(super) fn apply(self, old: &Body) -> Result<Body, Vec<Violation>> {
        let properties = self.properties.unwrap_or_else(|| old.properties.clone());
        let body = Body::new(self.weight.unwrap_or(old.weight), properties);
        let mut broken = Vec::new();
        check(&body, &mut broken);
        if broken.is_empty() { Ok(body) } else { Err(broken) }
    }
}

impl Body {
    /// With every number as it comes back.
    fn new(weight: f64, properties: Map<String, Value>) -> Self {
        Self { weight: limits::number(weight), properties: json_object::clean(properties) }
    }
}

fn check(body: &Body, broken: &mut Vec<Violation>) {
    let weight = body.weight;
    if !(0.0..=1.0).contains(&weight) {
        let detail = format!("weight is {weight}; it goes from 0 to 1");
        broken.push(Violation::new("relationship.weight_out_of_range", "weight", detail).limit(json!([0, 1])).value(weight));
    }
    json_object::check("properties", &body.properties, &CODES, broken);
}
