//! What a person at the city school asks for, in the city's own private documents, and the arbiter's answers.

use crate::event::{Checked, EventRef, Kind, Scope, Speaker, bounds};
use crate::ids::ChangeHash;
use client_core_macros::Packed;

/// A person at the city school asks for what only the city may decide.
#[derive(Clone, Debug, PartialEq, Eq, Packed)]
pub struct InstructionGiven {
    /// What is to be done, a command as JSON: its name under `command`, and its fields.
    pub command: String,
    /// SHA-256 of what its author saw of the thing that it is about, if it is about one that was there.
    pub seen: Option<ChangeHash>,
}

/// The arbiter did what an instruction asks for: the other decisions of the same action.
#[derive(Clone, Debug, PartialEq, Eq, Packed)]
pub struct InstructionCarriedOut {
    /// The instruction.
    pub instruction: EventRef,
}

/// The arbiter does not do what an instruction asks for.
#[derive(Clone, Debug, PartialEq, Eq, Packed)]
pub struct InstructionRefused {
    /// The instruction.
    pub instruction: EventRef,
    /// The code of the refusal.
    pub code: String,
    /// The refusal in English words.
    pub detail: String,
}

impl Kind for InstructionGiven {
    const NAME: &'static str = "instruction.given";
    const SCOPE: Scope = Scope::Private;
    const FINAL: bool = true;
    const SINCE: u16 = 3;
    const SPEAKER: Speaker = Speaker::CityOffice;

    fn bounds(&self) -> Checked {
        let Self { command, seen: _ } = self;
        bounds::long_text("command", command)
    }
}

impl Kind for InstructionCarriedOut {
    const NAME: &'static str = "instruction.carried_out";
    const SCOPE: Scope = Scope::Decisions;
    const SINCE: u16 = 3;
    const SPEAKER: Speaker = Speaker::Arbiter;

    fn bounds(&self) -> Checked {
        Ok(())
    }
}

impl Kind for InstructionRefused {
    const NAME: &'static str = "instruction.refused";
    const SCOPE: Scope = Scope::Decisions;
    const SINCE: u16 = 3;
    const SPEAKER: Speaker = Speaker::Arbiter;

    fn bounds(&self) -> Checked {
        let Self { instruction: _, code, detail } = self;
        bounds::name("code", code)?;
        bounds::text("detail", detail)
    }
}
