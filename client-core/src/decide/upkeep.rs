//! What the arbiter writes beside answers, so that what it decides on holds: the release it runs, whose
//! things are, which of several bytes under an id count, and the bytes that a decision was made on.

use crate::domain::{
    ActorClosed, DecisionBasis, Draft, Event, History, OwnerRecorded, ReleaseAnnounced, Releases,
    RequestEvent, SharedViews,
};
use crate::event::{Basis, EventRef, Scope};
use crate::history::{Kept, Unfolded};
use crate::ids::{BranchId, ChangeHash};
use crate::log::{Ledger, LogKey};
use std::collections::BTreeSet;

/// Events in one basis, so that it fits into a change.
const MOST_BASIS: usize = 400;

/// What is to be written before anything is decided; nothing once it is written.
pub fn upkeep(history: &History, views: &SharedViews, ledger: &Ledger) -> Vec<Event> {
    let (number, known) = (Event::release(), views.releases.number);
    let release = (known < number).then(|| {
        let kinds = Event::brought_since(known).map(|(kind, version)| (kind.to_owned(), version)).collect();
        ReleaseAnnounced { number, kinds }.into()
    });
    let unrecorded = views.owners.unrecorded();
    let records = unrecorded
        .filter_map(|(subject, unit, declaration)| OwnerRecorded::of(&subject, unit, declaration))
        .map(Event::from);
    release.into_iter().chain(records).chain(closings(history, ledger)).collect()
}

/// Closes every actor that wrote other bytes under one id on parallel lines: those on the line that came
/// here first count, and the events beside them on all lines stay.
pub fn closings(history: &History, ledger: &Ledger) -> Vec<Event> {
    let close = |LogKey { document, actor }: LogKey| {
        let log = ledger.get(&LogKey { document, actor })?;
        // What an earlier closing left aside stays aside, and what it kept stays kept.
        let heads = log.lines().iter().map(|line| line.head.hash);
        let heads = heads.filter(|head| !history.is_closed(&LogKey { document, actor }, head));
        let kept = history.rulings().closings().find(|(key, _)| *key == LogKey { document, actor });
        let mut keep: Vec<ChangeHash> = heads.collect();
        for change in kept.into_iter().flat_map(|(_, keep)| keep) {
            if !keep.contains(change) {
                keep.push(*change);
            }
        }
        Some(ActorClosed { document, actor, keep }.into())
    };
    history.contested().into_iter().filter_map(close).collect()
}

/// Whether an event that this program does not know keeps the arbiter from deciding: one that the city
/// announced, or wrote itself. Any other is somebody's own word and stops nobody.
pub fn needs_newer(kept: &Kept, releases: &Releases) -> bool {
    let announced = || {
        let (kind, version) = kept.detail.as_deref()?.rsplit_once(' ')?;
        Some(releases.is_announced(kind, version.parse().ok()?))
    };
    kept.why == Unfolded::UnknownKind
        && (kept.reference.document.scope == Scope::Decisions || announced() == Some(true))
}

/// What these decisions are made on, where no decision before was: the bytes that count from now on.
pub fn basis(history: &History, decisions: &[Draft]) -> Vec<Draft> {
    let named: BTreeSet<EventRef> = decisions.iter().flat_map(|draft| subjects(&draft.event)).collect();
    let new = named.into_iter().filter(|event| !history.is_bound(event));
    let events: Vec<Basis> =
        new.filter_map(|event| Some(Basis { event, hash: history.hash(&event)? })).collect();
    let part = |events: &[Basis]| Draft::new(BranchId::CITY, DecisionBasis { events: events.to_vec() });
    events.chunks(MOST_BASIS).map(part).collect()
}

/// The claims and orders that a decision answers.
fn subjects(event: &Event) -> Vec<EventRef> {
    let Event::Request(said) = event else { return Vec::new() };
    match said {
        RequestEvent::Received(it) => vec![it.claim],
        RequestEvent::Confirmed(it) => vec![it.claim],
        RequestEvent::Waitlisted(it) => vec![it.claim],
        RequestEvent::Refused(it) => vec![it.claim],
        RequestEvent::Displaced(it) => vec![it.claim],
        RequestEvent::Unmet(it) => vec![it.request],
        RequestEvent::Joint(it) => it.parts.iter().map(|part| part.request).collect(),
        _ => Vec::new(),
    }
}
