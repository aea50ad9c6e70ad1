//! One nats-server and one Postgres for all tests of this process, and a database of each test's own.

use std::{
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
};

use second_brain::{
    adapters::{
        encoder::{Computing, model::Model},
        postgres::Postgres,
    },
    config::Config,
    projectors::{Definition, keeper::prepare},
    runtime::{Durability, Options, Programs, Servers, model_dir},
};
use sqlx::{AssertSqlSafe, Connection, Executor};

static SHARED: Mutex<Option<Shared>> = Mutex::new(None);
static NEXT: AtomicU32 = AtomicU32::new(1);

struct Shared {
    servers: Arc<Servers>,
    folder: PathBuf,
    users: usize,
}

/// Starts the servers for the first test and stops them after the last one that runs.
pub(super) fn servers() -> Arc<Servers> {
    let mut shared = SHARED.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    if let Some(running) = shared.as_mut() {
        running.users += 1;
        return running.servers.clone();
    }
    let folder = std::env::temp_dir().join(format!("second-brain-behaviour-{}", std::process::id()));
    let progress = Arc::new(|step: &str| eprintln!("{step}"));
    let options = Options { data_dir: folder.clone(), durability: Durability::Os, programs: programs(), progress };
    let servers = Arc::new(Servers::start(options).expect("the embedded servers start"));
    // Searches do not wait until a model is fetched and made small; they go by words meanwhile.
    let model = model_dir(&programs().cache_dir, &|step| eprintln!("{step}")).expect("the model is fetched");
    let Computing { precision, kernel } = Computing::default();
    Model::load(&model, precision, kernel).expect("the model can be computed");
    *shared = Some(Shared { servers: servers.clone(), folder, users: 1 });
    servers
}

/// What the environment says of the servers' programs.
pub(super) fn programs() -> Programs {
    Config::of_environment().expect("good settings").servers.programs
}

/// One use of the servers ends; the last user stops them and removes their folder.
pub(super) struct Lease;

impl Drop for Lease {
    fn drop(&mut self) {
        let mut shared = SHARED.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let Some(running) = shared.as_mut() else { return };
        running.users -= 1;
        if running.users == 0 {
            let Some(Shared { servers, folder, .. }) = shared.take() else { return };
            drop(servers);
            let _ = std::fs::remove_dir_all(folder);
        }
    }
}

/// A folder for a brain's own servers: their account can reach it also when root runs the test.
pub fn reachable() -> tempfile::TempDir {
    let place = tempfile::tempdir_in("/tmp").expect("a folder");
    std::fs::set_permissions(place.path(), std::fs::Permissions::from_mode(0o755)).expect("its own");
    place
}

pub(super) fn fresh_name() -> String {
    format!("t{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

pub(super) async fn create_database(servers: &Servers, name: &str) {
    let mut admin = sqlx::PgConnection::connect(&servers.postgres().admin_url("postgres")).await.expect("connects");
    let create = format!("CREATE DATABASE {name} OWNER brain_owner");
    admin.execute(AssertSqlSafe(create)).await.expect("creates a database");
    // As where one user owns the database and readers take their role on.
    admin.execute("GRANT brain_app TO brain_owner").await.expect("granted");
}

/// Projections' tables in a database of a test's own, without a brain that fills them.
pub struct Tables {
    pub postgres: Postgres,
    pub owner_url: String,
    servers: Arc<Servers>,
    lease: Lease,
}

impl Tables {
    pub async fn new(definitions: &[Definition]) -> Self {
        let servers = tokio::task::spawn_blocking(servers).await.expect("starts");
        let name = fresh_name();
        create_database(&servers, &name).await;
        let owner_url = servers.postgres().owner_url(&name);
        let postgres = Postgres::connect(&owner_url, &servers.postgres().app_url(&name)).await.expect("connects");
        let store = postgres.projection_store();
        for definition in definitions {
            prepare(&*store, definition).await.expect("installs");
        }
        Self { postgres, owner_url, servers, lease: Lease }
    }

    pub async fn end(self) {
        let Self { postgres, servers, lease, .. } = self;
        postgres.close().await;
        drop(servers);
        drop(lease);
    }
}
