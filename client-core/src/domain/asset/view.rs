//! Rooms, equipment and on-site points that branches share.

use super::{AssetDeclared, AssetEvent, AssetKind, Condition};
use crate::domain::{Calendar, Entry, Event, Offer, View};
use crate::event::Subject;
use crate::history::Owners;
use crate::ids::{AssetId, BranchId};
use crate::time::{Day, HalfDay, Slot};
use imbl::OrdMap;
use serde::Serialize;

/// One room, kind of equipment, or on-site point.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Asset {
    /// Whose it is.
    pub branch: BranchId,
    /// Room, equipment or on-site point.
    pub kind: AssetKind,
    /// Its name.
    pub name: String,
    /// Where it stands, or empty.
    pub place: String,
    /// Seats of a room, people a batch at an on-site point; 0 for equipment.
    pub capacity: u32,
    /// Pieces; 1 for a room or point.
    pub quantity: u32,
    /// What a room is fitted with.
    pub features: Vec<String>,
    /// Its condition.
    pub condition: Condition,
    /// What was found when that was noted, or empty.
    pub condition_note: String,
    /// Weekly opening half-days.
    pub open: Vec<HalfDay>,
    /// Length of the guided talk at an on-site point, in minutes; 0 elsewhere.
    pub talk_minutes: u16,
    /// Who guides at an on-site point, or empty.
    pub docent: String,
}

impl Asset {
    fn declared(branch: BranchId, declared: &AssetDeclared) -> Self {
        let AssetDeclared { asset: _, kind, name, place, capacity, quantity, features, .. } =
            declared.clone();
        let AssetDeclared { condition, open, talk_minutes, docent, .. } = declared.clone();
        Self {
            branch,
            condition_note: String::new(),
            kind,
            name,
            place,
            capacity,
            quantity,
            features,
            condition,
            open,
            talk_minutes,
            docent,
        }
    }
}

/// The cross-branch resources.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Resources {
    /// Every asset by id.
    pub assets: OrdMap<AssetId, Asset>,
    /// What is offered to other branches, by asset.
    pub offers: OrdMap<AssetId, Vec<Offer>>,
    /// Days an asset cannot be used, first to last, by asset.
    pub blocked: OrdMap<AssetId, Vec<(Day, Day)>>,
}

impl Resources {
    /// Whether the asset is offered to the pool for the slot and not blocked that day.
    pub fn is_offered(&self, asset: AssetId, slot: &Slot, calendar: &Calendar) -> bool {
        let offers = self.offers.get(&asset).map(Vec::as_slice).unwrap_or_default();
        offers.iter().any(|offer| offer.holds(slot, calendar)) && !self.is_blocked(asset, slot.day)
    }

    /// Whether the asset cannot be used that day.
    pub fn is_blocked(&self, asset: AssetId, day: Day) -> bool {
        let blocked = self.blocked.get(&asset).map(Vec::as_slice).unwrap_or_default();
        blocked.iter().any(|(from, to)| (*from..=*to).contains(&day))
    }

    /// How many assets at least one branch offers to the others.
    pub fn shared_count(&self) -> usize {
        self.assets.keys().filter(|id| self.offers.contains_key(*id)).count()
    }
}

impl View for Resources {
    const NAME: &'static str = "resources";

    type Key = AssetId;

    fn keys(entry: &Entry) -> impl IntoIterator<Item = AssetId> {
        let Event::Asset(said) = &entry.event else { return None };
        Some(match said {
            AssetEvent::Declared(declared) => declared.asset,
            AssetEvent::Condition(noted) => noted.asset,
            AssetEvent::Offered(offered) => offered.asset,
            AssetEvent::Blocked(blocked) => blocked.asset,
        })
    }

    fn key_of(subject: &Subject) -> Option<AssetId> {
        if let Subject::Asset(asset) = subject { Some(*asset) } else { None }
    }

    fn forget(&mut self, asset: &AssetId) {
        self.assets.remove(asset);
        self.offers.remove(asset);
        self.blocked.remove(asset);
    }

    fn apply(&mut self, _: &AssetId, entry: &Entry) {
        let Event::Asset(said) = &entry.event else { return };
        match said {
            AssetEvent::Declared(declared) => {
                self.assets.insert(declared.asset, Asset::declared(entry.branch, declared));
            }
            AssetEvent::Condition(noted) => {
                if let Some(asset) = self.assets.get_mut(&noted.asset) {
                    asset.condition = noted.condition;
                    asset.condition_note.clone_from(&noted.note);
                }
            }
            AssetEvent::Offered(offered) => {
                let offer = Offer { windows: offered.windows.clone(), from: offered.from, to: offered.to };
                self.offers.entry(offered.asset).or_default().push(offer);
            }
            AssetEvent::Blocked(blocked) => {
                self.blocked.entry(blocked.asset).or_default().push((blocked.from, blocked.to));
            }
        }
    }

    fn follow(&mut self, id: &AssetId, owners: &Owners) {
        if let Some(owner) = owners.listed_owner(&Subject::Asset(*id))
            && let Some(asset) = self.assets.get_mut(id)
        {
            asset.branch = owner;
        }
    }
}
