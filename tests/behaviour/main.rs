//! Behaviours of a whole brain: real nats-server, real Postgres, real sockets. One file per behaviour; see `harness`.

mod bad_input;
mod caches;
mod connections;
mod export;
mod graph;
mod harness;
mod idempotency;
mod keys;
mod keyword_damage;
mod kills;
mod live;
mod memories;
mod outages;
mod own_process;
mod peers;
mod poison;
mod recovery;
mod replay;
mod roles;
mod search;
mod search_exact;
mod storage;
mod time;
mod vault;
mod webhooks;
