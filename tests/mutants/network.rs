//! Bugs in the log and its sync: each breaks one promise, and the simulator must notice.

use crate::Mutation;

pub const MUTATIONS: &[Mutation] = &[
    Mutation {
        breaks: "acknowledges before it is durable",
        file: "client-core/src/peer/storing.rs",
        find: "self.persist(batch, vec![*admitted], then);",
        replace: "self.persist(batch, vec![*admitted], then);
                self.with_session(connection, now, shelf, |session, here| {
                    session.stored(key, line, head, here);
                });",
    },
    Mutation {
        breaks: "forgets the second line of a copied device",
        file: "client-core/src/door.rs",
        find: "    let run = run.after(from.seq)?;
    check_start",
        replace: "    if !log.lines().is_empty() {
        return Ok(Admission::Known);
    }
    let run = run.after(from.seq)?;
    check_start",
    },
    Mutation {
        breaks: "takes a squatter for the actor's owner",
        file: "client-core/src/identity.rs",
        find: "if actor_id(certificate.key, self.nonce) != actor {",
        replace: "if actor_id(certificate.key, self.nonce) == ActorId([0; 16]) && actor.0[0] == 1 {",
    },
    Mutation {
        breaks: "does not check the author's signature",
        file: "client-core/src/log/run.rs",
        find: "if !identity::verify(author.key, &message, &self.attestation) {",
        replace: "if message.is_empty() {",
    },
    Mutation {
        breaks: "lets anybody write in any document",
        file: "client-core/src/log/run.rs",
        find: "if !author.may_write(&self.document) {",
        replace: "if self.events == 0 && !author.may_write(&self.document) {",
    },
    Mutation {
        breaks: "counts a word of the city without looking at its signature",
        file: "client-core/src/sync/session.rs",
        find: "if self.side == Side::Client && statement.holds(self.local.city_key) {",
        replace: "if self.side == Side::Client {",
    },
    Mutation {
        breaks: "promises a stretch of the feed before all of it is sent",
        file: "client-core/src/sync/session/sending.rs",
        find: "match self.feed.outbox.back_mut() {",
        replace: "match self.feed.outbox.front_mut() {",
    },
    Mutation {
        breaks: "promises the feed's numbers while lines are compared",
        file: "client-core/src/sync/session/sending.rs",
        find: "self.probing.is_empty() && self.theirs.iter().all(settled)",
        replace: "self.probing.is_empty() || self.theirs.iter().any(settled)",
    },
    Mutation {
        breaks: "lets a number count before the chunks before it are stored",
        file: "client-core/src/sync/session/reading.rs",
        find: "self.arrivals.chunks.pop_front_if(|first| first.outcome.is_some())",
        replace: "self
            .arrivals
            .chunks
            .iter()
            .position(|chunk| chunk.outcome.is_some())
            .and_then(|at| self.arrivals.chunks.remove(at))",
    },
    Mutation {
        breaks: "says it has read more than it holds",
        file: "client-core/src/sync/session/reading.rs",
        find: "self.send(Frame::Read { upto });",
        replace: "self.send(Frame::Read { upto: upto + 1 });",
    },
    Mutation {
        breaks: "leaves documents out of the digest",
        file: "client-core/src/log/ledger.rs",
        find: "for (document, heads) in &self.0 {",
        replace: "for (document, heads) in self.0.iter().take(1) {",
    },
    Mutation {
        breaks: "takes everything on a line for an echo of what the client sent",
        file: "client-core/src/sync/session/sending.rs",
        find: "let echoed = self.feed.echo.contains(&(key, item.run.last_hash));",
        replace: "let echoed = self.feed.echo.iter().any(|(other, _)| *other == key);",
    },
    Mutation {
        breaks: "writes on where a copy of the device writes",
        file: "client-core/src/node/writing.rs",
        find: "author.leave(document);\n            own = true;",
        replace: "own = author.lines().contains_key(document);",
    },
    Mutation {
        breaks: "resumes a line that a copy has continued",
        file: "client-core/src/author.rs",
        find: "log.is_some_and(|log| log.lines().len() == 1 && log.lines()[0].head == line.position)",
        replace: "log.is_some()",
    },
    Mutation {
        breaks: "forgets the city's word where it comes before the changes, and does not ask again",
        file: "client-core/src/peer/storing.rs",
        find: "self.recall_city(&key, shelf);
                self.asks_city_again |= self.upstream == Some(connection);",
        replace: "",
    },
    Mutation {
        breaks: "lets every branch speak of others' teachers and rooms",
        file: "client-core/src/history/owners.rs",
        find: ".is_some_and(|subject| self.may_speak(history, entry, &subject))",
        replace: ".is_none_or(|subject| subject.id().is_some() || self.may_speak(history, entry, &subject))",
    },
    Mutation {
        breaks: "lets a branch take others' claims back",
        file: "client-core/src/history/owners.rs",
        find: "(_, Subject::Request(event)) => event.document.branch == unit,",
        replace: "(_, Subject::Request(_)) => true,",
    },
    Mutation {
        breaks: "lets fields hold what nobody means",
        file: "client-core/src/history/entry.rs",
        find: ".and_then(|()| event.as_ref().map_or(Ok(()), |event| event.body().bounds()))",
        replace: ".and_then(|()| Ok(()))",
    },
    Mutation {
        breaks: "applies what comes late as if it came last",
        file: "client-core/src/domain/fold.rs",
        find: "let is_last = index.insert(&key, entry) && self.count.is_in_order(entry);",
        replace: "let is_last = index.insert(&key, entry) || self.count.is_in_order(entry);",
    },
    Mutation {
        breaks: "counts an event beside the one that supersedes it",
        file: "client-core/src/history/supersession.rs",
        find: "hidden.by.extend(places.iter().map(|place| (*place, n)));",
        replace: "drop(places);",
    },
    Mutation {
        breaks: "takes the first bytes that came where lines are parallel",
        file: "client-core/src/history/chain.rs",
        find: "if firsts.iter().all(|first| first.hash == one.hash) {",
        replace: "if firsts.iter().any(|first| first.hash == one.hash) {",
    },
    Mutation {
        breaks: "keeps what it heard of the time only with its own writing",
        file: "client-core/src/node.rs",
        find: "let changed = !self.is_city() || self.authors.is_writing();",
        replace: "let changed = self.authors.is_writing();",
    },
    Mutation {
        breaks: "lets a city that was put back decide at once",
        file: "client-core/src/node/standing.rs",
        find: "        self.restored = Some(now);\n",
        replace: "        let _ = now;\n",
    },
    Mutation {
        breaks: "ends the pause with the first branch that reports",
        file: "client-core/src/node/standing.rs",
        find: "if awaited(&views, &self.arbiter.standing.reported).is_empty() {",
        replace: "if !self.arbiter.standing.reported.is_empty() {",
    },
    Mutation {
        breaks: "shows names to devices of other branches",
        file: "client-core/src/identity.rs",
        find: "&& self.branch == branch && self.device != author",
        replace: "&& self.device != author && !branch.0.is_empty()",
    },
    Mutation {
        breaks: "keeps its place in the feed after a segment came",
        file: "client-core/src/peer/segment.rs",
        find: "if self.cursor.since.take().is_some() {",
        replace: "if self.cursor.since.is_some_and(|since| since == u64::MAX) {",
    },
    Mutation {
        breaks: "counts what a revoked device wrote after it was revoked",
        file: "client-core/src/history/standing.rs",
        find: "standing.revoke(ruling, heads);",
        replace: "drop((ruling, heads));",
    },
    Mutation {
        breaks: "begins no term after a pause",
        file: "client-core/src/node/standing.rs",
        find: "        self.arbiter.begins_term();\n",
        replace: "",
    },
];
