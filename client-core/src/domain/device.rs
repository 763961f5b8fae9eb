//! Devices: who is enrolled, who is trusted no longer, and what counts of what they wrote.

mod command;
mod event;
mod view;

pub use command::*;
pub use event::*;
pub use view::*;

kinds! {
    /// What the city says of devices.
    DeviceEvent in Device {
        Enrolled(DeviceEnrolled),
        Revoked(DeviceRevoked),
        Released(QuarantineReleased),
        Rejected(QuarantineRejected),
        Corrected(ClockCorrected),
        Closed(ActorClosed),
    }
    older { DeviceRevoked1, }
}

commands! {
    /// What the city does about devices.
    DeviceCommand in Device {
        RevokeDevice,
        ReleaseQuarantine,
        RejectQuarantine,
        CloseActor,
    }
}
