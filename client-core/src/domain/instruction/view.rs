//! What the city's offices asked for, seen by them alone, and what the arbiter answered.

use super::InstructionEvent;
use crate::domain::{Entry, Event, View};
use crate::event::EventRef;
use crate::ids::{ActionId, ChangeHash, DeviceId, UserId};
use crate::time::Stamp;
use imbl::OrdMap;
use serde::Serialize;

/// Instructions, as the city's offices see them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Instructions {
    /// By the event that gave it.
    pub given: OrdMap<EventRef, Given>,
}

/// What somebody asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Given {
    /// The command as JSON.
    pub command: String,
    /// What its author saw of the thing that it is about.
    pub seen: Option<ChangeHash>,
    /// Who asked.
    pub user: UserId,
    /// At which device.
    pub device: DeviceId,
    /// When.
    pub at: Stamp,
}

/// What the arbiter answered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Answers {
    /// By instruction; the first answer counts.
    pub answers: OrdMap<EventRef, Answer>,
}

/// The answer to an instruction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum Answer {
    /// It was carried out: the decisions of this action.
    CarriedOut(ActionId),
    /// It was refused.
    Refused {
        /// The code of the refusal.
        code: String,
        /// The refusal in English words.
        detail: String,
    },
}

impl View for Instructions {
    const NAME: &'static str = "instructions";

    type Key = EventRef;

    fn keys(entry: &Entry) -> impl IntoIterator<Item = EventRef> {
        matches!(entry.event, Event::Instruction(InstructionEvent::Given(_))).then_some(entry.reference)
    }

    fn forget(&mut self, instruction: &EventRef) {
        self.given.remove(instruction);
    }

    fn apply(&mut self, instruction: &EventRef, entry: &Entry) {
        let Event::Instruction(said) = &entry.event else { return };
        match said {
            InstructionEvent::Given(given) => {
                let (command, seen) = (given.command.clone(), given.seen);
                let given = Given { command, seen, user: entry.user, device: entry.device, at: entry.stamp };
                self.given.insert(*instruction, given);
            }
            InstructionEvent::Carried(_) | InstructionEvent::Refused(_) => {}
        }
    }
}

impl View for Answers {
    const NAME: &'static str = "answers";

    type Key = EventRef;

    fn keys(entry: &Entry) -> impl IntoIterator<Item = EventRef> {
        match &entry.event {
            Event::Instruction(InstructionEvent::Carried(it)) => Some(it.instruction),
            Event::Instruction(InstructionEvent::Refused(it)) => Some(it.instruction),
            _ => None,
        }
    }

    fn forget(&mut self, instruction: &EventRef) {
        self.answers.remove(instruction);
    }

    fn apply(&mut self, instruction: &EventRef, entry: &Entry) {
        let Event::Instruction(said) = &entry.event else { return };
        let answer = match said {
            InstructionEvent::Carried(_) => Answer::CarriedOut(entry.action),
            InstructionEvent::Refused(it) => {
                Answer::Refused { code: it.code.clone(), detail: it.detail.clone() }
            }
            InstructionEvent::Given(_) => return,
        };
        if !self.answers.contains_key(instruction) {
            self.answers.insert(*instruction, answer);
        }
    }
}
