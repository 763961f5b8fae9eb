//! Proof of a certificate over HTTP: the node gives a nonce, the asker signs it with what it asks for.
//!
//! A request without proof is answered 401 with `WWW-Authenticate: Lianxiao nonce="…"`. The next one
//! carries `Authorization: Lianxiao` and, in base64, the MessagePack array of nonce, certificate chain
//! and signature. A nonce serves for a while, but each signature for one thing asked for only. The
//! node keeps nothing: it knows its own nonces again.

use crate::error::Problem;
use crate::node::Node;
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use client_core::identity::{self, Certificate, Chain};
use client_core::ids::{SegmentId, Signature};
use client_core::sync::proof_message;
use client_core::time::Millis;
use serde_bytes::ByteBuf;
use sha2::{Digest, Sha256};

/// What is signed to ask for the list.
pub const LIST: &str = "segments";

/// What is signed to ask for a file.
pub fn purpose_of(hash: SegmentId) -> String {
    format!("segment {hash}")
}

const SCHEME: &str = "Lianxiao";
/// How long a nonce serves.
const LIFE_MILLIS: i64 = 10 * 60 * 1000;

type Proof = (ByteBuf, Chain, Signature);

/// Who asks for `purpose`, or the answer to give: a nonce to sign, or what is wrong.
pub async fn asker(
    node: &Node,
    headers: &HeaderMap,
    purpose: &str,
    now: Millis,
) -> Result<Certificate, Problem> {
    let given = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let given = given.and_then(|value| value.strip_prefix(SCHEME)).map(str::trim);
    let Some(given) = given else { return Err(challenge(node, now, "this needs proof of a certificate")) };
    let wrong = |detail: &str| challenge(node, now, detail);
    let bytes = URL_SAFE_NO_PAD.decode(given).map_err(|_| wrong("the proof is not base64 (URL alphabet)"))?;
    let (nonce, chain, signature): Proof = rmp_serde::from_slice(&bytes)
        .map_err(|_| wrong("the proof is not a MessagePack array of nonce, chain, signature"))?;
    let nonce = <[u8; 32]>::try_from(nonce.as_slice()).map_err(|_| wrong("a nonce has 32 bytes"))?;
    if !is_ours(node, &nonce, now) {
        return Err(wrong("the nonce is old or not from here: sign the one in WWW-Authenticate"));
    }
    let certificate = identity::verify_chain(node.city_key(), &chain)
        .map_err(|error| Problem::forbidden(error.to_string()))?;
    if !identity::verify(certificate.key, &proof_message(purpose, node.city(), &nonce), &signature) {
        return Err(wrong("the signature is not this certificate's over what is asked for"));
    }
    if node.rulings().await?.revoke(certificate) {
        return Err(Problem::forbidden("this device was revoked: nothing is given to it any more"));
    }
    Ok(certificate.clone())
}

/// The header by which this node proves itself for `purpose` to one that gave it a nonce.
pub fn prove(node: &Node, purpose: &str, nonce: &[u8; 32]) -> String {
    let (key, chain) = node.identity();
    let signature = key.sign(&proof_message(purpose, node.city(), nonce));
    let proof = (ByteBuf::from(nonce), chain, signature);
    let bytes = rmp_serde::to_vec(&proof).expect("a proof always encodes");
    format!("{SCHEME} {}", URL_SAFE_NO_PAD.encode(bytes))
}

/// The nonce in an answer that asks for proof.
pub fn nonce_in(challenge: &str) -> Option<[u8; 32]> {
    let hexadecimal = challenge.strip_prefix(SCHEME)?.trim().strip_prefix("nonce=\"")?.strip_suffix('"')?;
    let mut nonce = [0; 32];
    hex::decode_to_slice(hexadecimal, &mut nonce).ok()?;
    Some(nonce)
}

fn challenge(node: &Node, now: Millis, detail: &str) -> Problem {
    Problem::unproven(detail, format!("{SCHEME} nonce=\"{}\"", hex::encode(nonce_of(node, now))))
}

/// The time, and a hash of it that only this node can make.
fn nonce_of(node: &Node, time: Millis) -> [u8; 32] {
    let (key, _) = node.identity();
    let hash: [u8; 32] = Sha256::new()
        .chain_update("lianxiao-http-nonce-1")
        .chain_update(key.to_bytes())
        .chain_update(time.0.to_be_bytes())
        .finalize()
        .into();
    let mut nonce = [0; 32];
    nonce[..8].copy_from_slice(&time.0.to_be_bytes());
    nonce[8..].copy_from_slice(&hash[..24]);
    nonce
}

fn is_ours(node: &Node, nonce: &[u8; 32], now: Millis) -> bool {
    let time = Millis(i64::from_be_bytes(nonce[..8].try_into().expect("8 of 32 bytes")));
    let age = now.0.saturating_sub(time.0);
    (0..=LIFE_MILLIS).contains(&age) && super::same(&nonce_of(node, time), nonce)
}
