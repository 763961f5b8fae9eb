//! Reads runs, statements and envelopes by the documented layout, with no code of the product's log.

use client_core::event::{DocumentId, EventRef};
use client_core::ids::{ActionId, ChangeHash, CityId, EventId, PublicKey};
use client_core::sync::CityStatement;
use ed25519_dalek::{Signature, VerifyingKey};
use flate2::read::DeflateDecoder;
use sha2::{Digest, Sha256};
use std::io::Read;

/// An event as it lies in a run: its id and its bytes.
pub type RawEvent = (EventId, Vec<u8>);

/// The changes of a run; `None` where the bytes do not follow the layout.
pub fn changes(bytes: &[u8]) -> Option<Vec<Vec<RawEvent>>> {
    let mut plain = Vec::new();
    DeflateDecoder::new(bytes).read_to_end(&mut plain).ok()?;
    let mut rest = plain.as_slice();
    (number(&mut rest)? == 1).then_some(())?;
    let count = number(&mut rest)?;
    let sizes: Vec<u64> = (0..count).map(|_| number(&mut rest)).collect::<Option<_>>()?;
    let events: u64 = sizes.iter().sum();
    let lengths: Vec<u64> = (0..events).map(|_| number(&mut rest)).collect::<Option<_>>()?;
    let (mut ids, mut values) = rest.split_at_checked(events as usize * 16)?;
    let mut lengths = lengths.into_iter();
    let mut changes = Vec::new();
    for size in sizes {
        let mut change = Vec::new();
        for _ in 0..size {
            let (id, other_ids) = ids.split_first_chunk::<16>()?;
            let (value, other_values) = values.split_at_checked(lengths.next()? as usize)?;
            (ids, values) = (other_ids, other_values);
            change.push((EventId(*id), value.to_vec()));
        }
        changes.push(change);
    }
    values.is_empty().then_some(changes)
}

fn number(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
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
    let (kind, _, _, _, _, _, _, action, _, body): Fields = rmp_serde::from_slice(value).ok()?;
    Some(RawEnvelope { kind, action, body: body.into_vec() })
}

/// Zeros: what stands before the first change.
pub const NOTHING: ChangeHash = ChangeHash([0; 32]);
