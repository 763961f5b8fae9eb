//! The merged Automerge document of a log: made on demand for export and interop. The one place
//! that names Automerge. Nothing folds from it.

use crate::ids::EventId;
use automerge::{Automerge, Change, ObjId, ReadDoc, ScalarValue, Value};
use std::collections::BTreeMap;

/// Automerge refused a document that canonical lines make up; this would be a fault of ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("Automerge refuses the merged document: {0}")]
pub struct MergeError(String);

fn wrong(error: impl std::fmt::Display) -> MergeError {
    MergeError(error.to_string())
}

/// Merges change chunks of any lines, each line in its order, into a saved Automerge document.
pub fn merge<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> Result<Vec<u8>, MergeError> {
    let changes = chunks
        .into_iter()
        .map(|chunk| Change::from_bytes(chunk.to_vec()).map_err(wrong))
        .collect::<Result<Vec<_>, _>>()?;
    let mut document = Automerge::new();
    document.apply_changes(changes).map_err(wrong)?;
    Ok(document.save())
}

/// Reads a saved Automerge document back: every event id with all values that stand under it.
pub fn events(saved: &[u8]) -> Result<BTreeMap<EventId, Vec<Vec<u8>>>, MergeError> {
    let document = Automerge::load(saved).map_err(wrong)?;
    let mut events = BTreeMap::new();
    for key in document.keys(ObjId::Root) {
        let id = EventId::from_hex(&key).map_err(wrong)?;
        let mut values = Vec::new();
        for (value, _) in document.get_all(ObjId::Root, &key).map_err(wrong)? {
            match value {
                Value::Scalar(scalar) => match scalar.as_ref() {
                    ScalarValue::Bytes(bytes) => values.push(bytes.clone()),
                    other => return Err(wrong(format!("{key} holds {other:?}, not bytes"))),
                },
                Value::Object(_) => return Err(wrong(format!("{key} holds an object"))),
            }
        }
        events.insert(id, values);
    }
    Ok(events)
}
