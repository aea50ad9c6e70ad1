//! Waiting for what comes to pass, and not for ever: a wait ends by what it waits for, or fails and says what it saw last.

use std::{
    fmt::{Debug, Display},
    future::Future,
    process::{Child, Command, Output},
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tokio::{
    task::spawn_blocking,
    time::{Instant, sleep, timeout, timeout_at},
};

/// How long anything may take that nobody has given a time of its own.
pub const DEADLINE: Duration = Duration::from_secs(45);
/// How long a program or a server may take to start, to stop, or to do all that it was started for.
pub const WORK_MAX: Duration = Duration::from_secs(120);
const PAUSE_FIRST: Duration = Duration::from_millis(2);
const PAUSE_MAX: Duration = Duration::from_millis(50);

/// Looks until the look gives what is awaited; `Err` is what it saw instead. Fails after [`DEADLINE`].
pub async fn eventually<T, S: Debug>(what: impl Display, look: impl AsyncFnMut() -> Result<T, S>) -> T {
    within(DEADLINE, what, look).await
}

/// The same with another deadline.
pub async fn within<T, S: Debug>(limit: Duration, what: impl Display, mut look: impl AsyncFnMut() -> Result<T, S>) -> T {
    let deadline = Instant::now() + limit;
    let (mut pause, mut last) = (PAUSE_FIRST, None);
    loop {
        match timeout_at(deadline, look()).await {
            Ok(Ok(found)) => return found,
            Ok(Err(seen)) => last = Some(seen),
            Err(_) => panic!("{what}: not within {limit:?}; a look is without an answer; the one before saw {last:?}"),
        }
        assert!(Instant::now() + pause < deadline, "{what}: not within {limit:?}; seen last: {last:?}");
        sleep(pause).await;
        pause = (pause * 2).min(PAUSE_MAX);
    }
}

/// What this comes to, within [`DEADLINE`].
pub async fn soon<T>(what: impl Display, future: impl Future<Output = T>) -> T {
    timeout(DEADLINE, future).await.unwrap_or_else(|_| panic!("{what}: not within {DEADLINE:?}"))
}

/// What work comes to, within [`WORK_MAX`].
pub async fn done<T>(what: impl Display, work: impl Future<Output = T>) -> T {
    timeout(WORK_MAX, work).await.unwrap_or_else(|_| panic!("{what}: not within {WORK_MAX:?}"))
}

/// Runs a program to its end; one that has none is killed.
pub async fn finished(mut command: Command) -> Output {
    let child = command.spawn().expect("the program runs");
    output_of(child, format!("{command:?}")).await
}

/// What a running program says until its end; one that has none is killed.
pub async fn output_of(child: Child, what: impl Display) -> Output {
    let pid = Pid::from_raw(child.id().try_into().expect("a pid"));
    let mut end = spawn_blocking(move || child.wait_with_output());
    match timeout(WORK_MAX, &mut end).await {
        Ok(output) => output.expect("no panic").expect("its output is readable"),
        Err(_) => {
            // Whoever waits for its output on a thread of its own would be waited for by the runtime.
            let _ = kill(pid, Signal::SIGKILL);
            panic!("{what} has not ended within {WORK_MAX:?}");
        }
    }
}

#[tokio::test]
#[should_panic(expected = "the tide: not within 30ms; seen last: Some(\"ebb\")")]
async fn what_never_comes_is_said() {
    within(Duration::from_millis(30), "the tide", async || Err::<(), _>("ebb")).await;
}

#[tokio::test]
#[should_panic(expected = "the tide: not within 30ms; a look is without an answer; the one before saw None")]
async fn a_look_that_hangs_ends_as_well() {
    within(Duration::from_millis(30), "the tide", async || std::future::pending::<Result<(), ()>>().await).await;
}
