//! Starting from segments: what is sealed at the upstream and lacks here whole is fetched as files,
//! resumed where a download broke off, checked, and let in through the door. The session that follows
//! brings the rest.

use crate::auth::proof::{self, LIST, purpose_of};
use crate::node::{ListedSegment, Node, NodeError, SegmentList};
use client_core::ids::SegmentId;
use client_core::log::{SegmentError, SegmentReader, SegmentRun};
use futures_util::StreamExt;
use reqwest::header::{AUTHORIZATION, CONTENT_RANGE, IF_RANGE, RANGE, WWW_AUTHENTICATE};
use reqwest::{RequestBuilder, Response, StatusCode};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::fs::{self, File, OpenOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Nothing heard for so long ends a download; the next one goes on where it stood.
const SILENCE: Duration = Duration::from_secs(30);
/// The file is read in pieces of this size.
const PIECE_BYTES: usize = 64 * 1024;
/// No file is larger: a segment is 4 MiB of changes with what stands around each.
const MOST_BYTES: u64 = 64 * 1024 * 1024;
/// No list is.
const MOST_LIST_BYTES: u64 = 256 * 1024 * 1024;
/// Of an answer that is none so much is read.
const MOST_ANSWER: u64 = 4 * 1024;
/// Runs are made durable together, about so many bytes of them.
const BATCH_BYTES: usize = 512 * 1024;

/// Why a segment could not be had; nothing that is held is touched by it.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The line broke.
    #[error("the line to {upstream} broke: {error}")]
    Line {
        /// Where.
        upstream: String,
        /// How.
        error: reqwest::Error,
    },
    /// The upstream cannot give it now.
    #[error("{upstream} cannot give {what} now: {answer}")]
    NotNow {
        /// Where.
        upstream: String,
        /// What was asked for.
        what: String,
        /// What it said.
        answer: String,
    },
    /// The upstream answers no, or something else.
    #[error("{upstream} does not give {what}: {answer}")]
    Refused {
        /// Where.
        upstream: String,
        /// What was asked for.
        what: String,
        /// What it said.
        answer: String,
    },
    /// The bytes are not those of the address.
    #[error(
        "segment {hash} from {upstream} is damaged: its {bytes} bytes have the hash {found}; they were thrown away, and what they should hold comes over the line instead"
    )]
    WrongBytes {
        /// The address.
        hash: SegmentId,
        /// The hash of what came.
        found: SegmentId,
        /// How much came.
        bytes: u64,
        /// Where from.
        upstream: String,
    },
    /// The bytes are those of the address, and no segment.
    #[error("segment {hash} from {upstream} cannot be read: {error}")]
    Unreadable {
        /// The address.
        hash: SegmentId,
        /// What is wrong.
        error: SegmentError,
        /// Where from.
        upstream: String,
    },
    /// A file here could not be written or read.
    #[error("{path}: {error}", path = path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What went wrong.
        error: std::io::Error,
    },
    /// The node could not store it.
    #[error(transparent)]
    Node(#[from] NodeError),
}

impl FetchError {
    /// Whether this one file is at fault, and others may be good.
    fn is_of_the_file(&self) -> bool {
        matches!(self, Self::Refused { .. } | Self::WrongBytes { .. } | Self::Unreadable { .. })
    }
}

/// What starting from segments brought.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fetched {
    /// Files that were let in.
    pub segments: usize,
    /// Bytes that came over the line for them.
    pub bytes: u64,
    /// Runs that were new.
    pub runs: usize,
}

/// Fetches segments from one upstream; keeps what came of unfinished ones in a folder.
pub struct Fetcher {
    node: Arc<Node>,
    upstream: String,
    folder: PathBuf,
    http: reqwest::Client,
    nonce: Option<[u8; 32]>,
    left_out: BTreeMap<SegmentId, String>,
    fetched: Fetched,
    has_gained: bool,
}

impl Fetcher {
    /// For `upstream` (`http://host:port`); parts wait in `folder`.
    pub fn new(node: Arc<Node>, upstream: &str, folder: PathBuf) -> Self {
        let http = reqwest::Client::builder().connect_timeout(SILENCE).read_timeout(SILENCE).build();
        let http = http.expect("a client without special wishes can be made");
        let upstream = upstream.trim_end_matches('/').to_owned();
        Self {
            node,
            upstream,
            folder,
            http,
            nonce: None,
            left_out: BTreeMap::new(),
            fetched: Fetched::default(),
            has_gained: false,
        }
    }

    /// What came so far.
    pub fn fetched(&self) -> Fetched {
        self.fetched
    }

    /// Whether a file here grew since this was asked last.
    pub fn take_gained(&mut self) -> bool {
        std::mem::take(&mut self.has_gained)
    }

    /// Segments that are not fetched again by this process, and why.
    pub fn left_out(&self) -> &BTreeMap<SegmentId, String> {
        &self.left_out
    }

    /// Before the node has a place in the upstream's feed: lets in every segment of which nothing is
    /// held here, and goes on with those that were begun. Damaged ones are reported and left to the
    /// session; a broken line ends it, to be called again.
    pub async fn run(&mut self) -> Result<(), FetchError> {
        self.has_gained = false;
        let (mut begun, mut not_now) = (self.begun().await?, None);
        if begun.is_empty() && self.node.follows_upstream().await? {
            return Ok(());
        }
        for listed in self.list().await?.segments {
            let part = begun.remove(&listed.hash);
            let wanted = self.node.wants_segment(&listed, part.is_some()).await?;
            let path = self.folder.join(format!("{}.part", listed.hash));
            if wanted && !self.left_out.contains_key(&listed.hash) {
                match self.take(&listed, &path).await {
                    Ok(()) => {}
                    Err(error) if error.is_of_the_file() => {
                        tracing::warn!(%error, document = %listed.document, "segment left out");
                        self.left_out.insert(listed.hash, error.to_string());
                    }
                    Err(error @ FetchError::NotNow { .. }) => {
                        not_now = Some(error);
                        continue;
                    }
                    Err(error) => return Err(error),
                }
            }
            remove(&path).await?;
        }
        // What nobody lists any more is of no use.
        for path in begun.into_values() {
            remove(&path).await?;
        }
        not_now.map_or(Ok(()), Err)
    }

    async fn take(&mut self, listed: &ListedSegment, path: &Path) -> Result<(), FetchError> {
        if listed.bytes > MOST_BYTES {
            let answer = format!("{} bytes; the most is {MOST_BYTES}", listed.bytes);
            return Err(self.refused(&format!("segment {}", listed.hash), answer));
        }
        let went_on = self.download(listed, path).await?;
        match self.check(listed, path).await {
            // What was here may have been spoiled by a power cut.
            Err(FetchError::WrongBytes { .. }) if went_on => {
                remove(path).await?;
                self.download(listed, path).await?;
                self.check(listed, path).await?;
            }
            checked => checked?,
        }
        self.fetched.runs += self.let_in(listed, path).await?;
        self.fetched.segments += 1;
        tracing::info!(document = %listed.document, hash = %listed.hash, bytes = listed.bytes, "segment taken in");
        Ok(())
    }

    async fn list(&mut self) -> Result<SegmentList, FetchError> {
        let what = "the list of segments";
        let response = self.ask("segments", LIST, |request| request).await?;
        if !response.status().is_success() {
            return Err(self.answered(what, response).await);
        }
        let list = self.read(response, MOST_LIST_BYTES).await?;
        let list: SegmentList =
            serde_json::from_slice(&list).map_err(|error| self.refused(what, error.to_string()))?;
        if list.city != self.node.city() {
            return Err(self.refused(what, "it is of another city".into()));
        }
        Ok(list)
    }

    /// Parts of files that came before.
    async fn begun(&self) -> Result<BTreeMap<SegmentId, PathBuf>, FetchError> {
        let failed = at(&self.folder);
        fs::create_dir_all(&self.folder).await.map_err(&failed)?;
        let mut entries = fs::read_dir(&self.folder).await.map_err(&failed)?;
        let mut begun = BTreeMap::new();
        while let Some(entry) = entries.next_entry().await.map_err(&failed)? {
            let hash = entry.path().file_stem().and_then(|stem| stem.to_str()?.parse().ok());
            begun.extend(hash.map(|hash: SegmentId| (hash, entry.path())));
        }
        Ok(begun)
    }

    /// Brings the file to its full length, from the byte where it stands; says whether any stood there.
    async fn download(&mut self, listed: &ListedSegment, path: &Path) -> Result<bool, FetchError> {
        let failed = at(path);
        let began_at = fs::metadata(path).await.map_or(0, |file| file.len());
        let mut have = began_at;
        if have >= listed.bytes {
            return Ok(true);
        }
        let hash = listed.hash;
        let response = self
            .ask(&format!("segments/{hash}"), &purpose_of(hash), |request| match have {
                0 => request,
                _ => request.header(RANGE, format!("bytes={have}-")).header(IF_RANGE, format!("\"{hash}\"")),
            })
            .await?;
        let what = format!("segment {hash}");
        if !response.status().is_success() {
            return Err(self.answered(&what, response).await);
        }
        let file = OpenOptions::new().create(true).append(true).open(path).await;
        let mut file = file.map_err(&failed)?;
        match response.status() {
            StatusCode::PARTIAL_CONTENT => {
                let range = response.headers().get(CONTENT_RANGE).and_then(|range| range.to_str().ok());
                let goes_on = range.is_some_and(|range| range.starts_with(&format!("bytes {have}-")));
                if !goes_on {
                    return Err(self.refused(&what, format!("it sent {range:?} for bytes from {have} on")));
                }
            }
            _ => {
                file.set_len(0).await.map_err(&failed)?;
                have = 0;
            }
        }
        let mut pieces = response.bytes_stream();
        let mut broke = None;
        while have <= listed.bytes
            && let Some(piece) = pieces.next().await
        {
            match piece {
                Ok(piece) => {
                    file.write_all(&piece).await.map_err(&failed)?;
                    have += piece.len() as u64;
                    self.fetched.bytes += piece.len() as u64;
                }
                Err(error) => {
                    broke = Some(self.broken(error));
                    break;
                }
            }
        }
        // A full disk says so only now.
        file.flush().await.map_err(&failed)?;
        self.has_gained |= have > began_at;
        broke.map_or(Ok(began_at > 0), Err)
    }

    /// The whole body, if it is not larger.
    async fn read(&self, response: Response, most: u64) -> Result<Vec<u8>, FetchError> {
        let (mut body, mut pieces) = (Vec::new(), response.bytes_stream());
        while let Some(piece) = pieces.next().await {
            body.extend_from_slice(&piece.map_err(|error| self.broken(error))?);
            if body.len() as u64 > most {
                return Err(self.refused("an answer of fitting size", format!("over {most} bytes")));
            }
        }
        Ok(body)
    }

    /// An answer that is none, with what the upstream says of it.
    async fn answered(&self, what: &str, response: Response) -> FetchError {
        let status = response.status();
        let body = self.read(response, MOST_ANSWER).await.unwrap_or_default();
        let problem: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
        let answer = format!("{status} {}", problem["detail"].as_str().unwrap_or_default());
        let is_of_the_file = [
            StatusCode::FORBIDDEN,
            StatusCode::NOT_FOUND,
            StatusCode::GONE,
            StatusCode::RANGE_NOT_SATISFIABLE,
        ];
        match is_of_the_file.contains(&status) {
            true => self.refused(what, answer),
            false => FetchError::NotNow { upstream: self.upstream.clone(), what: what.to_owned(), answer },
        }
    }

    /// The address is the hash of the bytes.
    async fn check(&self, listed: &ListedSegment, path: &Path) -> Result<(), FetchError> {
        let failed = at(path);
        let mut file = File::open(path).await.map_err(&failed)?;
        let (mut hasher, mut bytes, mut piece) = (Sha256::new(), 0, vec![0; PIECE_BYTES]);
        loop {
            let read = file.read(&mut piece).await.map_err(&failed)?;
            if read == 0 {
                break;
            }
            hasher.update(&piece[..read]);
            bytes += read as u64;
        }
        let (hash, found) = (listed.hash, SegmentId(hasher.finalize().into()));
        if hash == found {
            return Ok(());
        }
        Err(FetchError::WrongBytes { hash, found, bytes, upstream: self.upstream.clone() })
    }

    /// Reads the file run by run into the node.
    async fn let_in(&self, listed: &ListedSegment, path: &Path) -> Result<usize, FetchError> {
        let failed = at(path);
        let hash = listed.hash;
        let unreadable = |error| FetchError::Unreadable { hash, error, upstream: self.upstream.clone() };
        let mut file = File::open(path).await.map_err(&failed)?;
        let (mut reader, mut piece) = (SegmentReader::default(), vec![0; PIECE_BYTES]);
        let (mut batch, mut bytes, mut taken): (Vec<SegmentRun>, usize, usize) = (Vec::new(), 0, 0);
        loop {
            let read = file.read(&mut piece).await.map_err(&failed)?;
            reader.push(&piece[..read]);
            while let Some((run, introduction)) = reader.next_run().map_err(unreadable)? {
                bytes += run.bytes.len();
                batch.push((run, introduction));
                if bytes >= BATCH_BYTES {
                    taken += self.node.take_segment(std::mem::take(&mut batch)).await?;
                    bytes = 0;
                }
            }
            if read == 0 {
                break;
            }
        }
        reader.finish().map_err(unreadable)?;
        taken += self.node.take_segment(batch).await?;
        Ok(taken)
    }

    /// Asks with proof; a nonce that is missing or old is asked for first.
    async fn ask(
        &mut self,
        path: &str,
        purpose: &str,
        with: impl Fn(RequestBuilder) -> RequestBuilder,
    ) -> Result<Response, FetchError> {
        let url = format!("{}/{path}", self.upstream);
        let mut is_first = true;
        loop {
            let mut request = with(self.http.get(&url));
            if let Some(nonce) = &self.nonce {
                request = request.header(AUTHORIZATION, proof::prove(&self.node, purpose, nonce));
            }
            let response = request.send().await.map_err(|error| self.broken(error))?;
            let challenge = response.headers().get(WWW_AUTHENTICATE).and_then(|value| value.to_str().ok());
            let nonce = challenge.filter(|_| response.status() == StatusCode::UNAUTHORIZED);
            match nonce.and_then(proof::nonce_in) {
                Some(nonce) if is_first => self.nonce = Some(nonce),
                _ => return Ok(response),
            }
            is_first = false;
        }
    }

    fn broken(&self, error: reqwest::Error) -> FetchError {
        FetchError::Line { upstream: self.upstream.clone(), error }
    }

    fn refused(&self, what: &str, answer: String) -> FetchError {
        FetchError::Refused { upstream: self.upstream.clone(), what: what.to_owned(), answer }
    }
}

fn at(path: &Path) -> impl Fn(std::io::Error) -> FetchError {
    let path = path.to_owned();
    move |error| FetchError::File { path: path.clone(), error }
}

async fn remove(path: &Path) -> Result<(), FetchError> {
    match fs::remove_file(path).await {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(at(path)(error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{self, DataFolder};
    use axum::routing::get;
    use client_core::event::{DocumentId, Scope};
    use client_core::ids::{ActorId, BranchId, ChangeHash};
    use client_core::log::Head;
    use client_core::time::Quarter;

    #[tokio::test(flavor = "multi_thread")]
    async fn an_upstream_that_cannot_now_costs_nothing_of_what_came() {
        let folder = tempfile::tempdir().unwrap();
        let node = config::open_city(&DataFolder::open(folder.path()).unwrap(), None).await.unwrap().node;
        let (hash, period) = (SegmentId([7; 32]), Quarter { year: 2026, quarter: 4 });
        let document = DocumentId { scope: Scope::Shared, branch: BranchId::CITY, person: None, period };
        let to = vec![Head { actor: ActorId([1; 16]), seq: 1, hash: ChangeHash([2; 32]) }];
        let listed = ListedSegment { document, hash, bytes: 100, runs: 1, from: Vec::new(), to };
        let list = SegmentList { city: node.city(), segments: vec![listed] };
        let upstream = axum::Router::new()
            .route("/segments", get(async || axum::Json(list)))
            .route("/segments/{hash}", get(async || StatusCode::BAD_GATEWAY));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async { axum::serve(listener, upstream).await });
        let (parts, part) = (folder.path().join("segments"), format!("{hash}.part"));
        std::fs::create_dir(&parts).unwrap();
        std::fs::write(parts.join(&part), [1; 10]).unwrap();
        let mut fetcher = Fetcher::new(node, &url, parts.clone());
        let error = fetcher.run().await.unwrap_err();
        assert!(matches!(error, FetchError::NotNow { .. }), "{error}");
        assert!(fetcher.left_out().is_empty() && !fetcher.take_gained());
        assert_eq!(std::fs::read(parts.join(&part)).unwrap(), [1; 10]);
    }
}
