//! Becoming a device: a one-time code and a fresh key go to the node, a certificate comes back.

use super::{Identity, random, window};
use client_core::identity::{Chain, SecretKey};
use client_core::ids::{PublicKey, UserId};
use client_core::replica::Enrolment;
use serde::{Deserialize, Serialize};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{Request, RequestInit, Response};

#[derive(Serialize)]
struct Ask<'a> {
    code: &'a str,
    key: PublicKey,
}

#[derive(Deserialize)]
struct Grant {
    city_key: PublicKey,
    chain: Chain,
    user: UserId,
    branch_name: String,
}

/// Why the device is not enrolled.
#[derive(Clone, Debug)]
pub enum EnrolError {
    /// The node did not answer.
    NoAnswer,
    /// The node said no: a code word and its own words.
    Refused(String, String),
}

/// The code in the page's address (`#code=…`).
pub fn code_in_address() -> Option<String> {
    let hash = window().location().hash().ok()?;
    let code = hash.strip_prefix("#code=")?;
    (!code.is_empty()).then(|| code.to_owned())
}

/// Shows the code to the node that served the page.
pub async fn enrol(code: &str) -> Result<Identity, EnrolError> {
    let key = SecretKey::from_random(random());
    let ask = Ask { code, key: key.public() };
    let (ok, body) = post("/enrol", &serde_json::to_string(&ask).expect("plain text encodes"))
        .await
        .map_err(|_| EnrolError::NoAnswer)?;
    if !ok {
        let problem: serde_json::Value = serde_json::from_str(&body).unwrap_or_default();
        let text = |field: &str| problem[field].as_str().unwrap_or(&body).to_owned();
        return Err(EnrolError::Refused(text("title"), text("detail")));
    }
    let grant: Grant = serde_json::from_str(&body)
        .map_err(|error| EnrolError::Refused("unreadable".into(), error.to_string()))?;
    let enrolment = Enrolment { city_key: grant.city_key, chain: grant.chain, user: grant.user };
    Ok(Identity { enrolment, key, branch_name: grant.branch_name })
}

async fn post(path: &str, body: &str) -> Result<(bool, String), JsValue> {
    let init = RequestInit::new();
    init.set_method("POST");
    init.set_body(&body.into());
    let request = Request::new_with_str_and_init(path, &init)?;
    request.headers().set("content-type", "application/json")?;
    let response: Response = JsFuture::from(window().fetch_with_request(&request)).await?.dyn_into()?;
    let text = JsFuture::from(response.text()?).await?;
    Ok((response.ok(), text.as_string().unwrap_or_default()))
}
