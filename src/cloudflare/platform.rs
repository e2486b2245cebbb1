//! The ports on Cloudflare: KV, Durable Objects and services, with the settings and the memory of the isolate.

use std::cell::{OnceCell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use worker::Env;

use super::drive::{Completion, Kind, perform};
use super::runtime::now_ms;
use crate::app::cx::Cx;
use crate::app::isolate::Isolate;
use crate::app::ports::{KV_KEYS_AT_ONCE, Ports};
use crate::base::crypto::base64url;
use crate::base::fault::Fault;
use crate::base::json;
use crate::base::keyring::SigningKey;
use crate::base::moment::Moment;
use crate::ledger::wire::{Call, MESSAGE_FORMAT, Message, Reply};
use crate::settings::Settings;

/// The reply for an admitted submission, which as the most frequent one needs no text.
pub const ADMITTED: u32 = 1;
/// The reply for a repeat, which is answered in the same way.
pub const REPEATED: u32 = 2;
/// The reply after a fault, which the ledger has logged.
pub const FAULT: u32 = 0;

thread_local! {
    static ENV: RefCell<Option<Env>> = const { RefCell::new(None) };
    static SETTINGS: RefCell<Option<Rc<Settings>>> = const { RefCell::new(None) };
    /// The secrets that were read so far, by name.
    static SECRETS: RefCell<BTreeMap<String, String>> = const { RefCell::new(BTreeMap::new()) };
    static ISOLATE: Rc<Isolate> = Rc::default();
    /// True if rate limits of the platform are bound, which are asked before a post is read.
    static HAS_LIMITS: OnceCell<bool> = const { OnceCell::new() };
}

/// Takes the Worker's variables and secrets, which stay the same for the life of the isolate.
pub fn attach(env: &Env) {
    ENV.set(Some(env.clone()));
}

/// The ports of one invocation.
#[derive(Clone)]
pub struct Platform {
    settings: Rc<Settings>,
    isolate: Rc<Isolate>,
}

impl Platform {
    /// Returns the ports, with the settings, which an isolate reads once.
    ///
    /// # Errors
    /// The settings do not parse.
    pub fn new() -> Result<Self, Fault> {
        let settings = SETTINGS.with_borrow(Clone::clone);
        let settings = match settings {
            Some(settings) => settings,
            None => {
                let read = Rc::new(Settings::read(variable)?);
                SETTINGS.set(Some(Rc::clone(&read)));
                read
            }
        };
        Ok(Self { settings, isolate: ISOLATE.with(Rc::clone) })
    }

    /// Returns the context of a use case.
    pub fn cx<'a>(&'a self, now: &'a Moment) -> Cx<'a, Self> {
        Cx { ports: self, isolate: &self.isolate, now }
    }

    /// Returns the memory of the isolate.
    pub fn isolate(&self) -> &Isolate {
        &self.isolate
    }

    /// Returns the settings, shared.
    pub fn shared_settings(&self) -> Rc<Settings> {
        Rc::clone(&self.settings)
    }

    /// Returns the jurisdiction of all ledgers' objects; empty if none is set.
    fn jurisdiction(&self) -> &str {
        self.settings.jurisdiction.as_deref().unwrap_or_default()
    }
}

impl Ports for Platform {
    fn settings(&self) -> &Settings {
        &self.settings
    }

    fn secret(&self, name: &str) -> Option<String> {
        if let Some(secret) = SECRETS.with_borrow(|known| known.get(name).cloned()) {
            return Some(secret);
        }
        let secret = variable(name).filter(|secret| !secret.is_empty())?;
        SECRETS.with_borrow_mut(|known| known.insert(name.to_owned(), secret.clone()));
        Some(secret)
    }

    async fn is_within_limits(&self, campaign: &str, network: Option<&str>) -> Result<bool, Fault> {
        if !HAS_LIMITS
            .with(|has| *has.get_or_init(|| is_bound("CAMPAIGN_LIMIT") || is_bound("NETWORK_LIMIT")))
        {
            return Ok(true);
        }
        let network = network.unwrap_or_default();
        let completion = perform(Kind::Limits, 0, &[campaign.as_bytes(), network.as_bytes()]).await;
        Ok(completion.truth("limit")?.unwrap_or(true))
    }

    async fn takes_more_mails(&self, network: &str) -> Result<bool, Fault> {
        let completion = perform(Kind::MailLimit, 0, &[network.as_bytes()]).await;
        Ok(completion.truth("limit")?.unwrap_or(true))
    }

    async fn ask_service(&self, url: &str, form: &str) -> Result<String, Fault> {
        let completion = perform(Kind::PostForm, 0, &[url.as_bytes(), form.as_bytes()]).await;
        Ok(completion.text("service")?.unwrap_or_default())
    }

    async fn has_file(&self, key: &str) -> Result<bool, Fault> {
        let completion = perform(Kind::HasFile, 0, &[key.as_bytes()]).await;
        completion.truth("bucket")?.ok_or_else(|| Fault::new("no bucket is bound"))
    }

    async fn kv_get(&self, key: &str) -> Result<Option<String>, Fault> {
        perform(Kind::KvGet, 0, &[key.as_bytes()]).await.text("KV get")
    }

    async fn kv_get_all(&self, keys: &[String]) -> Result<Vec<(String, String)>, Fault> {
        let mut texts = Vec::new();
        for keys in keys.chunks(KV_KEYS_AT_ONCE) {
            let keys: Vec<_> = keys.iter().map(String::as_bytes).collect();
            texts.extend(read_texts(perform(Kind::KvGetAll, 0, &keys).await, "KV get")?);
        }
        // Names and values in turn.
        let mut texts = texts.into_iter();
        let pair = || Some((texts.next()?, texts.next()?));
        Ok(std::iter::from_fn(pair).collect())
    }

    async fn kv_put(&self, key: &str, value: &str) -> Result<(), Fault> {
        perform(Kind::KvPut, 0, &[key.as_bytes(), value.as_bytes()]).await.done("KV put")
    }

    async fn kv_delete(&self, key: &str) -> Result<(), Fault> {
        perform(Kind::KvDelete, 0, &[key.as_bytes()]).await.done("KV delete")
    }

    async fn kv_list(&self, prefix: &str) -> Result<Vec<String>, Fault> {
        read_texts(perform(Kind::KvList, 0, &[prefix.as_bytes()]).await, "KV list")
    }

    async fn sign(&self, key: &SigningKey, text: &str) -> Result<Vec<u8>, Fault> {
        let seed = key.seed.as_ref().ok_or_else(|| Fault::new("the key signs no more"))?;
        let (seed, public) = (base64url(seed.bytes()), base64url(&key.public));
        let parts = [key.id.as_bytes(), seed.as_bytes(), public.as_bytes(), text.as_bytes()];
        match perform(Kind::Sign, 0, &parts).await {
            Completion::Bytes(signature) => Ok(signature),
            Completion::Failed(why) => Err(Fault::new(format!("signing: {why}"))),
            Completion::Nothing | Completion::Number(_) => Err(Fault::new("signing: no signature")),
        }
    }

    async fn ask(&self, ledger: &str, call: &Call) -> Result<Reply, Fault> {
        let _slot = self.isolate.backlog.enter(ledger, now_ms())?;
        let message = Message { format: MESSAGE_FORMAT, ledger: ledger.to_owned(), call };
        let body = serde_json::to_vec(&message).map_err(|_| Fault::new("a message cannot be written"))?;
        let name = format!("v1:{ledger}");
        let parts: [&[u8]; 3] = [name.as_bytes(), self.jurisdiction().as_bytes(), &body];
        match perform(Kind::Ask, 0, &parts).await {
            Completion::Bytes(text) => {
                json::read(&text).ok_or_else(|| Fault::new("ledger: an unreadable reply"))
            }
            Completion::Number(ADMITTED) => Ok(Reply::Admitted),
            Completion::Number(REPEATED) => Ok(Reply::Repeated),
            Completion::Number(_) | Completion::Nothing => {
                Err(Fault::new("ledger: a fault that it has logged"))
            }
            Completion::Failed(why) => Err(Fault::new(format!("ledger: {why}"))),
        }
    }
}

/// Reads a JSON list of texts.
fn read_texts(completion: Completion, effect: &str) -> Result<Vec<String>, Fault> {
    let text = completion.text(effect)?.unwrap_or_default();
    serde_json::from_str(&text).map_err(|_| Fault::new(format!("{effect}: an unreadable reply")))
}

fn binding(name: &str) -> Option<wasm_bindgen::JsValue> {
    ENV.with_borrow(|env| js_sys::Reflect::get(env.as_ref()?, &name.into()).ok())
}

/// Returns a variable or a secret. Other bindings are objects, and have no text.
fn variable(name: &str) -> Option<String> {
    binding(name)?.as_string()
}

fn is_bound(name: &str) -> bool {
    binding(name).is_some_and(|binding| binding.is_object())
}
