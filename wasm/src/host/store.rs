//! The device's disk: one IndexedDB database, one transaction a write, strict durability but for what comes again.

use client_core::identity::SecretKey;
use client_core::replica::{Enrolment, Record};
use futures_channel::oneshot;
use js_sys::{Array, Object, Reflect, Uint8Array};
use serde::{Deserialize, Serialize};
use std::cell::{Cell, RefCell};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{IdbDatabase, IdbObjectStore, IdbRequest, IdbTransaction, IdbTransactionMode};

const DATABASE: &str = "lianxiao";
const RECORDS: &str = "records";
const IDENTITY: &str = "identity";
const STRICT: &str = "strict";

#[wasm_bindgen]
extern "C" {
    // web-sys calls the options unstable; every browser has them.
    #[wasm_bindgen(extends = IdbDatabase)]
    type StrictDatabase;
    #[wasm_bindgen(method, catch, js_name = transaction)]
    fn strict_transaction(
        this: &StrictDatabase,
        store: &str,
        mode: IdbTransactionMode,
        options: &JsValue,
    ) -> Result<IdbTransaction, JsValue>;
}

/// Who this device is, kept beside its records.
pub struct Identity {
    /// Its certificate and the city's key.
    pub enrolment: Enrolment,
    /// Its own key.
    pub key: SecretKey,
    /// The branch's name when it was enrolled.
    pub branch_name: String,
}

#[derive(Serialize, Deserialize)]
struct StoredIdentity {
    enrolment: Enrolment,
    key: [u8; 32],
    branch_name: String,
}

/// Why something was not stored or read.
#[derive(Debug)]
pub enum StoreError {
    /// Another tab has written where this one wanted to: what this one holds is out of date.
    Overtaken,
    /// The browser has cleared this page's records: nothing may be written any more.
    Cleared,
    /// What the browser said when its storage failed.
    Browser(String),
}

impl std::fmt::Display for StoreError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Overtaken => f.write_str(
                "another tab of this page has written meanwhile; reload this page and do it again",
            ),
            Self::Cleared => f.write_str(
                "the browser has cleared this page's records; reload it and enrol this device again",
            ),
            Self::Browser(said) => f.write_str(said),
        }
    }
}

impl From<JsValue> for StoreError {
    fn from(value: JsValue) -> Self {
        let said = match value.dyn_ref::<web_sys::DomException>() {
            // Only what must be new is added; all else is put in place of what is there.
            Some(exception) if exception.name() == "ConstraintError" => return Self::Overtaken,
            Some(exception) => format!("{}: {}", exception.name(), exception.message()),
            None => format!("{value:?}"),
        };
        Self::Browser(said)
    }
}

/// The open database, and the key of the device whose records it holds.
pub struct Store {
    database: RefCell<StrictDatabase>,
    device: Cell<Option<[u8; 32]>>,
}

impl Store {
    /// Opens the database of this page's address, made at the first time.
    pub async fn open() -> Result<Self, StoreError> {
        Ok(Self { database: RefCell::new(database().await?), device: Cell::new(None) })
    }

    /// Who this device is; `None` before it is enrolled.
    pub async fn identity(&self) -> Result<Option<Identity>, StoreError> {
        let store = self.read(IDENTITY)?;
        let Some(stored) = identity_in(&store).await? else { return Ok(None) };
        self.device.set(Some(stored.key));
        let StoredIdentity { enrolment, key, branch_name } = stored;
        Ok(Some(Identity { enrolment, key: SecretKey::from_random(key), branch_name }))
    }

    /// Keeps who this device is; once.
    pub async fn keep_identity(&self, identity: &Identity) -> Result<(), StoreError> {
        let stored = StoredIdentity {
            enrolment: identity.enrolment.clone(),
            key: identity.key.to_bytes(),
            branch_name: identity.branch_name.clone(),
        };
        let bytes = rmp_serde::to_vec(&stored).expect("an identity always encodes");
        let (transaction, store) = begin(&self.database.borrow(), IDENTITY, STRICT)?;
        store.add_with_key(&Uint8Array::from(bytes.as_slice()), &"self".into())?;
        committed(&transaction).await
    }

    /// All records.
    pub async fn records(&self) -> Result<Vec<Record>, StoreError> {
        let store = self.read(RECORDS)?;
        let (keys, values) = (store.get_all_keys()?, store.get_all()?);
        let keys = Array::from(&finished(&keys).await?);
        let values = Array::from(&finished(&values).await?);
        let records = keys.iter().zip(values.iter()).filter_map(|(key, value)| {
            Some(Record { key: key.as_string()?, value: Uint8Array::new(&value).to_vec() })
        });
        Ok(records.collect())
    }

    /// Stores all records in one transaction; durable when it returns, unless they come again. Changes that
    /// do not come again are this device's own, and must be new.
    pub async fn put(&self, records: &[Record], comes_again: bool) -> Result<(), StoreError> {
        let durability = if comes_again { "relaxed" } else { STRICT };
        let begun = begin(&self.database.borrow(), RECORDS, durability);
        let (transaction, store) = match begun {
            Ok(begun) => begun,
            Err(_) => {
                self.open_again().await?;
                begin(&self.database.borrow(), RECORDS, durability)?
            }
        };
        for record in records {
            let (key, value) = (record.key.as_str().into(), Uint8Array::from(record.value.as_slice()));
            if !comes_again && record.key.starts_with("run/") {
                store.add_with_key(&value, &key)?;
            } else {
                store.put_with_key(&value, &key)?;
            }
        }
        committed(&transaction).await
    }

    /// Browsers close a database now and then (a page long in the background). Nothing may be written to one
    /// that they cleared.
    async fn open_again(&self) -> Result<(), StoreError> {
        let again = database().await?;
        let store = again.transaction_with_str(IDENTITY)?.object_store(IDENTITY)?;
        let found = identity_in(&store).await?.map(|stored| stored.key);
        if found != self.device.get() {
            again.close();
            return Err(StoreError::Cleared);
        }
        self.database.replace(again);
        Ok(())
    }

    fn read(&self, store: &str) -> Result<IdbObjectStore, JsValue> {
        self.database.borrow().transaction_with_str(store)?.object_store(store)
    }
}

fn begin(
    database: &StrictDatabase,
    store: &str,
    durability: &str,
) -> Result<(IdbTransaction, IdbObjectStore), JsValue> {
    let options = Object::new();
    Reflect::set(&options, &"durability".into(), &durability.into())?;
    let transaction = database.strict_transaction(store, IdbTransactionMode::Readwrite, &options)?;
    let objects = transaction.object_store(store)?;
    Ok((transaction, objects))
}

async fn identity_in(store: &IdbObjectStore) -> Result<Option<StoredIdentity>, StoreError> {
    let value = finished(&store.get(&"self".into())?).await?;
    if value.is_undefined() {
        return Ok(None);
    }
    let stored = rmp_serde::from_slice(&Uint8Array::new(&value).to_vec());
    let unreadable = |error| StoreError::Browser(format!("this device's identity cannot be read: {error}"));
    stored.map(Some).map_err(unreadable)
}

/// Asks the browser to keep what is stored also when space is short; `None` where it cannot be asked.
pub async fn ask_to_keep() -> Option<bool> {
    let asked = super::window().navigator().storage().persist().ok()?;
    JsFuture::from(asked).await.ok()?.as_bool()
}

async fn database() -> Result<StrictDatabase, StoreError> {
    let factory = super::window().indexed_db()?;
    let factory = factory.ok_or_else(|| StoreError::Browser("this browser keeps no IndexedDB".into()))?;
    let request = factory.open_with_u32(DATABASE, 1)?;
    let opened = request.clone();
    let upgrade = Closure::once(move |_: web_sys::Event| {
        if let Ok(database) = opened.result().and_then(|result| result.dyn_into::<IdbDatabase>()) {
            for store in [RECORDS, IDENTITY] {
                // It can only exist already, which is as good.
                let _ = database.create_object_store(store);
            }
        }
    });
    request.set_onupgradeneeded(Some(upgrade.as_ref().unchecked_ref()));
    Ok(finished(&request).await?.unchecked_into())
}

async fn finished(request: &IdbRequest) -> Result<JsValue, StoreError> {
    let (sender, receiver) = oneshot::channel();
    let done = once(sender);
    request.set_onsuccess(Some(done.as_ref().unchecked_ref()));
    request.set_onerror(Some(done.as_ref().unchecked_ref()));
    wait(receiver).await?;
    match request.error()? {
        Some(error) => Err(JsValue::from(error).into()),
        None => Ok(request.result()?),
    }
}

async fn committed(transaction: &IdbTransaction) -> Result<(), StoreError> {
    let (sender, receiver) = oneshot::channel();
    let done = once(sender);
    transaction.set_oncomplete(Some(done.as_ref().unchecked_ref()));
    transaction.set_onabort(Some(done.as_ref().unchecked_ref()));
    let event = wait(receiver).await?;
    if event.type_() == "complete" {
        return Ok(());
    }
    let why = transaction.error().map_or_else(|| "the browser stopped the write".into(), JsValue::from);
    Err(why.into())
}

fn once(sender: oneshot::Sender<web_sys::Event>) -> Closure<dyn FnMut(web_sys::Event)> {
    let mut sender = Some(sender);
    Closure::new(move |event| {
        if let Some(sender) = sender.take() {
            let _ = sender.send(event);
        }
    })
}

async fn wait(receiver: oneshot::Receiver<web_sys::Event>) -> Result<web_sys::Event, StoreError> {
    receiver.await.map_err(|_| StoreError::Browser("the browser gave no answer".into()))
}
