//! The TLS implementation of every HTTP client of the process. Called before the first one is built.

/// Chooses the TLS implementation for every HTTP client of the process; needed before the first one is built.
pub fn install_tls() {
    // A second installation fails because the first one stands, which is what is wanted.
    let _ = rustls::crypto::ring::default_provider().install_default();
}
