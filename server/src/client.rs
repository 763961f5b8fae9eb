//! A client of a running node's API, for the command line and the demo.

use crate::config::{DataFolder, StartError};
use crate::import::Office;
use crate::node::ImportOutcome;
use futures_util::StreamExt;
use serde_json::{Value, json};
use std::path::Path;

/// Where a node is and the token that opens its API.
#[derive(Clone, Debug)]
pub struct Client {
    address: String,
    token: String,
    http: reqwest::Client,
}

/// What the node, or the way to it, said.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The data folder does not tell where a node runs.
    #[error("{0}; is the node running? Name its data folder with --data")]
    Folder(#[from] StartError),
    /// The node did not answer.
    #[error("the node at {address} does not answer: {error}")]
    Unreachable {
        /// Where.
        address: String,
        /// What went wrong.
        error: reqwest::Error,
    },
    /// The node answered no.
    #[error("{code}: {detail}")]
    Refused {
        /// A stable word.
        code: String,
        /// What, where, and what to do.
        detail: String,
    },
}

impl Client {
    /// The node that runs over a data folder.
    pub fn of_folder(data: &Path) -> Result<Self, ClientError> {
        let folder = DataFolder(data.to_owned());
        let address = folder.read_address()?;
        Ok(Self {
            address: format!("http://{}", address.trim()),
            token: folder.token()?,
            http: reqwest::Client::new(),
        })
    }

    /// Where the node is.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// `GET` of an endpoint.
    pub async fn get(&self, path: &str) -> Result<Value, ClientError> {
        self.send(self.http.get(format!("{}{path}", self.address))).await
    }

    /// `POST` of JSON to an endpoint.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Value, ClientError> {
        self.send(self.http.post(format!("{}{path}", self.address)).json(body)).await
    }

    /// A one-time code for a device.
    pub async fn code(&self, branch: Option<&str>, role: &str, label: &str) -> Result<String, ClientError> {
        let answer =
            self.post("/api/codes", &json!({ "branch": branch, "role": role, "label": label })).await?;
        Ok(answer["code"].as_str().unwrap_or_default().to_owned())
    }

    /// Applies office records; `progress` hears file, actions done, actions in all.
    pub async fn import(
        &self,
        office: &Office,
        mut progress: impl FnMut(&str, u64, u64),
    ) -> Result<ImportOutcome, ClientError> {
        let body = rmp_serde::to_vec(office).expect("records always encode");
        let request =
            self.http.post(format!("{}/api/import", self.address)).bearer_auth(&self.token).body(body);
        let response = request.send().await.map_err(|error| self.unreachable(error))?;
        if !response.status().is_success() {
            return Err(refusal(&response.json().await.unwrap_or_default()));
        }
        let mut stream = response.bytes_stream();
        let mut buffer = Vec::new();
        while let Some(part) = stream.next().await {
            buffer.extend_from_slice(&part.map_err(|error| self.unreachable(error))?);
            while let Some(end) = buffer.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = buffer.drain(..=end).collect();
                let line: Value = serde_json::from_slice(&line).unwrap_or_default();
                if let Some(done) = line.get("done") {
                    return Ok(serde_json::from_value(done.clone()).unwrap_or_default());
                }
                if let Some(reason) = line["failed"].as_str() {
                    let code = "import_stopped".to_owned();
                    return Err(ClientError::Refused { code, detail: reason.to_owned() });
                }
                let number = |key: &str| line[key].as_u64().unwrap_or_default();
                progress(
                    line["file"].as_str().unwrap_or_default(),
                    number("done_actions"),
                    number("actions"),
                );
            }
        }
        let detail =
            "the node stopped before the import was done; run it again, nothing is added twice".to_owned();
        Err(ClientError::Refused { code: "import_stopped".into(), detail })
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Result<Value, ClientError> {
        let response =
            request.bearer_auth(&self.token).send().await.map_err(|error| self.unreachable(error))?;
        let ok = response.status().is_success();
        let body: Value = response.json().await.map_err(|error| self.unreachable(error))?;
        if ok { Ok(body) } else { Err(refusal(&body)) }
    }

    fn unreachable(&self, error: reqwest::Error) -> ClientError {
        ClientError::Unreachable { address: self.address.clone(), error }
    }
}

fn refusal(body: &Value) -> ClientError {
    let text = |key: &str| body[key].as_str().unwrap_or("no reason was given").to_owned();
    ClientError::Refused { code: text("title"), detail: text("detail") }
}
