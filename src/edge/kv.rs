//! The KV binding. `worker`'s own looks its functions up by name at every use and decodes listings
//! through `serde-wasm-bindgen`, 8 KB of gzip that nothing else needs.

use js_sys::futures::JsFuture;
use js_sys::{Array, Map, Object, Promise, Reflect};
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast as _, JsValue};

use super::message_of;
use crate::fault::Fault;
use crate::ports::KV_KEYS_AT_ONCE;

/// Keys of one page of a listing: KV's own limit.
const LIST_PAGE: u32 = 1_000;

#[wasm_bindgen]
extern "C" {
    /// `KVNamespace`.
    pub type Kv;

    #[wasm_bindgen(method, catch, js_name = get)]
    fn get_text(this: &Kv, key: &str) -> Result<Promise, JsValue>;

    #[wasm_bindgen(method, catch, js_name = get)]
    fn get_texts(this: &Kv, keys: &Array) -> Result<Promise, JsValue>;

    #[wasm_bindgen(method, catch, js_name = put)]
    fn put_text(this: &Kv, key: &str, value: &str) -> Result<Promise, JsValue>;

    #[wasm_bindgen(method, catch, js_name = delete)]
    fn delete_key(this: &Kv, key: &str) -> Result<Promise, JsValue>;

    #[wasm_bindgen(method, catch, js_name = list)]
    fn list_page(this: &Kv, options: &JsValue) -> Result<Promise, JsValue>;

    /// `KVNamespaceListResult`.
    type Page;

    #[wasm_bindgen(method, getter)]
    fn keys(this: &Page) -> Array;

    #[wasm_bindgen(method, getter)]
    fn list_complete(this: &Page) -> bool;

    #[wasm_bindgen(method, getter)]
    fn cursor(this: &Page) -> Option<String>;
}

impl Kv {
    /// The text under a key.
    pub async fn read(&self, key: &str) -> Result<Option<String>, Fault> {
        Ok(settled("get", self.get_text(key)).await?.as_string())
    }

    /// The texts under these keys, each with its key, of those that are there.
    pub async fn read_all(&self, keys: &[String]) -> Result<Vec<(String, String)>, Fault> {
        let mut texts = Vec::new();
        for keys in keys.chunks(KV_KEYS_AT_ONCE) {
            let keys: Array = keys.iter().map(|key| JsValue::from_str(key)).collect();
            let found: Map = settled("get", self.get_texts(&keys)).await?.unchecked_into();
            found.for_each(&mut |text, key| texts.extend(key.as_string().zip(text.as_string())));
        }
        Ok(texts)
    }

    /// Writes a text.
    pub async fn write(&self, key: &str, value: &str) -> Result<(), Fault> {
        settled("put", self.put_text(key, value)).await.map(|_| ())
    }

    /// Deletes a key.
    pub async fn delete(&self, key: &str) -> Result<(), Fault> {
        settled("delete", self.delete_key(key)).await.map(|_| ())
    }

    /// The names of the keys that begin with a prefix.
    pub async fn names(&self, prefix: &str) -> Result<Vec<String>, Fault> {
        let mut names = Vec::new();
        let mut cursor = JsValue::UNDEFINED;
        loop {
            let options =
                object(&[("prefix", prefix.into()), ("limit", LIST_PAGE.into()), ("cursor", cursor)]);
            let page: Page = settled("list", self.list_page(&options)).await?.unchecked_into();
            for key in page.keys() {
                names.extend(Reflect::get(&key, &"name".into()).ok().and_then(|name| name.as_string()));
            }
            match page.cursor().filter(|next| !page.list_complete() && !next.is_empty()) {
                Some(next) => cursor = next.into(),
                None => return Ok(names),
            }
        }
    }
}

fn object(entries: &[(&str, JsValue)]) -> JsValue {
    let object = Object::new();
    for (name, value) in entries {
        // Setting a property of a plain object does not fail.
        let _ = Reflect::set(&object, &(*name).into(), value);
    }
    object.into()
}

async fn settled(verb: &str, called: Result<Promise, JsValue>) -> Result<JsValue, Fault> {
    let settled = match called {
        Ok(promise) => JsFuture::from(promise).await,
        Err(error) => Err(error),
    };
    settled.map_err(|error| Fault::new(format!("KV {verb}: {}", message_of(&error))))
}
