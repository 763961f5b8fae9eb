//! The running node: the one writer of its store. Everything that changes a log goes through here.
//!
//! The log and all connections are the core's (`core`); everybody else leaves it messages (`inbox`). It
//! takes what has gathered and commits it together.

mod arbitration;
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
mod writing;

pub use arbitration::{Awaited, Paused};
pub use devices::{EnrolAnswer, EnrolRequest};
pub use import::{ImportListed, ImportOutcome, RevertOutcome};
pub use journal::{Happening, Note};
pub use segments::{ListedSegment, SegmentFile, SegmentList};
pub use timetable::Basis;
pub use views::{Digests, Held, Status};
pub use whereabouts::Whereabouts;
pub use writing::Actions;

use crate::projection::CourseProjection;
use crate::store::{Store, StoreError};
use crate::sync::outbox::Outbox;
use arbitration::{STANDING, Standing};
use client_core::author::{Author, AuthorError, OwnLine};
use client_core::decide;
use client_core::domain::{Asker, Command, Context, CourseAttendance, Draft, History, Refusal, SharedFold};
use client_core::event::{DocumentId, EventRef, Scope};
use client_core::identity::{self, Certificate, Chain, SecretKey};
use client_core::ids::{ActionId, BranchId, ChangeHash, CityId, PublicKey, RoundId, UserId};
use client_core::log::{ActorLog, LogKey};
use client_core::peer::{Connection, Input, Peer};
use client_core::sync::{Local, PROTOCOL};
use client_core::time::{HybridClock, Millis};
use core::{Core, Message, StoreShelf};
use inbox::{Inbox, Stopped};
use joining::Joining;
use journal::{JOURNAL, Journal};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::{OwnedSemaphorePermit, broadcast, oneshot, watch};
use writing::{Drafting, OWN_LINES, WriteRequest};

/// What this node is.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "a process has one")]
pub enum Kind {
    /// The city node: decides, signs for what it holds. The city's own key, kept outside the database.
    City(SecretKey),
    /// A branch node with an upstream.
    Branch,
}

/// Who writes at this node: every author has a key, a certificate and lines of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Writer {
    /// The node itself: the arbiter at the city, the branch node at a branch.
    Node,
    /// The city's importer, certified for every branch's documents.
    Importer,
}

/// How a node is put together.
pub struct Setup {
    /// City or branch.
    pub kind: Kind,
    /// The city's public key.
    pub city_key: PublicKey,
    /// Keys and chains of the node's writers.
    pub writers: Vec<(Writer, SecretKey, Chain)>,
    /// A file beside the store that tells whether the store was put back from a copy.
    pub generation: PathBuf,
}

/// Something others at this node may want to know.
#[derive(Clone, Debug)]
pub enum News {
    /// A document grew.
    Line(DocumentId),
    /// The line to the upstream went up or down.
    Upstream(bool),
    /// The arbiter may decide again.
    Arbiter,
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
    /// What is stored does not hold together.
    #[error(
        "the store is damaged: {0}; restore it from a copy, or start anew and let the upstream re-supply it"
    )]
    Damaged(String),
    /// The certificate or code is not good.
    #[error("{0}")]
    Refused(String),
    /// The node is stopping.
    #[error("the node is stopping")]
    Stopping,
}

/// Lines of actors, to read them outside the core.
pub type Logs = BTreeMap<LogKey, ActorLog>;

/// The node.
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
    news: broadcast::Sender<News>,
    changed: watch::Sender<()>,
    next_connection: AtomicU64,
    /// Held while decisions are worked out and written: one after the other.
    deciding: tokio::sync::Mutex<()>,
}

impl Node {
    /// Opens the node over its store: heads, shared history, own lines and clock.
    pub async fn open(setup: Setup, store: Store) -> Result<Arc<Self>, NodeError> {
        let city = identity::city_id(setup.city_key);
        let generation = store.generation(city, &setup.generation).await?;
        let was_put_back = generation.was_put_back;
        let now = crate::sync::now();
        let mut journal = Journal::load(store.meta(city, JOURNAL).await?.as_deref());
        let is_city = matches!(setup.kind, Kind::City(_));
        let standing = store.meta(city, STANDING).await?;
        let standing = Standing::load(standing.as_deref(), was_put_back && is_city, now)?;
        if was_put_back {
            journal.note(Happening::StorePutBack, "", "", now);
        }
        let epoch = epoch_of(&store, city, was_put_back || standing.waits()).await?;
        let mut notes = vec![note_of(epoch)];
        if was_put_back && is_city {
            journal.note(Happening::ArbiterPaused, "", "this store was put back from a copy", now);
            notes.push(standing.note());
        }
        store.begin_generation(city, &setup.generation, generation, notes).await?;
        let store = Arc::new(store);
        let stored = store.stored(city).await?;
        let clock = match store.meta(city, "clock").await? {
            Some(bytes) => rmp_serde::from_slice(&bytes).map_err(|e| NodeError::Damaged(e.to_string()))?,
            None => HybridClock::default(),
        };
        let (writer, key, chain) =
            setup.writers.first().cloned().ok_or_else(|| NodeError::Damaged("no writer".into()))?;
        debug_assert_eq!(writer, Writer::Node, "the node itself is the first writer");
        let mut authors: BTreeMap<Writer, Author> = BTreeMap::new();
        for (writer, key, chain) in setup.writers {
            authors.insert(writer, Author::new(city, key, chain, clock));
        }
        let is_city = matches!(setup.kind, Kind::City(_));
        if !is_city {
            let now = crate::sync::now();
            for author in authors.values_mut() {
                let issued = author.certificate().issued;
                author.clock_mut().enrolled(issued, now);
            }
        }
        if was_put_back {
            tracing::warn!(
                "this store was put back from a copy: the node goes on under new actors, in a new epoch"
            );
        } else if !is_city {
            // At the city each start is an actor of its own: decisions of two lives never mix.
            resume_lines(&store, city, &stored.ledger, &mut authors).await?;
        }
        let logs: Logs = stored
            .ledger
            .iter()
            .filter(|(key, _)| matches!(key.document.scope, Scope::Shared | Scope::Decisions))
            .map(|(key, log)| (*key, log.clone()))
            .collect();
        let (shared, now) = (read_history(&store, city, &logs).await?, crate::sync::now());
        // The clock was kept before it had seen the last runs.
        for entry in shared.ranked() {
            authors.values_mut().for_each(|author| author.clock_mut().observe(entry.stamp, now));
        }
        let mut chains = BTreeMap::new();
        for introduction in store.introductions(city).await?.into_values() {
            let last = introduction.chain.last().map(|last| (last.device, last.key));
            chains.extend(last.map(|last| (last, introduction.chain.clone())));
        }
        for author in authors.values() {
            let Certificate { device, key, .. } = author.certificate();
            chains.insert((*device, *key), author.chain().clone());
        }
        let branch = chain.last().map_or(BranchId::CITY, |certificate| certificate.branch);
        let local = match &setup.kind {
            Kind::City(key) => (Vec::new(), key.clone()),
            Kind::Branch => (chain.clone(), key.clone()),
        };
        let local =
            Local { city_key: setup.city_key, chain: local.0, key: local.1, epoch, protocol: PROTOCOL };
        let city_key = match &setup.kind {
            Kind::City(key) => Some(key.clone()),
            Kind::Branch => None,
        };
        tracing::info!(city = %city, logs = stored.ledger.len(), events = shared.len(), "node opened");
        let (news, _) = broadcast::channel(4096);
        let changed = watch::Sender::default();
        let runtime = tokio::runtime::Handle::current();
        let feed_head = store.feed_head(city).await?;
        let sealed = store.segments(city).await?.into_iter().map(|segment| (segment.document, segment.upto));
        let private = stored.ledger.iter().filter(|(key, _)| is_city && key.document.scope == Scope::Private);
        let forked = private.filter(|(_, log)| log.lines().len() > 1).map(|(key, _)| *key).collect();
        let mut peer = Peer::open(local, city_key, stored);
        peer.follow(shared.rulings());
        let core = Core {
            kind: setup.kind.clone(),
            city,
            epoch,
            journal,
            standing,
            notes: Vec::new(),
            serves: false,
            file_written: now,
            trouble: None,
            clock_off: None,
            peer,
            shelf: StoreShelf::new(store.clone(), city, runtime, feed_head),
            authors,
            shared,
            views: SharedFold::default(),
            upstream_live: None,
            city_heard: None,
            far_ahead: Vec::new(),
            forked,
            chains,
            refused: VecDeque::new(),
            senders: BTreeMap::new(),
            storing: Vec::new(),
            queues: BTreeMap::new(),
            in_flight: BTreeMap::new(),
            segments: BTreeMap::new(),
            courses: CourseProjection::default(),
            joining: Joining::new(sealed),
            news: news.clone(),
            changed: changed.clone(),
        };
        let inbox = Inbox::new(core)
            .map_err(|error| NodeError::Refused(format!("the node's thread cannot be started: {error}")))?;
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
            news,
            changed,
            next_connection: AtomicU64::new(1),
            deciding: tokio::sync::Mutex::new(()),
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

    /// The seed of a round: nobody but the holder of the city's key can tell it before it is opened, and
    /// it survives a restore.
    pub fn round_seed(&self, round: RoundId) -> Result<ChangeHash, NodeError> {
        let Kind::City(key) = &self.kind else {
            return Err(NodeError::Refused("only the city draws; ask there".into()));
        };
        let message = [b"lianxiao-round-seed-1".as_slice(), &self.city.0, &round.0].concat();
        Ok(ChangeHash(Sha256::digest(key.sign(&message).0).into()))
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

    /// News from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<News> {
        self.news.subscribe()
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
        self.look(|core| core.peer.take_carried()).await.unwrap_or(false)
    }

    /// Ends the connection to the upstream, if there is one.
    pub async fn disconnect(&self) -> Result<(), NodeError> {
        self.look(|core| {
            // The carrier notices that nothing more can come to it and says that the connection is gone.
            let upstream = core.peer.upstream_connection();
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
    pub async fn command(
        &self,
        command: &Command,
        user: UserId,
        now: Millis,
    ) -> Result<Vec<EventRef>, NodeError> {
        let command = command.clone();
        let own_views = match command.looks_at_own() {
            true => self.rosters(self.branch()).await?,
            false => Default::default(),
        };
        let draft: Drafting = Box::new(move |core, entropy| {
            let certificate = core.authors[&Writer::Node].certificate();
            let asker = Asker { branch: certificate.branch, role: certificate.role, today: now.day(), now };
            let views = core.views();
            let command = command.as_of(core.peer.ledger(), &core.shared)?;
            let random = &mut || entropy.next_id();
            let drafts =
                command.drafts(&mut Context { asker, views: &views, own_views: &own_views, random })?;
            Ok(Actions { drafts: vec![(ActionId(entropy.next_id()), drafts)], ..Actions::default() })
        });
        self.write(Writer::Node, user, draft).await
    }

    /// Appends drafts that were decided elsewhere (the arbiter), as one action with what they are made on.
    pub async fn append(&self, mut drafts: Vec<Draft>) -> Result<Vec<EventRef>, NodeError> {
        let action = ActionId(crate::keys::random_id());
        let draft: Drafting = Box::new(move |core, _| {
            let basis = decide::basis(&core.shared, &drafts);
            drafts.extend(basis);
            Ok(Actions { drafts: vec![(action, drafts)], ..Actions::default() })
        });
        self.write(Writer::Node, UserId([0; 16]), draft).await
    }

    /// Writes actions in order, one change each and document, in one transaction.
    pub async fn write_actions(&self, writer: Writer, actions: Actions) -> Result<Vec<EventRef>, NodeError> {
        self.write(writer, UserId([0; 16]), Box::new(move |_, _| Ok(actions))).await
    }

    async fn write(&self, writer: Writer, user: UserId, draft: Drafting) -> Result<Vec<EventRef>, NodeError> {
        let (reply, answer) = oneshot::channel();
        self.send(Message::Write(Box::new(WriteRequest { writer, user, draft, reply }))).await?;
        answer.await.map_err(|_| NodeError::Stopping)?
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

/// Random once, kept in the store: cursors into its feeds count within it.
async fn epoch_of(store: &Store, city: CityId, anew: bool) -> Result<u64, NodeError> {
    if let Some(bytes) = store.meta(city, EPOCH).await?.filter(|_| !anew) {
        return rmp_serde::from_slice(&bytes).map_err(|error| NodeError::Damaged(error.to_string()));
    }
    Ok(new_epoch())
}

/// Where the epoch stands in the store.
const EPOCH: &str = "epoch";

fn new_epoch() -> u64 {
    u64::from_be_bytes(crate::keys::random_bytes()[..8].try_into().expect("8 of 32 bytes")) >> 1
}

/// What to store of an epoch.
fn note_of(epoch: u64) -> (String, Vec<u8>) {
    (EPOCH.to_owned(), rmp_serde::to_vec(&epoch).expect("a number always encodes"))
}

/// Goes on with every own line that still ends as this node left it.
async fn resume_lines(
    store: &Store,
    city: CityId,
    ledger: &client_core::log::Ledger,
    authors: &mut BTreeMap<Writer, Author>,
) -> Result<(), NodeError> {
    for author in authors.values_mut() {
        let prefix = format!("{OWN_LINES}{}/", author.certificate().device);
        for bytes in store.meta_under(city, &prefix).await? {
            let (document, line): (DocumentId, OwnLine) =
                rmp_serde::from_slice(&bytes).map_err(|error| NodeError::Damaged(error.to_string()))?;
            author.resume_if_as_left(ledger, document, line);
        }
    }
    Ok(())
}

/// Reads logs from the store into a history, run by run.
async fn read_history(store: &Store, city: CityId, logs: &Logs) -> Result<History, NodeError> {
    const AT_ONCE: usize = 1024 * 1024;
    let mut history = History::default();
    for (key, log) in logs {
        for (number, line) in log.lines().iter().enumerate() {
            let mut after = line.from.seq;
            while after < line.head.seq {
                let runs = store.runs_after(city, key, number as u8, after, AT_ONCE).await?;
                let Some(last) = runs.last() else {
                    return Err(NodeError::Damaged(format!("changes after {after} of {key} are missing")));
                };
                after = last.last_seq;
                for run in &runs {
                    let changes = client_core::log::unpack(&run.bytes)
                        .map_err(|error| NodeError::Damaged(format!("{key}: {error}")))?;
                    history.load(run, &log.author, &changes);
                }
            }
        }
    }
    history.settle();
    Ok(history)
}
