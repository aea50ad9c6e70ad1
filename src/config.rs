//! Every setting that comes from the environment, with its default. Read once at start; an unknown `BRAIN_*` stops the start.

/// Variables that brain knows, with what they mean. Those of the command line are read by clap.
pub const KNOWN: [(&str, &str); 22] = [
    ("BRAIN_URL", "where a brain serves; default: credentials.json of the data folder"),
    ("BRAIN_API_KEY", "the key that client verbs send; default: credentials.json of the data folder"),
    ("BRAIN_DATA_DIR", "the data folder; default /var/lib/second-brain for root, else the XDG data folder"),
    ("BRAIN_CACHE_DIR", "where provisioned programs and the model are unpacked; default the user's cache folder"),
    ("BRAIN_PREFIX", "first token of every subject and stream name; default brain"),
    ("BRAIN_NATS_SERVER", "a nats-server of at least 2.14.5 to run instead of the provisioned one"),
    ("BRAIN_POSTGRES_BIN", "the bin folder of a Postgres of at least 16 with pgvector 0.8"),
    ("BRAIN_ROLES", "what `brain serve` does: api, projector, reactor, fanout; default all"),
    ("BRAIN_NATS_URL", "NATS of `brain serve`: nats://user:password@host:4222"),
    ("BRAIN_NATS_REPLICAS", "copies of each stream in that cluster; default 1"),
    ("BRAIN_DATABASE_URL", "Postgres of `brain serve`: postgres://user:password@host:5432/brain"),
    ("BRAIN_LISTEN", "address and port of `brain serve`; default 127.0.0.1:7700"),
    ("BRAIN_MASTER_KEY_FILE", "the key that seals secrets; default master.key of the data folder, made by `brain up`"),
    ("BRAIN_WEBHOOK_ALLOW_LOOPBACK", "true lets webhooks go to this machine, also by http; for development"),
    ("BRAIN_ALLOWED_ORIGINS", "sites whose pages may call from a browser, with commas; default none but our own"),
    ("BRAIN_CACHE_MAX_BYTES", "most bytes of answers kept in memory; default 1000000000, 0 keeps none"),
    ("BRAIN_CACHE_TTL_S", "longest time that an answer is kept, in seconds; default 3600"),
    ("BRAIN_CACHE_EVICTION", "what goes first when room is wanted: lru (default) or tinylfu"),
    ("BRAIN_CACHE_AUDIT_EVERY", "asks one in so many kept answers again and counts the stale ones; default 0, none"),
    ("BRAIN_SCRIPT_TAGS", "contents with a script tag outside of Markdown code: refuse (default) or allow"),
    ("BRAIN_LOG", "what is logged to stderr, as tracing filters, else RUST_LOG; default info, and warn with brain up"),
    ("BRAIN_UPDATE_SCHEMAS", "tests only: write schemas that are missing"),
];

/// A variable with our prefix that means nothing: most likely a typing error.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name} is set, but brain knows no such setting; it knows {}", KNOWN.map(|(known, _)| known).join(", "))]
pub struct UnknownSetting {
    pub name: String,
}

/// Refuses a `BRAIN_*` variable that nobody reads.
pub fn check_environment(names: impl Iterator<Item = String>) -> Result<(), UnknownSetting> {
    let unknown = |name: &String| name.starts_with("BRAIN_") && !KNOWN.iter().any(|(known, _)| known == name);
    names.into_iter().find(unknown).map_or(Ok(()), |name| Err(UnknownSetting { name }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_setting_stops_the_start() {
        let check = |name: &str| check_environment([name.to_owned()].into_iter());
        assert_eq!(check("BRAIN_DATA_DIR"), Ok(()));
        assert_eq!(check("PATH"), Ok(()));
        assert_eq!(check("BRAIN_DATADIR"), Err(UnknownSetting { name: "BRAIN_DATADIR".into() }));
    }
}
