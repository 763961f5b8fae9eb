//! Rows of the event file, to and from events.

use client_core::domain::{BenchEvent, BenchField, BenchRecorded, Draft, Event};
use client_core::event::{Envelope, Statement};
use client_core::ids::{BranchId, EventId};
use client_core::time::Millis;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::error::Error;
use std::sync::Arc;

/// Lines of files that were read before.
#[derive(Default)]
pub struct Files(BTreeMap<String, Arc<Vec<String>>>);

impl Files {
    /// The lines of a file.
    pub fn lines(&mut self, path: &str) -> Result<Arc<Vec<String>>, Box<dyn Error + Send + Sync>> {
        if let Some(lines) = self.0.get(path) {
            return Ok(lines.clone());
        }
        let text = std::fs::read_to_string(path)?;
        let lines = Arc::new(text.lines().map(str::to_owned).collect());
        Ok(self.0.entry(path.to_owned()).or_insert(lines).clone())
    }
}

/// What a row says: when, and the draft of its event.
pub fn draft(line: &str, of: BranchId) -> Result<(Millis, Draft), Box<dyn Error + Send + Sync>> {
    let row: Map<String, Value> = serde_json::from_str(line)?;
    let text =
        |name: &str| row.get(name).and_then(Value::as_str).ok_or_else(|| format!("a row has no {name}"));
    let fields = row.iter().filter(|(name, _)| !OWN.contains(&name.as_str())).map(|(_, value)| match value {
        Value::String(text) => Ok(BenchField::Text(text.clone())),
        value => value.as_i64().map(BenchField::Number).ok_or("a field is no whole number"),
    });
    let record = BenchRecorded {
        kind: text("kind")?.to_owned(),
        branch: text("branch")?.to_owned(),
        course: text("course")?.to_owned(),
        fields: fields.collect::<Result<_, _>>()?,
    };
    let at = row.get("ts").and_then(Value::as_i64).ok_or("a row has no ts")?;
    Ok((Millis(at), Draft { id: Some(id(text("id")?)?), ..Draft::new(of, record) }))
}

/// Fields of a row that are not in the list of fields.
const OWN: [&str; 5] = ["id", "ts", "kind", "branch", "course"];

/// The id of an event from a row's text.
pub fn id(text: &str) -> Result<EventId, Box<dyn Error + Send + Sync>> {
    Ok(EventId::from_hex(&text.replace('-', ""))?)
}

/// The text of an event's id in a row.
pub fn text_of(id: EventId) -> String {
    let hex = id.to_hex();
    let parts = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]];
    parts.join("-")
}

/// The row of an event, its unnamed fields as a list.
pub fn row(id: EventId, envelope: &[u8]) -> Option<Value> {
    let envelope = Envelope::decode(envelope).ok()?;
    let event = Event::decode(&envelope.kind, envelope.version, &envelope.body).ok()??;
    let Event::Bench(BenchEvent::Recorded(record)) = event else { return None };
    let at = envelope.stamp.millis().0;
    Some(serde_json::json!({
        "id": text_of(id), "kind": record.kind, "branch": record.branch, "ts": at,
        "course": record.course, "fields": record.fields,
    }))
}
