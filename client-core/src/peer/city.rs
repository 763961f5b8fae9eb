//! The city's word: asked for, heard, kept and handed on.

use super::{Connection, Effect, Peer};
use crate::event::DocumentId;
use crate::identity::SecretKey;
use crate::log::{Head, LogKey, Shelf};
use crate::sync::CityStatement;
use crate::time::Millis;
use std::collections::BTreeSet;

impl Peer {
    /// The city's word on these documents: signed now at the city, the last one heard elsewhere.
    pub fn statements_on(&self, documents: &[DocumentId], now: Millis) -> Vec<CityStatement> {
        documents
            .iter()
            .filter_map(|document| match &self.city_key {
                Some(key) => Some(self.sign_for(key, *document, now)),
                None => self.statements.get(document).cloned(),
            })
            .collect()
    }

    pub(super) fn sign_for(&self, key: &SecretKey, document: DocumentId, now: Millis) -> CityStatement {
        CityStatement::sign(key, self.local.epoch, now, document, self.ledger.heads_of(document))
    }

    /// Client: the city may have signed for what came since long ago, and says so to nobody again.
    pub(super) fn ask_city_again(&mut self, now: Millis, shelf: &dyn Shelf) {
        let may_ask = self.upstream().is_some_and(|session| session.is_calm() && session.is_caught_up(shelf));
        if let Some(connection) = self.upstream.filter(|_| may_ask && self.asks_city_again) {
            self.asks_city_again = false;
            self.ask_city(connection, now, shelf);
        }
    }

    /// Client: what of our holding has the city not signed for, as far as we heard or could tell others?
    pub(super) fn ask_city(&mut self, connection: Connection, now: Millis, shelf: &dyn Shelf) {
        self.asked_city = true;
        let mut documents = BTreeSet::new();
        for (key, log) in self.ledger.iter() {
            for (number, line) in log.lines().iter().enumerate() {
                if self.reached.get(*key, number as u8).city < line.head.seq {
                    documents.insert(key.document);
                }
            }
        }
        // A city that was put back says less for a while, and what it said before is forgotten for it.
        let is_short = |kept: &&CityStatement| !kept.covers_heads(&self.ledger.heads_of(kept.document));
        documents.extend(self.statements.values().filter(is_short).map(|kept| kept.document));
        if !documents.is_empty() {
            let documents = documents.into_iter().collect();
            self.with_session(connection, now, shelf, |session, _| session.ask_city(documents));
        }
    }

    pub(super) fn hand_on(&mut self, statement: &CityStatement, now: Millis, shelf: &dyn Shelf) {
        for connection in self.sessions.keys().copied().collect::<Vec<_>>() {
            self.with_session(connection, now, shelf, |session, _| session.at_city(statement, now));
        }
    }

    pub(super) fn hear_city(&mut self, statement: CityStatement, now: Millis, shelf: &dyn Shelf) {
        self.effects.push_back(Effect::CityHeard(statement.time));
        for head in &statement.heads {
            let key = LogKey { document: statement.document, actor: head.actor };
            self.city_holds(key, head, shelf);
        }
        let kept = self.statements.get(&statement.document);
        if kept.is_none_or(|kept| kept.time < statement.time || !kept.covers(&statement)) {
            self.unsaved_statements.insert(statement.document);
            self.statements.insert(statement.document, statement.clone());
            self.hand_on(&statement, now, shelf);
        }
        self.effects.push_back(Effect::Changed);
    }

    /// The city's word may have come before the changes it is about.
    pub(super) fn recall_city(&mut self, key: &LogKey, shelf: &dyn Shelf) {
        let heads = self.statements.get(&key.document).map(|statement| statement.heads.clone());
        for head in heads.iter().flatten().filter(|head| head.actor == key.actor) {
            self.city_holds(*key, head, shelf);
        }
    }

    /// Counts only where the change the city names is ours, by its hash.
    pub(super) fn city_holds(&mut self, key: LogKey, head: &Head, shelf: &dyn Shelf) {
        let is_one_line = self.ledger.get(&key).is_some_and(|log| log.lines().len() == 1);
        if is_one_line && self.reached.get(key, 0).city >= head.seq {
            return; // said before
        }
        let Ok(Some((line, at))) = crate::log::locate(&self.ledger, shelf, &key, head.seq, head.hash) else {
            return;
        };
        for line in self.reached.at_city(&self.ledger, key, line, at.seq) {
            self.unsaved_reach.insert((key, line));
        }
    }
}
