//! Sealed rows: names, phones and free text about a person, kept outside every log.
//!
//! The content is not encrypted yet; the shape already is that of a ciphertext under a person's key.

use crate::identity::{self, Chain, SecretKey};
use crate::ids::{BranchId, ChangeHash, CityId, DeviceId, PersonId, Signature};
use crate::time::Stamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The longest name of a field.
const MOST_FIELD_BYTES: usize = 64;

/// The most one row seals.
pub const MOST_CONTENT_BYTES: usize = 64 * 1024;

/// One sealed field of one person.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedRow {
    /// The branch that holds it.
    pub branch: BranchId,
    /// The person it is about.
    pub person: PersonId,
    /// Which field, e.g. `name`.
    pub field: String,
    /// Orders rows of one field: the larger counts, then the smaller content hash.
    pub stamp: Stamp,
    /// The device that wrote it.
    pub author: DeviceId,
    /// What is sealed.
    #[serde(with = "serde_bytes")]
    pub content: Vec<u8>,
    /// The author's signature over all of it.
    pub signature: Signature,
}

/// Shows where a row belongs, never what it holds.
impl std::fmt::Debug for SealedRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SealedRow({} of {:?}, {} bytes)", self.field, self.person, self.content.len())
    }
}

impl SealedRow {
    /// Signs a row as its author.
    pub fn write(
        city: CityId,
        key: &SecretKey,
        author: DeviceId,
        (branch, person): (BranchId, PersonId),
        field: &str,
        stamp: Stamp,
        content: Vec<u8>,
    ) -> Self {
        let mut row = Self {
            branch,
            person,
            field: field.to_owned(),
            stamp,
            author,
            content,
            signature: Signature([0; 64]),
        };
        row.signature = key.sign(&row.signed_bytes(city));
        row
    }

    /// Whether it is of the shape that others take: a short name of a field, no more than
    /// [`MOST_CONTENT_BYTES`], a stamp that a store can hold.
    pub fn is_well_formed(&self) -> bool {
        self.field.len() <= MOST_FIELD_BYTES
            && !self.field.chars().any(char::is_control)
            && self.content.len() <= MOST_CONTENT_BYTES
            && self.stamp <= Stamp(i64::MAX as u64)
    }

    /// Whether it is well formed and a certified author of this branch signed it.
    pub fn holds(&self, city: CityId, author: &identity::Certificate) -> bool {
        let entitled = author.branch == self.branch || author.branch == BranchId::CITY;
        self.is_well_formed()
            && entitled
            && author.device == self.author
            && identity::verify(author.key, &self.signed_bytes(city), &self.signature)
    }

    /// SHA-256 of the content; settles ties and names the row in the event that announces it.
    pub fn content_hash(&self) -> ChangeHash {
        ChangeHash(Sha256::digest(&self.content).into())
    }

    fn signed_bytes(&self, city: CityId) -> Vec<u8> {
        let mut bytes = b"lianxiao-sealed-1".to_vec();
        bytes.extend_from_slice(&city.0);
        bytes.extend_from_slice(&self.branch.0);
        bytes.extend_from_slice(&self.person.0);
        bytes.extend_from_slice(&(self.field.len() as u32).to_be_bytes());
        bytes.extend_from_slice(self.field.as_bytes());
        bytes.extend_from_slice(&self.stamp.0.to_be_bytes());
        bytes.extend_from_slice(&self.author.0);
        bytes.extend_from_slice(&self.content_hash().0);
        bytes
    }
}

/// Sealed rows on the wire, with the chains of their authors.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedBatch {
    /// The rows.
    pub rows: Vec<SealedRow>,
    /// A chain for every author among them.
    pub authors: Vec<Chain>,
    /// The sender's commit offset up to which this batch reaches.
    pub upto: u64,
}

impl SealedBatch {
    /// The rows that a certified author signed; the number of others is returned beside them.
    pub fn verified(self, city: CityId, city_key: crate::ids::PublicKey) -> (Vec<SealedRow>, usize) {
        let authors: std::collections::BTreeMap<_, _> = self
            .authors
            .iter()
            .filter_map(|chain| identity::verify_chain(city_key, chain).ok())
            .map(|certificate| (certificate.device, certificate))
            .collect();
        let all = self.rows.len();
        let good: Vec<_> = self
            .rows
            .into_iter()
            .filter(|row| authors.get(&row.author).is_some_and(|author| row.holds(city, author)))
            .collect();
        let refused = all - good.len();
        (good, refused)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::given::{Given, TEACHER, branch};

    #[test]
    fn a_row_of_another_shape_than_this_program_writes_is_refused_though_it_is_signed() {
        let given = Given::nothing();
        let (key, certificate) = given.certificate(branch(1));
        let holds = |field: &str, stamp: u64, content: usize| {
            let (author, city) = (certificate.device, certificate.city);
            let place = (branch(1), TEACHER);
            let row = SealedRow::write(city, &key, author, place, field, Stamp(stamp), vec![0; content]);
            row.holds(city, &certificate)
        };
        assert!(holds("name", 1, MOST_CONTENT_BYTES));
        assert!(!holds("name", 1 << 63, 1) && !holds("na\0me", 1, 1));
        assert!(!holds(&"n".repeat(MOST_FIELD_BYTES + 1), 1, 1) && !holds("name", 1, MOST_CONTENT_BYTES + 1));
    }
}
