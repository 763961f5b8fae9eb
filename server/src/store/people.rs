//! One-time codes and the devices this node certified.

use super::read::{count, fixed};
use super::{Store, StoreError};
use client_core::identity::Role;
use client_core::ids::{BranchId, CityId, DeviceId, PublicKey};
use client_core::time::Millis;
use sqlx::Row;

/// What a code grants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The branch the device will work for.
    pub branch: BranchId,
    /// What it may do.
    pub role: Role,
    /// What people call it.
    pub label: String,
}

impl Store {
    /// Keeps the hash of a new one-time code.
    pub async fn put_code(
        &self,
        city: CityId,
        code_hash: [u8; 32],
        branch: BranchId,
        role: Role,
        label: &str,
        expires: Millis,
    ) -> Result<(), StoreError> {
        let _alone = self.alone().await?;
        sqlx::query("INSERT INTO codes (city, code_hash, branch, role, label, expires) VALUES ($1, $2, $3, $4, $5, $6)")
            .bind(city.0.as_slice())
            .bind(code_hash.as_slice())
            .bind(branch.0.as_slice())
            .bind(i64::from(role as u8))
            .bind(label)
            .bind(expires.0)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// Marks a code as used and says what it grants; each code works once, whoever is first.
    pub async fn take_code(
        &self,
        city: CityId,
        code_hash: [u8; 32],
        now: Millis,
    ) -> Result<Grant, StoreError> {
        let _alone = self.alone().await?;
        let taken = sqlx::query("UPDATE codes SET used = $1 WHERE city = $2 AND code_hash = $3 AND used IS NULL AND expires > $1 RETURNING branch, role, label")
            .bind(now.0)
            .bind(city.0.as_slice())
            .bind(code_hash.as_slice())
            .fetch_optional(&self.pool)
            .await?;
        if let Some(row) = taken {
            return Ok(Grant {
                branch: BranchId(fixed(&row, 0)?),
                role: role(&row, 1)?,
                label: row.try_get(2)?,
            });
        }
        let known =
            sqlx::query("SELECT COUNT(used) FROM codes WHERE city = $1 AND code_hash = $2 GROUP BY city")
                .bind(city.0.as_slice())
                .bind(code_hash.as_slice())
                .fetch_optional(&self.pool)
                .await?;
        Err(match known {
            None => StoreError::UnknownCode,
            Some(row) if count(&row, 0)? > 0 => StoreError::UsedCode,
            Some(_) => StoreError::ExpiredCode,
        })
    }

    /// The device this node certified for a key, and when.
    pub async fn device_of_key(
        &self,
        city: CityId,
        key: PublicKey,
    ) -> Result<Option<(DeviceId, Grant, Millis)>, StoreError> {
        let text =
            "SELECT device, branch, role, label, enrolled FROM devices WHERE city = $1 AND public_key = $2";
        let row = sqlx::query(text)
            .bind(city.0.as_slice())
            .bind(key.0.as_slice())
            .fetch_optional(&self.pool)
            .await?;
        let device = |row: sqlx::any::AnyRow| {
            let grant =
                Grant { branch: BranchId(fixed(&row, 1)?), role: role(&row, 2)?, label: row.try_get(3)? };
            Ok((DeviceId(fixed(&row, 0)?), grant, Millis(row.try_get(4)?)))
        };
        row.map(device).transpose()
    }

    /// Keeps a device this node certified.
    #[expect(clippy::too_many_arguments, reason = "one argument a column")]
    pub async fn put_device(
        &self,
        city: CityId,
        device: DeviceId,
        key: PublicKey,
        branch: BranchId,
        role: Role,
        label: &str,
        enrolled: Millis,
    ) -> Result<(), StoreError> {
        let _alone = self.alone().await?;
        sqlx::query("INSERT INTO devices (city, device, public_key, branch, role, label, enrolled) VALUES ($1, $2, $3, $4, $5, $6, $7)")
            .bind(city.0.as_slice())
            .bind(device.0.as_slice())
            .bind(key.0.as_slice())
            .bind(branch.0.as_slice())
            .bind(i64::from(role as u8))
            .bind(label)
            .bind(enrolled.0)
            .execute(&self.pool)
            .await?;
        Ok(())
    }
}

fn role(row: &sqlx::any::AnyRow, column: usize) -> Result<Role, StoreError> {
    let code = count(row, column)?;
    let role = Role::ALL.iter().copied().find(|role| *role as u64 == code);
    role.ok_or_else(|| StoreError::Damaged(format!("{code} is no role")))
}
