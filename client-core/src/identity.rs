//! Keys, certificates and signatures: who may write and read what.
//!
//! A certificate chain runs city → branch node → device, or city → device. The city's own key is the
//! root; every receiver knows it from enrolment.

use crate::event::{DocumentId, Scope};
use crate::ids::{ActorId, BranchId, ChangeHash, CityId, DeviceId, PublicKey, Signature};
use crate::time::Millis;
use ed25519_dalek::{Signer, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

code_enum! {
    /// What a certified key may be used as.
    Role {
        /// The city's arbiter: writes decisions.
        Arbiter = 0 "arbiter",
        /// The city's importer: writes private and shared documents of every branch.
        Importer = 1 "importer",
        /// A branch node: writes for its branch, certifies and relays for its devices.
        BranchNode = 2 "branch_node",
        /// A branch's office device.
        Office = 3 "office",
        /// A city administrator's device: reads shared and decisions.
        CityAdmin = 4 "city_admin",
    }
}

/// A device's or node's secret key.
#[derive(Clone)]
pub struct SecretKey(SigningKey);

impl SecretKey {
    /// A key from 32 random bytes.
    pub fn from_random(bytes: [u8; 32]) -> Self {
        Self(SigningKey::from_bytes(&bytes))
    }

    /// The bytes to keep in a safe place.
    pub fn to_bytes(&self) -> [u8; 32] {
        self.0.to_bytes()
    }

    /// The public half.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key().to_bytes())
    }

    /// Signs a message.
    pub fn sign(&self, message: &[u8]) -> Signature {
        Signature(self.0.sign(message).to_bytes())
    }
}

impl std::fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SecretKey(of {:?})", self.public())
    }
}

/// Whether the signature over the message is the key's.
pub fn verify(key: PublicKey, message: &[u8], signature: &Signature) -> bool {
    VerifyingKey::from_bytes(&key.0).is_ok_and(|key| {
        key.verify_strict(message, &ed25519_dalek::Signature::from_bytes(&signature.0)).is_ok()
    })
}

/// The city's id under its public key.
pub fn city_id(key: PublicKey) -> CityId {
    let hash: [u8; 32] = Sha256::digest(key.0).into();
    CityId(hash[..16].try_into().expect("16 of 32 bytes"))
}

/// The only actor id a device may use for a given nonce, so that nobody can squat on another's.
pub fn actor_id(key: PublicKey, nonce: [u8; 16]) -> ActorId {
    let hash: [u8; 32] = Sha256::new()
        .chain_update("lianxiao-actor-1")
        .chain_update(key.0)
        .chain_update(nonce)
        .finalize()
        .into();
    ActorId(hash[..16].try_into().expect("16 of 32 bytes"))
}

/// A key's rights, signed by its issuer. Roles are fixed; nothing expires yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certificate {
    /// The city it counts in.
    pub city: CityId,
    /// The certified key.
    pub key: PublicKey,
    /// The device that holds it.
    pub device: DeviceId,
    /// The branch it works for; [`BranchId::CITY`] for the city's own.
    pub branch: BranchId,
    /// What it may do.
    pub role: Role,
    /// When it was issued, by the issuer's clock.
    pub issued: Millis,
    /// Whose signature this is.
    pub issuer: PublicKey,
    /// Over all fields above.
    pub signature: Signature,
}

impl Certificate {
    /// Issues a certificate for `key`.
    pub fn issue(
        issuer: &SecretKey,
        city: CityId,
        key: PublicKey,
        device: DeviceId,
        branch: BranchId,
        role: Role,
        issued: Millis,
    ) -> Self {
        let issuer_key = issuer.public();
        let mut certificate = Self {
            city,
            key,
            device,
            branch,
            role,
            issued,
            issuer: issuer_key,
            signature: Signature([0; 64]),
        };
        certificate.signature = issuer.sign(&certificate.signed_bytes());
        certificate
    }

    fn signed_bytes(&self) -> Vec<u8> {
        let mut bytes = b"lianxiao-certificate-1".to_vec();
        bytes.extend_from_slice(&self.city.0);
        bytes.extend_from_slice(&self.key.0);
        bytes.extend_from_slice(&self.device.0);
        bytes.extend_from_slice(&self.branch.0);
        bytes.push(self.role as u8);
        bytes.extend_from_slice(&self.issued.0.to_be_bytes());
        bytes.extend_from_slice(&self.issuer.0);
        bytes
    }

    /// Whether its holder may write in the document.
    pub fn may_write(&self, document: &DocumentId) -> bool {
        if document.person.is_some() {
            return false; // personal documents alone name a person, and no role writes them yet
        }
        match (self.role, document.scope) {
            (Role::Arbiter, Scope::Decisions) => document.branch == BranchId::CITY,
            (Role::Importer, Scope::Private | Scope::Shared) => document.branch != BranchId::CITY,
            (Role::BranchNode | Role::Office, Scope::Private | Scope::Shared) => {
                document.branch == self.branch
            }
            _ => false,
        }
    }

    /// Whether its holder may receive the document.
    pub fn may_read(&self, document: &DocumentId) -> bool {
        match document.scope {
            Scope::Shared | Scope::Decisions => true,
            Scope::Private => {
                matches!(self.role, Role::BranchNode | Role::Office) && document.branch == self.branch
            }
            Scope::Personal => false,
        }
    }
}

impl Certificate {
    /// Whether its holder may receive sealed rows of a branch; nobody gets its own back.
    pub fn may_read_rows_of(&self, branch: BranchId, author: DeviceId) -> bool {
        matches!(self.role, Role::BranchNode | Role::Office) && self.branch == branch && self.device != author
    }
}

/// Why a certificate chain or a signature does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// The chain is empty or longer than three.
    #[error("a certificate chain has one to three certificates")]
    ChainLength,
    /// It was issued in another city.
    #[error("the certificate is of another city")]
    OtherCity,
    /// A signature in the chain does not hold.
    #[error("a signature in the certificate chain does not hold")]
    BadSignature,
    /// An issuer gave a right it does not have.
    #[error("a certificate gives a right that its issuer does not have")]
    NotEntitled,
    /// The bytes are not an introduction in its one encoding.
    #[error("it cannot be read, or is not in canonical encoding")]
    Unreadable,
    /// The actor id does not follow from the device's key.
    #[error("the actor id does not follow from the device's key")]
    WrongActor,
}

/// A chain of certificates, the city's own issue first, the device's last.
pub type Chain = Vec<Certificate>;

/// Checks a chain against the city's key and returns the last certificate.
pub fn verify_chain(city_key: PublicKey, chain: &[Certificate]) -> Result<&Certificate, IdentityError> {
    if chain.is_empty() || chain.len() > 3 {
        return Err(IdentityError::ChainLength);
    }
    let city = city_id(city_key);
    let mut issuer: Option<&Certificate> = None;
    for certificate in chain {
        if certificate.city != city {
            return Err(IdentityError::OtherCity);
        }
        let expected = issuer.map_or(city_key, |issuer| issuer.key);
        if certificate.issuer != expected
            || !verify(expected, &certificate.signed_bytes(), &certificate.signature)
        {
            return Err(IdentityError::BadSignature);
        }
        if let Some(issuer) = issuer {
            let entitled = issuer.role == Role::BranchNode
                && certificate.branch == issuer.branch
                && certificate.role == Role::Office;
            if !entitled {
                return Err(IdentityError::NotEntitled);
            }
        }
        issuer = Some(certificate);
    }
    issuer.ok_or(IdentityError::ChainLength)
}

/// What travels ahead of an actor's first chunk: the nonce its id is made with, and its chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Introduction {
    /// The 16 random bytes of the actor id.
    #[serde(with = "serde_bytes")]
    pub nonce: [u8; 16],
    /// The device's certificate chain.
    pub chain: Chain,
}

impl Introduction {
    /// The bytes to store and send.
    pub fn encode(&self) -> Vec<u8> {
        rmp_serde::to_vec(self).expect("an introduction always encodes")
    }

    /// Reads what [`Introduction::encode`] wrote, and no other bytes: they are kept and sent on as they came.
    pub fn decode(bytes: &[u8]) -> Result<Self, IdentityError> {
        let read = rmp_serde::from_slice::<Self>(bytes).ok();
        read.filter(|read| read.encode() == bytes).ok_or(IdentityError::Unreadable)
    }

    /// Checks that the actor is this device's own and returns its certificate.
    pub fn verify(&self, city_key: PublicKey, actor: ActorId) -> Result<&Certificate, IdentityError> {
        let certificate = verify_chain(city_key, &self.chain)?;
        if actor_id(certificate.key, self.nonce) != actor {
            return Err(IdentityError::WrongActor);
        }
        Ok(certificate)
    }
}

/// The message an author signs to attest its line up to a change.
pub fn attestation(
    city: CityId,
    document: &DocumentId,
    actor: ActorId,
    seq: u64,
    hash: ChangeHash,
) -> Vec<u8> {
    let mut bytes = b"lianxiao-attest-1".to_vec();
    bytes.extend_from_slice(&document.to_bytes(city));
    bytes.extend_from_slice(&actor.0);
    bytes.extend_from_slice(&seq.to_be_bytes());
    bytes.extend_from_slice(&hash.0);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::{Day, Quarter};

    fn key(n: u8) -> SecretKey {
        SecretKey::from_random([n; 32])
    }

    fn chain(role: Role, branch: BranchId) -> (PublicKey, Chain) {
        let city = key(1);
        let id = city_id(city.public());
        let node_branch = BranchId([5; 16]);
        let node = Certificate::issue(
            &city,
            id,
            key(2).public(),
            DeviceId([2; 16]),
            node_branch,
            Role::BranchNode,
            Millis(0),
        );
        let device =
            Certificate::issue(&key(2), id, key(3).public(), DeviceId([3; 16]), branch, role, Millis(0));
        (city.public(), vec![node, device])
    }

    #[test]
    fn a_branch_node_certifies_office_devices_of_its_own_branch_only() {
        let (city, good) = chain(Role::Office, BranchId([5; 16]));
        assert_eq!(verify_chain(city, &good).unwrap().device, DeviceId([3; 16]));
        let (city, other_branch) = chain(Role::Office, BranchId([6; 16]));
        assert_eq!(verify_chain(city, &other_branch), Err(IdentityError::NotEntitled));
        let (city, arbiter) = chain(Role::Arbiter, BranchId([5; 16]));
        assert_eq!(verify_chain(city, &arbiter), Err(IdentityError::NotEntitled));
    }

    #[test]
    fn a_changed_certificate_or_a_squatted_actor_is_found() {
        let (city, mut chain) = chain(Role::Office, BranchId([5; 16]));
        let introduction = Introduction { nonce: [1; 16], chain: chain.clone() };
        let own = actor_id(key(3).public(), [1; 16]);
        assert!(introduction.verify(city, own).is_ok());
        assert_eq!(introduction.verify(city, ActorId([0; 16])), Err(IdentityError::WrongActor));
        let mut longer = introduction.encode();
        assert_eq!(Introduction::decode(&longer).unwrap(), introduction);
        longer.push(0);
        assert_eq!(Introduction::decode(&longer), Err(IdentityError::Unreadable));
        chain[1].device = DeviceId([9; 16]);
        assert_eq!(verify_chain(city, &chain), Err(IdentityError::BadSignature));
    }

    #[test]
    fn only_the_arbiter_writes_decisions_and_only_the_branch_reads_its_private_documents() {
        let quarter = Quarter::of(Day(20_000));
        let branch = BranchId([5; 16]);
        let (_, chain) = chain(Role::Office, branch);
        let office = &chain[1];
        assert!(!office.may_write(&DocumentId::new(Scope::Decisions, BranchId::CITY, quarter)));
        assert!(office.may_write(&DocumentId::new(Scope::Private, branch, quarter)));
        let of_a_person = DocumentId {
            person: Some(crate::ids::PersonId([1; 16])),
            ..DocumentId::new(Scope::Private, branch, quarter)
        };
        assert!(!office.may_write(&of_a_person), "a branch has one private document a quarter");
        assert!(office.may_read(&DocumentId::new(Scope::Shared, BranchId([8; 16]), quarter)));
        assert!(!office.may_read(&DocumentId::new(Scope::Private, BranchId([8; 16]), quarter)));
    }
}
