//! Enrolment: one-time codes, certificates.

use super::{Kind, Node, NodeError};
use client_core::domain::{AdmitBranch, Command, DeviceEnrolled, Draft};
use client_core::identity::{Certificate, Chain, Role};
use client_core::ids::{BranchId, DeviceId, PublicKey, UserId};
use client_core::time::Millis;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// How long a code may be used.
const CODE_LIFE_DAYS: i64 = 7;

/// A device asks to be enrolled.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EnrolRequest {
    /// The one-time code.
    pub code: String,
    /// The public key made on the device.
    pub key: PublicKey,
}

/// What an enrolled device needs to know.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EnrolAnswer {
    /// The city's public key.
    pub city_key: PublicKey,
    /// The device's certificate chain.
    pub chain: Chain,
    /// The person who works at it.
    pub user: UserId,
    /// The branch's name.
    pub branch_name: String,
}

impl Node {
    /// Makes a one-time code for a device of a branch. At the city, an unknown branch name opens a branch,
    /// and no name means the city school itself.
    pub async fn make_code(
        &self,
        branch_name: Option<&str>,
        role: Role,
        label: &str,
        now: Millis,
    ) -> Result<String, NodeError> {
        let branch = match (self.is_city(), role, branch_name) {
            (true, Role::BranchNode | Role::Office, Some(name)) => self.branch_named(name).await?,
            (true, Role::CityAdmin | Role::Office, None) => BranchId::CITY,
            (false, Role::Office, _) => self.branch(),
            _ => {
                let what = "the city enrols branch nodes and office devices (with a branch name), its own office devices and city administrators (without); a branch enrols its own office devices";
                return Err(NodeError::Refused(what.into()));
            }
        };
        let code = readable(crate::keys::random_bytes());
        let expires = Millis(now.0 + CODE_LIFE_DAYS * Millis::DAY);
        self.store.put_code(self.city, code_hash(&code), branch, role, label, expires).await?;
        tracing::info!(%branch, %role, label, "one-time code made");
        Ok(code)
    }

    async fn branch_named(&self, name: &str) -> Result<BranchId, NodeError> {
        if let Some(branch) = self.shared_views().await?.branches.by_name(name) {
            return Ok(branch);
        }
        let admit = Command::from(AdmitBranch { name: name.to_owned() });
        self.command(admit, UserId([0; 16])).await?;
        let views = self.shared_views().await?;
        views.branches.by_name(name).ok_or_else(|| NodeError::Refused(format!("{name} could not be opened")))
    }

    /// Certifies a device that shows a valid code. A branch node does this without a line, too. A key that
    /// was certified before, because the answer was lost on its way, gets the same certificate again.
    pub async fn enrol(&self, request: &EnrolRequest, now: Millis) -> Result<EnrolAnswer, NodeError> {
        let grant = self.store.take_code(self.city, code_hash(&request.code), now).await?;
        let known = self.store.device_of_key(self.city, request.key).await?;
        let is_new = known.is_none();
        let (device, enrolled) = match known {
            None => (DeviceId(crate::keys::random_id()), now),
            Some((device, had, at)) if (had.branch, had.role) == (grant.branch, grant.role) => (device, at),
            Some((device, ..)) => {
                let what = format!(
                    "this key is enrolled as device {device} for another branch or role: begin with an empty data folder, which makes a new key, and a new code"
                );
                return Err(NodeError::Refused(what));
            }
        };
        let (issuer, mut chain) = match &self.kind {
            Kind::City(key) => (key.clone(), Vec::new()),
            Kind::Branch => (self.node_key.clone(), self.node_chain.clone()),
        };
        let certificate =
            Certificate::issue(&issuer, self.city, request.key, device, grant.branch, grant.role, enrolled);
        chain.push(certificate);
        if is_new {
            self.store
                .put_device(self.city, device, request.key, grant.branch, grant.role, &grant.label, now)
                .await?;
        }
        // The row may be there without the event, where an earlier try was cut short between the two.
        let is_told = self.shared_views().await?.devices.enrolled.contains_key(&device);
        if self.is_city() && !is_told {
            let enrolled = DeviceEnrolled {
                device,
                key: request.key,
                branch: grant.branch,
                role: grant.role,
                label: grant.label.clone(),
            };
            self.append(vec![Draft::new(BranchId::CITY, enrolled)]).await?;
        }
        let branch_name = self.shared_views().await?.branches.name(grant.branch);
        tracing::info!(%device, branch = %grant.branch, role = %grant.role, "device enrolled");
        let user = UserId(crate::keys::random_id());
        Ok(EnrolAnswer { city_key: self.city_key, chain, user, branch_name })
    }
}

fn code_hash(code: &str) -> [u8; 32] {
    Sha256::digest(code.trim().to_ascii_uppercase().replace('-', "").as_bytes()).into()
}

/// Twelve characters of 32 that cannot be mistaken for each other: 60 bits.
fn readable(random: [u8; 32]) -> String {
    const LETTERS: &[u8; 32] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
    let letters: Vec<char> =
        random[..12].iter().map(|byte| LETTERS[usize::from(byte & 31)] as char).collect();
    letters.chunks(4).map(|group| group.iter().collect::<String>()).collect::<Vec<_>>().join("-")
}
