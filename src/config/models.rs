//! Models that run in this process (specification §1.2).

use std::{path::PathBuf, time::Duration};

use super::{
    resolve::Effective,
    setting::{Fallback, Setting},
    value::Kind,
};

/// A year.
const IDLE_S_MAX: u64 = 365 * 24 * 60 * 60;

pub static PRECISION: Setting = Setting {
    name: "models.precision",
    variables: &["BRAIN_MODEL_PRECISION"],
    flag: Some("model-precision"),
    kind: Kind::Choice(&["int8", "int4", "f32"]),
    fallback: Fallback::Is("int8"),
    about: "In what numbers the embedding model is kept: int8; int4, smaller and a little less exact; f32, as published and slower",
    ..Setting::BASE
};

pub static KERNEL: Setting = Setting {
    name: "models.kernel",
    variables: &["BRAIN_MODEL_KERNEL"],
    flag: Some("model-kernel"),
    kind: Kind::Choice(&["auto", "amx-int8", "avx512-vnni", "avx-vnni", "avx2", "neon-dotprod", "scalar"]),
    fallback: Fallback::Is("auto"),
    about: "By which instructions models are computed: auto takes the quickest that this processor has",
    ..Setting::BASE
};

pub static IDLE_S: Setting = Setting {
    name: "models.idle_s",
    variables: &["BRAIN_MODEL_IDLE_S"],
    flag: Some("model-idle-s"),
    kind: Kind::Integer { min: 0, max: IDLE_S_MAX },
    unit: Some("seconds"),
    fallback: Fallback::Is("900"),
    about: "How long a model that nobody needs stays in memory, in seconds; 0 is for ever",
    ..Setting::BASE
};

pub static RERANK: Setting = Setting {
    name: "models.rerank",
    variables: &["BRAIN_RERANK"],
    flag: Some("rerank"),
    kind: Kind::Switch,
    fallback: Fallback::Is("false"),
    about: "Whether searches hold their best thirty against the question once more, unless they say otherwise",
    ..Setting::BASE
};

pub static RERANKER: Setting = Setting {
    name: "models.reranker",
    variables: &["BRAIN_RERANKER"],
    flag: Some("reranker"),
    kind: Kind::Path,
    fallback: Fallback::Absent("the embedding model compares token by token"),
    about: "Folder of a cross-encoder of BERT's or XLM-R's family (config.json, tokenizer.json, model.safetensors) that reranks; without it \
            the embedding model compares token by token",
    ..Setting::BASE
};

pub static SETTINGS: [&Setting; 5] = [&PRECISION, &KERNEL, &IDLE_S, &RERANK, &RERANKER];

/// How models are computed and kept, as the settings say it; what the words mean is for whoever computes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Models {
    pub precision: String,
    /// `None` for the quickest.
    pub kernel: Option<String>,
    /// `None` for ever.
    pub idle: Option<Duration>,
    pub rerank: bool,
    pub reranker: Option<PathBuf>,
}

impl Models {
    pub fn of(effective: &Effective) -> Self {
        let (kernel, idle_s): (String, u64) = (effective.of(&KERNEL), effective.of(&IDLE_S));
        Self {
            precision: effective.of(&PRECISION),
            kernel: (kernel != "auto").then_some(kernel),
            rerank: effective.of(&RERANK),
            reranker: effective.maybe(&RERANKER),
            idle: (idle_s > 0).then(|| Duration::from_secs(idle_s)),
        }
    }
}
