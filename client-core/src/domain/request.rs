//! Orders (点单) and claims (约课): what branches ask, and what the city answers.

mod command;
mod event;
mod view;
mod wish;

pub use command::*;
pub use event::*;
pub use view::*;
pub use wish::*;

kinds! {
    /// What is asked and answered.
    RequestEvent in Request {
        Order(RequestLodged),
        Claim(ClaimLodged),
        Cancelled(RequestCancelled),
        Consented(RequestConsented),
        RoundOpened(RoundOpened),
        RoundDecided(RoundDecided),
        Received(ClaimReceived),
        Confirmed(ClaimConfirmed),
        Waitlisted(ClaimWaitlisted),
        Refused(ClaimRefused),
        Displaced(ClaimDisplaced),
        Joint(JointConfirmed),
        Unmet(RequestUnmet),
        PlanInputs(PlanInputs),
        Plan(PlanDecided),
    }
}

commands! {
    /// What branches ask.
    RequestCommand in Request {
        LodgeRequest,
        LodgeClaim,
        TakeAlternative,
        CancelRequest,
        ConsentRequest,
    }
}
