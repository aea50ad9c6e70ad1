//! Behaviours of a whole brain: real nats-server, real Postgres, real sockets. One file per behaviour; see `harness`.

mod bad_input;
mod bodies;
mod caches;
mod export;
mod graph;
mod harness;
mod http;
mod idempotency;
mod live;
mod memories;
mod numbers;
mod outages;
mod peers;
mod recovery;
mod replay;
mod roles;
mod search;
mod search_exact;
mod time;
mod vault;
mod webhooks;
