//! How rows are dealt out to registers.

/// Rows in parts of nearly one size, none above `most`: two rows left over would use the weights they load badly.
pub fn parts(rows: usize, most: usize) -> impl Iterator<Item = (usize, usize)> {
    let count = rows.div_ceil(most);
    (0..count).map(move |part| {
        let (from, to) = (part * rows / count, (part + 1) * rows / count);
        (from, to - from)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_in_one_part_and_no_part_is_too_large() {
        for most in [3, 4, 6] {
            for rows in 0..60 {
                let mut next = 0;
                for (from, count) in parts(rows, most) {
                    assert_eq!(from, next);
                    assert!((1..=most).contains(&count), "{rows} rows by {most}: {count}");
                    next += count;
                }
                assert_eq!(next, rows);
            }
        }
    }
}
