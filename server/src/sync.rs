//! The carriers of sync: WebSocket and HTTP POST. What is said on them is the core's business.

pub mod carrier;
pub mod endpoint;
pub mod exchange;
pub mod outbox;
pub mod segments;
pub mod upstream;

use client_core::time::Millis;

/// Wall-clock time.
pub fn now() -> Millis {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Millis(since.as_millis() as i64)
}

/// The nonce that opens a connection, as its address carries it.
#[derive(Debug, serde::Deserialize)]
pub struct Opening {
    /// 64 hexadecimal digits.
    #[serde(default)]
    pub nonce: String,
}

impl Opening {
    /// The bytes, or what is wrong with it.
    pub fn bytes(&self) -> Result<[u8; 32], String> {
        let mut bytes = [0; 32];
        let wrong = |_| "open the connection with ?nonce= and 64 random hexadecimal digits".to_owned();
        hex::decode_to_slice(&self.nonce, &mut bytes).map_err(wrong)?;
        Ok(bytes)
    }
}
