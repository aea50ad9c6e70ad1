//! The table: what each module may use. A line that looks wrong says why it stands.

/// What a module may use besides itself and the standard library.
pub struct Row {
    /// From the library's root.
    pub module: &'static str,
    /// Modules, or things in them; `*` is all.
    pub uses: &'static [&'static str],
    /// What of them nevertheless not.
    pub never: &'static [&'static str],
    /// Foreign crates besides those that may be used everywhere.
    pub crates: &'static [&'static str],
}

/// Crates without effects that are the words of every part: values, their written forms, errors.
pub const EVERYWHERE: &[&str] = &["chrono", "serde", "serde_json", "thiserror", "uuid"];

pub const ROWS: &[Row] = &[
    Row {
        module: "domain",
        uses: &[],
        never: &[],
        // An address is a value; a script tag is found as Markdown and HTML have it.
        crates: &["pulldown_cmark", "schemars", "url"],
    },
    Row {
        module: "journal",
        uses: &["domain"],
        never: &[],
        // The public event is described where it is made, in the document's words: utoipa.
        crates: &["base64", "half", "rmp_serde", "schemars", "sha2", "utoipa", "xxhash_rust"],
    },
    Row {
        module: "ports",
        uses: &["domain", "journal"],
        never: &[],
        // What a verification found is shown as it is: utoipa. That access has changed is seen without a question: tokio.
        crates: &["async_trait", "bytes", "futures", "half", "tokio", "url", "utoipa", "xxhash_rust"],
    },
    Row {
        module: "commands",
        uses: &["ports", "journal", "domain"],
        // A command is decided by the log alone.
        never: &[
            "ports::MemoryReads",
            "ports::GraphReads",
            "ports::SearchReads",
            "ports::HistoryReads",
            "ports::HttpSender",
            "ports::FactAppender",
        ],
        crates: &["futures", "tokio", "xxhash_rust"],
    },
    Row {
        module: "projectors",
        uses: &["causes", "retry", "ports", "journal", "domain"],
        never: &["ports::HttpSender", "ports::EventAppender", "ports::FactAppender"],
        crates: &["async_trait", "futures", "half", "metrics", "tokio", "tokio_util", "toml", "tracing", "xxhash_rust"],
    },
    Row {
        module: "replay",
        // Decision 2026-11-24: a replay is the projectors' engine over tables of its own.
        uses: &["projectors", "ports", "journal", "domain"],
        // Nothing goes out while the past is read again.
        never: &["ports::HttpSender", "ports::Embedder", "ports::webhooks", "ports::EventAppender", "ports::FactAppender"],
        crates: &["async_trait", "tokio"],
    },
    Row {
        module: "fanout",
        uses: &["retry", "ports", "journal", "domain"],
        never: &["ports::EventAppender"],
        // Deliveries are signed here, with keys that the vault has opened.
        crates: &[
            "async_trait",
            "base64",
            "ed25519_dalek",
            "futures",
            "hmac",
            "metrics",
            "sha2",
            "tokio",
            "tokio_util",
            "tracing",
            "url",
        ],
    },
    Row {
        module: "erasure",
        uses: &["causes", "retry", "ports", "journal", "domain"],
        // What it has to say is said by the write path.
        never: &["ports::HttpSender", "ports::EventAppender", "ports::FactAppender"],
        crates: &["async_trait", "futures", "metrics", "tokio", "tokio_util", "tracing"],
    },
    Row {
        module: "caches",
        uses: &["ports", "journal", "domain"],
        never: &["ports::HttpSender", "ports::EventAppender", "ports::FactAppender"],
        crates: &["async_trait", "bytes", "flate2", "futures", "metrics", "moka", "tokio", "tokio_util", "tracing"],
    },
    Row {
        module: "reactors",
        uses: &["causes", "retry", "ports", "journal", "domain"],
        never: &["ports::EventAppender"],
        crates: &["futures", "metrics", "tokio", "tokio_util", "tracing"],
    },
    Row {
        module: "queries",
        uses: &["ports", "journal", "domain"],
        never: &["ports::HttpSender", "ports::EventAppender", "ports::FactAppender"],
        // The status is shown as it is: utoipa. What is opened stands around ports: async_trait. A passage is of sentences and letters, and
        // copies are told by their letters, as Unicode has them.
        crates: &[
            "async_trait",
            "futures",
            "metrics",
            "similar",
            "tokio",
            "tracing",
            "unicode_normalization",
            "unicode_segmentation",
            "utoipa",
            "xxhash_rust",
        ],
    },
    Row {
        module: "app",
        uses: &["causes", "commands", "queries", "caches", "ports", "journal", "domain"],
        // A write is a command.
        never: &["ports::EventAppender", "ports::FactAppender"],
        // What webhooks keep sealed is counted for the master key behind a port: async_trait.
        // Access tokens are signed and verified where it is decided what they open: jsonwebtoken.
        crates: &[
            "async_trait",
            "base64",
            "bytes",
            "futures",
            "hmac",
            "jsonwebtoken",
            "metrics",
            "sha2",
            "tokio",
            "tracing",
            "url",
        ],
    },
    Row {
        module: "api",
        // What is asked for is done by `app`. Actions, records and views of queries are words that it takes and gives; sockets and
        // streams are driven from here, webhooks are not.
        uses: &["app", "commands", "queries", "caches", "fanout::live", "ports", "journal", "domain"],
        never: &[
            "commands::Commands",
            "caches::Caches",
            "ports::EventAppender",
            "ports::FactAppender",
            "ports::EventLog",
            "ports::DerivedLog",
            "ports::MemoryReads",
            "ports::GraphReads",
            "ports::SearchReads",
            "ports::HistoryReads",
            "ports::SelectionReads",
            "ports::Positions",
            "ports::webhooks::WebhookReads",
        ],
        crates: &[
            "actix_cors",
            "actix_web",
            "actix_ws",
            "base64",
            "bytes",
            "futures",
            "governor",
            "jsonwebtoken",
            "metrics",
            "tokio",
            "tokio_util",
            "tracing",
            "url",
            "utoipa",
        ],
    },
    Row { module: "adapters", uses: &[], never: &[], crates: &[] },
    Row {
        module: "adapters::encoder",
        uses: &["ports"],
        never: &[],
        // The thread that embeds in the background asks the system for less of the processor: nix.
        crates: &["async_trait", "bert", "metrics", "nix", "tokenizers", "tokio", "tokio_util", "tracing"],
    },
    Row { module: "adapters::http", uses: &["ports"], never: &[], crates: &["async_trait", "reqwest", "rustls", "tokio", "url"] },
    Row {
        module: "adapters::nats",
        uses: &["ports", "journal", "domain"],
        never: &[],
        crates: &["async_nats", "async_trait", "bytes", "futures", "tokio", "tracing", "xxhash_rust", "zeroize"],
    },
    Row {
        module: "adapters::oidc",
        uses: &["adapters::http", "causes", "ports", "domain"],
        never: &[],
        crates: &["async_trait", "base64", "oauth2", "openidconnect", "reqwest", "tokio", "tracing", "url"],
    },
    Row {
        module: "adapters::postgres",
        // Decision 2026-11-23: for the port `Store` and the batch that it stores; it stands beside its only caller.
        uses: &["projectors", "ports", "journal", "domain"],
        never: &[],
        crates: &["async_trait", "futures", "half", "metrics", "sqlx", "tokio", "tracing", "xxhash_rust"],
    },
    Row { module: "adapters::system", uses: &["ports", "domain"], never: &[], crates: &[] },
    Row {
        module: "adapters::tantivy",
        uses: &["ports", "domain"],
        never: &[],
        // Files that are mapped into memory are looked at before that, as the system shows them: nix.
        crates: &["async_trait", "frostem", "nix", "tantivy", "tokio", "tracing", "unicode_normalization", "unicode_properties"],
    },
    Row {
        module: "adapters::transit",
        uses: &["adapters::http", "causes", "retry", "ports"],
        never: &[],
        crates: &["async_trait", "base64", "reqwest", "tokio", "tracing", "url", "zeroize"],
    },
    Row {
        module: "adapters::vault",
        uses: &["private_file", "ports", "domain"],
        never: &[],
        // A passphrase is worked on beside the other threads: tokio.
        crates: &["aes_gcm", "argon2", "async_trait", "base64", "ed25519_dalek", "getrandom", "hmac", "sha2", "tokio", "zeroize"],
    },
    // An erased vector is overwritten where it lay: zeroize.
    Row {
        module: "adapters::vectors",
        uses: &["ports", "domain"],
        never: &[],
        crates: &["async_trait", "half", "tokio", "tracing", "zeroize"],
    },
    Row { module: "adapters::webauthn", uses: &["ports", "domain"], never: &[], crates: &["base64", "url", "webauthn_rs"] },
    Row {
        module: "runtime",
        // Whether there is room on the disk is what a port asks.
        uses: &["private_file", "ports::storage"],
        never: &[],
        // A cluster that has just been made gets its roles from here: sqlx. How safe it is, is a flag's value: clap.
        crates: &["clap", "getrandom", "metrics", "nix", "sha2", "sqlx", "tokio", "toml", "tracing", "walkdir", "zip"],
    },
    Row {
        module: "wiring",
        // The one place that names concrete adapters.
        uses: &[
            "adapters",
            "api",
            "app",
            "caches",
            "commands",
            "config",
            "domain",
            "erasure",
            "fanout",
            "journal",
            "ports",
            "private_file",
            "projectors",
            "queries",
            "reactors",
            "replay",
            "runtime",
            "telemetry",
        ],
        never: &[],
        crates: &[
            "actix_web",
            "anyhow",
            "async_trait",
            "bert",
            "futures",
            "nix",
            "reqwest",
            "tokio",
            "tokio_util",
            "tracing",
            "url",
        ],
    },
    Row {
        module: "cli",
        uses: &["*"],
        never: &[],
        crates: &[
            "anyhow",
            "clap",
            "csv",
            "futures",
            "indicatif",
            "percent_encoding",
            "pulldown_cmark",
            "reqwest",
            "terminal_size",
            "tokio",
            "toml",
            "unicode_normalization",
            "unicode_segmentation",
            "unicode_width",
            "url",
            "walkdir",
            "xxhash_rust",
            "yaml_serde",
        ],
    },
    Row { module: "main", uses: &["cli"], never: &[], crates: &[] },
    Row {
        module: "config", // Settings become what those that read them take: rules of the domain, of caches, of the servers.
        uses: &["domain", "journal", "caches", "runtime"],
        never: &[],
        crates: &["similar", "toml", "url"],
    },
    // A package of its own, so that it is optimised in every build.
    Row { module: "bert", uses: &[], never: &[], crates: &["half", "memmap2", "nix", "sha2", "xxhash_rust"] },
    Row { module: "causes", uses: &[], never: &[], crates: &[] },
    Row { module: "private_file", uses: &[], never: &[], crates: &[] },
    Row { module: "retry", uses: &[], never: &[], crates: &["backon"] },
    Row {
        module: "telemetry",
        uses: &[],
        never: &[],
        crates: &["metrics", "metrics_exporter_prometheus", "tokio", "tokio_util", "tracing", "tracing_subscriber"],
    },
];
