//! Second Brain: a self-hosted memory. An ordered event log is the truth; everything else is a view of it.
//!
//! # The map, in reading order
//! - [`domain`]: what may happen, as pure functions; absent there: I/O, clock, chance.
//! - [`journal`]: what is written down for ever: envelope, stored events, codec, subjects.
//! - [`ports`]: what the core needs from the world, as traits.
//! - [`commands`]: the one write path: load, decide, append, answer. Absent there: Postgres.
//! - [`projectors`]: the engine that fills read models from the log, exactly once.
//! - [`replay`]: rebuild, rollback, verify: what an operator does with read models. Absent there: effects.
//! - [`reactors`]: events turned into derived facts: the embedder. Absent during a replay.
//! - [`erasure`]: what an erased memory has left, destroyed in each place. Absent there: the way into the log.
//! - [`fanout`]: one tail of the log per node, shared by all that follow it: webhooks, live streams. Absent there: the way into the log.
//! - [`queries`]: the questions that reads ask.
//! - [`caches`]: answers that are still true, ended by the log. Absent there: questions.
//! - [`app`]: what may be done, whatever is spoken: who may, how new, kept or asked, how many at a time. Absent there: HTTP, adapters.
//! - [`api`]: the HTTP edge: each handler parses, asks [`app`], and writes. Absent there: ports of read models, adapters, SQL.
//! - `bert`, a package of its own: the encoder of texts. Absent there: everything else.
//! - [`adapters`]: NATS, Postgres, tantivy, vectors in memory, the encoder of texts, HTTP, the master key and the service that may wrap it, clock and ids, each behind a port.
//! - [`runtime`]: the embedded nats-server and Postgres.
//! - [`retry`]: pauses between tries, for every loop that waits an outage out.
//! - [`private_file`]: files that hold a secret, written whole.
//! - [`causes`]: an error with all that led to it, in one line.
//! - [`telemetry`]: logs and the list of metrics.
//! - [`config`]: every setting, described once: its names, bounds and default; flag, variable, `brain.toml`. Absent there: the parts' own
//!   reading of the environment.
//! - [`wiring`], [`cli`]: composition, verbs.
//!
//! # Invariants
//! - Nothing but [`commands`] appends an event: nobody else is handed a [`ports::EventAppender`]. Nothing but [`projectors`] writes a read model.
//! - The newest event on an aggregate's subject *is* its state ([`journal::envelope::Envelope::data`]).
//! - An event type, once released, keeps its schema; old ones are lifted by [`journal::upcast`].
//! - What no store can hold is refused by [`domain::limits`]. What cannot be applied nevertheless is parked by [`projectors`], and stops
//!   nothing but its own aggregate.
//! - An idempotency key means one wish of one caller on one resource; what is acknowledged under it stands in the log.
//!
//! # Words
//! - *event*: what happened to one aggregate (a memory, a relationship, a webhook, a space, a key); never changed. *Derived fact*: what
//!   was computed from events and is dear to compute again, in a stream of its own.
//! - *position* ([`domain::ids::StreamSeq`]): a place in the log. *Revision*: how often one aggregate has changed; its ETag.
//! - *command*, its *key* (`Idempotency-Key`) and its *actor*: what is asked for, the name under which it may be asked for again, and who
//!   asks. *Decider*: the pure function from state and command to events.
//! - *principal*: a person or an agent. As a *member* of a *space* they have a *role* there, which gives *scopes*; a *credential* (a key, a
//!   session, an access token) gives scopes as well, and what both give may be done. A *caller* is a principal in one space, by one
//!   credential.
//! - *client* (of OAuth): a program that acts for a person. A *delegation* is what they let it do; its *access tokens* live for minutes and open
//!   nothing without it, its *refresh tokens* are a *family* in which each is good once. A *device* waits for its person by a *user code*.
//! - *master key*: what seals secrets and wraps data keys. Its *versions* stand on a *ring* that all processes agree on: one is *active* and seals,
//!   others are *kept* and open. To *rotate* is to let another version seal; to *rewrap*, to seal under it what lies under others.
//! - *deleted*: not shown, and can be brought back. *Erased*: gone for every reader at once, and then from every file; the *receipt* says
//!   from which not.
//! - *sensitive*: what a memory says is *sealed* wherever it is stored, under its *data key*, which the *master key* wraps; it is *opened* for
//!   whoever may read it, and is in nothing that finds or tells.
//! - *projection*: a read model made of events alone. It has *versions*; one is live, another may be filled beside it until the *cut-over*.
//!   Its *checkpoint* is the position that it shows. A change that it cannot apply is *parked*.
//! - *freshness*: the position that an answer must show at least (`min_position`, or what the caller wrote last). *As of*: the position
//!   or time that it must show exactly.
//! - *tail*: the newest events in memory, shared by all that follow the log on this node. A *lane* serves one webhook, in order if it
//!   wants that; its *circuit breaker* pauses it; a *delivery* is one event for one webhook.
//! - *kept answer*, with its *deps* (what it shows), its *stamp* (how new it is) and its *membership* (what else would belong to it). A
//!   *touch* is what one event ends.
//! - *surface*: one shape in which use cases are offered (`v1`); an answer is kept per surface.
//! - *degraded*: answered without a part that is away, which the answer names.
//!
//! # A memory is captured
//! [`api`] authenticates and reads the body; [`app::memories`] names the command; [`commands::Commands::memory`] loads the newest event, lets
//! [`domain::memory::MemoryDecider`] decide, and appends with the expected sequence. The answer carries the position.
//! The engine in [`projectors`] reads the event, applies it in one transaction with its checkpoint, and reads at that
//! position show it.
//!
//! # Somebody logs in
//! [`api::login`] sends the browser away with an attempt that [`app::login`] has sealed; [`adapters::oidc`] exchanges the code that it brings
//! back and verifies who it is. Groups become roles by commands, and [`app::sessions`] opens a session: a hash in the stream SESSIONS that
//! every process tails. From then on the cookie is a caller like a key's holder, and writes say a token that only our own pages can read.
//! A passkey is a shorter way to the same session: a sealed question, and an answer that [`adapters::webauthn`] verifies with the public half that
//! the principal has in the log.
//!
//! # A client is let in
//! A browser with a session sees a page of [`api::oauth`] that names the client and what it asks for; [`app::oauth`] makes a delegation of the
//! yes, which [`app::delegations`] keeps in the stream SESSIONS, as hashes. The client gets a signed access token and a refresh token. The
//! edge holds a token against everything that it must be and against the delegation in memory, so its end anywhere is the token's end.
//!
//! # A webhook goes out
//! The dispatcher in [`fanout::webhooks`] follows the node's [`fanout::feed::Tail`], knows the endpoints by the same log, and writes one
//! delivery per endpoint that wants an event, in one transaction with its own position. The endpoint's lane takes what is due, reads the
//! event again, signs the bytes that [`journal::public`] makes of it, and sends them past the guard of [`adapters::http`]. What came of
//! it is a row and, unless it went well, the time of the next attempt. What was sent and not written down is sent again under the same id.
//!
//! # A question is asked again
//! [`app::cached`] names the question; [`caches::Caches::serve`] gives the kept answer if the tail has told of everything that the caller
//! has written. Else one asks and those who come meanwhile wait for it: it notes what the projections show at least, asks [`queries`], and hands the answer with what it depends
//! on to [`caches::store`]. The [`caches::invalidator`] follows the node's tails of both streams; what [`caches::changes`] says that an
//! event touches or could enter, goes at once, and a fill that raced it is refused by [`caches::ledger`].
//!
//! # A projection is rebuilt
//! [`replay::Operator`] installs tables of the next version, marked as being filled. Every process's
//! [`projectors::keeper::Keeper`] sees them and runs an engine for them beside the live one's; one of the engines gets the lock.
//! When the version has nearly caught up the keeper indexes it, and [`projectors::Store::cut_over`] points the views to it in one
//! transaction. An engine tells waiters of a commit only if that very commit was of a live version.

// The documentation is for those who work on the program: it is built with its private items.
#![allow(rustdoc::private_intra_doc_links)]

pub mod adapters;
pub mod api;
pub mod app;
pub mod caches;
pub mod causes;
pub mod cli;
pub mod commands;
pub mod config;
pub mod domain;
pub mod erasure;
pub mod fanout;
pub mod journal;
pub mod ports;
pub mod private_file;
pub mod projectors;
pub mod queries;
pub mod reactors;
pub mod replay;
pub mod retry;
pub mod runtime;
pub mod telemetry;
pub mod wiring;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
