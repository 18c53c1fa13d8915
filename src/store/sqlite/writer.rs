//! The one writer: many writes, one commit.
//!
//! In: work, from everybody, through a bounded queue. Out: its result, after the commit that made it
//! durable. The promises: nobody is told `Ok` before it is on the disk; work that fails takes back
//! what it wrote and nothing else; a full queue refuses at once instead of growing.
//!
//! A commit waits for the disk, and most of a login's time is that. So everything that was asked
//! for while one commit was under way goes into the next: batches form by themselves, and a single
//! write on an idle gateway waits for nobody.
//!
//! The writer has a thread of its own, since it has to go on until the last write is answered,
//! whoever stopped waiting for it. It ends with the last [`Writer`].
#![expect(
    clippy::vec_box,
    reason = "they come in boxes from the queue, and stay in them: an entry is large"
)]

use std::future::Future;
use std::pin::Pin;
use std::thread;

use sqlx::sqlite::SqliteRow;
use sqlx::{Connection as _, SqliteConnection};
use tokio::sync::{mpsc, oneshot};

use super::audit;
use super::login::{self, Entry};
use super::row::failed;
use super::users::{self, Search};
use crate::base::StoreError;
use crate::store::chain::Head;
use crate::store::sql::{self, Statement};

/// How many writes may wait: a second of work, at about 1 KB each. Who comes later is told to come
/// again, which is better than to wait longer than browsers do.
const QUEUE: usize = 4096;

/// How many writes share a commit: some 20 ms of work, which is the longest that one waits for the
/// others of its batch.
const BATCH: usize = 256;

const SAVEPOINT: &str = "SAVEPOINT work;";
const RELEASE: &str = "RELEASE work;";

/// What work becomes: a result that is sent when the batch is on the disk, or is not.
type Answer = Box<dyn FnOnce(Result<(), StoreError>) + Send>;
type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
/// Work, or why there can be none: then it says so to whoever asked.
type Job = Box<dyn for<'a> FnOnce(Result<&'a mut Batch, StoreError>) -> Boxed<'a, Answer> + Send>;

/// What the writer is asked for.
pub(super) enum Order {
    /// People who may be meant. They are looked for here and not by a reader, because this
    /// connection has the database in memory, and is asked once for many.
    Search(Search),
    Login(Box<Entry>),
    Work(Job),
    Close(oneshot::Sender<()>),
}

/// Asks the writer; cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Writer {
    orders: mpsc::Sender<Order>,
}

impl Writer {
    /// Gives a connection, which nobody else writes by, a thread.
    pub(super) fn start(connection: SqliteConnection) -> Result<Self, StoreError> {
        Self::with_queue(connection, QUEUE)
    }

    fn with_queue(connection: SqliteConnection, places: usize) -> Result<Self, StoreError> {
        let (orders, queue) = mpsc::channel(places);
        let no_thread = |error| StoreError::new(format_args!("no thread for the writer: {error}"));
        let runtime = tokio::runtime::Builder::new_current_thread()
            // Woken by the first of many things that come at once. Where they come from the same
            // core, the others are there when everybody else has had their turn, and all of them
            // take one go.
            .on_thread_unpark(thread::yield_now)
            .build()
            .map_err(no_thread)?;
        thread::Builder::new()
            .name("samlgate-writer".to_owned())
            .spawn(move || runtime.block_on(write(connection, queue)))
            .map_err(no_thread)?;
        Ok(Self { orders })
    }

    /// Runs work; its result comes when it is durable. Of work that fails everything is taken back.
    ///
    /// Work that has begun is finished, also when nobody waits for it any more.
    pub(super) async fn run<T, W>(&self, work: W) -> Result<T, StoreError>
    where
        T: Send + 'static,
        W: for<'a> FnOnce(&'a mut Batch) -> Boxed<'a, Result<T, StoreError>> + Send + 'static,
    {
        self.run_waiting(move |batch| {
            Box::pin(async move {
                batch.do_what_waits().await?;
                work(batch).await
            })
        })
        .await
    }

    /// The same of work that does what waits ([`Batch::waiting`]) before anything else.
    pub(super) async fn run_waiting<T, W>(&self, work: W) -> Result<T, StoreError>
    where
        T: Send + 'static,
        W: for<'a> FnOnce(&'a mut Batch) -> Boxed<'a, Result<T, StoreError>> + Send + 'static,
    {
        let (answer, told) = oneshot::channel();
        let job: Job = Box::new(move |batch| {
            Box::pin(async move {
                let result = match batch {
                    Ok(batch) => batch.all_or_nothing(work).await,
                    Err(error) => Err(error),
                };
                let reply = move |committed: Result<(), StoreError>| {
                    // Whoever asked may have gone; what was written stays written.
                    let _ = answer.send(committed.and(result));
                };
                let reply: Answer = Box::new(reply);
                reply
            })
        });
        self.ask(Order::Work(job), told).await
    }

    /// Gives an order, and waits for its answer.
    pub(super) async fn ask<T>(
        &self,
        order: Order,
        told: oneshot::Receiver<Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        self.orders.try_send(order).map_err(|refusal| match refusal {
            mpsc::error::TrySendError::Full(_) => StoreError::new("too many writes wait already"),
            mpsc::error::TrySendError::Closed(_) => closed(),
        })?;
        told.await.map_err(|_| closed())?
    }

    /// Writes what was asked for, closes the connection, and refuses everything from then on.
    pub(super) async fn close(&self) {
        let (closed, told) = oneshot::channel();
        if self.orders.send(Order::Close(closed)).await.is_ok() {
            // An error is a writer that is gone already.
            let _ = told.await;
        }
    }
}

fn closed() -> StoreError {
    StoreError::new("the database was closed")
}

/// What work writes by: a connection inside a transaction.
pub(super) struct Batch {
    pub(super) connection: SqliteConnection,
    /// The end of the audit chain, this batch's events included.
    pub(super) head: Head,
    /// What is to be done before, and in one go with, the next statement.
    pub(super) waiting: Statement,
    /// The transaction was taken back by SQLite itself: a full disk, no memory.
    broken: Option<StoreError>,
}

impl Batch {
    /// Runs work, and takes back what it wrote if it fails.
    async fn all_or_nothing<T>(
        &mut self,
        work: impl for<'a> FnOnce(&'a mut Self) -> Boxed<'a, Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        let head = self.head.clone();
        self.wait_with(SAVEPOINT);
        let result = work(self).await;
        match &result {
            Ok(_) => self.wait_with(RELEASE),
            Err(_) => self.take_back(head).await,
        }
        result
    }

    /// From here on everything can be taken back, to this end of the chain.
    pub(super) async fn set_savepoint(&mut self) -> Result<Head, StoreError> {
        let head = self.head.clone();
        self.wait_with(SAVEPOINT);
        self.do_what_waits().await?;
        Ok(head)
    }

    /// Nothing is going to be taken back.
    pub(super) async fn release(&mut self) -> Result<(), StoreError> {
        self.execute(RELEASE).await
    }

    /// Has this done with what comes next.
    fn wait_with(&mut self, statement: &str) {
        self.waiting.text.push_str(statement);
    }

    /// Does what waits, if nothing did it.
    pub(super) async fn do_what_waits(&mut self) -> Result<(), StoreError> {
        let waiting = std::mem::take(&mut self.waiting);
        if waiting.text.is_empty() {
            return Ok(());
        }
        let done = sql::bind(waiting).execute(&mut self.connection).await;
        done.map(|_| ()).map_err(failed)
    }

    /// Ends the batch without a commit: SQLite may have taken back more than it says.
    pub(super) fn give_up(&mut self, error: &StoreError) {
        self.broken = Some(error.clone());
    }

    /// Why nothing more can be written in this batch.
    pub(super) fn goes_on(&self) -> Result<(), StoreError> {
        self.broken.clone().map_or(Ok(()), Err)
    }

    /// Undoes everything since [`Self::set_savepoint`].
    pub(super) async fn take_back(&mut self, head: Head) {
        self.head = head;
        // What waited was part of it, but for the savepoint and what is before that.
        let waiting = std::mem::take(&mut self.waiting);
        let nothing_done = waiting.text.ends_with(SAVEPOINT);
        if nothing_done {
            self.waiting = Statement::new(waiting.text.strip_suffix(SAVEPOINT).unwrap_or_default());
            return;
        }
        if let Err(error) = self.execute("ROLLBACK TO work; RELEASE work").await {
            self.broken = Some(error);
        }
    }

    async fn begin(&mut self) -> Result<(), StoreError> {
        // IMMEDIATE: a deferred transaction would ask for the lock at its first write, and be
        // refused without waiting if another process wrote since its first read.
        self.waiting = Statement::default();
        let begin = "BEGIN IMMEDIATE; SELECT sequence, hash FROM audit_event \
                     ORDER BY sequence DESC LIMIT 1";
        let rows: Vec<SqliteRow> =
            sqlx::query(begin).fetch_all(&mut self.connection).await.map_err(failed)?;
        self.head = audit::read_head(rows.first())?;
        Ok(())
    }

    /// Undoes everything, and begins anew.
    async fn begin_again(&mut self) -> Result<(), StoreError> {
        // SQLite may have taken it back already, and then refuses to do it twice.
        let _ = self.execute("ROLLBACK").await;
        self.begin().await
    }

    async fn commit(&mut self) -> Result<(), StoreError> {
        if let Some(error) = self.broken.take() {
            return Err(error);
        }
        let mut last = std::mem::take(&mut self.waiting);
        if let Some(sequence) = self.head.appended() {
            let count = "UPDATE meta SET value = ? WHERE key = 'audit_events';";
            last = last.and(count).with(sequence);
        }
        self.waiting = last.and("COMMIT");
        self.do_what_waits().await
    }

    async fn execute(&mut self, statements: &'static str) -> Result<(), StoreError> {
        sqlx::query(statements)
            .execute(&mut self.connection)
            .await
            .map(|_| ())
            .map_err(failed)
    }
}

/// Until the last [`Writer`] is gone, or one says that it is enough.
async fn write(connection: SqliteConnection, mut queue: mpsc::Receiver<Order>) {
    let waiting = Statement::default();
    let mut batch = Batch { connection, head: Head::default(), waiting, broken: None };
    let mut last = None;
    while last.is_none()
        && let Some(order) = queue.recv().await
    {
        last = together(&mut batch, order, &mut queue).await;
    }
    // Everything that waits behind is dropped, which tells whoever asked.
    drop(queue);
    if let Err(error) = batch.connection.close().await {
        tracing::warn!(%error, "the database was not closed well; nothing is lost");
    }
    if let Some(told) = last {
        let _ = told.send(());
    }
}

/// What waits at one moment, by its kind.
#[derive(Default)]
struct Waiting {
    searches: Vec<Search>,
    logins: Vec<Box<Entry>>,
    work: Vec<Job>,
    last: Option<oneshot::Sender<()>>,
}

impl Waiting {
    /// This order and what waits behind it, up to `most`.
    fn gather(first: Order, queue: &mut mpsc::Receiver<Order>, most: usize) -> Self {
        let mut waiting = Self::default();
        let mut next = Some(first);
        while let Some(order) = next.take() {
            match order {
                Order::Search(search) => waiting.searches.push(search),
                Order::Login(entry) => waiting.logins.push(entry),
                Order::Work(job) => waiting.work.push(job),
                Order::Close(told) => {
                    waiting.last = Some(told);
                    break;
                }
            }
            if waiting.number() < most {
                next = queue.try_recv().ok();
            }
        }
        waiting
    }

    const fn number(&self) -> usize {
        self.searches
            .len()
            .saturating_add(self.logins.len())
            .saturating_add(self.work.len())
    }
}

/// One batch: this order, and what waits behind it. Tells whom to tell of the end, if this is it.
async fn together(
    batch: &mut Batch,
    first: Order,
    queue: &mut mpsc::Receiver<Order>,
) -> Option<oneshot::Sender<()>> {
    let mut last = None;
    let mut held = Held::default();
    let mut begun = None;
    let mut left = BATCH;
    let mut next = Some(first);
    while let Some(first) = next.take() {
        let mut waiting = Waiting::gather(first, queue, left);
        left = left.saturating_sub(waiting.number());
        last = waiting.last.take();
        search(&mut batch.connection, waiting.searches).await;
        if !waiting.logins.is_empty() || !waiting.work.is_empty() {
            let begun = match &mut begun {
                Some(begun) => begun,
                None => begun.insert(batch.begin().await),
            };
            held.log_in(batch, begun, waiting.logins).await;
            held.work(batch, begun, waiting.work).await;
        }
        let may = begun.clone().unwrap_or(Ok(())).and_then(|()| batch.goes_on());
        if may.is_ok() && left > 0 && last.is_none() {
            next = queue.try_recv().ok();
        }
    }
    let committed = match begun {
        None => return last,
        Some(Ok(())) => batch.commit().await,
        Some(Err(error)) => Err(error),
    };
    if committed.is_err() {
        // Whatever is left of the transaction; often SQLite has taken it back already.
        let _ = batch.execute("ROLLBACK").await;
    }
    held.tell(&committed);
    last
}

/// What a transaction holds, and whom to tell after the commit.
#[derive(Default)]
struct Held {
    logins: Vec<Box<Entry>>,
    answers: Vec<Answer>,
    /// It holds what can not be done again, or was done again already.
    careful: bool,
}

impl Held {
    async fn log_in(
        &mut self,
        batch: &mut Batch,
        begun: &mut Result<(), StoreError>,
        mut logins: Vec<Box<Entry>>,
    ) {
        if begun.is_ok() && !self.careful && login::write(batch, &mut logins).await.is_err() {
            // One of them can not be. Which one, shows when all that this transaction held are
            // written one by one.
            self.careful = true;
            *begun = batch.begin_again().await;
            logins.append(&mut self.logins);
        }
        match begun {
            Ok(()) if self.careful => login::write_carefully(batch, &mut logins).await,
            Ok(()) => {}
            Err(error) => logins.iter_mut().for_each(|login| login.refuse(error)),
        }
        self.logins.append(&mut logins);
    }

    async fn work(&mut self, batch: &mut Batch, begun: &Result<(), StoreError>, work: Vec<Job>) {
        for job in work {
            self.careful = true;
            // Without a transaction nothing may be written: each statement would be committed by
            // itself.
            let may = begun.clone().and_then(|()| batch.goes_on());
            self.answers.push(job(may.map(|()| &mut *batch)).await);
        }
    }

    fn tell(self, committed: &Result<(), StoreError>) {
        for login in self.logins {
            login.tell(committed.clone());
        }
        for answer in self.answers {
            answer(committed.clone());
        }
    }
}

/// People who are looked for, which are answered at once. Nobody is let in by what is found before
/// a commit that then fails: the login that follows writes over the revision that it has read, or
/// not at all.
async fn search(connection: &mut SqliteConnection, searches: Vec<Search>) {
    if searches.is_empty() {
        return;
    }
    match users::find_many(connection, &searches).await {
        Ok(found) => {
            for (search, found) in searches.into_iter().zip(found) {
                let _ = search.answer.send(found);
            }
        }
        Err(error) => {
            for search in searches {
                let _ = search.answer.send(Err(error.clone()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use sqlx::ConnectOptions as _;
    use sqlx::sqlite::SqliteConnectOptions;
    use tokio::task::JoinSet;

    use super::*;

    async fn writer(places: usize) -> Writer {
        let options = SqliteConnectOptions::new().in_memory(true);
        let mut connection = options.connect().await.unwrap();
        for tables in super::super::open::MIGRATIONS {
            sqlx::raw_sql(*tables).execute(&mut connection).await.unwrap();
        }
        Writer::with_queue(connection, places).unwrap()
    }

    async fn note(writer: &Writer, key: &'static str) -> Result<(), StoreError> {
        writer
            .run(move |batch| {
                Box::pin(async move {
                    let note = sqlx::query("INSERT INTO meta (key, value) VALUES (?, 1)");
                    note.bind(key).execute(&mut batch.connection).await.map_err(failed)?;
                    Ok(())
                })
            })
            .await
    }

    async fn notes(writer: &Writer) -> i64 {
        let count = writer.run(|batch| {
            Box::pin(async move {
                let count = sqlx::query_scalar("SELECT count(*) FROM meta WHERE value = 1");
                count.fetch_one(&mut batch.connection).await.map_err(failed)
            })
        });
        count.await.unwrap()
    }

    /// Keeps the writer busy until it is told to go on.
    async fn hold(writer: &Writer) -> (oneshot::Sender<()>, JoinSet<()>) {
        let (go_on, told) = oneshot::channel();
        let (begun, begins) = oneshot::channel();
        let writer = writer.clone();
        let mut held = JoinSet::new();
        held.spawn(async move {
            let work = writer.run(|_| {
                Box::pin(async move {
                    begun.send(()).unwrap();
                    told.await.unwrap();
                    Ok(())
                })
            });
            work.await.unwrap();
        });
        begins.await.unwrap();
        (go_on, held)
    }

    #[tokio::test]
    async fn a_full_queue_refuses_at_once() {
        let writer = writer(2).await;
        let (go_on, held) = hold(&writer).await;
        let mut waiting = JoinSet::new();
        for key in ["a", "b"] {
            let writer = writer.clone();
            waiting.spawn(async move { note(&writer, key).await });
        }
        while writer.orders.capacity() > 0 {
            tokio::task::yield_now().await;
        }
        let refused = note(&writer, "c").await.unwrap_err();
        assert_eq!(refused.code().as_str(), "store.unavailable");
        assert_eq!(refused.detail, "too many writes wait already");
        go_on.send(()).unwrap();
        held.join_all().await;
        assert!(waiting.join_all().await.iter().all(Result::is_ok));
        assert_eq!(notes(&writer).await, 2);
    }

    #[tokio::test]
    async fn what_waits_together_is_committed_together_and_fails_alone() {
        let writer = writer(10).await;
        let (go_on, held) = hold(&writer).await;
        let mut waiting = JoinSet::new();
        for key in ["a", "b", "a", "c"] {
            let writer = writer.clone();
            waiting.spawn(async move { note(&writer, key).await });
        }
        while writer.orders.capacity() > 6 {
            tokio::task::yield_now().await;
        }
        go_on.send(()).unwrap();
        held.join_all().await;
        let written = waiting.join_all().await;
        assert_eq!(written.iter().filter(|written| written.is_ok()).count(), 3);
        assert_eq!(notes(&writer).await, 3);
    }

    #[tokio::test]
    async fn work_that_writes_nothing_is_no_trouble_to_its_batch() {
        let writer = writer(10).await;
        let (go_on, held) = hold(&writer).await;
        let mut waiting = JoinSet::new();
        for idle in ["fails", "a", "does well", "fails", "b"] {
            let writer = writer.clone();
            waiting.spawn(async move {
                match idle {
                    "fails" => {
                        let fails = writer.run_waiting(|_| {
                            Box::pin(async { Err::<(), _>(StoreError::new("no")) })
                        });
                        assert_eq!(fails.await.unwrap_err().detail, "no");
                    }
                    "does well" => {
                        writer.run_waiting(|_| Box::pin(async { Ok(()) })).await.unwrap();
                    }
                    key => note(&writer, key).await.unwrap(),
                }
            });
        }
        while writer.orders.capacity() > 5 {
            tokio::task::yield_now().await;
        }
        go_on.send(()).unwrap();
        held.join_all().await;
        waiting.join_all().await;
        assert_eq!(notes(&writer).await, 2);
    }

    #[tokio::test]
    async fn what_somebody_stopped_waiting_for_is_written_all_the_same() {
        let writer = writer(10).await;
        let (go_on, held) = hold(&writer).await;
        let mut impatient = JoinSet::new();
        let asked = writer.clone();
        impatient.spawn(async move { note(&asked, "a").await });
        while writer.orders.capacity() == 10 {
            tokio::task::yield_now().await;
        }
        impatient.abort_all();
        go_on.send(()).unwrap();
        held.join_all().await;
        assert_eq!(notes(&writer).await, 1);
    }

    #[tokio::test]
    async fn closing_writes_what_waits_and_refuses_what_comes() {
        let writer = writer(10).await;
        let (go_on, held) = hold(&writer).await;
        let mut waiting = JoinSet::new();
        let asked = writer.clone();
        waiting.spawn(async move { note(&asked, "a").await });
        while writer.orders.capacity() == 10 {
            tokio::task::yield_now().await;
        }
        let mut closing = JoinSet::new();
        let asked = writer.clone();
        closing.spawn(async move { asked.close().await });
        go_on.send(()).unwrap();
        held.join_all().await;
        closing.join_all().await;
        assert!(waiting.join_all().await.iter().all(Result::is_ok));
        let refused = note(&writer, "b").await.unwrap_err();
        assert_eq!(refused.detail, "the database was closed");
    }
}
