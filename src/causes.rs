//! An error with everything that led to it, in one line. For whoever writes it into a log, or keeps it for an operator.

/// The error and all its causes, outermost first, with `: ` between them.
pub fn chain(error: &dyn std::error::Error) -> String {
    std::iter::successors(Some(error), |error| error.source()).map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("outer")]
    struct Outer(#[source] std::fmt::Error);

    #[test]
    fn every_cause_is_told_in_order() {
        assert_eq!(chain(&std::fmt::Error), std::fmt::Error.to_string());
        assert_eq!(chain(&Outer(std::fmt::Error)), format!("outer: {}", std::fmt::Error));
    }
}
