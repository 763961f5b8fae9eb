//! The running node: the one writer of its store. Everything that changes a log goes through here.

mod devices;
mod import;
mod views;

pub use devices::{EnrolAnswer, EnrolRequest};
pub use import::ImportOutcome;
pub use views::{Digests, Status};

use crate::store::{Batch, Store, StoreError};
use client_core::author::{Author, AuthorError, OwnLine, Written};
use client_core::command::{self, Asker, Command, CommandError};
use client_core::door::{self, Admission, DoorError, KnownLine};
use client_core::event::{DocumentId, Draft, EventRef, LoggedEvent, Role, Scope};
use client_core::fold::{History, SharedViews};
use client_core::identity::{self, Certificate, Chain, Introduction, SecretKey};
use client_core::ids::{ActionId, ActorId, BranchId, CityId, Entropy, PublicKey, UserId};
use client_core::log::{Changes, Position, Run};
use client_core::sealed::{SealedBatch, SealedRow};
use client_core::sync::{CityStatement, Head, Local};
use client_core::time::{HybridClock, Millis, Stamp};
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::{Mutex, broadcast};

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
}

/// Something others at this node may want to hand on.
#[derive(Clone, Debug)]
pub enum News {
    /// A line grew.
    Line(DocumentId, Head),
    /// The city signed for a document.
    AtCity(Arc<CityStatement>),
    /// Sealed rows were added.
    Rows,
    /// The line to the upstream went up or down.
    Upstream(bool),
}

/// Why the node could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// The store failed; nothing of the action counts.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The command is not possible.
    #[error(transparent)]
    Command(#[from] CommandError),
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
}

#[derive(Clone, Debug)]
struct Line {
    position: Position,
    author: Certificate,
}

struct State {
    authors: BTreeMap<Writer, Author>,
    lines: BTreeMap<(DocumentId, ActorId), Line>,
    shared: History,
    views: Option<Arc<SharedViews>>,
    upstream_live: Option<(bool, Millis)>,
    city_heard: Option<Millis>,
}

/// The node.
pub struct Node {
    kind: Kind,
    city: CityId,
    city_key: PublicKey,
    epoch: u64,
    store: Store,
    state: Mutex<State>,
    news: broadcast::Sender<News>,
}

impl Node {
    /// Opens the node over its store: heads, shared history, own lines and clock.
    pub async fn open(setup: Setup, store: Store) -> Result<Arc<Self>, NodeError> {
        let city = identity::city_id(setup.city_key);
        let epoch = epoch_of(&store, city).await?;
        let clock = match store.meta(city, "clock").await? {
            Some(bytes) => rmp_serde::from_slice(&bytes).map_err(|e| NodeError::Damaged(e.to_string()))?,
            None => Stamp::default(),
        };
        let authors = setup
            .writers
            .into_iter()
            .map(|(writer, key, chain)| (writer, Author::new(city, key, chain, HybridClock::resume(clock))));
        let mut state = State {
            authors: authors.collect(),
            lines: BTreeMap::new(),
            shared: History::default(),
            views: None,
            upstream_live: None,
            city_heard: None,
        };
        load_lines(&mut state, &store, city).await?;
        let open_to_all: Vec<DocumentId> = state
            .lines
            .keys()
            .map(|(document, _)| *document)
            .filter(|document| matches!(document.scope, Scope::Shared | Scope::Decisions))
            .collect();
        state.shared = read_history(&store, city, &state.lines, &open_to_all).await?;
        let (news, _) = broadcast::channel(4096);
        tracing::info!(city = %city, lines = state.lines.len(), events = state.shared.len(), "node opened");
        Ok(Arc::new(Self {
            kind: setup.kind,
            city,
            city_key: setup.city_key,
            epoch,
            store,
            state: Mutex::new(state),
            news,
        }))
    }

    /// The city this node belongs to.
    pub fn city(&self) -> CityId {
        self.city
    }

    /// The epoch of this node's store: random, made with the store.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Whether this is the city's own node.
    pub fn is_city(&self) -> bool {
        matches!(self.kind, Kind::City(_))
    }

    /// The store, for reading.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// News from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<News> {
        self.news.subscribe()
    }

    /// Who this node is on a connection.
    pub async fn local(&self) -> Local {
        match &self.kind {
            Kind::City(key) => {
                Local { city_key: self.city_key, chain: Vec::new(), key: key.clone(), epoch: self.epoch }
            }
            Kind::Branch => {
                let state = self.state.lock().await;
                let author = &state.authors[&Writer::Node];
                Local {
                    city_key: self.city_key,
                    chain: author.chain().clone(),
                    key: author.key().clone(),
                    epoch: self.epoch,
                }
            }
        }
    }

    /// The branch of this node; [`BranchId::CITY`] at the city.
    pub async fn branch(&self) -> BranchId {
        self.state.lock().await.authors[&Writer::Node].certificate().branch
    }

    /// Runs a command as the node's own device and answers with the identities of its events, durable.
    pub async fn command(
        &self,
        command: &Command,
        user: UserId,
        now: Millis,
    ) -> Result<Vec<EventRef>, NodeError> {
        let mut entropy = Entropy::new(crate::keys::random_bytes());
        let mut state = self.state.lock().await;
        let views = views(&mut state);
        let certificate = state.authors[&Writer::Node].certificate();
        let asker = Asker { branch: certificate.branch, role: certificate.role, today: now.day(), now };
        let drafts = command::draft(command, &asker, &views, &mut || entropy.next_id())?;
        let action = ActionId(entropy.next_id());
        self.write(&mut state, Writer::Node, &[(action, drafts)], user, now, entropy).await
    }

    /// Appends drafts that were decided elsewhere (the arbiter), as one action.
    pub async fn append(&self, drafts: Vec<Draft>, now: Millis) -> Result<Vec<EventRef>, NodeError> {
        if drafts.is_empty() {
            return Ok(Vec::new());
        }
        let mut entropy = Entropy::new(crate::keys::random_bytes());
        let mut state = self.state.lock().await;
        let action = ActionId(entropy.next_id());
        self.write(&mut state, Writer::Node, &[(action, drafts)], UserId([0; 16]), now, entropy).await
    }

    /// Writes actions in order, one change each and document, in one transaction.
    async fn write(
        &self,
        state: &mut State,
        writer: Writer,
        actions: &[(ActionId, Vec<Draft>)],
        user: UserId,
        now: Millis,
        mut entropy: Entropy,
    ) -> Result<Vec<EventRef>, NodeError> {
        let mut author = state.authors[&writer].clone();
        let mut events = Vec::new();
        let mut by_document: BTreeMap<DocumentId, Vec<Run>> = BTreeMap::new();
        for (action, drafts) in actions.iter().filter(|(_, drafts)| !drafts.is_empty()) {
            let written: Written = author.write(drafts, *action, user, now, &mut entropy)?;
            events.extend(&written.events);
            for run in &written.runs {
                by_document.entry(run.document).or_default().push(run.clone());
            }
            author.accept(written);
        }
        let mut batch = Batch::default();
        for runs in by_document.values() {
            let joined = Run::join(runs).map_err(AuthorError::from)?;
            batch.runs.extend(joined);
        }
        for run in batch.runs.iter().filter(|run| run.first_seq == 1) {
            if let Some(introduction) = author.introduction(&run.document) {
                batch.introductions.push((run.document, run.actor, introduction.encode()));
            }
        }
        let last = author.clock_mut().last();
        batch.meta.push(("clock".into(), rmp_serde::to_vec(&last).expect("a stamp always encodes")));
        self.store.commit(self.city, &batch).await?;

        let certificate = author.certificate().clone();
        state.authors.insert(writer, author);
        for run in &batch.runs {
            let changes = client_core::log::unpack(&run.bytes).map_err(AuthorError::from)?;
            self.took_in(state, run, &certificate, &changes, now);
        }
        Ok(events)
    }

    /// Checks a run at the door and makes it durable. Answers with the line's head here.
    pub async fn admit(
        &self,
        introduction: Option<Vec<u8>>,
        run: &Run,
        now: Millis,
    ) -> Result<Head, AdmitError> {
        let mut state = self.state.lock().await;
        let known = state
            .lines
            .get(&(run.document, run.actor))
            .map(|line| KnownLine { position: line.position, author: line.author.clone() });
        let admission = door::admit(self.city_key, self.city, known.as_ref(), introduction.as_deref(), run)?;
        let (changes, author) = match admission {
            Admission::Stands(at) => return Ok(Head { actor: run.actor, seq: at.seq, hash: at.hash }),
            Admission::New { changes, author } => (changes, author),
        };
        let mut batch = Batch { runs: vec![run.clone()], ..Batch::default() };
        if known.is_none()
            && let Some(bytes) = introduction
        {
            batch.introductions.push((run.document, run.actor, bytes));
        }
        self.store.commit(self.city, &batch).await?;
        self.took_in(&mut state, run, &author, &changes, now);
        Ok(Head { actor: run.actor, seq: run.last_seq, hash: run.last_hash })
    }

    /// What is durable becomes visible: heads, history, news, and at the city its signed word.
    fn took_in(&self, state: &mut State, run: &Run, author: &Certificate, changes: &Changes, now: Millis) {
        let line = Line { position: run.end(), author: author.clone() };
        state.lines.insert((run.document, run.actor), line);
        if run.document.scope != Scope::Private {
            insert(&mut state.shared, run, author, changes);
            state.views = None;
        }
        let head = Head { actor: run.actor, seq: run.last_seq, hash: run.last_hash };
        tracing::debug!(document = %run.document, actor = %run.actor, seq = run.last_seq, events = run.events, "stored");
        let _ = self.news.send(News::Line(run.document, head));
        if let Kind::City(key) = &self.kind {
            let heads = heads_of(&state.lines, &run.document);
            let statement = CityStatement::sign(key, self.epoch, now, run.document, heads);
            let _ = self.news.send(News::AtCity(Arc::new(statement)));
        }
    }

    /// Every line the peer may see; all lines for the upstream (`None`).
    pub async fn heads_for(&self, peer: Option<&Certificate>) -> Vec<(DocumentId, Vec<Head>)> {
        let state = self.state.lock().await;
        let mut documents: BTreeMap<DocumentId, Vec<Head>> = BTreeMap::new();
        for ((document, actor), line) in &state.lines {
            if peer.is_none_or(|peer| peer.may_read(document)) {
                let head = Head { actor: *actor, seq: line.position.seq, hash: line.position.hash };
                documents.entry(*document).or_default().push(head);
            }
        }
        documents.into_iter().collect()
    }

    /// At the city: its signed word on each document the peer may see. At a branch: the city's last word.
    pub async fn statements_for(
        &self,
        peer: &Certificate,
        now: Millis,
    ) -> Result<Vec<CityStatement>, NodeError> {
        let documents: Vec<DocumentId> =
            self.heads_for(Some(peer)).await.into_iter().map(|(document, _)| document).collect();
        let mut statements = Vec::new();
        match &self.kind {
            Kind::City(key) => {
                let state = self.state.lock().await;
                for document in documents {
                    let heads = heads_of(&state.lines, &document);
                    statements.push(CityStatement::sign(key, self.epoch, now, document, heads));
                }
            }
            Kind::Branch => {
                for document in documents {
                    if let Some(bytes) = self.store.statement(self.city, &document).await?
                        && let Ok(statement) = rmp_serde::from_slice(&bytes)
                    {
                        statements.push(statement);
                    }
                }
            }
        }
        Ok(statements)
    }

    /// Keeps the city's word and hands it on.
    pub async fn hear_city(&self, statement: CityStatement) -> Result<(), NodeError> {
        let bytes = rmp_serde::to_vec(&statement).expect("a statement always encodes");
        let batch = Batch {
            statements: vec![(statement.document, bytes)],
            reached: statement.heads.iter().map(|head| (statement.document, *head, true)).collect(),
            ..Batch::default()
        };
        self.store.commit(self.city, &batch).await?;
        let mut state = self.state.lock().await;
        state.city_heard = state.city_heard.max(Some(statement.time));
        drop(state);
        let _ = self.news.send(News::AtCity(Arc::new(statement)));
        Ok(())
    }

    /// The upstream holds a line up to this head.
    pub async fn delivered(&self, document: DocumentId, head: Head) -> Result<(), NodeError> {
        let batch = Batch { reached: vec![(document, head, false)], ..Batch::default() };
        Ok(self.store.commit(self.city, &batch).await.map(drop)?)
    }

    /// The line to the upstream went up or down.
    pub async fn upstream(&self, live: bool, now: Millis) {
        let mut state = self.state.lock().await;
        if state.upstream_live.map(|(was, _)| was) != Some(live) {
            state.upstream_live = Some((live, now));
            let _ = self.news.send(News::Upstream(live));
        }
    }

    /// The upstream's clock bounds ours.
    pub async fn hear_upstream_time(&self, time: Millis, now: Millis) {
        let mut state = self.state.lock().await;
        for author in state.authors.values_mut() {
            author.clock_mut().hear_upstream(time, now);
        }
    }

    /// Stores sealed rows that their authors signed.
    pub async fn admit_rows(&self, batch: SealedBatch) -> Result<u64, NodeError> {
        let upto = batch.upto;
        let (rows, refused) = batch.verified(self.city, self.city_key);
        if refused > 0 {
            tracing::warn!(refused, "sealed rows without a valid author were left out");
        }
        self.store.commit(self.city, &Batch { sealed: rows, ..Batch::default() }).await?;
        let _ = self.news.send(News::Rows);
        Ok(upto)
    }

    /// Sealed rows for a peer after an offset of this store.
    pub async fn rows_after(
        &self,
        peer: Option<&Certificate>,
        after: u64,
        chains: &BTreeMap<client_core::ids::DeviceId, Chain>,
    ) -> Result<SealedBatch, NodeError> {
        const ROWS: usize = 2_000;
        let (rows, upto) = self.store.sealed_after(self.city, after, ROWS).await?;
        let visible = |row: &SealedRow| match peer {
            Some(peer) => {
                matches!(peer.role, Role::BranchNode | Role::Office)
                    && peer.branch == row.branch
                    && peer.device != row.author
            }
            None => true,
        };
        let rows: Vec<SealedRow> = rows.into_iter().filter(visible).collect();
        let mut authors: Vec<Chain> = Vec::new();
        let devices: std::collections::BTreeSet<_> = rows.iter().map(|row| row.author).collect();
        for device in devices {
            authors.extend(chains.get(&device).cloned());
        }
        Ok(SealedBatch { rows, authors, upto })
    }

    /// The certificate chains of all devices known here, by device.
    pub async fn chains(&self) -> Result<BTreeMap<client_core::ids::DeviceId, Chain>, NodeError> {
        let mut chains = BTreeMap::new();
        for line in self.store.lines(self.city).await? {
            if let Ok(introduction) = rmp_serde::from_slice::<Introduction>(&line.introduction)
                && let Some(last) = introduction.chain.last()
            {
                chains.insert(last.device, introduction.chain.clone());
            }
        }
        let state = self.state.lock().await;
        for author in state.authors.values() {
            chains.insert(author.certificate().device, author.chain().clone());
        }
        Ok(chains)
    }
}

/// Why a run was not stored.
#[derive(Debug, thiserror::Error)]
pub enum AdmitError {
    /// Refused for its line alone; the author has to mend it.
    #[error(transparent)]
    Door(#[from] DoorError),
    /// The store failed; the peer will send it again.
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn views(state: &mut State) -> Arc<SharedViews> {
    let shared = &state.shared;
    state.views.get_or_insert_with(|| Arc::new(SharedViews::fold(shared))).clone()
}

fn heads_of(lines: &BTreeMap<(DocumentId, ActorId), Line>, document: &DocumentId) -> Vec<Head> {
    lines
        .range((*document, ActorId([0; 16]))..=(*document, ActorId([0xff; 16])))
        .map(|((_, actor), line)| Head { actor: *actor, seq: line.position.seq, hash: line.position.hash })
        .collect()
}

fn insert(history: &mut History, run: &Run, author: &Certificate, changes: &Changes) {
    for (index, puts) in changes.iter().enumerate() {
        let events: Vec<_> = puts.iter().map(|put| LoggedEvent { id: put.id, value: &put.value }).collect();
        history.insert(run.document, run.actor, author, run.first_seq + index as u64, &events);
    }
}

/// Random once, kept in the store: cursors of sealed rows count within it.
async fn epoch_of(store: &Store, city: CityId) -> Result<u64, NodeError> {
    if let Some(bytes) = store.meta(city, "epoch").await? {
        return rmp_serde::from_slice(&bytes).map_err(|error| NodeError::Damaged(error.to_string()));
    }
    let epoch = u64::from_be_bytes(crate::keys::random_bytes()[..8].try_into().expect("8 of 32 bytes")) >> 1;
    let bytes = rmp_serde::to_vec(&epoch).expect("a number always encodes");
    store.commit(city, &Batch { meta: vec![("epoch".into(), bytes)], ..Batch::default() }).await?;
    Ok(epoch)
}

async fn load_lines(state: &mut State, store: &Store, city: CityId) -> Result<(), NodeError> {
    for line in store.lines(city).await? {
        let damaged =
            |what: String| NodeError::Damaged(format!("line {} of {}: {what}", line.actor, line.document));
        let introduction: Introduction =
            rmp_serde::from_slice(&line.introduction).map_err(|error| damaged(error.to_string()))?;
        let author = introduction.chain.last().cloned().ok_or_else(|| damaged("no certificate".into()))?;
        let position = Position { seq: line.seq, hash: line.hash, next_op: line.next_op };
        for own in state.authors.values_mut() {
            if own.key().public() == author.key {
                let own_line = OwnLine { actor: line.actor, nonce: introduction.nonce, position };
                own.resume(line.document, own_line);
            }
        }
        state.lines.insert((line.document, line.actor), Line { position, author });
    }
    Ok(())
}

/// Reads documents from the store into a history, run by run.
async fn read_history(
    store: &Store,
    city: CityId,
    lines: &BTreeMap<(DocumentId, ActorId), Line>,
    documents: &[DocumentId],
) -> Result<History, NodeError> {
    const AT_ONCE: usize = 1024 * 1024;
    let mut history = History::default();
    for ((document, actor), line) in lines.iter().filter(|((document, _), _)| documents.contains(document)) {
        let mut after = 0;
        while after < line.position.seq {
            let runs = store.runs_after(city, document, *actor, after, AT_ONCE).await?;
            let Some(last) = runs.last() else {
                return Err(NodeError::Damaged(format!(
                    "changes after {after} of {actor} in {document} are missing"
                )));
            };
            after = last.last_seq;
            for run in &runs {
                let changes = client_core::log::unpack(&run.bytes)
                    .map_err(|error| NodeError::Damaged(format!("{actor} in {document}: {error}")))?;
                insert(&mut history, run, &line.author, &changes);
            }
        }
    }
    Ok(history)
}
