//! What a branch does about its rooms, equipment and on-site points.

use super::{Asset, AssetBlocked, AssetConditionNoted, AssetDeclared, AssetKind, AssetOffered, Condition};
use crate::domain::command::{filled, number, range, windows};
use crate::domain::{Act, Context, Draft, Refusal};
use crate::ids::AssetId;
use crate::time::{Day, HalfDay};
use serde::{Deserialize, Serialize};

/// A branch says what it has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeclareAsset {
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
    /// Weekly opening half-days.
    pub open: Vec<HalfDay>,
    /// Length of the guided talk at an on-site point, in minutes; 0 elsewhere.
    pub talk_minutes: u16,
    /// Who guides at an on-site point, or empty.
    pub docent: String,
}

/// A branch notes the condition of what it has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoteCondition {
    /// The asset.
    pub asset: AssetId,
    /// Its condition from here on.
    pub condition: Condition,
    /// What was found, or empty.
    pub note: String,
}

/// An asset's weekly windows go to the pool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfferAsset {
    /// The asset.
    pub asset: AssetId,
    /// Half-days of every week.
    pub windows: Vec<HalfDay>,
    /// First day.
    pub from: Day,
    /// Last day.
    pub to: Day,
}

/// An asset cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockAsset {
    /// The asset.
    pub asset: AssetId,
    /// First day.
    pub from: Day,
    /// Last day.
    pub to: Day,
    /// Why.
    pub reason: String,
}

impl Act for DeclareAsset {
    const NAME: &'static str = "declare_asset";

    fn drafts(&self, context: &mut Context<'_>) -> Result<Vec<Draft>, Refusal> {
        context.branch()?;
        let Self { kind, name, place, capacity, quantity, features, condition, open, talk_minutes, docent } =
            self.clone();
        filled("name", &name)?;
        match kind {
            AssetKind::Equipment => number("quantity", quantity, 1, u32::MAX)?,
            AssetKind::Room | AssetKind::OnSitePoint => number("capacity", capacity, 1, u32::MAX)?,
        }
        let declared = AssetDeclared {
            asset: AssetId(context.id_of_unit()),
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
        };
        Ok(vec![context.own(declared)])
    }
}

impl Act for NoteCondition {
    const NAME: &'static str = "note_condition";

    fn drafts(&self, context: &mut Context<'_>) -> Result<Vec<Draft>, Refusal> {
        let Self { asset, condition, note } = self.clone();
        context.owner(known(context, asset)?.branch)?;
        Ok(vec![context.own(AssetConditionNoted { asset, condition, note })])
    }
}

impl Act for OfferAsset {
    const NAME: &'static str = "offer_asset";

    fn drafts(&self, context: &mut Context<'_>) -> Result<Vec<Draft>, Refusal> {
        let Self { asset, windows: offered, from, to } = self.clone();
        context.owner(known(context, asset)?.branch)?;
        windows(&offered)?;
        range(from, to)?;
        Ok(vec![context.own(AssetOffered { asset, windows: offered, from, to })])
    }
}

impl Act for BlockAsset {
    const NAME: &'static str = "block_asset";

    fn drafts(&self, context: &mut Context<'_>) -> Result<Vec<Draft>, Refusal> {
        let Self { asset, from, to, reason } = self.clone();
        context.owner(known(context, asset)?.branch)?;
        range(from, to)?;
        Ok(vec![context.own(AssetBlocked { asset, from, to, reason })])
    }
}

fn known<'a>(context: &Context<'a>, asset: AssetId) -> Result<&'a Asset, Refusal> {
    Ok(context.views.resources.assets.get(&asset).ok_or(asset)?)
}
