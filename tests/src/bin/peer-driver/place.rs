//! Keys and certificates of the benchmark's city: both programs make the same ones, nobody enrols.

use client_core::identity::{self, Certificate, Role, SecretKey};
use client_core::ids::{BranchId, DeviceId};
use client_core::node::Writer;
use client_core::time::Millis;
use lianxiao::keys;
use lianxiao::node::{Kind, Node, Setup};
use lianxiao::store::{Store, Synchronous};
use sha2::{Digest, Sha256};
use std::error::Error;
use std::path::Path;
use std::sync::Arc;

fn city_key() -> SecretKey {
    SecretKey::from_random([0x62; 32])
}

/// The branch whose private document bears this name.
pub fn branch(name: &str) -> BranchId {
    let hash: [u8; 32] = Sha256::digest(name).into();
    BranchId(hash[..16].try_into().expect("16 of 32 bytes"))
}

/// Opens the city's node over a folder or, where `database` names one, over a PostgreSQL.
pub async fn city(folder: &Path, database: Option<&str>) -> Result<Arc<Node>, Box<dyn Error>> {
    let arbiter = writer(folder, BranchId::CITY, Role::Arbiter)?;
    let kind = Kind::City(city_key());
    let store = Store::open(database.unwrap_or(&file(folder))).await?;
    open(folder, store, kind, arbiter).await
}

/// Opens a branch's node over a folder.
pub async fn branch_node(
    folder: &Path,
    branch: BranchId,
    synchronous: Synchronous,
) -> Result<Arc<Node>, Box<dyn Error>> {
    let node = writer(folder, branch, Role::BranchNode)?;
    let store = Store::open_with(&file(folder), synchronous).await?;
    open(folder, store, Kind::Branch, node).await
}

fn file(folder: &Path) -> String {
    format!("sqlite://{}", folder.join("lianxiao.db").display())
}

fn writer(folder: &Path, branch: BranchId, role: Role) -> Result<(SecretKey, Certificate), Box<dyn Error>> {
    let key = keys::load_or_create(&folder.join("node.key"))?;
    let hash: [u8; 32] = Sha256::digest(key.public().0).into();
    let device = DeviceId(hash[..16].try_into()?);
    let city = identity::city_id(city_key().public());
    let certificate = Certificate::issue(&city_key(), city, key.public(), device, branch, role, Millis(0));
    Ok((key, certificate))
}

async fn open(
    folder: &Path,
    store: Store,
    kind: Kind,
    (key, certificate): (SecretKey, Certificate),
) -> Result<Arc<Node>, Box<dyn Error>> {
    let setup = Setup {
        kind,
        city_key: city_key().public(),
        writers: vec![(Writer::Node, key, vec![certificate])],
        generation: folder.join("store.generation"),
    };
    Ok(Node::open(setup, store).await?)
}
