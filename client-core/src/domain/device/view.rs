//! Which devices are enrolled, and which are no longer trusted.

use super::DeviceEvent;
use crate::domain::{Entry, Event, View};
use crate::identity::Role;
use crate::ids::{BranchId, DeviceId};
use imbl::OrdMap;
use serde::Serialize;

/// One enrolled device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Device {
    /// The branch it works for.
    pub branch: BranchId,
    /// What it may do.
    pub role: Role,
    /// What people call it.
    pub label: String,
}

/// The devices of the city.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Devices {
    /// Every enrolled device by id.
    pub enrolled: OrdMap<DeviceId, Device>,
    /// Every device that is no longer trusted, and why.
    pub revoked: OrdMap<DeviceId, String>,
}

impl View for Devices {
    const NAME: &'static str = "devices";

    type Key = DeviceId;

    fn keys(entry: &Entry) -> impl IntoIterator<Item = DeviceId> {
        match &entry.event {
            Event::Device(DeviceEvent::Enrolled(enrolled)) => Some(enrolled.device),
            Event::Device(DeviceEvent::Revoked(revoked)) => Some(revoked.device),
            _ => None,
        }
    }

    fn forget(&mut self, device: &DeviceId) {
        self.enrolled.remove(device);
        self.revoked.remove(device);
    }

    fn apply(&mut self, _: &DeviceId, entry: &Entry) {
        let Event::Device(said) = &entry.event else { return };
        match said {
            DeviceEvent::Enrolled(enrolled) => {
                let device =
                    Device { branch: enrolled.branch, role: enrolled.role, label: enrolled.label.clone() };
                self.enrolled.insert(enrolled.device, device);
            }
            DeviceEvent::Revoked(revoked) => {
                self.revoked.insert(revoked.device, revoked.reason.clone());
            }
            // The history goes by these.
            DeviceEvent::Released(_)
            | DeviceEvent::Rejected(_)
            | DeviceEvent::Corrected(_)
            | DeviceEvent::Closed(_) => {}
        }
    }
}
