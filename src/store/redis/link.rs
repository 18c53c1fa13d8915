//! One connection to Redis that everybody shares, and that comes back.
//!
//! In: commands. Out: their answers, or at once why there is none. The promises: nobody waits longer
//! than a moment for a Redis that is away, and when it is back the next one to ask finds it. A
//! connection that broke is tried again with pauses that grow; in a pause everybody is refused
//! without a try.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Client, FromRedisValue, Pipeline, RedisError, ScriptInvocation,
};
use tokio::sync::{Mutex, mpsc};
use tokio::time::Instant;

use crate::base::StoreError;

/// Longest wait for a connection. In a data centre it takes milliseconds.
const CONNECT: Duration = Duration::from_secs(1);
/// Longest wait for an answer: a script over a thousand sessions takes some ten milliseconds.
const ANSWER: Duration = Duration::from_secs(2);
/// First and longest pause between attempts.
const PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// Commands that may wait to be sent.
const QUEUE: usize = 1024;

/// What is published, as the driver passes it on.
pub(super) type Pushes = mpsc::UnboundedReceiver<redis::PushInfo>;

/// The connection.
pub(super) struct Link {
    client: Client,
    current: ArcSwapOption<MultiplexedConnection>,
    attempts: Mutex<Attempts>,
}

/// What was tried since it worked last.
#[derive(Default)]
struct Attempts {
    failed: u32,
    pause_until: Option<Instant>,
    last: String,
}

impl Link {
    /// There is no connection yet.
    pub(super) fn new(client: Client) -> Self {
        Self {
            client,
            current: ArcSwapOption::empty(),
            attempts: Mutex::default(),
        }
    }

    /// The number of the database there.
    pub(super) fn database(&self) -> i64 {
        self.client.get_connection_info().redis_settings().db()
    }

    /// Reads. Asked again over a new connection where the old one turns out to be broken.
    pub(super) async fn read<T: FromRedisValue>(
        &self,
        pipeline: &Pipeline,
    ) -> Result<T, StoreError> {
        let connection = self.connection().await?;
        match pipeline.query_async(&mut connection.as_ref().clone()).await {
            Err(error) if error.is_connection_dropped() => {
                self.give_up(&connection);
                self.write(pipeline).await
            }
            answer => answer.map_err(|error| self.failed(&connection, error)),
        }
    }

    /// Writes. Not asked again: nobody knows whether it was done.
    pub(super) async fn write<T: FromRedisValue>(
        &self,
        pipeline: &Pipeline,
    ) -> Result<T, StoreError> {
        let connection = self.connection().await?;
        let answer = pipeline.query_async(&mut connection.as_ref().clone()).await;
        answer.map_err(|error| self.failed(&connection, error))
    }

    /// Runs a script.
    pub(super) async fn run<T: FromRedisValue>(
        &self,
        script: &ScriptInvocation<'_>,
    ) -> Result<T, StoreError> {
        let connection = self.connection().await?;
        let answer = script.invoke_async(&mut connection.as_ref().clone()).await;
        answer.map_err(|error| self.failed(&connection, error))
    }

    /// A connection of its own that hears what is published. It is closed when the first of the two
    /// is dropped.
    pub(super) async fn subscribe(
        &self,
        channel: &str,
    ) -> Result<(MultiplexedConnection, Pushes), StoreError> {
        let (pushed, pushes) = mpsc::unbounded_channel();
        let config = config().set_push_sender(pushed);
        let mut connection = self
            .client
            .get_multiplexed_async_connection_with_config(&config)
            .await
            .map_err(StoreError::new)?;
        connection.subscribe(channel).await.map_err(StoreError::new)?;
        Ok((connection, pushes))
    }

    async fn connection(&self) -> Result<Arc<MultiplexedConnection>, StoreError> {
        if let Some(connection) = self.current.load_full() {
            return Ok(connection);
        }
        // One tries; whoever comes meanwhile waits for what comes of it.
        let mut attempts = self.attempts.lock().await;
        if let Some(connection) = self.current.load_full() {
            return Ok(connection);
        }
        if attempts.pause_until.is_some_and(|until| Instant::now() < until) {
            return Err(StoreError::new(&attempts.last));
        }
        match self.client.get_multiplexed_async_connection_with_config(&config()).await {
            Ok(connection) => {
                if attempts.failed > 0 {
                    tracing::info!(attempts = attempts.failed, "Redis is back");
                }
                *attempts = Attempts::default();
                let connection = Arc::new(connection);
                self.current.store(Some(Arc::clone(&connection)));
                Ok(connection)
            }
            Err(error) => {
                let pause = PAUSE.saturating_mul(1 << attempts.failed.min(10));
                attempts.failed = attempts.failed.saturating_add(1);
                attempts.pause_until = Some(Instant::now() + pause.min(LONGEST_PAUSE));
                attempts.last = format!("Redis can not be reached: {error}");
                Err(StoreError::new(&attempts.last))
            }
        }
    }

    fn failed(&self, connection: &Arc<MultiplexedConnection>, error: RedisError) -> StoreError {
        // After a time-out too: what is slow to answer may be a connection into nowhere.
        if error.is_io_error() || error.is_timeout() || error.is_unrecoverable_error() {
            self.give_up(connection);
        }
        StoreError::new(format_args!("Redis: {error}"))
    }

    /// The next one makes another connection, if this one is still in use.
    fn give_up(&self, connection: &Arc<MultiplexedConnection>) {
        self.current.compare_and_swap(&Some(Arc::clone(connection)), None);
    }
}

fn config() -> AsyncConnectionConfig {
    AsyncConnectionConfig::new()
        .set_connection_timeout(Some(CONNECT))
        .set_response_timeout(Some(ANSWER))
        .set_pipeline_buffer_size(QUEUE)
}
