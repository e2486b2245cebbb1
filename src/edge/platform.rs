//! The ports on Cloudflare: KV, Durable Objects, and what an isolate keeps between requests.

use std::cell::RefCell;
use std::rc::Rc;

use js_sys::Uint8Array;
use js_sys::futures::JsFuture;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast as _, JsValue};
use worker::{Context, Delay, Env};

use super::http::{log_fault, response};
use super::kv::Kv;
use super::{glue, message_of, now_ms};
use crate::campaigns::Shelf;
use crate::capture::After;
use crate::fault::Fault;
use crate::hash::base64url;
use crate::keys::SigningKey;
use crate::ledger::message::{Answer, Call, MESSAGE_FORMAT, Message};
use crate::ports::Ports;
use crate::reply::Reply;
use crate::settings::Settings;
use crate::tallies::{GATHER_MS, Tallies};
use crate::throttle::Throttle;
use crate::waiting::Waiting;

/// The bindings of `wrangler.toml`.
const KV: &str = "KV";
const LEDGER: &str = "LEDGER";
/// A visitor waits meanwhile.
const SERVICE_TIMEOUT_MS: u32 = 3_000;
/// Characters of a service's answer: a few fields of JSON.
const MAX_SERVICE_ANSWER: u32 = 16_384;
/// The most frequent answer needs no text.
pub const ADMITTED: u32 = 1;
/// The ledger had a fault, and has logged it.
pub const FAULT: u32 = 0;

thread_local! {
    static SETTINGS: RefCell<Option<Rc<Settings>>> = const { RefCell::new(None) };
    static SHELF: Rc<RefCell<Shelf>> = Rc::default();
    static TALLIES: RefCell<Tallies> = RefCell::default();
    static WAITING: RefCell<Waiting> = RefCell::default();
    static THROTTLE: Rc<RefCell<Throttle>> = Rc::default();
}

#[wasm_bindgen]
extern "C" {
    /// `DurableObjectNamespace`, for the method that `worker` does not bind.
    type Namespace;

    #[wasm_bindgen(method, catch)]
    fn jurisdiction(this: &Namespace, name: &str) -> Result<JsValue, JsValue>;
}

/// The ports of one invocation.
#[derive(Clone)]
pub struct Platform {
    env: Env,
    settings: Rc<Settings>,
    shelf: Rc<RefCell<Shelf>>,
    throttle: Rc<RefCell<Throttle>>,
}

impl Platform {
    /// Reads the settings where this isolate has not yet.
    pub fn new(env: Env) -> Result<Self, Fault> {
        let settings = SETTINGS.with_borrow(Clone::clone);
        let settings = match settings {
            Some(settings) => settings,
            None => {
                let read = Rc::new(Settings::read(|name| text(&env, name))?);
                SETTINGS.set(Some(Rc::clone(&read)));
                read
            }
        };
        Ok(Self { env, settings, shelf: SHELF.with(Rc::clone), throttle: THROTTLE.with(Rc::clone) })
    }

    /// The settings, shared.
    pub fn shared_settings(&self) -> Rc<Settings> {
        Rc::clone(&self.settings)
    }

    /// Does what follows a reply, after it.
    pub fn follow_up(&self, context: &Context, after: Vec<After>) {
        for after in after {
            match after {
                After::Remember { key, value, ttl_s } => {
                    // Best effort: what KV does not remember, the ledger knows.
                    if let Ok(kv) = self.kv() {
                        let _ = glue::remember(&kv, &key, &value, ttl_s);
                    }
                }
                After::Count { ledger, tally } => {
                    if TALLIES.with_borrow_mut(|tallies| tallies.add(ledger, tally)) {
                        let platform = self.clone();
                        context.wait_until(async move { platform.flush().await });
                    }
                }
            }
        }
    }

    async fn flush(&self) {
        Delay::from(std::time::Duration::from_millis(GATHER_MS)).await;
        for (ledger, tallies) in TALLIES.with_borrow_mut(Tallies::take) {
            if let Err(fault) = self.ask(&ledger, &Call::Tally(tallies)).await {
                log_fault("tally", &fault);
            }
        }
    }

    /// A reply whose body is a file. The runtime passes it on; it never is in the wasm.
    ///
    /// # Errors
    /// The file has gone, or no response can be made with it.
    pub async fn file(&self, key: &str, reply: &Reply) -> Result<web_sys::Response, Fault> {
        let headers = glue::lines(&reply.headers)?;
        let answered = match glue::respond_with_file(&self.env, key, reply.status, &headers) {
            Ok(promise) => JsFuture::from(promise).await,
            Err(error) => Err(error),
        };
        let answered = answered.map_err(|error| Fault::new(format!("files: {}", message_of(&error))))?;
        if answered.is_undefined() {
            return Err(Fault::new("files: a file has gone"));
        }
        Ok(answered.unchecked_into())
    }

    /// What the platform serves at the request's address; without such files, the reply itself.
    ///
    /// # Errors
    /// The platform does not answer, or no response can be made.
    pub async fn asset(&self, request: &web_sys::Request, reply: &Reply) -> Result<web_sys::Response, Fault> {
        let answered = match glue::fetch_asset(&self.env, request) {
            Ok(Some(promise)) => JsFuture::from(promise).await,
            Ok(None) => return response(reply),
            Err(error) => Err(error),
        };
        let answered = answered.map_err(|error| Fault::new(format!("assets: {}", message_of(&error))))?;
        Ok(answered.unchecked_into())
    }

    fn kv(&self) -> Result<Kv, Fault> {
        let binding = js_sys::Reflect::get(&self.env, &KV.into());
        let binding = binding.ok().filter(|binding| binding.is_object());
        binding.map(|binding| binding.unchecked_into()).ok_or_else(|| Fault::new("KV is not bound"))
    }

    fn namespace(&self) -> Result<JsValue, JsValue> {
        let namespace = js_sys::Reflect::get(&self.env, &LEDGER.into())?;
        match &self.settings.jurisdiction {
            Some(jurisdiction) => namespace.unchecked_ref::<Namespace>().jurisdiction(jurisdiction),
            None => Ok(namespace),
        }
    }
}

impl Ports for Platform {
    fn settings(&self) -> &Settings {
        &self.settings
    }

    fn secret(&self, name: &str) -> Option<String> {
        text(&self.env, name).filter(|secret| !secret.is_empty())
    }

    fn shelf(&self) -> &RefCell<Shelf> {
        &self.shelf
    }

    fn throttle(&self) -> &RefCell<Throttle> {
        &self.throttle
    }

    async fn is_within_limits(&self, campaign: &str, network: Option<&str>) -> Result<bool, Fault> {
        match glue::within_limits(&self.env, campaign, network.unwrap_or_default()) {
            Some(asked) => {
                let answered = JsFuture::from(asked).await;
                let answered = answered.map_err(|error| Fault::new(format!("limit: {}", message_of(&error))));
                Ok(answered?.is_truthy())
            }
            None => Ok(true),
        }
    }

    async fn takes_more_mails(&self, network: &str) -> Result<bool, Fault> {
        match glue::takes_more_mails(&self.env, network) {
            Some(asked) => {
                let answered = JsFuture::from(asked).await;
                let answered = answered.map_err(|error| Fault::new(format!("limit: {}", message_of(&error))));
                Ok(answered?.is_truthy())
            }
            None => Ok(true),
        }
    }

    async fn ask_service(&self, url: &str, form: &str) -> Result<String, Fault> {
        let asked = glue::post_form(url, form, SERVICE_TIMEOUT_MS, MAX_SERVICE_ANSWER);
        let answered = match asked {
            Ok(promise) => JsFuture::from(promise).await,
            Err(error) => Err(error),
        };
        let answered = answered.map_err(|error| Fault::new(format!("service: {}", message_of(&error))))?;
        answered.as_string().ok_or_else(|| Fault::new("service: an answer that is no text"))
    }

    async fn has_file(&self, key: &str) -> Result<bool, Fault> {
        let asked = match glue::has_file(&self.env, key) {
            Ok(Some(promise)) => JsFuture::from(promise).await,
            Ok(None) => return Err(Fault::new("no bucket is bound")),
            Err(error) => Err(error),
        };
        let answered = asked.map_err(|error| Fault::new(format!("bucket: {}", message_of(&error))))?;
        Ok(answered.is_truthy())
    }

    async fn kv_get(&self, key: &str) -> Result<Option<String>, Fault> {
        self.kv()?.read(key).await
    }

    async fn kv_put(&self, key: &str, value: &str) -> Result<(), Fault> {
        self.kv()?.write(key, value).await
    }

    async fn kv_delete(&self, key: &str) -> Result<(), Fault> {
        self.kv()?.delete(key).await
    }

    async fn sign(&self, key: &SigningKey, text: &str) -> Result<Vec<u8>, Fault> {
        let seed = key.seed.as_ref().ok_or_else(|| Fault::new("the key signs no more"))?;
        let asked = glue::sign(&key.id, &base64url(seed.bytes()), &base64url(&key.public), text);
        let signed = match asked {
            Ok(promise) => JsFuture::from(promise).await,
            Err(error) => Err(error),
        };
        let signed = signed.map_err(|error| Fault::new(format!("signing: {}", message_of(&error))))?;
        Ok(Uint8Array::new(&signed).to_vec())
    }

    async fn kv_get_all(&self, keys: &[String]) -> Result<Vec<(String, String)>, Fault> {
        self.kv()?.read_all(keys).await
    }

    async fn kv_list(&self, prefix: &str) -> Result<Vec<String>, Fault> {
        self.kv()?.names(prefix).await
    }

    async fn ask(&self, ledger: &str, call: &Call) -> Result<Answer, Fault> {
        let _place = Place::take(ledger)?;
        let message = Message { format: MESSAGE_FORMAT, ledger: ledger.to_owned(), call };
        let body = serde_json::to_string(&message).map_err(|_| Fault::new("a message cannot be written"))?;
        let asked =
            self.namespace().and_then(|namespace| glue::ask(&namespace, &format!("v1:{ledger}"), &body));
        let answered = match asked {
            Ok(promise) => JsFuture::from(promise).await,
            Err(error) => Err(error),
        };
        let answered = answered.map_err(|error| Fault::new(format!("ledger: {}", message_of(&error))))?;
        match (answered.as_string(), answered.as_f64()) {
            (Some(text), _) => {
                serde_json::from_str(&text).map_err(|_| Fault::new("ledger: an unreadable answer"))
            }
            (None, Some(status)) if status == f64::from(ADMITTED) => Ok(Answer::Admitted),
            (None, _) => Err(Fault::new("ledger: a fault that it has logged")),
        }
    }
}

/// A place among those who wait for a ledger, until the answer is there or nobody wants it.
struct Place {
    ledger: String,
    since_ms: i64,
}

impl Place {
    fn take(ledger: &str) -> Result<Self, Fault> {
        let since_ms = now_ms();
        WAITING.with_borrow_mut(|waiting| waiting.begin(ledger, since_ms))?;
        Ok(Self { ledger: ledger.to_owned(), since_ms })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        WAITING.with_borrow_mut(|waiting| waiting.end(&self.ledger, self.since_ms));
    }
}

/// A variable or a secret. Other bindings are objects, and have no text.
fn text(env: &Env, name: &str) -> Option<String> {
    js_sys::Reflect::get(env, &name.into()).ok()?.as_string()
}
