//! Frames: what two peers say to each other. One frame is one binary WebSocket message.

use crate::event::DocumentId;
use crate::identity::{self, Chain, IdentityError, SecretKey};
use crate::ids::{ActorId, ChangeHash, CityId, PublicKey, Signature};
use crate::log::{Head, LogKey, Run};
use crate::sealed::SealedBatch;
use crate::time::Millis;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The newest protocol version this program speaks.
pub const PROTOCOL: u16 = 3;

/// The oldest it still speaks: version 2 answers every chunk with [`Frame::Stored`].
pub const OLDEST_PROTOCOL: u16 = 2;

/// The largest frame a peer accepts, in bytes.
pub const MAX_FRAME_BYTES: usize = 2 * 1024 * 1024;

/// What the city says, under its signature, that it holds durably of one document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CityStatement {
    /// Random, new at every restore of the city.
    pub epoch: u64,
    /// The city's time.
    pub time: Millis,
    /// The document.
    pub document: DocumentId,
    /// Every line's head.
    pub heads: Vec<Head>,
    /// The city's signature.
    pub signature: Signature,
}

impl CityStatement {
    /// Signs what the city holds.
    pub fn sign(
        city_key: &SecretKey,
        epoch: u64,
        time: Millis,
        document: DocumentId,
        heads: Vec<Head>,
    ) -> Self {
        let mut statement = Self { epoch, time, document, heads, signature: Signature([0; 64]) };
        statement.signature = city_key.sign(&statement.signed_bytes(identity::city_id(city_key.public())));
        statement
    }

    /// Whether the city signed it.
    pub fn holds(&self, city_key: PublicKey) -> bool {
        identity::verify(city_key, &self.signed_bytes(identity::city_id(city_key)), &self.signature)
    }

    /// Whether the other statement on this document says nothing that this one does not say. What the city
    /// holds of an actor grows, so the one with more changes on its lines is the later.
    pub fn covers(&self, other: &Self) -> bool {
        self.covers_heads(&other.heads)
    }

    /// Whether it says as much of every actor as these heads hold.
    pub fn covers_heads(&self, heads: &[Head]) -> bool {
        let (own, theirs) = (lengths(&self.heads), lengths(heads));
        theirs.iter().all(|(actor, length)| own.get(actor).is_some_and(|own| own >= length))
    }

    fn signed_bytes(&self, city: CityId) -> Vec<u8> {
        let mut bytes = b"lianxiao-at-city-1".to_vec();
        bytes.extend_from_slice(&self.epoch.to_be_bytes());
        bytes.extend_from_slice(&self.time.0.to_be_bytes());
        bytes.extend_from_slice(&self.document.to_bytes(city));
        for head in &self.heads {
            bytes.extend_from_slice(&head.actor.0);
            bytes.extend_from_slice(&head.seq.to_be_bytes());
            bytes.extend_from_slice(&head.hash.0);
        }
        bytes
    }
}

/// How long all lines of each actor are together.
fn lengths(heads: &[Head]) -> BTreeMap<ActorId, u64> {
    let mut lengths = BTreeMap::new();
    for head in heads {
        let length: &mut u64 = lengths.entry(head.actor).or_default();
        *length = length.saturating_add(head.seq);
    }
    lengths
}

/// Why a peer turns a connection away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Refusal {
    /// The versions have nothing in common.
    #[error("this node speaks protocols {oldest} to {newest}, the peer {peer}: update the older program")]
    Protocol {
        /// The oldest the node speaks.
        oldest: u16,
        /// The newest the node speaks.
        newest: u16,
        /// What the peer speaks.
        peer: u16,
    },
    /// The peer belongs to another city.
    #[error("the peer belongs to another city: enrol it again here")]
    OtherCity,
    /// The certificate or the proof of its key does not hold.
    #[error("the peer's certificate does not hold: {0}")]
    Identity(String),
    /// A frame could not be read.
    #[error("a frame could not be read: {0}")]
    Malformed(String),
    /// A frame came where it makes no sense.
    #[error("unexpected frame: {0}")]
    Unexpected(String),
    /// The node could not read its own store.
    #[error("the node cannot read its own store: {0}")]
    Store(String),
    /// Nothing was heard for too long.
    #[error("nothing was heard from the peer for {seconds} s")]
    Silent {
        /// How long.
        seconds: u32,
    },
}

impl From<IdentityError> for Refusal {
    fn from(error: IdentityError) -> Self {
        Self::Identity(error.to_string())
    }
}

/// A message of the sync protocol.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Frame {
    /// First, from the accepting side: who it is, over the nonce the connecting side opened with.
    Challenge {
        /// The newest version it speaks.
        newest: u16,
        /// The oldest version it speaks.
        oldest: u16,
        /// The city it belongs to.
        city: CityId,
        /// Its store's epoch; cursors count within one epoch.
        epoch: u64,
        /// Its chain; empty when the city's own key signs.
        chain: Chain,
        /// Over the connecting side's nonce.
        proof: Signature,
        /// Random; the connecting side signs it.
        #[serde(with = "serde_bytes")]
        nonce: [u8; 32],
    },
    /// The connecting side proves who it is and says what it has. Chunks may follow at once.
    Hello {
        /// The version both go on in.
        version: u16,
        /// Its certificate chain.
        chain: Chain,
        /// Over the challenge.
        proof: Signature,
        /// It holds everything it may read up to this number of the accepting side's feed. `None`: a
        /// `Have` follows.
        since: Option<u64>,
        /// How far it has read the accepting side's sealed rows.
        rows_read: u64,
    },
    /// The connecting side is known.
    Welcome {
        /// The accepting side's clock.
        time: Millis,
        /// Over the frontier of all that the connecting side may read.
        digest: ChangeHash,
        /// The number of its feed the digest was taken at.
        upto: u64,
    },
    /// Turned away.
    Refused(Refusal),
    /// All that a side holds of what the other may read.
    Have {
        /// Heads by document.
        documents: Vec<(DocumentId, Vec<Head>)>,
        /// The number of the sender's feed they were taken at.
        upto: u64,
    },
    /// Changes of one line.
    Chunk {
        /// The actor's introduction, with its first changes only.
        #[serde(with = "serde_bytes")]
        introduction: Option<Vec<u8>>,
        /// The changes.
        run: Run,
        /// With them and the chunks before it the receiver holds all up to this number of the sender's feed.
        upto: Option<u64>,
    },
    /// The receiver holds all up to this number of the sender's feed.
    Mark {
        /// The number.
        upto: u64,
    },
    /// Answers small chunks that carried a number: what they held up to this one is durable here.
    Read {
        /// The number of the receiver's feed.
        upto: u64,
    },
    /// Durable here up to this change.
    Stored {
        /// The document.
        document: DocumentId,
        /// The change.
        head: Head,
    },
    /// The chunk stands on a change that is not here; these heads are.
    Behind {
        /// Whose changes.
        key: LogKey,
        /// All heads of this actor here.
        heads: Vec<Head>,
    },
    /// Which of these changes, newest first, is the first that is there? Asked where lines part.
    Probe {
        /// Whose changes.
        key: LogKey,
        /// The sender's line.
        line: u8,
        /// Changes of it, ever farther apart.
        points: Vec<Head>,
    },
    /// The newest of the points that is here, by its sequence number; 0 for none.
    Common {
        /// Whose changes.
        key: LogKey,
        /// The asker's line.
        line: u8,
        /// The sequence number.
        seq: u64,
    },
    /// This actor's changes are refused from here on; others are not affected.
    Rejected {
        /// Whose changes.
        key: LogKey,
        /// The first change refused.
        seq: u64,
        /// What is wrong and what to do.
        reason: String,
    },
    /// What does the city hold of these documents?
    AskCity(Vec<DocumentId>),
    /// The city's word on one document, handed on by relays as it is.
    AtCity(CityStatement),
    /// Sealed rows.
    Rows(SealedBatch),
    /// Sealed rows are durable here up to the sender's offset.
    RowsStored {
        /// The offset of the batch.
        upto: u64,
    },
    /// Are you there?
    Ping,
    /// Yes.
    Pong,
}

impl Frame {
    /// The bytes of the message.
    pub fn encode(&self) -> Vec<u8> {
        rmp_serde::to_vec(self).expect("a frame always encodes")
    }

    /// The name of its kind.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Challenge { .. } => "challenge",
            Self::Hello { .. } => "hello",
            Self::Welcome { .. } => "welcome",
            Self::Refused(_) => "refused",
            Self::Have { .. } => "have",
            Self::Chunk { .. } => "chunk",
            Self::Mark { .. } => "mark",
            Self::Read { .. } => "read",
            Self::Stored { .. } => "stored",
            Self::Behind { .. } => "behind",
            Self::Probe { .. } => "probe",
            Self::Common { .. } => "common",
            Self::Rejected { .. } => "rejected",
            Self::AskCity(_) => "ask city",
            Self::AtCity(_) => "at city",
            Self::Rows(_) => "rows",
            Self::RowsStored { .. } => "rows stored",
            Self::Ping => "ping",
            Self::Pong => "pong",
        }
    }

    /// Reads a message in its one encoding; the text says what is wrong with it.
    pub fn decode(bytes: &[u8]) -> Result<Self, Refusal> {
        if bytes.len() > MAX_FRAME_BYTES {
            let text = format!("{} bytes; the most is {MAX_FRAME_BYTES}", bytes.len());
            return Err(Refusal::Malformed(text));
        }
        let frame: Self =
            rmp_serde::from_slice(bytes).map_err(|error| Refusal::Malformed(error.to_string()))?;
        match frame.encode() == bytes {
            true => Ok(frame),
            false => Err(Refusal::Malformed("it is not in MessagePack's shortest form".into())),
        }
    }
}

/// The message a peer signs to prove that it holds its certified key.
pub fn proof_message(purpose: &str, city: CityId, nonce: &[u8; 32]) -> Vec<u8> {
    let mut bytes = b"lianxiao-proof-1".to_vec();
    bytes.extend_from_slice(purpose.as_bytes());
    bytes.extend_from_slice(&city.0);
    bytes.extend_from_slice(nonce);
    bytes
}

/// How the address of a connection carries the nonce it is opened with.
pub fn opening_query(nonce: &[u8; 32]) -> String {
    format!("?nonce={}", hex::encode(nonce))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_has_one_encoding() {
        let bytes = Frame::Mark { upto: 7 }.encode();
        assert_eq!(Frame::decode(&bytes), Ok(Frame::Mark { upto: 7 }));
        let followed = [&bytes[..], &[0xc0]].concat();
        let longer = [&bytes[..bytes.len() - 1], &[0xcc, 7]].concat();
        for other in [followed, longer] {
            assert!(matches!(Frame::decode(&other), Err(Refusal::Malformed(_))), "{other:02x?}");
        }
    }
}
