//! Instructions: what a person at the city school asks the city's arbiter for, and what it answered.

mod command;
mod event;
mod view;

pub use command::*;
pub use event::*;
pub use view::*;

kinds! {
    /// What the city's offices ask for, and what the arbiter answers.
    InstructionEvent in Instruction {
        Given(InstructionGiven),
        Carried(InstructionCarriedOut),
        Refused(InstructionRefused),
    }
}

commands! {
    /// What a person at the city school does.
    InstructionCommand in Instruction {
        Instruct,
    }
}

#[cfg(test)]
mod tests;
