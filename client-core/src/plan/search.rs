//! The search: build a plan, then take small parts of it apart and put them together again, many times.
//!
//! Annealing on one number made of A and B decides what stays; the best plan seen, by (A, B), is kept.
//! Everything is counted in steps, so that the same content gives the same plan at any speed.

mod board;
mod construct;
mod ground;
mod insertion;
mod moves;
mod regions;

pub(super) use board::Board;
pub(super) use ground::{Ground, NONE};

use super::instance::{Class, Mode};
use super::objective::Objective;
use super::random::{Random, Tolerance};
use super::rules::Admission;
use regions::Region;

/// The temperature of the first step, in 1/1024 of a point, for classes of 30 points a period.
const HOT: u64 = 6 * 1024;
/// The same while exploring.
const HOT_EXPLORING: u64 = 200 * 1024;
/// How often it halves on the way to the last step.
const HALVINGS: u64 = 7;
/// Exploring weighs a point of A of an unmet order so much less.
const LIGHTER: i64 = 3;
/// Steps an order deserves.
const STEPS_PER_ORDER: u64 = 60_000;
/// The same in the part of an instance that has more than 2,000 orders.
const STEPS_PER_FURTHER_ORDER: u64 = 30_000;
/// The least any instance deserves: when nothing was published, and when most was.
const LEAST_STEPS: (u64, u64) = (10_000_000, 3_000_000);

/// One running search.
pub(super) struct Search {
    pub board: Board,
    random: Random,
    tolerance: Tolerance,
    pub steps: u64,
    /// Orders out of their classes, to be served before a move ends.
    waiting: Vec<u32>,
    /// Free times of one order at one place.
    times: Vec<u64>,
    /// Those of them that would do, and those of them that others would share.
    chosen: Vec<u64>,
    narrowed: Vec<u64>,
    /// What a point of A of an unmet order is worth now.
    unmet_weight: i64,
    regions: Vec<Region>,
    region: usize,
    region_start: u64,
    best: Objective,
    best_plan: Vec<Seated>,
    unsaved: bool,
    budget: u64,
    /// Which of the equal parts of a region's steps is under way; each begins hot.
    cycle: u64,
    exploring: bool,
    /// The part of a cycle that explores, of 65,536.
    explored: u64,
    /// Orders that were unmet or moved when the first plan was built, if anything was published.
    unsettled: Vec<u32>,
}

/// An order's class and mode, as a kept plan holds them.
#[derive(Clone, Copy, Debug)]
struct Seated {
    course: u32,
    teacher: u32,
    venue: u32,
    day: u32,
    period: u32,
    mode: Mode,
}

impl Search {
    /// Builds the first plan.
    pub fn new(ground: &Ground, admission: &Admission, budget: Option<u64>) -> Self {
        let board = Board::new(ground, admission);
        let mut search = Self {
            random: Random::of(0x6c69_616e_7869_616f),
            tolerance: Tolerance::new(),
            steps: 0,
            waiting: Vec::new(),
            times: Vec::new(),
            chosen: Vec::new(),
            narrowed: Vec::new(),
            unmet_weight: ground.a_weight,
            regions: Vec::new(),
            region: 0,
            region_start: 0,
            best: Objective { a: i64::MAX, b: i64::MAX },
            best_plan: Vec::new(),
            unsaved: false,
            budget: 0,
            cycle: 0,
            exploring: false,
            explored: 0,
            unsettled: Vec::new(),
            board,
        };
        search.construct(ground, admission);
        search.regions = regions::of(ground, &search.board);
        search.steps = 0;
        search.unsettled = search.unsettled(ground);
        search.budget = budget.unwrap_or_else(|| search.deserved(ground));
        search.explored = if search.crowded(ground) { 1 << 15 } else { 1 << 13 };
        search.note_best();
        search.save();
        search
    }

    /// The best plan so far.
    pub fn best(&self) -> Objective {
        self.best
    }

    /// The board's objective.
    pub fn objective(&self) -> Objective {
        self.board.objective()
    }

    /// Steps in all.
    pub fn budget(&self) -> u64 {
        self.budget
    }

    /// What an instance deserves: much where much is open, little where most was published and still holds.
    fn deserved(&self, ground: &Ground) -> u64 {
        let orders: usize = self.regions.iter().map(|region| region.orders.len()).sum();
        let published = !ground.instance.previous.is_empty();
        let open = if published { self.unsettled.len().min(orders) as u64 } else { orders as u64 };
        let near = open.min(2_000);
        let steps = near * STEPS_PER_ORDER + (open - near) * STEPS_PER_FURTHER_ORDER;
        let crowded = if !published && self.crowded(ground) { steps / 2 } else { 0 };
        (steps + crowded).max(if published { LEAST_STEPS.1 } else { LEAST_STEPS.0 })
    }

    /// Whether many orders stay unmet that have places.
    fn crowded(&self, ground: &Ground) -> bool {
        let could = self.board.unmet.iter().filter(|order| !ground.places(**order).is_empty()).count();
        could * 20 > ground.orders.len()
    }

    fn unsettled(&self, ground: &Ground) -> Vec<u32> {
        let regions = self.regions.iter().flat_map(|region| region.orders.iter().copied());
        let moved = |order: &u32| {
            let spot = self.board.spots[*order as usize];
            let published = ground.orders[*order as usize].published.is_some();
            spot.class == NONE
                || !published
                || self.board.part_points(ground, *order, spot.class, spot.mode).0 > 0
        };
        if ground.instance.previous.is_empty() { Vec::new() } else { regions.filter(moved).collect() }
    }

    /// Whether the budget is used up or nothing is left to try.
    pub fn done(&self) -> bool {
        self.region >= self.regions.len() || self.steps >= self.budget
    }

    /// Goes on for about so many steps.
    pub fn run(&mut self, ground: &Ground, steps: u64) {
        let until = self.steps.saturating_add(steps).min(self.budget);
        while self.steps < until && self.region < self.regions.len() {
            let share = self.regions[self.region].share_end;
            let end = ((u128::from(self.budget) * u128::from(share)) >> 32) as u64;
            if self.steps >= end {
                self.end_region(ground);
                continue;
            }
            let length = (end - self.region_start).max(1);
            let orders = self.regions[self.region].orders.len() as u64;
            let cycles = (length / (orders * STEPS_PER_ORDER)).clamp(1, 4);
            let progress = (u128::from(cycles * (self.steps - self.region_start)) << 16) / u128::from(length);
            self.one_move(ground, progress as u64);
        }
        if self.done() && self.region < self.regions.len() {
            self.end_region(ground);
            self.region = self.regions.len();
        }
    }

    /// Tries one move; `progress` counts cycles, in 1/65,536.
    fn one_move(&mut self, ground: &Ground, progress: u64) {
        let within = progress & 0xffff;
        let exploring = ground.instance.previous.is_empty() && within < self.explored;
        if progress >> 16 != self.cycle || (self.exploring && !exploring) {
            self.cycle = progress >> 16;
            self.return_to_best(ground);
        }
        self.exploring = exploring;
        self.unmet_weight = if exploring { (ground.a_weight / LIGHTER).max(1) } else { ground.a_weight };
        let before = self.energy(ground);
        self.propose(ground);
        self.steps += 2;
        if !self.board.changed() {
            return;
        }
        let loss = self.energy(ground) - before;
        if loss > 0 {
            let temperature = self.temperature(ground, within);
            if loss > self.tolerance.draw(temperature, &mut self.random) {
                self.board.roll_back(ground);
                return;
            }
            if self.unsaved {
                self.board.roll_back(ground);
                self.save();
                return;
            }
        }
        self.board.commit();
        self.note_best();
    }

    /// Half as hot after every equal part of the exploring, and of the rest, in between along a line.
    fn temperature(&self, ground: &Ground, within: u64) -> u64 {
        let (first, from, to) = match (self.exploring, ground.instance.previous.is_empty()) {
            (true, _) => (HOT_EXPLORING, 0, self.explored),
            (false, true) => (HOT, self.explored, 1 << 16),
            (false, false) => (HOT, 0, 1 << 16),
        };
        let at = (((within - from) * HALVINGS) << 16) / (to - from);
        let hot = first >> (at >> 16);
        let scale = ground.instance.weights.open_period.max(1) as u64;
        (hot - ((hot / 2 * (at & 0xffff)) >> 16)) * scale / 30
    }

    fn energy(&self, ground: &Ground) -> i64 {
        let board = &self.board;
        self.unmet_weight * board.unmet_points + ground.a_weight * board.moved_points + board.b
    }

    fn propose(&mut self, ground: &Ground) {
        self.waiting.clear();
        if self.random.percent(12)
            && let Some(order) = self.random_unmet()
        {
            let chain = self.random.below(4);
            let host = self.host_for(ground, order);
            self.force(ground, host, chain);
            return;
        }
        let seed = self.random_seed();
        match self.random.below(16) {
            0..6 => self.force(ground, seed, 1),
            6..10 => self.move_class(ground, seed),
            _ => self.shake(ground, seed),
        }
    }

    /// Mostly the order itself, sometimes another one whose class it could join.
    fn host_for(&mut self, ground: &Ground, order: u32) -> u32 {
        if !ground.places(order).is_empty() && !self.random.percent(30) {
            return order;
        }
        let courses = &ground.instance.orders[order as usize].courses;
        let others = &ground.by_course[courses[self.random.index(courses.len())] as usize];
        others[self.random.index(others.len())]
    }

    /// Some order of the region that is not confirmed and could be served.
    fn random_seed(&mut self) -> u32 {
        let unsettled = !self.unsettled.is_empty() && self.random.percent(50);
        let orders = if unsettled { &self.unsettled } else { &self.regions[self.region].orders };
        orders[self.random.index(orders.len())]
    }

    /// Some unmet order of the region that could be served, if a few draws find one.
    pub(super) fn random_unmet(&mut self) -> Option<u32> {
        let region = &self.regions[self.region];
        let from = if self.regions.len() == 1 { &self.board.unmet } else { &region.orders };
        (0..8).find_map(|_| {
            let order = *from.get(self.random.below(from.len() as u32) as usize)?;
            (region.holds(order) && !self.board.served(order)).then_some(order)
        })
    }

    fn note_best(&mut self) {
        let now = self.board.objective();
        if now < self.best {
            self.best = now;
            self.unsaved = true;
        }
    }

    fn save(&mut self) {
        if !self.unsaved {
            return;
        }
        self.unsaved = false;
        self.best_plan.clear();
        for spot in &self.board.spots {
            self.best_plan.push(match self.board.classes.get(spot.class as usize) {
                Some(seat) => Seated {
                    course: seat.course,
                    teacher: seat.teacher,
                    venue: seat.venue,
                    day: seat.day,
                    period: seat.period,
                    mode: spot.mode,
                },
                None => Seated { course: NONE, teacher: 0, venue: 0, day: 0, period: 0, mode: Mode::Host },
            });
        }
    }

    fn end_region(&mut self, ground: &Ground) {
        self.return_to_best(ground);
        self.region += 1;
        self.region_start = self.steps;
    }

    /// The board as it was at its best.
    fn return_to_best(&mut self, ground: &Ground) {
        if self.unsaved {
            if self.board.objective() == self.best {
                self.save();
            } else {
                debug_assert!(false, "the best plan is kept before it is left");
            }
        }
        let orders = ground.orders.len() as u32;
        self.waiting.clear();
        for order in 0..orders {
            if !self.stays(order) {
                self.take_out(ground, order);
            }
        }
        self.waiting.clear();
        for order in 0..orders {
            let Seated { course, teacher, venue, day, period, mode } = self.best_plan[order as usize];
            if course == NONE || self.board.served(order) {
                continue;
            }
            let mut class = self.board.class_at_venue(venue, day, period);
            if class == NONE {
                class = self.board.open(ground, course, teacher, venue, (day, period));
            }
            self.board.join(ground, order, class, mode);
        }
        self.board.commit();
        self.best = self.board.objective();
        self.unsaved = false;
    }

    /// Whether an order is where the best plan has it.
    fn stays(&self, order: u32) -> bool {
        let spot = self.board.spots[order as usize];
        let seated = &self.best_plan[order as usize];
        self.board.classes.get(spot.class as usize).is_some_and(|seat| {
            (seat.course, seat.teacher, seat.venue) == (seated.course, seated.teacher, seated.venue)
                && (seat.day, seat.period, spot.mode) == (seated.day, seated.period, seated.mode)
        })
    }

    /// The best plan, with everybody in it who can be added.
    pub fn finish(&mut self, ground: &Ground) -> Vec<Class> {
        self.region = self.regions.len();
        self.return_to_best(ground);
        self.add_all(ground);
        self.board.planned()
    }
}
