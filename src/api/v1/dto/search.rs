//! What searches look like on the wire. Filters are read by `api::v1::filters`, because their shape is a language.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::MemoryView;
use crate::{
    app::search::Ranked,
    queries::search::{
        RankedMemory,
        fusion::Standing,
        passage::{Highlight, Part, Passage, Shown},
        second::Parts,
    },
};

/// Most copies of a result that are named.
const SIMILAR_IDS_MAX: usize = 10;

/// The body of a search. Only `query` must be there.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SearchInput {
    /// 1 to 1,000 characters.
    #[schema(required = true, min_length = 1, max_length = 1000)]
    pub query: String,
    /// 1 to 200; 10 unless given.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 200)]
    pub limit: Option<u64>,
    /// `hybrid` (the default), `semantic` or `keyword`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<String>,
    /// Fields with the values they must have: `{"memory_type": "semantic", "tags": ["a"], "importance": {"gte": 0.5}}`.
    ///
    /// Fields: `id`, `memory_type`, `tags`, `metadata`, `occurred_at`, `created_at`, `updated_at`, `importance`, `source_kind`,
    /// `source_uri`, `source_id`, `user_id`, `agent_id`, `run_id`; around them `and`, `or` (lists of filters) and `not`.
    /// Instead of a value: `{"eq": …}`, `{"ne": …}`, `{"in": […]}`, `{"nin": […]}`; `{"gt": …, "gte": …, "lt": …, "lte": …}` for times,
    /// importance and metadata; `{"exists": true}` for what may be absent. For tags `{"all": […]}`, `{"any": […]}`, `{"none": […]}`
    /// and `{"exists": false}`. `$gte` is `gte`. `ne`, `nin` and `not` admit what has no value.
    ///
    /// Metadata must contain the object; any value in it, at any depth, may be an object of comparisons. Numbers are compared with
    /// numbers and texts with texts, by code points. Of a list one element must pass. A value that is itself an object of such names
    /// is asked for by `eq`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub filters: Option<Value>,
    /// Results with a lower score are left out: 0 to 1, 0 unless given.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 1)]
    pub min_score: Option<f64>,
    /// Whether copies of a result are folded into it: yes unless `false` is given.
    ///
    /// Copies have the same title, owner and time, and the same text but for case, blanks and punctuation; of eight words and more, nearly
    /// the same: at least 80 % of the rows of three words in common, and all numbers, names and negations.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fold: Option<bool>,
    /// The search shows at least this position.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_position: Option<u64>,
    /// `embedded` waits until the vectors up to the position are there as well.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wait: Option<String>,
    /// Whether the answer says how it came about: see `explain` there.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub explain: bool,
    /// Whether the best thirty are held against the question once more, token by token or by a model that reads both together: the first
    /// places are better, the answer comes a little later. As the server's settings have it unless given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rerank: Option<bool>,
    /// What a hybrid search does without: `neighbours` (words of what stands beside a memory in its conversation or document are lent to it),
    /// `speaker` (more for what is said by whom the question names), `walk` (more for what stands among others that were found), `asks` (less
    /// for what only asks). With all four the order is that of the two arms.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub without: Vec<String>,
}

/// How one arm saw a memory: its rank from 1, and its score on the arm's own scale (cosine, BM25).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ArmView {
    pub rank: u32,
    pub score: f32,
}

/// The stretch of a memory's content that answers best: whole sentences as far as they have room, at most 300 characters.
/// It is the one in which most of the query's words stand; the beginning where none does.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct PassageView {
    /// The stretch, with `…` before and after it where text is left out.
    pub text: String,
    /// Where it begins in `memory.content`, in characters (Unicode code points); the ellipsis is not counted.
    pub start: usize,
    /// The first character behind it.
    pub end: usize,
}

/// Words of the query as they stand in the memory, in whatever form and script. They are told for the whole memory, not for the passage,
/// at most 100 in the content; they do not overlap.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct HighlightView {
    /// Which text of the memory: `title`, `content` or `tags`.
    pub field: String,
    /// Which of the tags, from 0; absent for the others.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub index: Option<usize>,
    /// Where it begins in that text, in characters (Unicode code points).
    pub start: usize,
    /// The first character behind it.
    pub end: usize,
}

/// A memory that was found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SearchResult {
    pub memory: MemoryView,
    /// 0 to 1: how much speaks for it, by its words and its meaning. No result has less than one behind it.
    pub score: f32,
    /// The arms that named the memory: `semantic`, `keyword`.
    pub arms: BTreeMap<String, ArmView>,
    /// By what it was found: `words`, `meaning` or `both`.
    pub matched: String,
    pub passage: PassageView,
    pub highlights: Vec<HighlightView>,
    /// How many copies of it are not shown, of those that would stand before the last result or follow it at once.
    pub similar: usize,
    /// The best of these, at most ten.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub similar_ids: Vec<Uuid>,
    /// What each mechanism did for it; only where that was asked and one did something.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub explain: Option<PartsView>,
}

/// What each mechanism did for one result, each on its own scale.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct PartsView {
    /// BM25 that the words of its neighbours add.
    pub neighbours: f32,
    /// BM25 that it has more because the question names who speaks; below 0 where only the name was found in it.
    pub speaker: f32,
    /// The walk's part of the value that results are ordered by, which goes from 0 to 1.
    pub walk: f32,
    /// What is taken from that value because the memory asks something itself: 0 or less.
    pub asks: f32,
    /// What the reranked are ordered by, higher for better; only of those.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rerank: Option<f32>,
}

/// How an answer came about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct AnswerView {
    /// Milliseconds of each stage: `embed` (the query's vector), `meaning`, `words` (the arms; both at the same time), `around` (rows of the
    /// best and of what stands beside them), `second` (the second look), `rerank`, `rows`, `passages`.
    pub stages_ms: BTreeMap<String, f64>,
}

/// The answer to a search, the best first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SearchAnswer {
    pub results: Vec<SearchResult>,
    /// Arms that could not answer, or that cannot read the query (`semantic`, of what is not written in Latin letters); the results are
    /// those of the other.
    pub degraded: Vec<String>,
    /// Only where it was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub explain: Option<AnswerView>,
}

impl From<Ranked> for SearchAnswer {
    fn from(found: Ranked) -> Self {
        let stage = |(name, took): (&str, Duration)| (name.to_owned(), took.as_secs_f64() * 1e3);
        Self {
            results: found.results.into_iter().map(SearchResult::from).collect(),
            degraded: found.degraded.into_iter().map(str::to_owned).collect(),
            explain: found.stages.map(|stages| AnswerView { stages_ms: stages.into_iter().map(stage).collect() }),
        }
    }
}

impl From<RankedMemory> for SearchResult {
    fn from(found: RankedMemory) -> Self {
        let arm = |(name, standing): (&str, Standing)| (name.to_owned(), ArmView { rank: standing.rank, score: standing.score });
        let arms: BTreeMap<String, ArmView> = found.arms.into_iter().map(arm).collect();
        let matched = match (arms.contains_key("keyword"), arms.contains_key("semantic")) {
            (true, false) => "words",
            (false, _) => "meaning",
            (true, true) => "both",
        };
        let Shown { passage: Passage { text, start, end }, highlights } = found.shown;
        Self {
            memory: found.record.into(),
            score: found.score,
            arms,
            matched: matched.to_owned(),
            passage: PassageView { text, start, end },
            highlights: highlights.into_iter().map(HighlightView::from).collect(),
            similar: found.similar.len(),
            similar_ids: found.similar.iter().take(SIMILAR_IDS_MAX).map(|id| id.0).collect(),
            explain: found.parts.map(PartsView::from),
        }
    }
}

impl From<Parts> for PartsView {
    fn from(Parts { neighbours, speaker, walk, asks, rerank }: Parts) -> Self {
        Self { neighbours, speaker, walk, asks, rerank }
    }
}

impl From<Highlight> for HighlightView {
    fn from(Highlight { part, start, end }: Highlight) -> Self {
        let (field, index) = match part {
            Part::Title => ("title", None),
            Part::Content => ("content", None),
            Part::Tag(index) => ("tags", Some(index)),
        };
        Self { field: field.to_owned(), index, start, end }
    }
}
