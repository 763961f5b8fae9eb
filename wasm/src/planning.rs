//! The planner for scripts of the page: the same plan, byte for byte, as a node makes.

use client_core::plan::{self, Budget, Instance};
use wasm_bindgen::prelude::*;

/// Plans a `jts-1` instance and gives back its `jts-plan-1`; throws what was refused.
///
/// `steps` is the budget, what the instance deserves if absent. The tab does nothing else meanwhile.
#[wasm_bindgen]
pub fn plan(instance: &str, steps: Option<u32>) -> Result<String, JsError> {
    let instance = Instance::from_json(instance)?;
    let budget = Budget { steps: steps.map(u64::from) };
    Ok(serde_json::to_string(&plan::plan(instance, budget, |_| {}).plan()).expect("a plan is plain data"))
}
