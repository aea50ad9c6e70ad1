//! How many files and sockets this process may have open. Raised at the start of a server; read by wiring.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// What README promises: 20,000 live connections, and what else is open.
const WANTED: u64 = 20_200;

/// Raises the soft limit to the hard one: the usual soft one, 1,024, is for programs that use `select`. One sentence says when it stays
/// below what is promised.
pub fn raise_descriptors() {
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else { return };
    let raised = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
    let limit = if raised.is_ok() { hard } else { soft };
    if limit < WANTED {
        tracing::warn!(
            limit,
            wanted = WANTED,
            "this process may have fewer connections open than brain is made for: raise the limit (ulimit -n)"
        );
    }
}

/// How many this process may have open now.
pub fn descriptors() -> usize {
    getrlimit(Resource::RLIMIT_NOFILE).map_or(1_024, |(soft, _)| usize::try_from(soft).unwrap_or(usize::MAX))
}
