//! The arbiter at the city: what it writes, step by step, from events alone.
//!
//! Whatever the city's node writes in a life, and after a pause, is written in a term begun for it; during a
//! pause people's commands and rulings on clocks are. A pass of the arbiter writes what has to stand before anything is decided, takes back
//! what others need more, opens a round, receives claims and decides what cannot wait. Closing a round goes
//! on from there: it decides the round's claims and plans the open orders. A step is worked out when nothing
//! of the node's own is on its way to the disk, so on all that was decided before it.

use super::standing::Standing;
use super::{Actions, Effect, Happening, Node, NotDone, OpenError, What};
use crate::decide::timetable::{Planning, Proposal};
use crate::decide::{self, Decision, FarAhead, instruction};
use crate::domain::{ArbiterTerm, Draft, SharedViews};
use crate::door::Admitted;
use crate::event::{EventRef, KnownHead, KnownLines, Scope};
use crate::identity::SecretKey;
use crate::ids::{BranchId, ChangeHash, RoundId, UserId};
use crate::log::{self, Changes, LogKey, Place, Run, Shelf, ShelfError};
use crate::plan::{Budget, Progress};
use crate::time::{Millis, Stamp};
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

/// Records and closings in one action, which is one run in the log.
const UPKEEP_AT_ONCE: usize = 500;

/// Ends of lines that are looked at with one tick.
const ENDS_AT_ONCE: usize = 500;

/// What closing a round brought; nothing where none was closed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Closed {
    /// The round that was closed, if one was open.
    pub round: Option<RoundId>,
    /// How many decisions were written.
    pub decisions: usize,
    /// Teaching minutes that joining orders saved, against a class for each.
    pub minutes_saved: u32,
}

/// All open orders, to be planned.
pub struct ToPlan {
    number: u64,
    views: Arc<SharedViews>,
    at: Millis,
}

/// What planning came to.
#[derive(Debug)]
pub struct Planned {
    number: u64,
    /// The plan, or why nothing can be planned.
    result: Result<Proposal, String>,
}

impl std::fmt::Debug for ToPlan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ToPlan(at {})", self.at.0)
    }
}

impl ToPlan {
    /// Plans. `progress` is told a hundred times.
    pub fn plan(self, budget: Budget, progress: impl FnMut(Progress)) -> Planned {
        let planning = Planning::new(self.views, self.at, budget);
        let result = planning.map(|it| it.complete(progress)).map_err(|refusal| refusal.to_string());
        Planned { number: self.number, result }
    }

    /// The answer where planning itself failed.
    pub fn failed(&self) -> impl FnOnce(String) -> Planned + use<> {
        let number = self.number;
        move |why| Planned { number, result: Err(why) }
    }
}

/// What makes a node the city's: its own key, kept outside its store, and the arbiter. A program that opens
/// no city, a page, does not carry the arbiter's code.
#[derive(Clone)]
pub struct CitySeat {
    pub(super) key: SecretKey,
    take: fn(&mut Node, Step, Millis, &dyn Shelf) -> Result<Taken, NotDone>,
}

impl CitySeat {
    /// Of the city with this key.
    pub fn new(key: SecretKey) -> Self {
        Self { key, take: Node::take }
    }
}

/// Something the arbiter is to do.
struct Errand {
    ticket: u64,
    closes_round: bool,
}

/// Steps of an errand, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Begin,
    Upkeep,
    Instruct,
    Displace,
    OpenRound,
    Receive,
    DecideNow,
    DecideRound,
    Plan,
    End,
}

impl Step {
    fn next(self) -> Self {
        match self {
            Self::Begin => Self::Upkeep,
            Self::Upkeep => Self::Instruct,
            Self::Instruct => Self::Displace,
            Self::Displace => Self::OpenRound,
            Self::OpenRound => Self::Receive,
            Self::Receive => Self::DecideNow,
            Self::DecideNow => Self::DecideRound,
            Self::DecideRound => Self::Plan,
            Self::Plan | Self::End => Self::End,
        }
    }
}

/// What is on its way to the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Writing {
    Term,
    Step,
    /// So many of those that are not corrected yet.
    Corrections(usize),
}

/// The plan that is being made, with what it is made on.
struct InPlan {
    number: u64,
    round: Option<RoundId>,
    known: Vec<KnownLines>,
    frontier: ChangeHash,
    planned: Option<Result<Proposal, String>>,
}

pub(super) struct Arbiter {
    pub standing: Standing,
    /// What is written next is preceded by a new term.
    term_due: bool,
    errands: VecDeque<Errand>,
    step: Step,
    closed: Closed,
    in_plan: Option<InPlan>,
    /// Plans that were asked for.
    plans: u64,
    writing: Option<Writing>,
    /// Lines stamped far ahead that are not corrected yet.
    far_ahead: Vec<FarAhead>,
    /// What could not be written waits for the next tick.
    waits_for_tick: bool,
    /// Private lines of copied devices that nobody has looked at yet.
    forked: BTreeSet<LogKey>,
    /// Those of them that the step at hand looks at.
    looked_at: Vec<LogKey>,
    /// The instruction that is being answered, and those that were in this life: each is answered once.
    answering: Option<EventRef>,
    answered: BTreeSet<EventRef>,
    /// Ends of lines that are looked at again after a start: what arrived just before it was not answered.
    ends: VecDeque<(LogKey, u8, u64)>,
}

impl Arbiter {
    pub fn open(
        notes: &BTreeMap<String, Vec<u8>>,
        was_put_back: bool,
        now: Millis,
    ) -> Result<Self, OpenError> {
        Ok(Self {
            standing: Standing::open(notes, was_put_back, now)?,
            term_due: true,
            errands: VecDeque::new(),
            step: Step::Begin,
            closed: Closed::default(),
            in_plan: None,
            plans: 0,
            writing: None,
            far_ahead: Vec::new(),
            waits_for_tick: false,
            forked: BTreeSet::new(),
            looked_at: Vec::new(),
            answering: None,
            answered: BTreeSet::new(),
            ends: VecDeque::new(),
        })
    }

    /// What could not be written is tried again.
    pub fn tries_again(&mut self) {
        self.waits_for_tick = false;
    }

    /// The next decision begins a new term.
    pub fn begins_term(&mut self) {
        self.term_due = true;
    }
}

impl Node {
    /// Decides what cannot wait for a round, from what is known; [`Effect::Decided`] follows. At the city
    /// alone.
    pub fn decide(&mut self, ticket: u64, now: Millis, shelf: &dyn Shelf) {
        self.run(Errand { ticket, closes_round: false }, now, shelf);
    }

    /// The same, then decides the open round's claims and plans all open orders around what is confirmed.
    pub fn close_round(&mut self, ticket: u64, now: Millis, shelf: &dyn Shelf) {
        self.run(Errand { ticket, closes_round: true }, now, shelf);
    }

    /// The answer to [`Effect::Plan`].
    pub fn planned(&mut self, planned: Planned, now: Millis, shelf: &dyn Shelf) {
        // What was planned for an errand that has ended meanwhile is of no use.
        if let Some(in_plan) = self.arbiter.in_plan.as_mut().filter(|it| it.number == planned.number) {
            in_plan.planned = Some(planned.result);
        }
        self.go_on(now, shelf);
    }

    fn run(&mut self, errand: Errand, now: Millis, shelf: &dyn Shelf) {
        self.arbiter.errands.push_back(errand);
        self.go_on(now, shelf);
    }

    /// What the arbiter writes next; `None` if it has nothing to write now.
    pub(super) fn next_step(&mut self, now: Millis, shelf: &dyn Shelf) -> Option<(UserId, What)> {
        if self.arbiter.writing.is_some() {
            return None;
        }
        if self.arbiter.term_due && !self.arbiter.waits_for_tick && self.has_decisions_to_write() {
            (self.arbiter.writing, self.arbiter.term_due) = (Some(Writing::Term), false);
            return Some(by_itself(vec![Draft::new(BranchId::CITY, self.term())]));
        }
        if !self.arbiter.far_ahead.is_empty() && !self.arbiter.waits_for_tick {
            let corrections = decide::corrections(&self.arbiter.far_ahead, self.shared.rulings());
            if !corrections.is_empty() {
                self.arbiter.writing = Some(Writing::Corrections(self.arbiter.far_ahead.len()));
                return Some(by_itself(drafts(corrections)));
            }
            self.arbiter.far_ahead.clear();
        }
        // A term that could not be stored is tried again with the next tick; nothing is decided before it.
        if self.needs_term() && self.arbiter.waits_for_tick {
            return None;
        }
        while let Some(errand) = self.arbiter.errands.front() {
            // A restore may be found out at any step.
            if self.arbiter.standing.waits() {
                self.arbiter.step = Step::Begin;
            }
            let last = if errand.closes_round { Step::Plan } else { Step::DecideNow };
            if self.arbiter.step > last {
                self.end(Ok(()));
                continue;
            }
            let take = self.city_seat.as_ref()?.take;
            match take(self, self.arbiter.step, now, shelf) {
                Err(not_done) => self.end(Err(not_done)),
                Ok(Taken::Waits) => return None,
                Ok(Taken::Nothing) => self.step_written(0),
                Ok(Taken::Drafts(drafts)) => {
                    self.arbiter.writing = Some(Writing::Step);
                    return Some(by_itself(drafts));
                }
                Ok(Taken::ForSomebody(user, actions)) => {
                    self.arbiter.writing = Some(Writing::Step);
                    return Some((user, What::Actions(actions)));
                }
            }
        }
        None
    }

    /// Whether the city's node has something to write.
    fn has_decisions_to_write(&mut self) -> bool {
        let decides = !self.arbiter.errands.is_empty() && self.paused().is_none();
        self.is_city() && (decides || !self.arbiter.far_ahead.is_empty() || self.authors.node_waits())
    }

    /// Whether the node itself writes nothing before a term is begun.
    pub(super) fn needs_term(&self) -> bool {
        self.is_city() && self.arbiter.term_due
    }

    /// Works a step out.
    fn take(&mut self, step: Step, now: Millis, shelf: &dyn Shelf) -> Result<Taken, NotDone> {
        let drafts: Vec<Draft> = match step {
            Step::Begin => match self.paused() {
                Some(paused) => return Err(NotDone::Paused(paused)),
                None => Vec::new(),
            },
            Step::Upkeep => self.upkeep(shelf),
            Step::Instruct => return Ok(self.instructed(now, shelf)),
            Step::Displace => decisions(decide::displace(&self.views().clone(), now, self.frontier())),
            Step::OpenRound => {
                let views = self.views().clone();
                let needed = decide::needs_round(&views, now) && views.requests.open_round().is_none();
                let round = RoundId(self.entropy.next_id());
                let open = |seed| Draft::new(BranchId::CITY, decide::open_round(&views, now, round, seed));
                self.round_seed(round).filter(|_| needed).map(open).into_iter().collect()
            }
            Step::Receive => drafts(decide::receipts(self.views(), now)),
            Step::DecideNow => decisions(decide::decide_now(&self.views().clone(), now, self.frontier())),
            Step::DecideRound => {
                let views = self.views().clone();
                let round = views.requests.open_round().map(|(round, _)| round);
                self.arbiter.closed.round = round;
                let seed = round.and_then(|round| Some((round, self.round_seed(round)?)));
                let decided = seed.map(|(round, seed)| {
                    decisions(decide::decide_round(&views, round, seed, now, self.frontier()))
                });
                decided.unwrap_or_default()
            }
            Step::Plan => return self.plan(now),
            Step::End => Vec::new(),
        };
        Ok(if drafts.is_empty() { Taken::Nothing } else { Taken::Drafts(drafts) })
    }

    fn plan(&mut self, now: Millis) -> Result<Taken, NotDone> {
        if let Some(in_plan) = &mut self.arbiter.in_plan {
            let Some(planned) = in_plan.planned.take() else { return Ok(Taken::Waits) };
            let proposal = planned.map_err(NotDone::Unplannable)?;
            self.arbiter.closed.minutes_saved = proposal.minutes_saved;
            let InPlan { round, known, frontier, .. } = in_plan;
            return Ok(Taken::Drafts(decisions(proposal.decisions(*round, known, *frontier))));
        }
        let views = self.views().clone();
        if views.requests.open_orders().next().is_none() {
            return Ok(Taken::Nothing);
        }
        let (round, known, frontier) = (self.arbiter.closed.round, self.known_lines(), self.frontier());
        self.arbiter.plans += 1;
        let number = self.arbiter.plans;
        self.arbiter.in_plan = Some(InPlan { number, round, known, frontier, planned: None });
        self.effects.push_back(Effect::Plan(ToPlan { number, views, at: now }));
        Ok(Taken::Waits)
    }

    /// A term above all decisions that are known.
    fn term(&mut self) -> ArbiterTerm {
        let known = self.shared.ranked();
        let decisions = known.filter(|entry| entry.reference.document.scope == Scope::Decisions);
        let above: Option<Stamp> = decisions.map(|entry| entry.stamp).max();
        self.authors.all_mut().for_each(|author| author.clock_mut().raise(above.unwrap_or_default()));
        let last = self.views().requests.term.map_or(0, |(_, number)| number);
        ArbiterTerm { epoch: self.epoch, number: last + 1, parent: self.frontier() }
    }

    /// What has to stand before anything is decided: the release, records of owners, and which of several
    /// bytes under one id count.
    fn upkeep(&mut self, shelf: &dyn Shelf) -> Vec<Draft> {
        let views = self.views().clone();
        let mut events = Vec::new();
        self.arbiter.looked_at.clear();
        for key in self.arbiter.forked.clone() {
            let log = self.peer.ledger().get(&key).into_iter().map(|log| (key, log.clone())).collect();
            match super::read_history(shelf, &log) {
                Ok(mut history) => {
                    history.follow(self.shared.rulings());
                    events.extend(decide::closings(&history, self.peer.ledger()));
                    self.arbiter.looked_at.push(key);
                }
                Err(error) => self.unreadable(&key, &error),
            }
        }
        events.extend(decide::upkeep(&self.shared, &views, self.peer.ledger()));
        events.truncate(UPKEEP_AT_ONCE);
        drafts(events)
    }

    /// The answer to the oldest instruction that has none.
    fn instructed(&mut self, now: Millis, shelf: &dyn Shelf) -> Taken {
        let answered = self.views().answers.answers.clone();
        let given = match self.rosters(shelf) {
            Ok(own) => own.instructions.given.clone(),
            Err(error) => {
                self.happened(Happening::LineUnreadable, "instructions", error.to_string());
                return Taken::Nothing;
            }
        };
        let is_open = |instruction: &EventRef| {
            !answered.contains_key(instruction) && !self.arbiter.answered.contains(instruction)
        };
        let open = given.iter().filter(|(instruction, _)| is_open(instruction));
        let Some((instruction, given)) = open.min_by_key(|(instruction, given)| (given.at, **instruction))
        else {
            return Taken::Nothing;
        };
        self.arbiter.answering = Some(*instruction);
        let (ledger, views) = (self.peer.ledger(), self.views.views(&mut self.shared).clone());
        let answer = instruction::answer(*instruction, given, (&views, &self.shared, ledger), now);
        Taken::ForSomebody(given.user, Actions { drafts: vec![answer], ..Actions::default() })
    }

    /// It keeps nothing else from being decided, and is tried again.
    fn unreadable(&mut self, key: &LogKey, error: &ShelfError) {
        self.happened(Happening::LineUnreadable, key.to_string(), error.to_string());
    }

    /// What the arbiter wrote is durable, or why it is not.
    pub(super) fn step_done(&mut self, result: Result<Vec<EventRef>, NotDone>) {
        match (self.arbiter.writing.take(), result) {
            (Some(Writing::Term), Ok(_)) => {}
            (Some(Writing::Term), Err(not_done)) => self.no_term(not_done),
            (Some(Writing::Corrections(count)), Ok(_)) => drop(self.arbiter.far_ahead.drain(..count)),
            (Some(Writing::Corrections(_)), Err(_)) => self.arbiter.waits_for_tick = true,
            // What holds without it is decided all the same.
            (_, Err(NotDone::NotWritten(error))) if self.arbiter.step <= Step::Instruct => {
                self.happened(Happening::UpkeepFailed, "", error.to_string());
                self.arbiter.answered.extend(self.arbiter.answering.take());
                self.arbiter.step = self.arbiter.step.next();
            }
            (_, Err(not_done)) => self.end(Err(not_done)),
            (_, Ok(events)) => self.step_written(events.len()),
        }
    }

    /// Nothing is written before the term that is due: whoever waits is told why.
    fn no_term(&mut self, not_done: NotDone) {
        (self.arbiter.term_due, self.arbiter.waits_for_tick) = (true, true);
        while !self.arbiter.errands.is_empty() {
            self.end(Err(not_done.clone()));
        }
        self.refuse_waiting(&not_done);
    }

    fn step_written(&mut self, events: usize) {
        let step = self.arbiter.step;
        match step {
            Step::Upkeep if events >= UPKEEP_AT_ONCE => return,
            Step::Upkeep => {
                let Arbiter { forked, looked_at, .. } = &mut self.arbiter;
                forked.retain(|key| !looked_at.contains(key));
            }
            // The next instruction.
            Step::Instruct if events > 0 => {
                return self.arbiter.answered.extend(self.arbiter.answering.take());
            }
            Step::DecideRound | Step::Plan => self.arbiter.closed.decisions += events,
            _ => {}
        }
        self.arbiter.step = step.next();
    }

    /// The errand at hand is done, or cannot be.
    fn end(&mut self, result: Result<(), NotDone>) {
        let arbiter = &mut self.arbiter;
        (arbiter.step, arbiter.in_plan) = (Step::Begin, None);
        let closed = std::mem::take(&mut arbiter.closed);
        if let Some(Errand { ticket, .. }) = arbiter.errands.pop_front() {
            let result = result.map(|()| closed);
            self.effects.push_back(Effect::Decided { ticket, result });
        }
    }

    /// The seed of a round: nobody but the holder of the city's key can tell it before it is opened, and
    /// it survives a restore. `None`: this is not the city.
    pub fn round_seed(&self, round: RoundId) -> Option<ChangeHash> {
        let key = &self.city_seat.as_ref()?.key;
        let message = [b"lianxiao-round-seed-1".as_slice(), &self.city.0, &round.0].concat();
        Some(ChangeHash(Sha256::digest(key.sign(&message).0).into()))
    }

    /// A run came to the city: what of it is stamped far ahead, and whether its line parts from another.
    pub(super) fn look_at_arrival(&mut self, admitted: &Admitted, own: bool, now: Millis) {
        let scope = admitted.run.document.scope;
        let parts = matches!(admitted.place, Place::Parts { .. });
        if scope == Scope::Private && parts {
            self.arbiter.forked.insert(admitted.run.key());
        }
        if scope != Scope::Decisions && !own {
            self.arbiter.far_ahead.extend(decide::far_ahead(&admitted.run, &admitted.changes, now));
        }
        let may_instruct = admitted.run.document.branch == BranchId::CITY;
        if scope != Scope::Private || parts || may_instruct {
            self.effects.push_back(Effect::ArbiterDue);
        }
    }

    /// At the start of a city: private lines that part, and the ends of all lines, are looked at once more.
    pub(super) fn begin_to_look_back(&mut self) {
        for (key, log) in self.peer.ledger().iter() {
            if key.document.scope == Scope::Private && log.lines().len() > 1 {
                self.arbiter.forked.insert(*key);
            }
            let lines = log.lines().iter().enumerate().filter(|(_, line)| line.from.seq < line.head.seq);
            if key.document.scope != Scope::Decisions {
                let ends = lines.map(|(number, line)| (*key, number as u8, line.head.seq - 1));
                self.arbiter.ends.extend(ends);
            }
        }
        self.effects.push_back(Effect::ArbiterDue);
    }

    /// What stands far ahead of the clock at the end of a line is corrected, some lines at a time.
    pub(super) fn look_back(&mut self, now: Millis, shelf: &dyn Shelf) {
        for _ in 0..ENDS_AT_ONCE.min(self.arbiter.ends.len()) {
            let Some((key, line, after)) = self.arbiter.ends.pop_front() else { return };
            match last_run(shelf, &key, line, after) {
                Ok(Some((run, changes))) => {
                    self.arbiter.far_ahead.extend(decide::far_ahead(&run, &changes, now));
                }
                Ok(None) => {}
                Err(error) => {
                    self.unreadable(&key, &error);
                    self.arbiter.ends.push_back((key, line, after));
                }
            }
        }
    }

    /// A hash over the heads of shared and decisions documents.
    pub fn frontier(&self) -> ChangeHash {
        self.peer.ledger().heads(|document| document.scope != Scope::Private).digest(self.city)
    }

    /// The heads of shared and decisions documents.
    pub fn known_lines(&self) -> Vec<KnownLines> {
        let shared = self.peer.ledger().iter().filter(|(key, _)| key.document.scope != Scope::Private);
        let lines = shared.map(|(key, log)| {
            let heads = log.lines().iter().map(|line| KnownHead { seq: line.head.seq, hash: line.head.hash });
            KnownLines { document: key.document, actor: key.actor, heads: heads.collect() }
        });
        lines.collect()
    }
}

/// What a step comes to.
enum Taken {
    /// Something to write.
    Drafts(Vec<Draft>),
    /// Something to write on behalf of a person.
    ForSomebody(UserId, Actions),
    /// Nothing is to be written: the next step.
    Nothing,
    /// It goes on when something comes.
    Waits,
}

fn last_run(
    shelf: &dyn Shelf,
    key: &LogKey,
    line: u8,
    after: u64,
) -> Result<Option<(Run, Changes)>, ShelfError> {
    let Some(run) = shelf.runs_after(key, line, after, 1)?.pop() else { return Ok(None) };
    let changes = log::unpack(&run.bytes).map_err(|error| ShelfError(error.to_string()))?;
    Ok(Some((run, changes)))
}

/// What the arbiter decides of its own accord.
fn by_itself(drafts: Vec<Draft>) -> (UserId, What) {
    (UserId([0; 16]), What::Decisions(drafts))
}

fn drafts(events: Vec<crate::domain::Event>) -> Vec<Draft> {
    events.into_iter().map(|event| Draft::new(BranchId::CITY, event)).collect()
}

fn decisions(decisions: Vec<Decision>) -> Vec<Draft> {
    decisions.into_iter().map(Draft::from).collect()
}
