//! Bugs in what counts and in the views that keep up: the core's own tests have to catch them.

use crate::Mutation;

const FOLD: &str = "client-core/src/domain/fold.rs";
const OWNERS: &str = "client-core/src/history/owners.rs";
const COUNT: &str = "client-core/src/history/count.rs";
const HISTORY: &str = "client-core/src/history.rs";

pub const MUTATIONS: &[Mutation] = &[
    Mutation {
        breaks: "what: any branch says in what condition others' rooms are",
        file: "client-core/src/domain/asset/event.rs",
        find: "const NAME: &'static str = \"asset.condition\";\n    const SCOPE: Scope = Scope::Shared;\n    const SPEAKER: Speaker = Speaker::Owner;",
        replace: "const NAME: &'static str = \"asset.condition\";\n    const SCOPE: Scope = Scope::Shared;\n    const SPEAKER: Speaker = Speaker::Branch;",
    },
    Mutation {
        breaks: "what: of several units that declared a thing the first has it",
        file: OWNERS,
        find: "(None, _) => Some(Self::Contested(declared.clone())),",
        replace: "(None, _) => declared.iter().next().map(|(unit, basis)| Self::Alone(*unit, *basis)),",
    },
    Mutation {
        breaks: "what: a teacher is offered on an eighth day of the week",
        file: "client-core/src/domain/teacher/event.rs",
        find: "bounds::half_days(\"windows\", windows)?;",
        replace: "let _ = windows;",
    },
    Mutation {
        breaks: "what: of two decisions under one id the second counts",
        file: HISTORY,
        find: "if if is_same { existing <= rank } else { is_later } {",
        replace: "if if is_same { existing <= rank } else { !is_later } {",
    },
    Mutation {
        breaks: "what: what is hidden hides",
        file: "client-core/src/history/supersession.rs",
        find: "let Some(first) = self.hides(n).filter(|_| !hidden.by.contains_key(&n)) else { continue };",
        replace: "let Some(first) = self.hides(n) else { continue };",
    },
    Mutation {
        breaks: "what: an import counts before it is whole",
        file: "client-core/src/history/imports.rs",
        find: "None if is_checked && !self.closed.values().any(says_so) => Standing::Unfinished,",
        replace: "None if is_checked && self.events.is_empty() => Standing::Unfinished,",
    },
    Mutation {
        breaks: "what: a new unit proves nothing of what was declared before",
        file: COUNT,
        find: "subjects.extend(self.owners.listed.keys().copied());",
        replace: "",
    },
    Mutation {
        breaks: "what: a ruling on a revoked device judges nobody anew",
        file: HISTORY,
        find: "is_forked || rulings.on(key, &written.author) != written.judged_by",
        replace: "is_forked",
    },
    Mutation {
        breaks: "views: an event that counts no more stays where it was",
        file: FOLD,
        find: "index.remove(&key, entry);\n                changed.insert(key, None);",
        replace: "changed.insert(key, None);",
    },
    Mutation {
        breaks: "views: what comes late is applied as if it came last",
        file: FOLD,
        find: "let is_last = index.insert(&key, entry) && self.count.is_in_order(entry);",
        replace: "let is_last = index.insert(&key, entry) || self.count.is_in_order(entry);",
    },
    Mutation {
        breaks: "views: an event that stands behind a later one does not keep others from being the last",
        file: FOLD,
        find: "let is_last = index.insert(&key, entry) && self.count.is_in_order(entry);",
        replace: "let is_last = index.insert(&key, entry);",
    },
    Mutation {
        breaks: "views: a class that is forgotten leaves its record",
        file: "client-core/src/domain/class/view.rs",
        find: "self.sessions.remove(key);",
        replace: "let _ = key;",
    },
    Mutation {
        breaks: "views: a course keeps classes that were corrected to another",
        file: "client-core/src/domain/course/view.rs",
        find: "used.take_away(*branch, session);",
        replace: "",
    },
    Mutation {
        breaks: "views: the calendar misses that a room went to another unit",
        file: "client-core/src/domain/booking/view.rs",
        find: ".chain(assets.copied().map(Booked::Asset));",
        replace: ".chain(assets.copied().filter(|_| false).map(Booked::Asset));",
    },
    Mutation {
        breaks: "views: the calendar misses that two entries are one teacher",
        file: "client-core/src/domain/teacher/view.rs",
        find: "persons.extend(merged.filter(|it| self.persons.get(*it) != before.persons.get(*it)));",
        replace: "drop(merged);",
    },
    Mutation {
        breaks: "views: a decision does not confirm what stands beside it",
        file: FOLD,
        find: "self.named.beside(&booked, &views, &mut touched);",
        replace: "",
    },
];
