//! Identifiers. All random parts come in from outside; nothing here makes one up.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use sha2::{Digest, Sha256};
use std::fmt;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $len:literal, $says:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; $len]);

        impl $name {
            /// Length in bytes.
            pub const LEN: usize = $len;

            /// The identifier in lower-case hexadecimal.
            pub fn to_hex(&self) -> String {
                hex::encode(self.0)
            }

            /// Reads lower- or upper-case hexadecimal of exactly this length.
            pub fn from_hex(text: &str) -> Result<Self, IdError> {
                let mut bytes = [0; $len];
                hex::decode_to_slice(text, &mut bytes).map_err(|_| IdError {
                    kind: stringify!($name),
                    bytes: $len,
                })?;
                Ok(Self(bytes))
            }

            /// Reads exactly this many bytes.
            pub fn from_slice(bytes: &[u8]) -> Result<Self, IdError> {
                bytes.try_into().map(Self).map_err(|_| IdError {
                    kind: stringify!($name),
                    bytes: $len,
                })
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.to_hex())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), &self.to_hex()[..8])
            }
        }

        impl std::str::FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                Self::from_hex(text)
            }
        }

        impl crate::packed::Packed for $name {
            fn pack(&self, into: &mut Vec<u8>) {
                crate::packed::pack_bytes(&self.0, into);
            }

            fn unpack(from: &mut &[u8]) -> Result<Self, crate::packed::Malformed> {
                let bytes = crate::packed::unpack_bytes(from, stringify!($name))?;
                Self::from_slice(bytes).map_err(|_| crate::packed::Malformed(stringify!($name)))
            }

            fn shape() -> crate::packed::Shape {
                crate::packed::Shape::Plain($says)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                if serializer.is_human_readable() {
                    serializer.serialize_str(&self.to_hex())
                } else {
                    serializer.serialize_bytes(&self.0)
                }
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                if deserializer.is_human_readable() {
                    let text = String::deserialize(deserializer)?;
                    Self::from_hex(&text).map_err(D::Error::custom)
                } else {
                    let bytes = <&serde_bytes::Bytes>::deserialize(deserializer)?;
                    Self::from_slice(bytes).map_err(D::Error::custom)
                }
            }
        }
    };
}

/// Text or bytes that are not an identifier of the named kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a {kind}: {bytes} bytes ({} hexadecimal digits) are needed", bytes * 2)]
pub struct IdError {
    kind: &'static str,
    bytes: usize,
}

id!(
    /// A city: first 16 bytes of SHA-256 over the city's public key. Leads every key in every store.
    CityId,
    16,
    "city"
);
id!(
    /// A branch school; random, given by the city when it makes the branch's first code.
    BranchId,
    16,
    "branch"
);
id!(
    /// A device or node; random, in its certificate.
    DeviceId,
    16,
    "device"
);
id!(
    /// A person who uses the system; random.
    UserId,
    16,
    "user"
);
id!(
    /// A person whose own document or sealed rows are meant: a learner, a teacher, a user.
    PersonId,
    16,
    "person"
);
id!(
    /// A teacher; random but for the proof of its unit, so that it says nothing about the person.
    TeacherId,
    16,
    "teacher"
);
id!(
    /// A learner; random, so that it says nothing about the person.
    LearnerId,
    16,
    "learner"
);
id!(
    /// A course of the teaching list; random.
    CourseId,
    16,
    "course"
);
id!(
    /// A room, equipment or on-site point; random but for the proof of its unit.
    AssetId,
    16,
    "asset"
);
id!(
    /// A class; random but for the proof of its unit.
    ClassId,
    16,
    "class"
);
id!(
    /// A round of claims; random.
    RoundId,
    16,
    "round"
);
id!(
    /// A teacher, asset or class, where the sort stands beside it.
    SubjectId,
    16,
    "thing"
);
id!(
    /// One event, unique within its document and actor; UUIDv7-like, made by its author.
    EventId,
    16,
    "event id"
);
id!(
    /// One user action; shared by all changes the action makes.
    ActionId,
    16,
    "action"
);
id!(
    /// One line of changes: a device's writing in one document, per store generation.
    ActorId,
    16,
    "actor"
);
id!(
    /// SHA-256 of a change's chunk, as Automerge defines it.
    ChangeHash,
    32,
    "hash"
);
id!(
    /// SHA-256 of a segment's file: its address.
    SegmentId,
    32,
    "segment"
);
id!(
    /// An Ed25519 public key.
    PublicKey,
    32,
    "key"
);
id!(
    /// An Ed25519 signature.
    Signature,
    64,
    "signature"
);

impl From<LearnerId> for PersonId {
    fn from(learner: LearnerId) -> Self {
        Self(learner.0)
    }
}

impl From<TeacherId> for PersonId {
    fn from(teacher: TeacherId) -> Self {
        Self(teacher.0)
    }
}

/// Makes a UUIDv7-like identifier: 48 bits of Unix milliseconds, then random bits.
pub fn time_ordered(now: crate::time::Millis, random: [u8; 10]) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[..6].copy_from_slice(&now.0.to_be_bytes()[2..]);
    bytes[6..].copy_from_slice(&random);
    bytes[6] = (bytes[6] & 0x0f) | 0x70;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    bytes
}

/// An id for something new that a unit owns: eight random bytes, and eight that follow from them and from
/// the unit. So the id itself proves whose the thing is, before and without its declaration.
pub fn id_of_unit(unit: BranchId, random: [u8; 16]) -> [u8; 16] {
    let mut id = random;
    id[8..].copy_from_slice(&proof_of_unit(unit, &random[..8]));
    id
}

/// Whether the id was made for this unit. An id of another unit passes once in 2⁶⁴.
pub fn is_of_unit(id: &[u8; 16], unit: BranchId) -> bool {
    id[8..] == proof_of_unit(unit, &id[..8])
}

fn proof_of_unit(unit: BranchId, nonce: &[u8]) -> [u8; 8] {
    let hash = Sha256::new().chain_update("lianxiao-subject-1").chain_update(unit.0).chain_update(nonce);
    hash.finalize()[..8].try_into().expect("8 of 32 bytes")
}

/// An id for an import that counts only as a whole: its second half follows from its first, so that an event
/// by itself says that it waits for the import's closing.
pub fn id_of_import(random: [u8; 16]) -> ActionId {
    let mut id = random;
    id[8..].copy_from_slice(&proof_of_import(&random[..8]));
    ActionId(id)
}

/// Whether an action is an import that counts only as a whole.
pub fn is_import(action: &ActionId) -> bool {
    action.0[8..] == proof_of_import(&action.0[..8])
}

fn proof_of_import(nonce: &[u8]) -> [u8; 8] {
    let hash = Sha256::new().chain_update("lianxiao-import-1").chain_update(nonce).finalize();
    hash[..8].try_into().expect("8 of 32 bytes")
}

/// Random bytes handed in from outside, stretched by SHA-256 into as many as one action needs.
#[derive(Clone)]
pub struct Entropy {
    seed: [u8; 32],
    counter: u64,
}

impl Entropy {
    /// From 32 bytes of the system's own randomness, used for one action and then thrown away.
    pub fn new(seed: [u8; 32]) -> Self {
        Self { seed, counter: 0 }
    }

    /// The next 16 bytes.
    pub fn next_id(&mut self) -> [u8; 16] {
        self.next_bytes()[..16].try_into().expect("16 of 32 bytes")
    }

    /// The next 32 bytes.
    pub fn next_bytes(&mut self) -> [u8; 32] {
        self.counter += 1;
        Sha256::new().chain_update(self.seed).chain_update(self.counter.to_be_bytes()).finalize().into()
    }

    /// A new event id for this moment.
    pub fn event_id(&mut self, now: crate::time::Millis) -> EventId {
        let random = self.next_bytes()[..10].try_into().expect("10 of 32 bytes");
        EventId(time_ordered(now, random))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_from_json_and_from_messagepack() {
        let id = DeviceId([7; 16]);
        let json = serde_json::to_string(&id).unwrap();
        assert_eq!(serde_json::from_str::<DeviceId>(&json).unwrap(), id);
        let packed = rmp_serde::to_vec(&id).unwrap();
        assert_eq!(packed.len(), 18);
        assert_eq!(rmp_serde::from_slice::<DeviceId>(&packed).unwrap(), id);
    }

    #[test]
    fn an_id_proves_its_unit_and_no_other() {
        let (one, other) = (BranchId([1; 16]), BranchId([2; 16]));
        let id = id_of_unit(one, [7; 16]);
        assert!(is_of_unit(&id, one) && !is_of_unit(&id, other));
        assert!(!is_of_unit(&[7; 16], one), "a random id proves nothing");
    }

    #[test]
    fn a_short_id_is_refused_with_the_length_it_needs() {
        let error = DeviceId::from_hex("0a0b").unwrap_err();
        assert_eq!(error.to_string(), "not a DeviceId: 16 bytes (32 hexadecimal digits) are needed");
    }
}
