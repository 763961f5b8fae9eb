//! The answer to an instruction: the decisions that it stands for, or why there are none.

use crate::domain::{
    Asker, Command, Context, Draft, Given, History, InstructionCarriedOut, InstructionRefused, PrivateViews,
    Refusal, SharedViews, decisions,
};
use crate::event::EventRef;
use crate::identity::Role;
use crate::ids::{ActionId, BranchId, Entropy, EventId};
use crate::log::Ledger;
use crate::time::Millis;
use sha2::{Digest, Sha256};

/// What the arbiter answers, as one action. All that it draws follows from the instruction: carried out once
/// more after a restore that lost the answer, it makes the same things under the same ids.
pub fn answer(
    instruction: EventRef,
    given: &Given,
    (views, history, ledger): (&SharedViews, &History, &Ledger),
    now: Millis,
) -> (ActionId, Vec<Draft>) {
    let seed = Sha256::new().chain_update("lianxiao-instruction-1").chain_update(instruction.to_string());
    let mut entropy = Entropy::new(seed.finalize().into());
    let action = ActionId(entropy.next_id());
    let mut drafts = match carry_out(given, (views, history, ledger), now, &mut entropy) {
        Ok(mut drafts) => {
            drafts.push(Draft::new(BranchId::CITY, InstructionCarriedOut { instruction }));
            drafts
        }
        Err(Why { code, detail }) => {
            vec![Draft::new(BranchId::CITY, InstructionRefused { instruction, code, detail })]
        }
    };
    for draft in &mut drafts {
        draft.id = Some(EventId(entropy.next_id()));
    }
    (action, drafts)
}

/// Why an instruction is refused.
struct Why {
    code: String,
    detail: String,
}

impl From<Refusal> for Why {
    fn from(refusal: Refusal) -> Self {
        Self { code: refusal.code().to_owned(), detail: shortened(refusal.to_string()) }
    }
}

/// As much as a decision holds.
fn shortened(text: String) -> String {
    const MOST: usize = 1_000;
    text.chars().filter(|c| !c.is_control()).take(MOST).collect()
}

fn carry_out(
    given: &Given,
    (views, history, ledger): (&SharedViews, &History, &Ledger),
    now: Millis,
    entropy: &mut Entropy,
) -> Result<Vec<Draft>, Why> {
    let unreadable = |error: serde_json::Error| Why {
        code: "unknown_command".to_owned(),
        detail: shortened(format!("this program cannot carry it out: {error}")),
    };
    let command: Command = serde_json::from_str(&given.command).map_err(unreadable)?;
    if command.stands_on(views) != given.seen {
        let detail = "what it is about has changed since: look at it again".to_owned();
        return Err(Why { code: "changed".to_owned(), detail });
    }
    let asker = Asker { branch: BranchId::CITY, role: Role::Arbiter, today: now.day(), now };
    let command = command.as_of(ledger, history)?;
    let (own_views, random) = (&PrivateViews::default(), &mut || entropy.next_id());
    Ok(decisions(&command, &mut Context { asker, views, own_views, random })?)
}
