//! Late interaction: two texts compared token by token, after each was read by itself. Pure.
//! Source: Khattab and Zaharia, "ColBERT", 2020; here with the tokens of a model that was made for whole texts.

/// For each token of a question the cosine of the token of a text that is nearest to it; the first and the last token of both are signs of
/// the model's own and are left out. Rows are of unit length, `[tokens, width]`; -1 where a text has none.
pub fn nearest(question: &[f32], text: &[f32], width: usize) -> Vec<f32> {
    let inner = |rows: &[f32]| {
        let tokens = rows.len() / width;
        if tokens > 2 { width..(tokens - 1) * width } else { 0..0 }
    };
    let (question, text) = (&question[inner(question)], &text[inner(text)]);
    let cosine = |a: &[f32], b: &[f32]| {
        // Sixteen sums at once, as wide as registers are.
        let mut sums = [0.0_f32; 16];
        let (a, b) = (a.as_chunks::<16>(), b.as_chunks::<16>());
        for (a, b) in a.0.iter().zip(b.0) {
            for place in 0..16 {
                sums[place] += a[place] * b[place];
            }
        }
        sums.iter().sum::<f32>() + a.1.iter().zip(b.1).map(|(a, b)| a * b).sum::<f32>()
    };
    let most = |token: &[f32]| text.chunks_exact(width).map(|other| cosine(token, other)).fold(-1.0, f32::max);
    question.chunks_exact(width).map(most).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_token_finds_its_nearest_and_the_ends_count_for_nothing() {
        let (a, b, end) = ([1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]);
        let question = [end, a, b, end].concat();
        let half = std::f32::consts::FRAC_1_SQRT_2;
        let text = [end, [half, half, 0.0], a, end].concat();
        assert_eq!(nearest(&question, &text, 3), [1.0, half]);
        assert_eq!(nearest(&question, &[end, end].concat(), 3), [-1.0, -1.0]);
        assert!(nearest(&[end, end].concat(), &text, 3).is_empty() && nearest(&[], &text, 3).is_empty());
    }
}
