//! The lines a replica holds in memory: compressed runs, never expanded but once.

use crate::event::DocumentId;
use crate::identity::Certificate;
use crate::ids::ActorId;
use crate::log::{Position, Run};
use crate::sync::Head;
use std::collections::BTreeMap;

/// One line.
#[derive(Clone, Debug)]
pub struct Line {
    /// As it travels.
    pub introduction: Vec<u8>,
    /// Who writes it.
    pub author: Certificate,
    /// Where it stands.
    pub position: Position,
    runs: Vec<Run>,
}

/// All lines.
#[derive(Clone, Debug, Default)]
pub struct Lines {
    lines: BTreeMap<(DocumentId, ActorId), Line>,
}

impl Lines {
    /// One line.
    pub fn get(&self, document: DocumentId, actor: ActorId) -> Option<&Line> {
        self.lines.get(&(document, actor))
    }

    /// Begins a line, unless it is known.
    pub fn introduce(
        &mut self,
        document: DocumentId,
        actor: ActorId,
        introduction: Vec<u8>,
        author: Certificate,
    ) {
        self.lines.entry((document, actor)).or_insert(Line {
            introduction,
            author,
            position: Position::START,
            runs: Vec::new(),
        });
    }

    /// Adds a run that continues its line.
    ///
    /// # Panics
    /// If the line is unknown or stands elsewhere; the door has checked both.
    pub fn push(&mut self, run: Run) {
        let line = self.lines.get_mut(&(run.document, run.actor)).expect("the line was introduced");
        assert_eq!(line.position, run.start(), "a run continues its line");
        line.position = run.end();
        line.runs.push(run);
    }

    /// Every line's head, by document.
    pub fn heads(&self) -> Vec<(DocumentId, Vec<Head>)> {
        let mut heads: BTreeMap<DocumentId, Vec<Head>> = BTreeMap::new();
        for ((document, actor), line) in &self.lines {
            let head = Head { actor: *actor, seq: line.position.seq, hash: line.position.hash };
            heads.entry(*document).or_default().push(head);
        }
        heads.into_iter().collect()
    }

    /// Runs that hold what follows `after`, about `max_bytes` of them, at least one if there is any.
    pub fn runs_after(&self, document: DocumentId, actor: ActorId, after: u64, max_bytes: usize) -> Vec<Run> {
        let Some(line) = self.get(document, actor) else { return Vec::new() };
        let mut bytes = 0;
        line.runs
            .iter()
            .filter(|run| run.last_seq > after)
            .take_while(|run| {
                let fits = bytes == 0 || bytes + run.bytes.len() <= max_bytes;
                bytes += run.bytes.len();
                fits
            })
            .cloned()
            .collect()
    }
}
