//! The first plan: what is confirmed, what was published wherever it still holds, then order by order.

use super::Search;
use super::ground::{Ground, NONE};
use super::insertion::{Ban, Way};
use crate::plan::instance::{Class, Mode};
use crate::plan::rules::Admission;
use std::cmp::Reverse;

impl Search {
    pub(super) fn construct(&mut self, ground: &Ground, admission: &Admission) {
        let instance = &ground.instance;
        let demoted = admission.demoted.iter().map(|(at, _)| &instance.pinned[*at as usize].class);
        let published: Vec<&Class> = instance.previous.iter().chain(demoted).collect();
        for class in published {
            self.republish(ground, class);
        }
        self.add_all(ground);
        self.board.commit();
    }

    /// Opens a published class again, for all who can still take part as they did.
    fn republish(&mut self, ground: &Ground, class: &Class) {
        let as_before = |order: u32| {
            let facts = ground.orders.get(order as usize);
            facts.and_then(|facts| facts.published).is_some_and(|was| {
                (was.teacher, was.venue, was.day, was.period)
                    == (class.teacher, class.venue, class.day, class.period)
            })
        };
        let people = class.parts.iter().filter(|part| as_before(part.order));
        let mut people: Vec<_> = people.filter(|part| !self.board.served(part.order)).copied().collect();
        people.sort_by_key(|part| (part.mode == Mode::Online, part.order));
        let known = (class.venue as usize) < ground.venues.len()
            && class.day < ground.instance.days
            && class.period < ground.layout.periods;
        let there =
            if known { self.board.class_at_venue(class.venue, class.day, class.period) } else { NONE };
        let same = self.board.classes.get(there as usize).is_some_and(|seat| {
            (seat.course, seat.teacher, seat.venue, seat.day, seat.period) == class.key()
        });
        let mut id = if same { there } else { NONE };
        for part in people {
            if id == NONE && known {
                id = self.reopen(ground, class, part.order, part.mode).unwrap_or(NONE);
            } else if id != NONE
                && self.could_join(ground, &ground.orders[part.order as usize], id)
                && self.best_mode_is_possible(ground, part.order, id, part.mode)
            {
                self.board.join(ground, part.order, id, part.mode);
            }
        }
    }

    fn reopen(&mut self, ground: &Ground, class: &Class, order: u32, mode: Mode) -> Option<u32> {
        let facts = &ground.orders[order as usize];
        let place = *ground.places(order).iter().find(|place| {
            (place.course, place.teacher, place.venue, place.mode)
                == (class.course, class.teacher, class.venue, mode)
        })?;
        let (day, period) = (class.day, class.period);
        let length = place.length as usize;
        let free = ground.wish(facts, place.length, day, period).0
            && self.board.teacher_free[length].has(&ground.layout, class.teacher, day, period)
            && self.board.venue_free[length].has(&ground.layout, class.venue, day, period)
            && self.board.group_free.has(&ground.layout, facts.group, day, period);
        let duration = ground.durations[length];
        let can = free && self.board.can_travel(ground, class.teacher, class.venue, (day, period), duration);
        can.then(|| self.serve(ground, order, Way::Open { place, time: (day, period) }))
    }

    fn best_mode_is_possible(&self, ground: &Ground, order: u32, class: u32, mode: Mode) -> bool {
        self.modes(ground, order, class).contains(&Some(mode))
    }

    /// Adds every unmet order that can be added: important ones first, then those with few places.
    pub(super) fn add_all(&mut self, ground: &Ground) {
        let mut again = true;
        while again {
            let mut orders = self.board.unmet.clone();
            orders.sort_by_key(|order| {
                let facts = &ground.orders[*order as usize];
                (Reverse(facts.unmet), facts.places.1 - facts.places.0, *order)
            });
            again = false;
            for order in orders {
                if let Some((_, way)) = self.best_way(ground, order, Ban::NOTHING, 0) {
                    self.serve(ground, order, way);
                    // A new class may take in somebody who had to wait for one.
                    again |= matches!(way, Way::Open { .. });
                }
            }
        }
        self.board.commit();
    }
}
