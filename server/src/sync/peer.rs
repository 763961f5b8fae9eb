//! Drives one session over a stream of binary messages, whichever side opened it.

use crate::node::{AdmitError, News, Node, NodeError};
use client_core::identity::{Certificate, Chain};
use client_core::ids::DeviceId;
use client_core::sync::{Output, Session, Side};
use client_core::time::Millis;
use futures_util::{Sink, SinkExt, Stream, StreamExt};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast::{self, error::RecvError};

/// Wall-clock time.
pub fn now() -> Millis {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Millis(since.as_millis() as i64)
}

/// How a connection ended.
#[derive(Debug, thiserror::Error)]
pub enum Ended {
    /// The carrier broke or the peer closed it.
    #[error("the connection ended: {0}")]
    Carrier(String),
    /// One of the two turned the other away.
    #[error("{0}")]
    Refused(String),
    /// This node could not go on.
    #[error(transparent)]
    Node(#[from] NodeError),
}

struct Peer<'a> {
    node: &'a Arc<Node>,
    side: Side,
    session: Session,
    chains: BTreeMap<DeviceId, Chain>,
    upstream_epoch: u64,
}

/// Runs a session until the connection ends. `incoming` yields messages, `None` or an error at the end.
pub async fn drive<S, E>(
    node: &Arc<Node>,
    side: Side,
    mut incoming: S,
    mut outgoing: impl Sink<Vec<u8>, Error = E> + Unpin,
) -> Ended
where
    S: Stream<Item = Result<Vec<u8>, String>> + Unpin,
    E: std::fmt::Display,
{
    let mut news = node.subscribe();
    let session = Session::new(side, node.local().await, crate::keys::random_bytes(), now());
    let mut peer = Peer { node, side, session, chains: BTreeMap::new(), upstream_epoch: 0 };
    let mut ticks = tokio::time::interval(Duration::from_secs(5));
    loop {
        match peer.carry_out(&mut outgoing).await {
            Ok(()) => {}
            Err(ended) => return ended,
        }
        tokio::select! {
            message = incoming.next() => match message {
                Some(Ok(bytes)) => peer.session.receive(&bytes, now()),
                Some(Err(error)) => return Ended::Carrier(error),
                None => return Ended::Carrier("closed by the peer".into()),
            },
            item = news.recv() => peer.hear(item).await,
            _ = ticks.tick() => peer.session.tick(now()),
        }
    }
}

impl Peer<'_> {
    async fn hear(&mut self, item: Result<News, RecvError>) {
        match item {
            Ok(News::Line(document, head)) => self.session.news(document, head),
            Ok(News::AtCity(statement)) if self.side == Side::Server => self.session.at_city(&statement),
            Ok(News::Rows) => self.session.rows_news(),
            Ok(News::AtCity(_) | News::Upstream(_)) => {}
            Err(broadcast::error::RecvError::Lagged(_)) => {
                for (document, heads) in self.node.heads_for(None).await {
                    for head in heads {
                        self.session.news(document, head);
                    }
                }
                self.session.rows_news();
            }
            Err(RecvError::Closed) => {}
        }
    }

    async fn carry_out<E: std::fmt::Display>(
        &mut self,
        outgoing: &mut (impl Sink<Vec<u8>, Error = E> + Unpin),
    ) -> Result<(), Ended> {
        while let Some(output) = self.session.poll() {
            match output {
                Output::Send(bytes) => {
                    outgoing.send(bytes).await.map_err(|error| Ended::Carrier(error.to_string()))?;
                }
                Output::Close(refusal) => return Err(Ended::Refused(refusal.to_string())),
                other => self.answer(other).await?,
            }
        }
        Ok(())
    }

    async fn answer(&mut self, output: Output) -> Result<(), NodeError> {
        let node = self.node;
        match output {
            Output::Send(_) | Output::Close(_) => unreachable!("carried out by the caller"),
            Output::Live(certificate) => self.live(certificate.as_ref()).await?,
            Output::Upstream { time, epoch } => {
                self.upstream_epoch = epoch;
                node.hear_upstream_time(time, now()).await;
            }
            Output::ListHeads => {
                let heads = node.heads_for(self.client_certificate()).await;
                let rows_read = self.cursor("rows_read").await?;
                let rows_sent = self.cursor("rows_sent").await?;
                self.session.holds(heads, rows_read, rows_sent);
                if let Some(peer) = self.client_certificate().cloned() {
                    for statement in node.statements_for(&peer, now()).await? {
                        self.session.at_city(&statement);
                    }
                }
            }
            Output::Load { document, actor, after, max_bytes } => {
                let runs = node.store().runs_after(node.city(), &document, actor, after, max_bytes).await?;
                let first = runs.first().is_some_and(|run| run.first_seq == 1 || after == 0);
                let introduction = match first {
                    true => node.store().introduction(node.city(), &document, actor).await?,
                    false => None,
                };
                self.session.loaded(&runs, introduction, now());
            }
            Output::Admit { introduction, run } => match node.admit(introduction, &run, now()).await {
                Ok(head) => self.session.stored(run.document, head),
                Err(AdmitError::Door(error)) => {
                    tracing::warn!(document = %run.document, actor = %run.actor, seq = run.first_seq, %error, "refused at the door");
                    self.session.reject(run.document, run.actor, run.first_seq, error.to_string());
                }
                Err(AdmitError::Store(error)) => return Err(error.into()),
            },
            Output::Delivered(document, head) => node.delivered(document, head).await?,
            Output::Refused { document, actor, seq, reason } => {
                tracing::warn!(%document, %actor, seq, reason, "the upstream refuses a line");
            }
            Output::AtCity(statement) => {
                if self.side == Side::Client {
                    node.hear_city(statement).await?;
                }
            }
            Output::LoadRows { after } => self.load_rows(after).await?,
            Output::AdmitRows(batch) => {
                let upto = node.admit_rows(batch).await?;
                self.keep_cursor("rows_read", upto).await?;
                self.session.rows_stored(upto);
            }
            Output::RowsDelivered(upto) => self.keep_cursor("rows_sent", upto).await?,
        }
        Ok(())
    }

    async fn live(&mut self, certificate: Option<&Certificate>) -> Result<(), NodeError> {
        let device = certificate.map(|c| c.device.to_hex()).unwrap_or_else(|| "city".into());
        tracing::info!(side = ?self.side, peer = device, "connected");
        if self.side == Side::Client {
            self.node.upstream(true, now()).await;
        }
        Ok(())
    }

    async fn load_rows(&mut self, after: u64) -> Result<(), NodeError> {
        let peer = self.client_certificate().cloned();
        self.chains = self.node.chains().await?;
        let batch = self.node.rows_after(peer.as_ref(), after, &self.chains).await?;
        self.session.rows_loaded(batch);
        Ok(())
    }

    /// The peer's certificate where the peer is our client.
    fn client_certificate(&self) -> Option<&Certificate> {
        self.session.peer().filter(|_| self.side == Side::Server)
    }

    /// A client's cursors into its upstream's epoch; a server keeps none, its clients say where they are.
    async fn cursor(&self, name: &str) -> Result<u64, NodeError> {
        if self.side == Side::Server {
            return Ok(0);
        }
        let key = format!("{name}/{}", self.upstream_epoch);
        let bytes = self.node.store().meta(self.node.city(), &key).await?;
        Ok(bytes.and_then(|bytes| rmp_serde::from_slice(&bytes).ok()).unwrap_or(0))
    }

    async fn keep_cursor(&self, name: &str, value: u64) -> Result<(), NodeError> {
        if self.side == Side::Server {
            return Ok(());
        }
        let key = format!("{name}/{}", self.upstream_epoch);
        let bytes = rmp_serde::to_vec(&value).expect("a number always encodes");
        Ok(self.node.store().put_meta(self.node.city(), &key, &bytes).await?)
    }
}
