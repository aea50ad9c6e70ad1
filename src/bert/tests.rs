//! Whole models, made by the test: what a folder says is what comes out, whatever the precision, the kernel and the company of a text.

use std::{collections::BTreeMap, fs, path::Path};

use super::{
    Encoder, Misfit, batches,
    form::{OpenError, Refused, Weights},
    kernels::Kernel,
    quantise::{QuantiseError, make, quantise},
    shape::Precision,
    source::SourceError,
};

const WIDTH: usize = 64;
const HEADS: usize = 2;
const INNER: usize = 112;
const LAYERS: usize = 2;
const WORDS: usize = 70;
const POSITIONS: usize = 24;

type Tensors = BTreeMap<String, (Vec<usize>, Vec<f32>)>;

/// A model of chance, with some inputs ten times as large as others, as trained models have them.
fn tensors() -> Tensors {
    let mut state = 99_u64;
    let mut chance = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % 2_001) as f32 / 1e3 - 1.0
    };
    let mut tensors = Tensors::new();
    let mut add = |name: String, shape: &[usize], size: f32, middle: f32| {
        let count = shape.iter().product();
        tensors.insert(name, (shape.to_vec(), (0..count).map(|_| middle + size * chance()).collect()));
    };
    add("embeddings.word_embeddings.weight".into(), &[WORDS, WIDTH], 1.0, 0.0);
    add("embeddings.position_embeddings.weight".into(), &[POSITIONS, WIDTH], 0.3, 0.0);
    add("embeddings.token_type_embeddings.weight".into(), &[2, WIDTH], 0.2, 0.0);
    let mut norms = vec!["embeddings".to_owned()];
    for layer in 0..LAYERS {
        let layer = format!("encoder.layer.{layer}");
        let square = ["attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense"];
        let square = square.map(|name| (name, WIDTH, WIDTH));
        for (name, outputs, inputs) in
            square.into_iter().chain([("intermediate.dense", INNER, WIDTH), ("output.dense", WIDTH, INNER)])
        {
            add(format!("{layer}.{name}.weight"), &[outputs, inputs], 0.25, 0.0);
            add(format!("{layer}.{name}.bias"), &[outputs], 0.1, 0.0);
        }
        norms.extend([format!("{layer}.attention.output"), format!("{layer}.output")]);
    }
    for norm in norms {
        add(format!("{norm}.LayerNorm.weight"), &[WIDTH], 0.3, 1.0);
        add(format!("{norm}.LayerNorm.bias"), &[WIDTH], 0.2, 0.0);
    }
    for (name, (_, values)) in &mut tensors {
        if name.ends_with("LayerNorm.weight") {
            values[5] *= 8.0;
        }
    }
    tensors
}

fn save(folder: &Path, tensors: &Tensors, config: serde_json::Value) {
    fs::write(folder.join("config.json"), config.to_string()).unwrap();
    let (mut head, mut data) = (serde_json::Map::new(), vec![]);
    for (name, (shape, values)) in tensors {
        let from = data.len();
        data.extend(values.iter().flat_map(|value| value.to_le_bytes()));
        head.insert(name.clone(), serde_json::json!({"dtype": "F32", "shape": shape, "data_offsets": [from, data.len()]}));
    }
    let head = serde_json::Value::Object(head).to_string();
    let file = [&(head.len() as u64).to_le_bytes(), head.as_bytes(), &data].concat();
    fs::write(folder.join("model.safetensors"), file).unwrap();
}

fn config() -> serde_json::Value {
    serde_json::json!({
        "model_type": "bert", "hidden_act": "gelu", "hidden_size": WIDTH, "intermediate_size": INNER, "layer_norm_eps": 1e-12,
        "max_position_embeddings": POSITIONS, "num_attention_heads": HEADS, "num_hidden_layers": LAYERS, "vocab_size": WORDS,
    })
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    save(folder.path(), &tensors(), config());
    folder
}

fn encoder(folder: &Path, precision: Precision, kernel: Kernel) -> Encoder {
    let sealed = make(folder, precision, None).unwrap();
    Encoder::new(Weights::of(sealed.into_bytes()).unwrap(), kernel)
}

fn texts() -> Vec<Vec<u32>> {
    let lengths = [1, 24, 3, 17, 2, 16, 9];
    lengths
        .iter()
        .enumerate()
        .map(|(text, length)| (0..*length).map(|place| (text * 13 + place * 7) as u32 % WORDS as u32).collect())
        .collect()
}

fn cosine(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// BERT once more, in f64 and as slowly as it is written down.
struct Plain(Tensors);

impl Plain {
    fn row(&self, name: &str, row: usize) -> Vec<f64> {
        let (shape, values) = &self.0[name];
        let width = shape[shape.len() - 1];
        values[row * width..(row + 1) * width].iter().map(|value| f64::from(*value)).collect()
    }

    fn linear(&self, name: &str, rows: &[Vec<f64>]) -> Vec<Vec<f64>> {
        let outputs = self.0[&format!("{name}.weight")].0[0];
        let bias = self.row(&format!("{name}.bias"), 0);
        let output = |row: &[f64], output: usize| {
            let weights = self.row(&format!("{name}.weight"), output);
            weights.iter().zip(row).map(|(weight, value)| weight * value).sum::<f64>() + bias[output]
        };
        rows.iter().map(|row| (0..outputs).map(|number| output(row, number)).collect()).collect()
    }

    fn norm(&self, name: &str, rows: &mut [Vec<f64>]) {
        let (gain, shift) = (self.row(&format!("{name}.LayerNorm.weight"), 0), self.row(&format!("{name}.LayerNorm.bias"), 0));
        for row in rows {
            let mean = row.iter().sum::<f64>() / WIDTH as f64;
            let variance = row.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / WIDTH as f64;
            for (place, value) in row.iter_mut().enumerate() {
                *value = (*value - mean) / (variance + 1e-12).sqrt() * gain[place] + shift[place];
            }
        }
    }

    fn attention(&self, layer: &str, rows: &[Vec<f64>]) -> Vec<Vec<f64>> {
        let [queries, keys, values] =
            ["query", "key", "value"].map(|part| self.linear(&format!("{layer}.attention.self.{part}"), rows));
        let mut context = vec![vec![0.0; WIDTH]; rows.len()];
        for head in 0..HEADS {
            let part = head * WIDTH / HEADS..(head + 1) * WIDTH / HEADS;
            for (query, context) in queries.iter().zip(&mut context) {
                let score = |key: &Vec<f64>| part.clone().map(|place| query[place] * key[place]).sum::<f64>();
                let powers: Vec<f64> = keys.iter().map(|key| (score(key) / ((WIDTH / HEADS) as f64).sqrt()).exp()).collect();
                for place in part.clone() {
                    let mixed: f64 = powers.iter().zip(&values).map(|(power, value)| power * value[place]).sum();
                    context[place] = mixed / powers.iter().sum::<f64>();
                }
            }
        }
        context
    }

    fn embed(&self, text: &[u32]) -> Vec<f32> {
        let rows = self.rows(text, text.len());
        let sums: Vec<f64> = (0..WIDTH).map(|place| rows.iter().map(|row| row[place]).sum()).collect();
        let length = sums.iter().map(|sum| sum * sum).sum::<f64>().sqrt();
        sums.into_iter().map(|sum| (sum / length) as f32).collect()
    }

    fn score(&self, text: &[u32], second: usize) -> f64 {
        let mut pooled = self.linear("pooler.dense", &self.rows(text, second)[..1]);
        pooled[0].iter_mut().for_each(|value| *value = value.tanh());
        self.linear("classifier", &pooled)[0][0]
    }

    fn rows(&self, text: &[u32], second: usize) -> Vec<Vec<f64>> {
        let token = |(position, word): (usize, &u32)| {
            let of_type = self.row("embeddings.token_type_embeddings.weight", usize::from(position >= second));
            let word = self.row("embeddings.word_embeddings.weight", *word as usize);
            let position = self.row("embeddings.position_embeddings.weight", position);
            (0..WIDTH).map(|place| word[place] + position[place] + of_type[place]).collect()
        };
        let mut rows: Vec<Vec<f64>> = text.iter().enumerate().map(token).collect();
        self.norm("embeddings", &mut rows);
        let add = |rows: &mut [Vec<f64>], more: Vec<Vec<f64>>| {
            rows.iter_mut().zip(more).for_each(|(row, more)| row.iter_mut().zip(more).for_each(|(value, more)| *value += more));
        };
        for layer in 0..LAYERS {
            let layer = format!("encoder.layer.{layer}");
            let context = self.attention(&layer, &rows);
            add(&mut rows, self.linear(&format!("{layer}.attention.output.dense"), &context));
            self.norm(&format!("{layer}.attention.output"), &mut rows);
            let mut up = self.linear(&format!("{layer}.intermediate.dense"), &rows);
            up.iter_mut().flatten().for_each(|value| *value = super::kernels::tests::exact_gelu(*value));
            add(&mut rows, self.linear(&format!("{layer}.output.dense"), &up));
            self.norm(&format!("{layer}.output"), &mut rows);
        }
        rows
    }
}

#[test]
fn every_precision_and_kernel_comes_near_to_the_model() {
    let (folder, plain) = (folder(), Plain(tensors()));
    for (precision, least) in [(Precision::F32, 0.999_999), (Precision::Int8, 0.999), (Precision::Int4, 0.97)] {
        for kernel in Kernel::all() {
            let vectors = encoder(folder.path(), precision, *kernel).embed(&texts(), 1).unwrap();
            for (text, vector) in texts().iter().zip(&vectors) {
                let near = cosine(vector, &plain.embed(text));
                assert!(near > least, "{precision:?} {}: {near} of {} tokens", kernel.name(), text.len());
                assert!((cosine(vector, vector) - 1.0).abs() < 1e-5, "unit length");
            }
        }
    }
}

#[test]
fn a_text_has_its_vector_whatever_company_and_threads_it_has() {
    let folder = folder();
    for precision in [Precision::F32, Precision::Int8, Precision::Int4] {
        for kernel in Kernel::all() {
            let encoder = encoder(folder.path(), precision, *kernel);
            let many: Vec<Vec<u32>> = texts().into_iter().cycle().take(60).collect();
            let together = encoder.embed(&many, 3).unwrap();
            for (text, vector) in many.iter().zip(&together).take(7) {
                assert_eq!(&encoder.embed(&[text], 1).unwrap()[0], vector, "{precision:?} {}", kernel.name());
            }
            assert_eq!(together[..7], together[7..14]);
            assert!(encoder.embed::<Vec<u32>>(&[], 2).unwrap().is_empty());
        }
    }
}

#[test]
fn texts_of_another_model_are_refused() {
    let folder = folder();
    let encoder = encoder(folder.path(), Precision::Int8, Kernel::best());
    let refused = |texts: &[Vec<u32>]| encoder.embed(texts, 1).unwrap_err();
    assert_eq!(refused(&[vec![1], vec![]]), Misfit::Length { text: 1, found: 0, most: POSITIONS });
    assert_eq!(refused(&[vec![1; POSITIONS + 1]]), Misfit::Length { text: 0, found: POSITIONS + 1, most: POSITIONS });
    assert_eq!(refused(&[vec![3, 70]]), Misfit::Word { text: 0, found: 70, words: WORDS });
}

#[test]
fn a_file_is_used_as_it_was_made_and_a_cut_one_is_refused() {
    let folder = folder();
    let path = folder.path().join("small.encoder");
    for precision in [Precision::F32, Precision::Int8, Precision::Int4] {
        quantise(folder.path(), precision, &path).unwrap();
        let mapped = Encoder::open(&path, Kernel::best()).unwrap();
        let owned = encoder(folder.path(), precision, Kernel::best());
        assert_eq!(mapped.embed(&texts(), 1), owned.embed(&texts(), 2));
        drop(mapped);
        let whole = fs::read(&path).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3, "nothing is left beside it");
        for len in [0, 1, 100, 192, whole.len() / 2, whole.len() - 1] {
            let cut = folder.path().join("cut");
            fs::write(&cut, &whole[..len]).unwrap();
            let refused = Encoder::open(&cut, Kernel::best()).err().unwrap();
            // An empty file cannot be mapped on every system.
            assert!(matches!(refused, OpenError::Refused(_)) || len == 0, "{len}: {refused:?}");
            fs::remove_file(&cut).unwrap();
        }
        let mut flipped = whole.clone();
        flipped[whole.len() / 2] ^= 1;
        fs::write(&path, &flipped).unwrap();
        assert!(matches!(Encoder::open(&path, Kernel::best()), Err(OpenError::Refused(Refused::Content))));
    }
    assert!(matches!(Encoder::open(&folder.path().join("none"), Kernel::best()), Err(OpenError::Open(_))));
}

/// XLM-R has one type of tokens, counts positions from the padding's number on, and has a name before its tensors.
#[test]
fn a_model_of_xlm_r_is_the_same_by_other_names() {
    let (bert, roberta) = (folder(), tempfile::tempdir().unwrap());
    let mut renamed = Tensors::new();
    for (name, (mut shape, mut values)) in tensors() {
        if name.contains("position") {
            values.splice(0..0, [9.0; 2 * WIDTH]);
            shape[0] += 2;
        }
        if name.contains("token_type") {
            values.truncate(WIDTH);
            shape[0] = 1;
        }
        renamed.insert(format!("roberta.{name}"), (shape, values));
    }
    let mut other = config();
    other["model_type"] = "xlm-roberta".into();
    other["pad_token_id"] = 1.into();
    other["max_position_embeddings"] = (POSITIONS + 2).into();
    save(roberta.path(), &renamed, other);
    let vectors = |folder: &Path| encoder(folder, Precision::Int8, Kernel::best()).embed(&texts(), 1).unwrap();
    assert_eq!(vectors(bert.path()), vectors(roberta.path()));
}

#[test]
fn a_folder_may_ask_for_the_first_token() {
    let folder = folder();
    let mean = encoder(folder.path(), Precision::F32, Kernel::best()).embed(&texts(), 1).unwrap();
    fs::create_dir(folder.path().join("1_Pooling")).unwrap();
    let pools = |mean: bool, first: bool| {
        let pools = serde_json::json!({"pooling_mode_mean_tokens": mean, "pooling_mode_cls_token": first});
        fs::write(folder.path().join("1_Pooling/config.json"), pools.to_string()).unwrap();
    };
    pools(false, true);
    let first = encoder(folder.path(), Precision::F32, Kernel::best()).embed(&texts(), 1).unwrap();
    assert_eq!(mean[0], first[0], "of one token");
    assert_ne!(mean[1], first[1]);
    pools(true, true);
    assert!(matches!(make(folder.path(), Precision::F32, None), Err(QuantiseError::Source(SourceError::Feature { .. }))));
}

#[test]
fn a_folder_that_is_no_such_model_is_refused() {
    let folder = folder();
    let refused = |tensors: &Tensors, config: serde_json::Value| {
        save(folder.path(), tensors, config);
        match make(folder.path(), Precision::Int8, None).err().unwrap() {
            QuantiseError::Source(cause) => cause,
            other => panic!("{other}"),
        }
    };
    let with = |name: &str, value: serde_json::Value| {
        let mut config = config();
        config[name] = value;
        config
    };
    assert!(matches!(refused(&tensors(), with("model_type", "mpnet".into())), SourceError::Kind(_)));
    assert!(matches!(refused(&tensors(), with("hidden_act", "relu".into())), SourceError::Feature { .. }));
    assert!(matches!(refused(&tensors(), with("num_hidden_layers", 1_000_000.into())), SourceError::Shape(_)));
    assert!(matches!(refused(&tensors(), with("num_hidden_layers", 3.into())), SourceError::Missing(_)));
    assert!(matches!(refused(&tensors(), with("vocab_size", 71.into())), SourceError::Tensor { .. }));
    assert!(matches!(refused(&tensors(), with("hidden_size", "wide".into())), SourceError::Json { .. }));
    let mut sick = tensors();
    sick.get_mut("encoder.layer.1.output.dense.bias").unwrap().1[3] = f32::NAN;
    assert!(matches!(refused(&sick, config()), SourceError::NotFinite(_)));
    save(folder.path(), &tensors(), config());
    let path = folder.path().join("model.safetensors");
    let whole = fs::read(&path).unwrap();
    for len in [1, 7, 8, 9, 500, whole.len() - 1] {
        fs::write(&path, &whole[..len]).unwrap();
        assert!(make(folder.path(), Precision::Int8, None).is_err(), "cut at {len}");
    }
}

#[test]
fn batches_keep_the_order_and_the_limit() {
    assert_eq!(batches(&[3, 4, 2, 9, 1, 1], 8), [0..2, 2..3, 3..4, 4..6]);
    assert_eq!(batches(&[9, 1], 8), [0..1, 1..2]);
    assert_eq!(batches(&[8, 8], 8), [0..1, 1..2]);
    assert!(batches(&[], 8).is_empty());
}

/// The tensors of a cross-encoder, by BERT's names.
fn cross_encoder() -> (Tensors, serde_json::Value) {
    let mut state = 7_u64;
    let mut number = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1_u64 << 24) as f32 - 0.5
    };
    let mut drawn = |count: usize| (0..count).map(|_| number()).collect::<Vec<f32>>();
    let mut all = Tensors::new();
    for (name, tensor) in tensors() {
        all.insert(format!("bert.{name}"), tensor);
    }
    all.insert("bert.pooler.dense.weight".into(), (vec![WIDTH, WIDTH], drawn(WIDTH * WIDTH)));
    all.insert("bert.pooler.dense.bias".into(), (vec![WIDTH], drawn(WIDTH)));
    all.insert("classifier.weight".into(), (vec![1, WIDTH], drawn(WIDTH)));
    all.insert("classifier.bias".into(), (vec![1], drawn(1)));
    let mut config = config();
    config["architectures"] = serde_json::json!(["BertForSequenceClassification"]);
    config["id2label"] = serde_json::json!({"0": "LABEL_0"});
    (all, config)
}

#[test]
fn a_cross_encoder_scores_pairs_as_it_is_written_down() {
    let (tensors, config) = cross_encoder();
    let folder = tempfile::tempdir().unwrap();
    save(folder.path(), &tensors, config.clone());
    let own: Tensors =
        tensors.iter().map(|(name, tensor)| (name.trim_start_matches("bert.").to_owned(), tensor.clone())).collect();
    let plain = Plain(own);
    let pairs: Vec<(Vec<u32>, usize)> = vec![(vec![1, 5, 9, 2, 33, 41, 2], 4), (vec![1, 2, 2], 2), (vec![1, 60, 2, 61, 2], 3)];
    let expected: Vec<f32> = pairs.iter().map(|(tokens, second)| plain.score(tokens, *second) as f32).collect();
    let exact = encoder(folder.path(), Precision::F32, Kernel::best());
    for (found, expected) in exact.score(&pairs, 2).unwrap().iter().zip(&expected) {
        assert!((found - expected).abs() < 1e-3, "{found} {expected}");
    }
    let other = exact.score(&[(pairs[0].0.clone(), pairs[0].0.len())], 1).unwrap();
    assert!((other[0] - expected[0]).abs() > 1e-3, "which text is the second makes a difference");
    for precision in [Precision::Int8, Precision::Int4] {
        let small = encoder(folder.path(), precision, Kernel::best()).score(&pairs, 1).unwrap();
        assert!(small.iter().all(|score| score.is_finite()));
    }
    let mut two = config;
    two["id2label"] = serde_json::json!({"0": "no", "1": "yes"});
    save(folder.path(), &tensors, two);
    let refused = make(folder.path(), Precision::F32, None).err().unwrap();
    assert!(matches!(refused, QuantiseError::Source(SourceError::Feature { .. })), "{refused}");
}

#[test]
fn tokens_have_vectors_of_their_own_whose_mean_is_the_text_s() {
    let folder = folder();
    let encoder = encoder(folder.path(), Precision::F32, Kernel::best());
    assert_eq!(encoder.score(&[(vec![1, 2], 1)], 1), Err(Misfit::NoPairs));
    let tokens = encoder.tokens(&texts(), 2).unwrap();
    for (text, rows) in texts().iter().zip(&tokens) {
        assert_eq!(rows.len(), text.len() * WIDTH);
        assert!(rows.chunks_exact(WIDTH).all(|row| (cosine(row, row) - 1.0).abs() < 1e-4));
    }
    assert!(cosine(&tokens[0], &encoder.embed(&texts()[..1], 1).unwrap()[0]) > 0.9999, "of one token");
}
