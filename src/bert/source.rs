//! A model's folder as its makers publish it: `config.json`, `model.safetensors` and, where there is one, `1_Pooling/config.json`. Read by
//! [`super::quantise`] only. Nothing in these files is trusted: each number is checked before it is used.

use std::{
    collections::HashMap,
    fs::{self, File},
    io,
    ops::Range,
    path::{Path, PathBuf},
};

use half::{bf16, f16};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::{
    form::SourceHash,
    kernels::bytes::Bytes,
    shape::{Pooling, Shape, Unfit},
};

/// Why a folder is no model that can be made small.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    #[error("{path:?} cannot be read")]
    Read {
        path: PathBuf,
        #[source]
        cause: io::Error,
    },
    #[error("{path:?} is not what it should be")]
    Json {
        path: PathBuf,
        #[source]
        cause: serde_json::Error,
    },
    #[error("the model is of the kind {0:?}, and only BERT's family can be computed")]
    Kind(String),
    #[error("the model's {what} is {found:?}, which is not computed here")]
    Feature { what: &'static str, found: String },
    #[error("the model's shape is none that can be computed")]
    Shape(#[from] Unfit),
    #[error("the weights' file is no safetensors")]
    NoTensors,
    #[error("the weights' file has no tensor {0:?}")]
    Missing(String),
    #[error("the tensor {name:?} is {found}, not {expected}")]
    Tensor { name: String, found: String, expected: String },
    #[error("the tensor {0:?} has a number that is none")]
    NotFinite(String),
}

/// What we read of `config.json`.
#[derive(Deserialize)]
struct Config {
    model_type: String,
    hidden_act: String,
    hidden_size: usize,
    intermediate_size: usize,
    layer_norm_eps: f32,
    max_position_embeddings: usize,
    num_attention_heads: usize,
    num_hidden_layers: usize,
    vocab_size: usize,
    #[serde(default)]
    pad_token_id: usize,
    #[serde(default = "absolute")]
    position_embedding_type: String,
    #[serde(default)]
    architectures: Vec<String>,
    #[serde(default)]
    id2label: HashMap<String, String>,
}

fn absolute() -> String {
    "absolute".to_owned()
}

#[derive(Deserialize)]
struct Pools {
    #[serde(default)]
    pooling_mode_cls_token: bool,
    #[serde(default)]
    pooling_mode_mean_tokens: bool,
}

/// A tensor as the file's head has it.
#[derive(Deserialize)]
struct Entry {
    dtype: String,
    shape: Vec<usize>,
    data_offsets: [usize; 2],
}

/// A model that can be made small.
pub struct Source {
    pub shape: Shape,
    /// Positions that the model's makers left out: XLM-R counts from the padding's number on.
    pub first_position: usize,
    pub hash: SourceHash,
    bytes: Bytes,
    entries: HashMap<String, Entry>,
    data: Range<usize>,
    /// What stands before each tensor's name.
    prefix: &'static str,
}

impl Source {
    pub fn open(folder: &Path) -> Result<Self, SourceError> {
        let config: Config = json(&folder.join("config.json"))?;
        let (shape, first_position) = shape(&config, pooling(folder)?)?;
        let path = folder.join("model.safetensors");
        let bytes = File::open(&path).and_then(|file| Bytes::map(&file));
        let bytes = bytes.map_err(|cause| SourceError::Read { path, cause })?;
        let hash = Sha256::digest(bytes.as_slice()).into();
        let (entries, data) = entries(bytes.as_slice()).ok_or(SourceError::NoTensors)?;
        let is_named = |prefix: &&str| entries.contains_key(&format!("{prefix}{WORDS}"));
        let prefix = ["", "bert.", "roberta.", "model."].into_iter().find(is_named);
        let prefix = prefix.ok_or_else(|| SourceError::Missing(WORDS.to_owned()))?;
        Ok(Self { shape, first_position, hash, bytes, entries, data, prefix })
    }

    /// Whether the model itself has such a tensor.
    pub fn has(&self, name: &str) -> bool {
        self.entries.contains_key(&format!("{}{name}", self.prefix))
    }

    /// All numbers of a tensor of this shape, as f32. Errors: another shape or kind, or a number that is none.
    pub fn floats(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, SourceError> {
        self.outer_floats(&format!("{}{name}", self.prefix), shape)
    }

    /// The same of what was put around the model, whose name has nothing before it.
    pub fn outer_floats(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, SourceError> {
        let name = name.to_owned();
        let Some(entry) = self.entries.get(&name) else { return Err(SourceError::Missing(name)) };
        let size = match entry.dtype.as_str() {
            "F32" => 4,
            "F16" | "BF16" => 2,
            _ => 0,
        };
        let count: usize = shape.iter().product();
        let [from, to] = entry.data_offsets;
        let is_whole = to.checked_sub(from) == Some(count * size) && to <= self.data.len();
        if size == 0 || entry.shape != shape || !is_whole {
            let found = format!("{} {:?} at {from}..{to}", entry.dtype, entry.shape);
            return Err(SourceError::Tensor { name, found, expected: format!("F32, F16 or BF16 {shape:?}") });
        }
        let bytes = &self.bytes.as_slice()[self.data.clone()][from..to];
        let pair = |pair: &[u8]| [pair[0], pair[1]];
        let floats: Vec<f32> = match entry.dtype.as_str() {
            "F32" => bytes.chunks_exact(4).map(|four| f32::from_le_bytes([four[0], four[1], four[2], four[3]])).collect(),
            "F16" => bytes.chunks_exact(2).map(|two| f16::from_le_bytes(pair(two)).to_f32()).collect(),
            _ => bytes.chunks_exact(2).map(|two| bf16::from_le_bytes(pair(two)).to_f32()).collect(),
        };
        if floats.iter().all(|float| float.is_finite()) { Ok(floats) } else { Err(SourceError::NotFinite(name)) }
    }
}

/// The tensor that every model of the family has.
pub const WORDS: &str = "embeddings.word_embeddings.weight";

fn json<T: for<'a> Deserialize<'a>>(path: &Path) -> Result<T, SourceError> {
    let bytes = fs::read(path).map_err(|cause| SourceError::Read { path: path.to_owned(), cause })?;
    serde_json::from_slice(&bytes).map_err(|cause| SourceError::Json { path: path.to_owned(), cause })
}

/// The mean, unless the folder says otherwise.
fn pooling(folder: &Path) -> Result<Pooling, SourceError> {
    let path = folder.join("1_Pooling/config.json");
    if !path.exists() {
        return Ok(Pooling::Mean);
    }
    let pools: Pools = json(&path)?;
    match (pools.pooling_mode_mean_tokens, pools.pooling_mode_cls_token) {
        (true, false) => Ok(Pooling::Mean),
        (false, true) => Ok(Pooling::First),
        both => Err(SourceError::Feature { what: "pooling (mean, first)", found: format!("{both:?}") }),
    }
}

fn shape(config: &Config, pooling: Pooling) -> Result<(Shape, usize), SourceError> {
    let first_position = match config.model_type.as_str() {
        "bert" => 0,
        "roberta" | "xlm-roberta" => config.pad_token_id.saturating_add(1),
        other => return Err(SourceError::Kind(other.to_owned())),
    };
    for (what, found, known) in
        [("activation", &config.hidden_act, "gelu"), ("position embedding", &config.position_embedding_type, "absolute")]
    {
        if found != known {
            return Err(SourceError::Feature { what, found: found.clone() });
        }
    }
    let scores_pairs = config.architectures.iter().any(|it| it.ends_with("ForSequenceClassification"));
    if scores_pairs && config.id2label.len() > 1 {
        return Err(SourceError::Feature { what: "number of labels", found: config.id2label.len().to_string() });
    }
    let shape = Shape {
        layers: config.num_hidden_layers,
        width: config.hidden_size,
        heads: config.num_attention_heads,
        inner: config.intermediate_size,
        words: config.vocab_size,
        positions: config.max_position_embeddings.saturating_sub(first_position),
        epsilon: config.layer_norm_eps,
        pooling,
        scores_pairs,
    };
    shape.check()?;
    Ok((shape, first_position))
}

/// The file's head: its length, then JSON, then the numbers. `None` for whatever is not that.
fn entries(bytes: &[u8]) -> Option<(HashMap<String, Entry>, Range<usize>)> {
    let len = usize::try_from(u64::from_le_bytes(*bytes.first_chunk()?)).ok()?;
    let start = len.checked_add(8)?;
    let head: HashMap<String, serde_json::Value> = serde_json::from_slice(bytes.get(8..start)?).ok()?;
    let tensors = head.into_iter().filter(|(name, _)| name != "__metadata__");
    let entries = tensors.map(|(name, entry)| Some((name, serde_json::from_value(entry).ok()?))).collect::<Option<_>>()?;
    Some((entries, start..bytes.len()))
}
