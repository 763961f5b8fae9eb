//! Who takes part: keys and certificates, the same in every seed.

use client_core::identity::{self, Certificate, Chain, Role, SecretKey};
use client_core::ids::{BranchId, CityId, DeviceId, PublicKey, UserId};
use client_core::time::Millis;

/// Somebody with a key.
#[derive(Clone)]
pub struct Identity {
    pub key: SecretKey,
    pub chain: Chain,
}

impl Identity {
    pub fn certificate(&self) -> &Certificate {
        self.chain.last().expect("an identity has a certificate")
    }
}

/// The city that hands out certificates.
pub struct Cast {
    pub city_key: SecretKey,
    pub city_public: PublicKey,
    pub city: CityId,
    pub arbiter: Identity,
    pub importer: Identity,
}

pub const USER: UserId = UserId([3; 16]);

impl Cast {
    pub fn new() -> Self {
        let city_key = SecretKey::from_random([42; 32]);
        let city_public = city_key.public();
        let city = identity::city_id(city_public);
        let arbiter = issue(&city_key, city, &[], [41; 32], BranchId::CITY, Role::Arbiter);
        let importer = issue(&city_key, city, &[], [40; 32], BranchId::CITY, Role::Importer);
        Self { city_key, city_public, city, arbiter, importer }
    }

    /// Somebody else, certified by the city.
    pub fn issue(&self, seed: [u8; 32], branch: BranchId, role: Role) -> Identity {
        issue(&self.city_key, self.city, &[], seed, branch, role)
    }

    pub fn branch(n: u8) -> BranchId {
        BranchId([0x10 + n; 16])
    }

    /// The node of a branch, certified by the city.
    pub fn branch_node(&self, n: u8) -> Identity {
        issue(&self.city_key, self.city, &[], [0x10 + n; 32], Self::branch(n), Role::BranchNode)
    }

    /// An office device of a branch, certified by the branch's node or by the city itself.
    pub fn device(&self, n: u8, by_branch: Option<&Identity>, branch: u8) -> Identity {
        let seed = [0x60 + n; 32];
        match by_branch {
            Some(node) => issue(&node.key, self.city, &node.chain, seed, Self::branch(branch), Role::Office),
            None => issue(&self.city_key, self.city, &[], seed, Self::branch(branch), Role::Office),
        }
    }
}

fn issue(
    issuer: &SecretKey,
    city: CityId,
    above: &[Certificate],
    seed: [u8; 32],
    branch: BranchId,
    role: Role,
) -> Identity {
    let key = SecretKey::from_random(seed);
    let device = DeviceId(seed[..16].try_into().expect("16 of 32 bytes"));
    let certificate = Certificate::issue(issuer, city, key.public(), device, branch, role, Millis(0));
    Identity { key, chain: above.iter().cloned().chain([certificate]).collect() }
}
