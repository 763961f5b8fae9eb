//! Frames: what two peers say to each other. One frame is one binary WebSocket message.

use crate::event::DocumentId;
use crate::identity::{self, Chain, IdentityError, SecretKey};
use crate::ids::{ActorId, ChangeHash, CityId, PublicKey, Signature};
use crate::log::Run;
use crate::sealed::SealedBatch;
use crate::time::Millis;
use serde::{Deserialize, Serialize};

/// The protocol version this program speaks.
pub const PROTOCOL: u16 = 1;

/// The largest frame a peer accepts, in bytes.
pub const MAX_FRAME_BYTES: usize = 2 * 1024 * 1024;

/// One line's head as a peer names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The line.
    pub actor: ActorId,
    /// Sequence number of its last change.
    pub seq: u64,
    /// Hash of its last change.
    pub hash: ChangeHash,
}

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

/// Why a peer turns a connection away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Refusal {
    /// The versions have nothing in common.
    #[error("this node speaks protocol {node}, the peer {peer}: update the older program")]
    Protocol {
        /// What the node speaks.
        node: u16,
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
    /// First, from the accepting side.
    Challenge {
        /// The version it speaks.
        protocol: u16,
        /// The city it belongs to.
        city: CityId,
        /// Random; the peer signs it.
        #[serde(with = "serde_bytes")]
        nonce: [u8; 32],
    },
    /// The connecting side proves who it is.
    Hello {
        /// The version it speaks.
        protocol: u16,
        /// Its certificate chain.
        chain: Chain,
        /// Over the challenge.
        proof: Signature,
        /// Random; the accepting side signs it.
        #[serde(with = "serde_bytes")]
        nonce: [u8; 32],
    },
    /// The accepting side proves who it is and says what time it is.
    Welcome {
        /// Its chain; empty when the city's own key signs.
        chain: Chain,
        /// Over the connecting side's nonce.
        proof: Signature,
        /// Its clock.
        time: Millis,
        /// Its store's epoch; sealed-row cursors count within one epoch.
        epoch: u64,
    },
    /// Turned away.
    Refused(Refusal),
    /// All that a side holds durably of what the other may see.
    Have {
        /// Heads by document.
        documents: Vec<(DocumentId, Vec<Head>)>,
        /// How far into the other side's sealed rows this side has read.
        rows_read: u64,
    },
    /// Changes of one line.
    Chunk {
        /// The line's introduction, with its first changes only.
        #[serde(with = "serde_bytes")]
        introduction: Option<Vec<u8>>,
        /// The changes.
        run: Run,
    },
    /// The line is durable here up to this head; the sender goes on from there.
    Stored {
        /// The document.
        document: DocumentId,
        /// The line's head here.
        head: Head,
    },
    /// The line is refused from this change on; other lines are not affected.
    Rejected {
        /// The document.
        document: DocumentId,
        /// The line.
        actor: ActorId,
        /// The first change refused.
        seq: u64,
        /// What is wrong and what to do.
        reason: String,
    },
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

    /// Reads a message; the text says what is wrong with it.
    pub fn decode(bytes: &[u8]) -> Result<Self, Refusal> {
        if bytes.len() > MAX_FRAME_BYTES {
            let text = format!("{} bytes; the most is {MAX_FRAME_BYTES}", bytes.len());
            return Err(Refusal::Malformed(text));
        }
        rmp_serde::from_slice(bytes).map_err(|error| Refusal::Malformed(error.to_string()))
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
