//! Starting a node: data folder, keys, certificates, store.

use crate::app::App;
use crate::keys;
use crate::node::{EnrolAnswer, EnrolRequest, Kind, Node, Setup};
use crate::store::{Store, Synchronous};
use crate::sync::now;
use client_core::identity::{self, Certificate, Chain, Role, SecretKey};
use client_core::ids::{BranchId, CityId, DeviceId, PublicKey};
use client_core::node::Writer;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Why a node cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A file could not be read or written.
    #[error("{path}: {error}", path = path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What went wrong.
        error: std::io::Error,
    },
    /// The node could not be opened.
    #[error(transparent)]
    Node(#[from] crate::node::NodeError),
    /// The store could not be opened.
    #[error(transparent)]
    Store(#[from] crate::store::StoreError),
    /// This folder belongs to another kind of node, or was never enrolled.
    #[error("{0}")]
    Wrong(String),
}

/// A data folder: keys, token, and by default the store.
#[derive(Clone, Debug)]
pub struct DataFolder(pub PathBuf);

impl DataFolder {
    /// Makes the folder if it is missing; nobody else reads what is in it.
    pub fn open(path: &Path) -> Result<Self, StartError> {
        let mut folder = std::fs::DirBuilder::new();
        folder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut folder, 0o700);
        folder.create(path).map_err(|error| StartError::File { path: path.into(), error })?;
        Ok(Self(path.into()))
    }

    fn key(&self, name: &str) -> Result<SecretKey, StartError> {
        let path = self.0.join(name);
        keys::load_or_create(&path).map_err(|error| StartError::File { path, error })
    }

    /// The token that opens the API of the node in this folder.
    pub fn token(&self) -> Result<String, StartError> {
        let path = self.0.join("api.token");
        keys::load_or_create_token(&path).map_err(|error| StartError::File { path, error })
    }

    /// The default store in this folder.
    pub fn database_url(&self) -> String {
        format!("sqlite://{}", self.0.join("lianxiao.db").display())
    }

    /// Where parts of segments wait until they are whole.
    pub fn segments(&self) -> PathBuf {
        self.0.join("segments")
    }

    fn generation(&self) -> PathBuf {
        self.0.join("store.generation")
    }

    /// Leaves the node's address for the commands that look for it here.
    pub fn write_address(&self, address: std::net::SocketAddr) -> Result<(), StartError> {
        let path = self.0.join("node.address");
        keys::write_private(&path, address.to_string().as_bytes())
            .map_err(|error| StartError::File { path, error })
    }

    /// The address of the node that was last started here.
    pub fn read_address(&self) -> Result<String, StartError> {
        let path = self.0.join("node.address");
        std::fs::read_to_string(&path).map_err(|error| StartError::File { path, error })
    }
}

/// Opens the city node of a folder; the first start makes the city's key.
pub async fn open_city(folder: &DataFolder, database: Option<&str>) -> Result<App, StartError> {
    if folder.0.join("enrolment.json").exists() {
        return Err(StartError::Wrong(format!("{} belongs to a branch node", folder.0.display())));
    }
    let city_key = folder.key("city.key")?;
    let city = identity::city_id(city_key.public());
    let url = database.map_or_else(|| folder.database_url(), str::to_owned);
    let store = Store::open(&url).await?;
    let writers = vec![
        (Writer::Node, city_writer(folder, &city_key, city, "arbiter", Role::Arbiter)?),
        (Writer::Importer, city_writer(folder, &city_key, city, "importer", Role::Importer)?),
    ];
    let writers = writers.into_iter().map(|(writer, (key, chain))| (writer, key, chain)).collect();
    let setup = Setup {
        city_key: city_key.public(),
        kind: Kind::City(city_key),
        writers,
        generation: folder.generation(),
    };
    let node = Node::open(setup, store).await?;
    Ok(App::new(node, &folder.token()?))
}

/// A device of the city itself: its certificate is made once and kept beside its key.
fn city_writer(
    folder: &DataFolder,
    city_key: &SecretKey,
    city: CityId,
    name: &str,
    role: Role,
) -> Result<(SecretKey, Chain), StartError> {
    let key = folder.key(&format!("{name}.key"))?;
    let path = folder.0.join(format!("{name}.certificate"));
    if let Some(chain) = read_json::<Chain>(&path)? {
        return Ok((key, chain));
    }
    let device = DeviceId(keys::random_id());
    let chain = vec![Certificate::issue(city_key, city, key.public(), device, BranchId::CITY, role, now())];
    write_json(&path, &chain)?;
    Ok((key, chain))
}

/// What a branch node keeps of its enrolment.
#[derive(Serialize, Deserialize)]
struct BranchEnrolment {
    upstream: String,
    city_key: PublicKey,
    chain: Chain,
    branch_name: String,
}

/// Opens the branch node of a folder; with a code it enrols first. Returns the upstream's address too.
pub async fn open_branch(
    folder: &DataFolder,
    upstream: Option<&str>,
    code: Option<&str>,
    synchronous: Synchronous,
) -> Result<(App, String), StartError> {
    if folder.0.join("city.key").exists() {
        return Err(StartError::Wrong(format!("{} belongs to the city node", folder.0.display())));
    }
    let key = folder.key("node.key")?;
    let path = folder.0.join("enrolment.json");
    let mut enrolment = match (read_json::<BranchEnrolment>(&path)?, upstream, code) {
        (Some(enrolment), _, _) => enrolment,
        (None, Some(upstream), Some(code)) => {
            let answer = enrol(upstream, code, key.public()).await?;
            let enrolment = BranchEnrolment {
                upstream: upstream.to_owned(),
                city_key: answer.city_key,
                chain: answer.chain,
                branch_name: answer.branch_name,
            };
            write_json(&path, &enrolment)?;
            enrolment
        }
        _ => {
            let what = "this branch node is not enrolled yet: start it with --upstream ADDRESS --code CODE (the city makes the code: lianxiao code --branch NAME)";
            return Err(StartError::Wrong(what.into()));
        }
    };
    if let Some(upstream) = upstream
        && upstream != enrolment.upstream
    {
        enrolment.upstream = upstream.to_owned();
        write_json(&path, &enrolment)?;
    }
    let store = Store::open_with(&folder.database_url(), synchronous).await?;
    let setup = Setup {
        kind: Kind::Branch,
        city_key: enrolment.city_key,
        writers: vec![(Writer::Node, key, enrolment.chain)],
        generation: folder.generation(),
    };
    let node = Node::open(setup, store).await?;
    Ok((App::new(node, &folder.token()?), enrolment.upstream))
}

async fn enrol(upstream: &str, code: &str, key: PublicKey) -> Result<EnrolAnswer, StartError> {
    let wrong = |what: String| StartError::Wrong(format!("enrolling at {upstream} failed: {what}"));
    let url = format!("{}/enrol", upstream.trim_end_matches('/'));
    let request = EnrolRequest { code: code.to_owned(), key };
    let response = reqwest::Client::new().post(url).json(&request).send().await;
    let response = response.map_err(|error| wrong(error.to_string()))?;
    if !response.status().is_success() {
        let problem: serde_json::Value = response.json().await.unwrap_or_default();
        return Err(wrong(problem["detail"].as_str().unwrap_or("no reason was given").to_owned()));
    }
    let answer: EnrolAnswer = response.json().await.map_err(|error| wrong(error.to_string()))?;
    let certificate =
        identity::verify_chain(answer.city_key, &answer.chain).map_err(|error| wrong(error.to_string()))?;
    if certificate.key != key || certificate.role != Role::BranchNode {
        return Err(wrong("the code is not for a branch node".into()));
    }
    Ok(answer)
}

fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> Result<Option<T>, StartError> {
    match std::fs::read(path) {
        Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(|error| {
            StartError::Wrong(format!("{} is damaged ({error}): restore it from its copy", path.display()))
        }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(StartError::File { path: path.into(), error }),
    }
}

fn write_json(path: &Path, value: &impl Serialize) -> Result<(), StartError> {
    let bytes = serde_json::to_vec_pretty(value).expect("enrolments always encode");
    keys::write_private(path, &bytes).map_err(|error| StartError::File { path: path.into(), error })
}
