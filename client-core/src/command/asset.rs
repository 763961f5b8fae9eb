//! Rooms, equipment, on-site points.

use super::{Asker, CommandError, filled, invalid, range, unknown, windows};
use crate::event::{AssetBlocked, AssetDeclared, AssetKind, AssetOffered, Draft};
use crate::fold::{Asset, SharedViews};
use crate::ids::SubjectId;
use crate::time::{Day, HalfDay};

pub(super) fn declare(
    asker: &Asker,
    asset: &AssetDeclared,
    new_id: &mut dyn FnMut() -> [u8; 16],
) -> Result<Vec<Draft>, CommandError> {
    asker.branch()?;
    filled("name", &asset.name)?;
    if asset.kind == AssetKind::Equipment && asset.quantity == 0 {
        return Err(invalid("quantity", "must be at least 1"));
    }
    if asset.kind != AssetKind::Equipment && asset.capacity == 0 {
        return Err(invalid("capacity", "must be at least 1"));
    }
    let declared = AssetDeclared { asset: SubjectId(asker.new_id(new_id)), ..asset.clone() };
    Ok(vec![Draft::new(asker.branch, declared)])
}

pub(super) fn offer(
    asker: &Asker,
    views: &SharedViews,
    asset: SubjectId,
    offered: &[HalfDay],
    from: Day,
    to: Day,
) -> Result<Vec<Draft>, CommandError> {
    asker.owner(known(views, asset)?.branch)?;
    windows(offered)?;
    range(from, to)?;
    Ok(vec![Draft::new(asker.branch, AssetOffered { asset, windows: offered.to_vec(), from, to })])
}

pub(super) fn block(
    asker: &Asker,
    views: &SharedViews,
    asset: SubjectId,
    from: Day,
    to: Day,
    reason: &str,
) -> Result<Vec<Draft>, CommandError> {
    asker.owner(known(views, asset)?.branch)?;
    range(from, to)?;
    Ok(vec![Draft::new(asker.branch, AssetBlocked { asset, from, to, reason: reason.to_owned() })])
}

fn known(views: &SharedViews, asset: SubjectId) -> Result<&Asset, CommandError> {
    views.resources.assets.get(&asset).ok_or_else(|| unknown("asset", asset))
}
