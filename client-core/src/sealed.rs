//! Sealed rows: names, phones and free text about a person, kept outside every log.
//!
//! The content is not encrypted yet; the shape already is that of a ciphertext under a person's key.

use crate::identity::{self, Chain, Role, SecretKey};
use crate::ids::{BranchId, ChangeHash, CityId, DeviceId, PersonId, PublicKey, Signature};
use crate::time::Stamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// The longest name of a field.
const MOST_FIELD_BYTES: usize = 64;

/// The most one row seals.
pub const MOST_CONTENT_BYTES: usize = 64 * 1024;

/// Chains of one batch that are looked at.
const MOST_AUTHORS: usize = 1_000;

/// Keys under one device's id that are looked at.
const MOST_KEYS: usize = 4;

/// No clock gives a greater stamp before 2300: one that did would win for ever.
const LAST_STAMP: Stamp = Stamp(10_413_792_000_000 << 16);

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
            && self.stamp <= LAST_STAMP
    }

    /// Whether it is well formed and a certified author of this branch, or the city's importer, signed it.
    pub fn holds(&self, city: CityId, author: &identity::Certificate) -> bool {
        let entitled = author.branch == self.branch || author.role == Role::Importer;
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
    /// The rows that a certified author signed and that are kept here, with the chains of those authors.
    pub fn verified(
        self,
        city: CityId,
        city_key: PublicKey,
        is_kept: impl Fn(BranchId) -> bool,
    ) -> (Vec<SealedRow>, Vec<Chain>) {
        // Two keys may be certified under one device's id: either may have signed. What is made up costs no
        // more than a check each, and never a check of every row against every chain.
        let mut authors: BTreeMap<DeviceId, BTreeMap<PublicKey, &Chain>> = BTreeMap::new();
        for chain in self.authors.iter().take(MOST_AUTHORS) {
            let Some(last) = chain.last() else { continue };
            let keys = authors.entry(last.device).or_default();
            if keys.len() < MOST_KEYS && identity::verify_chain(city_key, chain).is_ok() {
                keys.entry(last.key).or_insert(chain);
            }
        }
        let (mut rows, mut signers) = (Vec::new(), BTreeMap::new());
        for row in self.rows.into_iter().filter(|row| is_kept(row.branch)) {
            let mut chains = authors.get(&row.author).into_iter().flat_map(BTreeMap::values);
            let holds = |chain: &&&Chain| chain.last().is_some_and(|author| row.holds(city, author));
            if let Some(chain) = chains.find(holds) {
                signers.insert(chain.last().map(|author| author.key), (*chain).clone());
                rows.push(row);
            }
        }
        (rows, signers.into_values().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::given::{Given, branch};

    #[test]
    fn a_row_of_another_shape_than_this_program_writes_is_refused_though_it_is_signed() {
        let given = Given::nothing();
        let (key, certificate) = given.certificate(branch(1));
        let holds = |field: &str, stamp: u64, content: usize| {
            let (author, city) = (certificate.device, certificate.city);
            let place = (branch(1), PersonId([7; 16]));
            let row = SealedRow::write(city, &key, author, place, field, Stamp(stamp), vec![0; content]);
            row.holds(city, &certificate)
        };
        assert!(holds("name", 1, MOST_CONTENT_BYTES));
        assert!(!holds("name", 1 << 63, 1) && !holds("name", LAST_STAMP.0 + 1, 1));
        assert!(!holds("na\0me", 1, 1));
        assert!(!holds(&"n".repeat(MOST_FIELD_BYTES + 1), 1, 1) && !holds("name", 1, MOST_CONTENT_BYTES + 1));
    }

    #[test]
    fn only_chains_that_hold_and_signed_a_row_come_out_of_a_batch() {
        let given = Given::nothing();
        let (key, certificate) = given.certificate(branch(1));
        let (city, place) = (certificate.city, (branch(1), PersonId([7; 16])));
        let row =
            |stamp| SealedRow::write(city, &key, certificate.device, place, "name", Stamp(stamp), vec![1]);
        // The same device and key, signed by nobody.
        let made_up = identity::Certificate { signature: Signature([0; 64]), ..certificate.clone() };
        let silent = given.certificate(branch(2)).1;
        let chains = [vec![made_up], vec![silent], vec![certificate.clone()], vec![certificate.clone()]];
        let batch = SealedBatch { rows: vec![row(1), row(2)], authors: chains.to_vec(), upto: 2 };
        let city_key = given.city_key.public();
        let (rows, authors) = batch.clone().verified(city, city_key, |_| true);
        assert_eq!((rows.len(), authors), (2, vec![vec![certificate]]));
        let (rows, authors) = batch.verified(city, city_key, |branch| branch != place.0);
        assert!(rows.is_empty() && authors.is_empty());
    }
}
