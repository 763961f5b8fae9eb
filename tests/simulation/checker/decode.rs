//! Reads runs, statements and envelopes by the documented layout, with no code of the product's log.

use client_core::event::{DocumentId, EventRef};
use client_core::ids::{ActionId, ChangeHash, CityId, EventId, PublicKey};
use client_core::sync::CityStatement;
use ed25519_dalek::{Signature, VerifyingKey};
use sha2::{Digest, Sha256};

/// An event as it lies in a run: its id and its bytes.
pub type RawEvent = (EventId, Vec<u8>);

/// The changes of a run; `None` where the bytes do not follow the layout.
pub fn changes(bytes: &[u8]) -> Option<Vec<Vec<RawEvent>>> {
    let event = |(id, value): (Vec<u8>, Vec<u8>)| Some((EventId(id.try_into().ok()?), value));
    let changes = tests::second::unpack(bytes)?.into_iter();
    changes.map(|change| change.into_iter().map(event).collect()).collect()
}

/// SHA-256 of an event's key and value.
pub fn event_hash(event: &RawEvent) -> [u8; 32] {
    Sha256::new().chain_update(event.0.0).chain_update(&event.1).finalize().into()
}

/// Whether the city signed a statement, by the layout the protocol's page gives.
pub fn is_signed(statement: &CityStatement, city_key: PublicKey) -> bool {
    let city: [u8; 32] = Sha256::digest(city_key.0).into();
    let mut bytes = b"lianxiao-at-city-1".to_vec();
    bytes.extend(statement.epoch.to_be_bytes());
    bytes.extend(statement.time.0.to_be_bytes());
    let DocumentId { scope, branch, person, period } = statement.document;
    bytes.extend(&city[..CityId::LEN]);
    bytes.push(scope as u8);
    bytes.extend(branch.0);
    bytes.push(u8::from(person.is_some()));
    bytes.extend(person.map_or([0; 16], |person| person.0));
    bytes.extend(period.year.to_be_bytes());
    bytes.push(period.quarter);
    for head in &statement.heads {
        bytes.extend(head.actor.0);
        bytes.extend(head.seq.to_be_bytes());
        bytes.extend(head.hash.0);
    }
    let signature = Signature::from_bytes(&statement.signature.0);
    VerifyingKey::from_bytes(&city_key.0).is_ok_and(|key| key.verify_strict(&bytes, &signature).is_ok())
}

/// The parts of an envelope that the checker looks at.
pub struct RawEnvelope {
    pub kind: String,
    pub stamp: u64,
    pub action: ActionId,
    pub body: Vec<u8>,
}

/// Reads an envelope: a MessagePack array in the documented order.
pub fn envelope(value: &[u8]) -> Option<RawEnvelope> {
    type Fields = (
        String,
        u16,
        u64,
        i64,
        client_core::ids::DeviceId,
        client_core::ids::UserId,
        client_core::ids::BranchId,
        ActionId,
        Option<EventRef>,
        serde_bytes::ByteBuf,
    );
    let (kind, _, stamp, _, _, _, _, action, _, body): Fields = rmp_serde::from_slice(value).ok()?;
    Some(RawEnvelope { kind, stamp, action, body: body.into_vec() })
}

/// Zeros: what stands before the first change.
pub const NOTHING: ChangeHash = ChangeHash([0; 32]);
