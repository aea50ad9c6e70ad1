//! How many at once: the bounds of every limit that a caller may name.

use super::Error;

/// A limit within its bounds, or its default. Errors: `read.bad_limit`.
pub fn limit(given: Option<u32>, default: u32, max: u32) -> Result<u32, Error> {
    let limit = given.unwrap_or(default);
    if (1..=max).contains(&limit) {
        return Ok(limit);
    }
    let detail = format!("limit is {limit}; it goes from 1 to {max}");
    Err(Error::new("read.bad_limit", detail).at("limit", Some(max.into()), Some(limit.into())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_has_its_bounds() {
        let limit = |given| limit(given, 1_000, 10_000);
        assert_eq!([None, Some(1), Some(10_000)].map(|given| limit(given).ok()), [Some(1_000), Some(1), Some(10_000)]);
        assert!(limit(Some(0)).is_err() && limit(Some(10_001)).is_err());
    }
}
