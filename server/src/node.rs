//! The running node: the one writer of its store. Everything that changes a log goes through here.
//!
//! The log and all connections are the core's (`core`); everybody else leaves it messages (`inbox`). It
//! takes what has gathered and commits it together.

mod core;
mod devices;
mod import;
mod inbox;
mod joining;
mod journal;
mod segments;
mod timetable;
mod views;
mod whereabouts;

pub use devices::{EnrolAnswer, EnrolRequest};
pub use import::{ImportListed, ImportOutcome, RevertOutcome};
pub use journal::Note;
pub use segments::{ListedSegment, SegmentFile, SegmentList};
pub use views::{Digests, Held, Status};
pub use whereabouts::Whereabouts;

use crate::store::{Store, StoreError};
use crate::sync::outbox::Outbox;
use client_core::author::AuthorError;
use client_core::domain::{Command, CourseAttendance, Draft, History, Refusal};
use client_core::event::{EventRef, Scope};
use client_core::identity::{self, Certificate, Chain, SecretKey};
use client_core::ids::{BranchId, CityId, PublicKey, UserId};
use client_core::log::{ActorLog, LogKey, ShelfError};
use client_core::node::{
    self as core_node, Actions, CitySeat, Closed, NotDone, Paused, Restored, What, Writer,
};
use client_core::peer::{Connection, Input};
use client_core::plan::Budget;
use client_core::sync::PROTOCOL;
use core::{Core, Message, StoreShelf};
use inbox::{Inbox, Stopped};
use joining::Joining;
use journal::{JOURNAL, Journal};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::runtime::Handle;
use tokio::sync::{Notify, OwnedSemaphorePermit, mpsc, oneshot, watch};

/// What this node is.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "a process has one")]
pub enum Kind {
    /// The city node: decides, signs for what it holds. The city's own key, kept outside the database.
    City(SecretKey),
    /// A branch node with an upstream.
    Branch,
}

/// How a node is put together.
pub struct Setup {
    /// City or branch.
    pub kind: Kind,
    /// The city's public key.
    pub city_key: PublicKey,
    /// Keys and chains of the node's writers, the node itself first.
    pub writers: Vec<(Writer, SecretKey, Chain)>,
    /// A file beside the store that tells whether the store was put back from a copy.
    pub generation: PathBuf,
}

/// Why the node could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// The store failed; nothing of the action counts.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The store failed while this was saved; nothing of the action counts.
    #[error("nothing of this action was saved: {0}")]
    NotSaved(String),
    /// There was no room for it; nothing of the action counts.
    #[error("nothing of this action was saved: {0}")]
    DiskFull(String),
    /// The arbiter decides nothing at the moment.
    #[error("{0}")]
    Paused(String),
    /// The command is not possible.
    #[error(transparent)]
    Command(#[from] Refusal),
    /// The action could not be written.
    #[error(transparent)]
    Author(#[from] AuthorError),
    /// What is stored cannot be read at the moment.
    #[error("the store cannot be read: {0}")]
    NotRead(String),
    /// What is stored does not hold together.
    #[error(
        "the store is damaged: {0}; restore it from a copy, or start anew and let the upstream re-supply it"
    )]
    Damaged(String),
    /// The certificate or code is not good.
    #[error("{0}")]
    Refused(String),
    /// The node cannot be opened over what its store holds.
    #[error(transparent)]
    Open(#[from] core_node::OpenError),
    /// The node is stopping.
    #[error("the node is stopping")]
    Stopping,
}

impl From<NotDone> for NodeError {
    fn from(why: NotDone) -> Self {
        match why {
            NotDone::Refused(refusal) => Self::Command(refusal),
            NotDone::NotWritten(error) => Self::Author(error),
            NotDone::NotSaved(reason) => Self::NotSaved(reason),
            NotDone::NotRead(error) => Self::NotRead(error),
            NotDone::Paused(paused) => Self::Paused(paused.to_string()),
            NotDone::FieldTooLarge { .. } | NotDone::Unplannable(_) => Self::Refused(why.to_string()),
        }
    }
}

impl From<ShelfError> for NodeError {
    fn from(error: ShelfError) -> Self {
        Self::NotRead(error.to_string())
    }
}

/// Lines of actors, to read them outside the core.
pub type Logs = BTreeMap<LogKey, ActorLog>;

/// The node: the way to its core, which works one thing off after the other.
pub struct Node {
    kind: Kind,
    city: CityId,
    city_key: PublicKey,
    branch: BranchId,
    node_chain: Chain,
    node_key: SecretKey,
    was_put_back: bool,
    store: Arc<Store>,
    inbox: Arc<Inbox<Core>>,
    arbiter_due: Arc<Notify>,
    changed: watch::Sender<()>,
    next_connection: AtomicU64,
}

impl Node {
    /// Opens the node over its store: heads, shared history, own lines and clock.
    pub async fn open(setup: Setup, store: Store) -> Result<Arc<Self>, NodeError> {
        let city = identity::city_id(setup.city_key);
        let generation = store.generation(city, &setup.generation).await?;
        let was_put_back = generation.was_put_back;
        let journal = Journal::load(store.meta(city, JOURNAL).await?.as_deref());
        let store = Arc::new(store);
        let (_, key, chain) =
            setup.writers.first().cloned().ok_or_else(|| NodeError::Damaged("no writer".into()))?;
        let seat = match &setup.kind {
            Kind::City(key) => Some(CitySeat::new(key.clone())),
            Kind::Branch => None,
        };
        let opening = core_node::Setup {
            city_key: setup.city_key,
            city: seat,
            writers: setup.writers,
            protocol: PROTOCOL,
            was_put_back,
            entropy: crate::keys::random_bytes(),
        };
        let branch = opening.branch();
        let restored = restore(&store, city).await?;
        let logs = restored.stored.ledger.iter().count();
        tracing::info!(city = %city, logs, events = restored.shared.len(), "node opened");
        let mut node = core_node::Node::open(opening, restored, crate::sync::now())?;
        store.begin_generation(city, &setup.generation, generation, node.take_notes()).await?;
        let sealed = store.segments(city).await?.into_iter().map(|segment| (segment.document, segment.upto));
        let feed_head = store.feed_head(city).await?;
        let shelf = StoreShelf::new(store.clone(), city, Handle::current(), feed_head);
        let (plans, to_plan) = mpsc::unbounded_channel();
        let (arbiter_due, changed) = (Arc::new(Notify::new()), watch::Sender::default());
        let told = (arbiter_due.clone(), changed.clone());
        let mut core = Core::new(node, (city, shelf), journal, Joining::new(sealed), plans, told);
        core.drain();
        let inbox = Inbox::new(core)
            .map_err(|error| NodeError::Refused(format!("the node's thread cannot be started: {error}")))?;
        tokio::spawn(timetable::plan_beside(Arc::downgrade(&inbox), to_plan, Budget::default()));
        Ok(Arc::new(Self {
            kind: setup.kind,
            city,
            city_key: setup.city_key,
            branch,
            node_chain: chain,
            node_key: key,
            was_put_back,
            store,
            inbox,
            arbiter_due,
            changed,
            next_connection: AtomicU64::new(1),
        }))
    }

    /// The city this node belongs to.
    pub fn city(&self) -> CityId {
        self.city
    }

    /// The city's public key.
    pub fn city_key(&self) -> PublicKey {
        self.city_key
    }

    /// The key and the chain by which this node is known.
    pub fn identity(&self) -> (&SecretKey, &Chain) {
        (&self.node_key, &self.node_chain)
    }

    /// Whether this is the city's own node.
    pub fn is_city(&self) -> bool {
        matches!(self.kind, Kind::City(_))
    }

    /// Whether the store was put back from a copy before this start.
    pub fn was_put_back(&self) -> bool {
        self.was_put_back
    }

    /// The branch of this node; [`BranchId::CITY`] at the city.
    pub fn branch(&self) -> BranchId {
        self.branch
    }

    /// The node's own certificate.
    pub fn certificate(&self) -> &Certificate {
        self.node_chain.last().expect("a writer has a certificate")
    }

    /// The store, for reading.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Attendances by course in the private documents of a branch.
    pub async fn course_attendance(&self, branch: BranchId) -> Result<CourseAttendance, NodeError> {
        Ok(self.store.course_attendance(self.city, branch).await?)
    }

    /// Until the arbiter may have something to answer.
    pub async fn until_arbiter_is_due(&self) {
        self.arbiter_due.notified().await;
    }

    /// Tells when to look again: what the node holds, how far that has come, or whether it is connected
    /// to its upstream has changed.
    pub fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// Until the core has stopped, whatever made it.
    pub async fn stopped(&self) {
        self.inbox.stopped().await;
    }

    /// Stops the core and closes the store.
    pub async fn close(&self) {
        // One that has stopped needs no telling.
        let _ = self.inbox.send(Message::Stop).await;
        self.stopped().await;
        self.store.close().await;
    }

    /// A connection to the upstream was opened with `nonce`; frames for it go to `frames`.
    pub async fn connected(&self, nonce: [u8; 32], frames: Outbox) -> Result<Connection, NodeError> {
        let connection = self.next_connection.fetch_add(1, Ordering::Relaxed);
        self.send(Message::Open(Input::Connected { connection, nonce }, frames)).await?;
        Ok(connection)
    }

    /// Somebody opened a connection with `peer_nonce`; frames for it go to `frames`.
    pub async fn accepted(&self, peer_nonce: [u8; 32], frames: Outbox) -> Result<Connection, NodeError> {
        let connection = self.next_connection.fetch_add(1, Ordering::Relaxed);
        let nonce = crate::keys::random_bytes();
        self.send(Message::Open(Input::Accepted { connection, nonce, peer_nonce }, frames)).await?;
        Ok(connection)
    }

    /// Something happened on a connection. The permit is given back when it was worked out.
    pub async fn input(&self, input: Input, permit: Option<OwnedSemaphorePermit>) -> Result<(), NodeError> {
        self.send(Message::Input(input, permit)).await
    }

    /// Whether the line to the upstream carried something since this was asked last.
    pub async fn take_carried(&self) -> bool {
        self.look(|core| core.node.take_carried()).await.unwrap_or(false)
    }

    /// Ends the connection to the upstream, if there is one.
    pub async fn disconnect(&self) -> Result<(), NodeError> {
        self.look(|core| {
            // The carrier notices that nothing more can come to it and says that the connection is gone.
            let upstream = core.node.peer().upstream_connection();
            upstream.map(|connection| core.senders.remove(&connection))
        })
        .await
        .map(drop)
    }

    /// Says every second that time passes.
    pub async fn keep_time(self: Arc<Self>) {
        let mut ticks = tokio::time::interval(std::time::Duration::from_secs(1));
        loop {
            ticks.tick().await;
            if self.input(Input::Tick, None).await.is_err() {
                return;
            }
            if let Err(error) = self.store.fold_wal().await {
                tracing::warn!(%error, "the WAL stays as it is until the next try");
            }
        }
    }

    /// Runs a command as the node's own device and answers with the identities of its events, durable.
    pub async fn command(&self, command: Command, user: UserId) -> Result<Vec<EventRef>, NodeError> {
        self.write((Writer::Node, user), What::Command(Box::new(command))).await
    }

    /// Writes decisions that were made elsewhere, as one action with what they are made on.
    pub async fn append(&self, drafts: Vec<Draft>) -> Result<Vec<EventRef>, NodeError> {
        self.write((Writer::Node, UserId([0; 16])), What::Decisions(drafts)).await
    }

    /// Writes actions in order, one change each and document, in one transaction.
    pub async fn write_actions(&self, writer: Writer, actions: Actions) -> Result<Vec<EventRef>, NodeError> {
        self.write((writer, UserId([0; 16])), What::Actions(actions)).await
    }

    async fn write(&self, who: (Writer, UserId), what: What) -> Result<Vec<EventRef>, NodeError> {
        let (reply, answer) = oneshot::channel();
        self.look(move |core| core.write(who, what, reply)).await?;
        answer.await.map_err(|_| NodeError::Stopping)?
    }

    /// Lets the arbiter decide what is due; at the city alone.
    pub async fn decide(&self) -> Result<(), NodeError> {
        self.run_arbiter(false).await.map(drop)
    }

    /// Decides the open round's claims, then plans all open orders around what is confirmed.
    pub async fn close_round(&self) -> Result<Closed, NodeError> {
        let closed = self.run_arbiter(true).await?;
        let Closed { round, decisions, minutes_saved } = &closed;
        tracing::info!(?round, decisions, minutes_saved, "round closed");
        Ok(closed)
    }

    async fn run_arbiter(&self, closes_round: bool) -> Result<Closed, NodeError> {
        let (reply, answer) = oneshot::channel();
        self.look(move |core| core.decide(closes_round, reply)).await?;
        answer.await.map_err(|_| NodeError::Stopping)?
    }

    /// An administrator lets the arbiter decide although something is unknown; says what.
    pub async fn release_arbiter(&self) -> Result<Option<Paused>, NodeError> {
        self.look(|core| {
            let paused = core.node.release();
            core.drain();
            paused
        })
        .await
    }

    /// Looks at what the node knows.
    async fn look<T: Send + 'static>(
        &self,
        look: impl FnOnce(&mut Core) -> T + Send + 'static,
    ) -> Result<T, NodeError> {
        let (reply, answer) = oneshot::channel();
        let look = Box::new(move |core: &mut Core| drop(reply.send(look(core))));
        self.send(Message::Look(look)).await?;
        answer.await.map_err(|_| NodeError::Stopping)
    }

    async fn send(&self, message: Message) -> Result<(), NodeError> {
        self.inbox.send(message).await.map_err(|Stopped| NodeError::Stopping)
    }
}

/// What the store gives back. Private documents stay there.
async fn restore(store: &Arc<Store>, city: CityId) -> Result<Restored, NodeError> {
    let stored = store.stored(city).await?;
    let shared = stored.ledger.iter().filter(|(key, _)| key.document.scope != Scope::Private);
    let shared: Logs = shared.map(|(key, log)| (*key, log.clone())).collect();
    let shared = read_history(store, city, shared).await?;
    let chains = store.introductions(city).await?.into_values().map(|introduction| introduction.chain);
    let chains = chains.collect();
    Ok(Restored { stored, shared, own: None, chains, notes: store.notes(city).await? })
}

/// Reads logs from the store into a history, beside the core.
async fn read_history(store: &Arc<Store>, city: CityId, logs: Logs) -> Result<History, NodeError> {
    with_shelf(store, city, move |shelf| Ok(core_node::read_history(shelf, &logs)?)).await
}

/// Long work on what is stored, off the threads that serve.
async fn with_shelf<T: Send + 'static>(
    store: &Arc<Store>,
    city: CityId,
    work: impl FnOnce(&StoreShelf) -> Result<T, NodeError> + Send + 'static,
) -> Result<T, NodeError> {
    let shelf = StoreShelf::new(store.clone(), city, Handle::current(), 0);
    timetable::beside(move || work(&shelf)).await
}
