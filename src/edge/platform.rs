//! The ports on Cloudflare: KV, Durable Objects, and what an isolate keeps between requests.

use std::cell::RefCell;
use std::rc::Rc;

use wasm_bindgen::JsCast as _;
use wasm_bindgen::prelude::wasm_bindgen;
use worker::{AbortSignal, Context, Delay, Env, ObjectNamespace, Stub};

use super::http::log_fault;
use super::kv::Kv;
use crate::campaigns::Shelf;
use crate::capture::After;
use crate::fault::Fault;
use crate::ledger::message::{Answer, Call, MESSAGE_FORMAT, Message, Tally};
use crate::ports::Ports;
use crate::settings::Settings;
use crate::tallies::{GATHER_MS, Tallies};

/// The bindings of `wrangler.toml`.
const KV: &str = "KV";
const LEDGER: &str = "LEDGER";
/// A ledger answers in milliseconds. One that does not within this is taken to be lost, for an
/// object that panics never answers.
const ASK_TIMEOUT_MS: u32 = 10_000;

thread_local! {
    static SETTINGS: RefCell<Option<Rc<Settings>>> = const { RefCell::new(None) };
    static SHELF: Rc<RefCell<Shelf>> = Rc::default();
    static TALLIES: RefCell<Tallies> = RefCell::default();
}

#[wasm_bindgen]
extern "C" {
    /// `DurableObjectNamespace`, for the method that `worker` does not bind.
    type Namespace;

    #[wasm_bindgen(method, catch)]
    fn jurisdiction(this: &Namespace, name: &str) -> Result<wasm_bindgen::JsValue, wasm_bindgen::JsValue>;
}

/// The ports of one invocation.
#[derive(Clone)]
pub struct Platform {
    env: Env,
    settings: Rc<Settings>,
    shelf: Rc<RefCell<Shelf>>,
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
        Ok(Self { env, settings, shelf: SHELF.with(Rc::clone) })
    }

    /// The settings, shared.
    pub fn shared_settings(&self) -> Rc<Settings> {
        Rc::clone(&self.settings)
    }

    /// A secret of the Worker by its name.
    pub fn secret(&self, name: &str) -> Option<String> {
        text(&self.env, name)
    }

    /// Does what follows a reply, after it.
    pub fn follow_up(&self, context: &Context, after: Vec<After>) {
        for after in after {
            let platform = self.clone();
            match after {
                After::Remember { key, value, ttl_s } => context.wait_until(async move {
                    // Best effort: what KV does not remember, the ledger knows.
                    let _ = platform.kv_put(&key, &value, Some(ttl_s)).await;
                }),
                After::Count { ledger, tally } => {
                    if TALLIES.with_borrow_mut(|tallies| tallies.add(ledger, tally)) {
                        context.wait_until(async move { platform.flush().await });
                    }
                }
            }
        }
    }

    async fn flush(&self) {
        Delay::from(std::time::Duration::from_millis(GATHER_MS)).await;
        let batches: Vec<(String, Vec<Tally>)> = TALLIES.with_borrow_mut(Tallies::take).into_iter().collect();
        for (ledger, tallies) in batches {
            if let Err(fault) = self.ask(&ledger, &Call::Tally(tallies)).await {
                log_fault("tally", &fault);
            }
        }
    }

    fn kv(&self) -> Result<Kv, Fault> {
        let binding = js_sys::Reflect::get(&self.env, &KV.into());
        let binding = binding.ok().filter(|binding| binding.is_object());
        binding.map(|binding| binding.unchecked_into()).ok_or_else(|| Fault::new("KV is not bound"))
    }

    fn stub(&self, ledger: &str) -> worker::Result<Stub> {
        let mut namespace = self.env.durable_object(LEDGER)?;
        if let Some(jurisdiction) = &self.settings.jurisdiction {
            let raw: &wasm_bindgen::JsValue = namespace.as_ref();
            let within = raw.unchecked_ref::<Namespace>().jurisdiction(jurisdiction)?;
            namespace = within.unchecked_into::<ObjectNamespace>();
        }
        namespace.id_from_name(&format!("v1:{ledger}"))?.get_stub()
    }
}

impl Ports for Platform {
    fn settings(&self) -> &Settings {
        &self.settings
    }

    fn shelf(&self) -> &RefCell<Shelf> {
        &self.shelf
    }

    async fn kv_get(&self, key: &str) -> Result<Option<String>, Fault> {
        self.kv()?.read(key).await
    }

    async fn kv_put(&self, key: &str, value: &str, ttl_s: Option<u64>) -> Result<(), Fault> {
        self.kv()?.write(key, value, ttl_s).await
    }

    async fn kv_list(&self, prefix: &str) -> Result<Vec<String>, Fault> {
        self.kv()?.names(prefix).await
    }

    async fn ask(&self, ledger: &str, call: &Call) -> Result<Answer, Fault> {
        let failed = |error: worker::Error| Fault::new(format!("ledger: {error}"));
        let message = Message { format: MESSAGE_FORMAT, ledger: ledger.to_owned(), call };
        let body = serde_json::to_string(&message).map_err(|_| Fault::new("a message cannot be written"))?;
        let init = web_sys::RequestInit::new();
        init.set_method("POST");
        init.set_body(&body.into());
        init.set_signal(Some(&timeout(ASK_TIMEOUT_MS)));
        let request = web_sys::Request::new_with_str_and_init("https://ledger/", &init)
            .map_err(|error| failed(error.into()))?;
        let stub = self.stub(ledger).map_err(failed)?;
        let mut response = stub.fetch_with_request(request.into()).await.map_err(failed)?;
        let status = response.status_code();
        if status != 200 {
            return Err(Fault::new(format!("ledger: answered {status}")));
        }
        let bytes = response.bytes().await.map_err(failed)?;
        serde_json::from_slice(&bytes).map_err(|_| Fault::new("ledger: an unreadable answer"))
    }
}

/// A signal that aborts after so long.
pub fn timeout(ms: u32) -> AbortSignal {
    web_sys::AbortSignal::timeout_with_u32(ms).into()
}

fn text(env: &Env, name: &str) -> Option<String> {
    env.var(name).ok().map(|text| text.to_string())
}
