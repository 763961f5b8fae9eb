//! What later events put in the place of earlier ones: corrections, and voids.
//!
//! An event that replaces another hides it and stands in its place; a void hides it and puts nothing there.
//! Both act within one scope of one unit, and only where their authors may say what they say. It goes from
//! the last in rank downwards: what is hidden hides nothing, so the void of a void restores. A replacement
//! takes over the place with all that was hidden for it, so that a chain of corrections brings nothing back.
//! What others were given something on is final (`Kind::FINAL`): nothing hides it, named or not.

use super::{Entry, Statement};
use crate::event::{EventRef, Supersedes};
use std::collections::{BTreeMap, BTreeSet};

/// What counts of the events that authors may say.
#[derive(Debug)]
pub struct Counted<'a, E> {
    /// In the order in which views take them: an event ranks after the one that it supersedes.
    pub entries: Vec<&'a Entry<E>>,
    /// What is hidden, and by which event.
    pub replaced: BTreeMap<EventRef, EventRef>,
    /// Several that stand for one place, by the one that counts: a person should look.
    pub conflicts: BTreeMap<EventRef, Vec<EventRef>>,
    /// Those that rank before what they supersede: behind which event they come, and as which of those.
    pub moved: BTreeMap<EventRef, (EventRef, usize)>,
}

impl<'a, E: Statement> Counted<'a, E> {
    /// Of entries in rank order, all of authors who may say them.
    pub fn of(entries: Vec<&'a Entry<E>>) -> Self {
        let edges = Edges::of(&entries);
        if edges.target.is_empty() {
            let (replaced, conflicts, moved) = Default::default();
            return Self { entries, replaced, conflicts, moved };
        }
        let order = edges.order(entries.len());
        let hidden = edges.hide(&order);
        let reference = |n: &usize| entries[*n].reference;
        let replaced = hidden.by.iter().map(|(n, by)| (reference(n), reference(by))).collect();
        let conflicts = hidden
            .conflicts()
            .map(|(winner, events)| (reference(&winner), events.iter().map(reference).collect()));
        let conflicts = conflicts.collect();
        let mut moved = BTreeMap::new();
        // In rank order each is the greatest so far; what is less comes behind the greatest.
        let (mut root, mut nth) = (0, 0_usize);
        for n in &order {
            (root, nth) = if *n >= root { (*n, 0) } else { (root, nth.saturating_add(1)) };
            if nth > 0 {
                moved.insert(reference(n), (reference(&root), nth));
            }
        }
        let counted = order.iter().filter(|n| !hidden.by.contains_key(n)).map(|n| entries[*n]).collect();
        Self { entries: counted, replaced, conflicts, moved }
    }
}

/// Who supersedes whom, by place in the rank order.
struct Edges {
    target: BTreeMap<usize, usize>,
    /// Those that hide what they name, and whether they leave nothing in its place.
    hiding: BTreeMap<usize, bool>,
    /// Those of them that nothing hides.
    lasting: BTreeSet<usize>,
}

impl Edges {
    fn of<E: Statement>(entries: &[&Entry<E>]) -> Self {
        let named: BTreeMap<usize, EventRef> =
            entries.iter().enumerate().filter_map(|(n, entry)| Some((n, entry.replaces()?))).collect();
        let targets: BTreeSet<&EventRef> = named.values().collect();
        let places: BTreeMap<EventRef, usize> = match targets.is_empty() {
            true => BTreeMap::new(),
            false => {
                let all = entries.iter().enumerate().map(|(n, entry)| (entry.reference, n));
                all.filter(|(reference, _)| targets.contains(reference)).collect()
            }
        };
        let edge = |(n, target): (&usize, &EventRef)| Some((*n, *places.get(target)?));
        let mut target: BTreeMap<usize, usize> = named.iter().filter_map(edge).collect();
        for n in on_cycles(&target) {
            target.remove(&n);
        }
        let hides = |(n, target): (&usize, &usize)| {
            let info = |n: usize| entries[n].event.body().info();
            let how = info(*n).supersedes;
            let hides = how != Supersedes::Answer && !info(*target).is_final;
            hides.then_some((*n, how == Supersedes::Void))
        };
        let hiding: BTreeMap<usize, bool> = target.iter().filter_map(hides).collect();
        let is_final = |n: &usize| entries[*n].event.body().info().is_final;
        let lasting = hiding.keys().copied().filter(is_final).collect();
        Self { target, hiding, lasting }
    }

    /// Rank order, but each after the one that it supersedes.
    fn order(&self, count: usize) -> Vec<usize> {
        let mut waiting: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        let mut placed = vec![false; count];
        let mut order = Vec::with_capacity(count);
        for n in 0..count {
            match self.target.get(&n) {
                Some(earlier) if !placed[*earlier] => waiting.entry(*earlier).or_default().push(n),
                _ => {
                    let mut next = vec![n];
                    while let Some(n) = next.pop() {
                        placed[n] = true;
                        order.push(n);
                        next.extend(waiting.remove(&n).unwrap_or_default().into_iter().rev());
                    }
                }
            }
        }
        order
    }

    /// The one it hides, where it hides one.
    fn hides(&self, n: usize) -> Option<usize> {
        self.target.get(&n).copied().filter(|_| self.hiding.contains_key(&n))
    }

    fn hide(&self, order: &[usize]) -> Hidden {
        let mut hidden = Hidden::default();
        for n in order.iter().rev().copied() {
            let Some(first) = self.hides(n).filter(|_| !hidden.by.contains_key(&n)) else { continue };
            let is_void = self.hiding.get(&n) == Some(&true);
            let mut places = vec![first];
            let mut winner = if is_void { hidden.by.get(&first).copied() } else { hidden.stop(first) };
            while let Some(next) = self.hides(places[places.len().saturating_sub(1)])
                && winner.is_none()
                && !is_void
            {
                winner = hidden.stop(next);
                places.push(next);
            }
            match winner {
                None => {
                    hidden.by.extend(places.iter().map(|place| (*place, n)));
                }
                Some(winner) => {
                    hidden.lost.entry(winner).or_default().push(n);
                    if !self.lasting.contains(&n) {
                        hidden.by.insert(n, winner);
                    }
                    // Whoever comes this way later meets the same one.
                    hidden.leads_to.extend(places.iter().map(|place| (*place, winner)));
                }
            }
        }
        hidden
    }
}

/// Events whose edges lead back to themselves: they neither order nor hide.
fn on_cycles(target: &BTreeMap<usize, usize>) -> Vec<usize> {
    let mut seen: BTreeMap<usize, usize> = BTreeMap::new();
    let mut found = Vec::new();
    for start in target.keys() {
        let mut next = *start;
        while !seen.contains_key(&next) {
            seen.insert(next, *start);
            match target.get(&next) {
                Some(earlier) => next = *earlier,
                None => break,
            }
        }
        // A walk that meets itself went round: what lies from there on is the cycle.
        if seen.get(&next) == Some(start) && target.contains_key(&next) {
            let first = next;
            loop {
                found.push(next);
                next = target[&next];
                if next == first {
                    break;
                }
            }
        }
    }
    found
}

#[derive(Default)]
struct Hidden {
    /// By whom each is hidden.
    by: BTreeMap<usize, usize>,
    /// Who stood for the same place as the one that counts.
    lost: BTreeMap<usize, Vec<usize>>,
    /// Whom the way from an event leads to, where it is not hidden itself.
    leads_to: BTreeMap<usize, usize>,
}

impl Hidden {
    /// Who stands at a place, or at one that the way from it leads to.
    fn stop(&self, place: usize) -> Option<usize> {
        self.by.get(&place).or_else(|| self.leads_to.get(&place)).copied()
    }

    fn conflicts(&self) -> impl Iterator<Item = (usize, Vec<usize>)> {
        self.lost.iter().map(|(winner, lost)| {
            let mut all: Vec<usize> = lost.iter().copied().chain([*winner]).collect();
            all.sort_unstable();
            (*winner, all)
        })
    }
}

#[cfg(test)]
mod tests;
