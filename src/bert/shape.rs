//! How a model of the BERT family is built, within limits that keep every product of its numbers far from the end of `usize`.

/// How a text's tokens become one vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pooling {
    /// Their mean.
    Mean,
    /// The first token's.
    First,
}

/// In what numbers the weights are kept. Activations are bytes in both small ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    F32,
    Int8,
    Int4,
}

impl Precision {
    pub const ALL: [Self; 3] = [Self::F32, Self::Int8, Self::Int4];

    /// As settings and names of files have it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Int8 => "int8",
            Self::Int4 => "int4",
        }
    }

    /// `None` for a name that nobody has.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|precision| precision.as_str() == name)
    }
}

impl std::fmt::Display for Precision {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The numbers of a model. Units: layers, floats, heads, words, tokens.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shape {
    pub layers: usize,
    pub width: usize,
    pub heads: usize,
    pub inner: usize,
    /// Entries of the vocabulary.
    pub words: usize,
    /// Tokens that a text has at most.
    pub positions: usize,
    pub epsilon: f32,
    pub pooling: Pooling,
    /// Whether it was made to say how well two texts fit each other, and so has what it takes at its end (a cross-encoder).
    pub scores_pairs: bool,
}

/// Why a model cannot be computed here.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum Unfit {
    #[error("{what} is {found}, and may be 1 to {most}")]
    Beyond { what: &'static str, found: usize, most: usize },
    #[error("{what} is {found}, and must be a multiple of 16")]
    Uneven { what: &'static str, found: usize },
    #[error("{width} floats cannot be shared by {heads} heads")]
    Unshared { width: usize, heads: usize },
    #[error("the layer norm's epsilon is {0}")]
    Epsilon(f32),
}

impl Shape {
    /// Errors: the first number that is beyond its limit.
    pub fn check(&self) -> Result<(), Unfit> {
        let limits = [
            ("the number of layers", self.layers, 64),
            ("the width", self.width, 4_096),
            ("the number of heads", self.heads, 256),
            // `kernels::INNER_MAX`: what a sum of bytes may run over.
            ("the inner width", self.inner, 16_384),
            ("the vocabulary", self.words, 1_000_000),
            ("the number of positions", self.positions, 8_192),
        ];
        for (what, found, most) in limits {
            if found == 0 || found > most {
                return Err(Unfit::Beyond { what, found, most });
            }
        }
        if !self.width.is_multiple_of(self.heads) {
            return Err(Unfit::Unshared { width: self.width, heads: self.heads });
        }
        for (what, found) in [("a head's width", self.width / self.heads), ("the inner width", self.inner)] {
            if !found.is_multiple_of(16) {
                return Err(Unfit::Uneven { what, found });
            }
        }
        // Without it a row whose numbers are all the same would be divided by 0.
        if !(self.epsilon > 0.0 && self.epsilon < 1.0) {
            return Err(Unfit::Epsilon(self.epsilon));
        }
        Ok(())
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// A model as small as models can be.
    pub fn small() -> Shape {
        let (epsilon, pooling, scores_pairs) = (1e-12, Pooling::Mean, false);
        Shape { layers: 2, width: 32, heads: 2, inner: 80, words: 50, positions: 40, epsilon, pooling, scores_pairs }
    }

    #[test]
    fn what_is_beyond_a_limit_is_named() {
        assert_eq!(small().check(), Ok(()));
        assert_eq!(
            Shape { layers: 0, ..small() }.check(),
            Err(Unfit::Beyond { what: "the number of layers", found: 0, most: 64 })
        );
        let many = Shape { words: usize::MAX, ..small() }.check();
        assert_eq!(many, Err(Unfit::Beyond { what: "the vocabulary", found: usize::MAX, most: 1_000_000 }));
        assert_eq!(Shape { heads: 3, ..small() }.check(), Err(Unfit::Unshared { width: 32, heads: 3 }));
        assert_eq!(Shape { heads: 4, ..small() }.check(), Err(Unfit::Uneven { what: "a head's width", found: 8 }));
        assert_eq!(Shape { inner: 81, ..small() }.check(), Err(Unfit::Uneven { what: "the inner width", found: 81 }));
        assert!(Shape { epsilon: f32::NAN, ..small() }.check().is_err());
    }
}
