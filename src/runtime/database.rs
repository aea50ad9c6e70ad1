//! What must exist inside the embedded Postgres before the migrations: two roles, the extension, the database `brain`.
//! Called by the supervisor after each start of a brain; it never touches a table.

use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgSslMode};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection};

use super::error::Error;
use super::folders::Secrets;
use super::postgres::{APP, OWNER, SUPERUSER};

/// The database of the product; tests make their own beside it.
pub(super) const DATABASE: &str = "brain";
const PROBE_TIMEOUT: Duration = Duration::from_millis(800);

fn options(secrets: &Secrets, port: u16, database: &str) -> PgConnectOptions {
    PgConnectOptions::new_without_pgpass()
        .host("127.0.0.1")
        .port(port)
        .username(SUPERUSER)
        .password(&secrets.postgres_password)
        .database(database)
        .ssl_mode(PgSslMode::Disable)
        .disable_statement_logging()
}

/// Ready = a query is answered.
pub(super) async fn is_ready(secrets: &Secrets, port: u16) -> bool {
    let ask = async {
        let mut connection = PgConnection::connect_with(&options(secrets, port, "postgres")).await?;
        sqlx::query("SELECT 1").execute(&mut connection).await?;
        connection.close().await
    };
    matches!(tokio::time::timeout(PROBE_TIMEOUT, ask).await, Ok(Ok(())))
}

/// Creates what is missing and sets the roles' passwords to the present secrets. May be repeated.
pub(super) async fn prepare(secrets: &Secrets, port: u16) -> Result<(), Error> {
    prepare_all(secrets, port).await.map_err(Error::Database)
}

async fn prepare_all(secrets: &Secrets, port: u16) -> Result<(), sqlx::Error> {
    let mut server = PgConnection::connect_with(&options(secrets, port, "postgres")).await?;
    role(&mut server, OWNER, "CREATEROLE NOCREATEDB", &secrets.owner_password).await?;
    role(&mut server, APP, "NOCREATEROLE NOCREATEDB", &secrets.app_password).await?;
    // What is erased is to be gone from the files: the owner may ask for a checkpoint.
    run(&mut server, format!("GRANT pg_checkpoint TO {OWNER}")).await?;
    // This goes into the template first, so that every database made later has it: only a superuser may create it.
    privileged(secrets, port, "template1").await?;
    let exists: bool = sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)")
        .bind(DATABASE)
        .fetch_one(&mut server)
        .await?;
    if !exists {
        run(&mut server, format!("CREATE DATABASE {DATABASE} OWNER {OWNER}")).await?;
    }
    privileged(secrets, port, DATABASE).await?;
    server.close().await
}

async fn role(server: &mut PgConnection, name: &str, rights: &str, password: &str) -> Result<(), sqlx::Error> {
    let exists: bool =
        sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)").bind(name).fetch_one(&mut *server).await?;
    let verb = if exists { "ALTER" } else { "CREATE" };
    run(server, format!("{verb} ROLE {name} LOGIN NOSUPERUSER NOBYPASSRLS {rights} PASSWORD '{password}'")).await
}

/// What only a superuser may give a database.
async fn privileged(secrets: &Secrets, port: u16, database: &str) -> Result<(), sqlx::Error> {
    let mut connection = PgConnection::connect_with(&options(secrets, port, database)).await?;
    run(&mut connection, "CREATE EXTENSION IF NOT EXISTS vector".into()).await?;
    run(&mut connection, "ALTER EXTENSION vector UPDATE".into()).await?;
    // The migration of that name may not do so: it runs as the owner.
    run(&mut connection, include_str!("../../migrations/0005_tags_by_index.sql").into()).await?;
    // An open session on template1 would refuse the copy.
    connection.close().await
}

/// The one place here where SQL is put together: names are constants of this module, passwords are hex.
async fn run(connection: &mut PgConnection, sql: String) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(connection).await.map(|_| ())
}
