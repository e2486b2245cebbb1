//! The ports of a world.

use ed25519_dalek::Signer as _;

use super::fixtures::default_secret;
use super::ledgers::LedgerMode;
use super::world::World;
use crate::app::conductor::{Exchange, Sender};
use crate::app::ports::{KV_KEYS_AT_ONCE, Ports};
use crate::base::fault::Fault;
use crate::base::keyring::SigningKey;
use crate::base::moment::Moment;
use crate::ledger::Dispatch;
use crate::ledger::wire::{Call, MESSAGE_FORMAT, Message, Reply};
use crate::settings::Settings;

impl Sender for World {
    fn now_ms(&self) -> i64 {
        World::now_ms(self)
    }

    fn moment(&self) -> Result<Moment, Fault> {
        Ok(World::moment(self))
    }

    async fn send(&self, dispatch: Dispatch, _: u32) -> Exchange {
        Exchange {
            outcome: self.receiver.borrow_mut().receive(&dispatch, self.now_ms()),
            took_ms: 1,
            more_requests: 0,
        }
    }
}

impl Ports for World {
    fn settings(&self) -> &Settings {
        &self.settings
    }

    fn secret(&self, name: &str) -> Option<String> {
        let is_set = !self.unset_secrets.borrow().contains(name);
        let secret = || self.secrets.borrow().get(name).cloned();
        is_set.then(|| secret().unwrap_or_else(|| default_secret(name).to_owned()))
    }

    async fn is_within_limits(&self, _campaign: &str, _network: Option<&str>) -> Result<bool, Fault> {
        self.is_within_limits.get().ok_or_else(|| Fault::new("limit: down"))
    }

    async fn takes_more_mails(&self, _network: &str) -> Result<bool, Fault> {
        self.takes_more_mails.get().ok_or_else(|| Fault::new("limit: down"))
    }

    async fn ask_service(&self, _url: &str, form: &str) -> Result<String, Fault> {
        self.questions.borrow_mut().push(form.to_owned());
        self.service.borrow().clone().ok_or_else(|| Fault::new("service: down"))
    }

    async fn has_file(&self, key: &str) -> Result<bool, Fault> {
        Ok(self.files.borrow().contains(key))
    }

    async fn kv_get(&self, key: &str) -> Result<Option<String>, Fault> {
        self.spend(1)?;
        self.kv.borrow().get(key, self.now_ms())
    }

    async fn kv_get_all(&self, keys: &[String]) -> Result<Vec<(String, String)>, Fault> {
        self.spend(keys.len().div_ceil(KV_KEYS_AT_ONCE))?;
        let mut texts = Vec::new();
        for key in keys {
            texts.extend(self.kv.borrow().get(key, self.now_ms())?.map(|text| (key.clone(), text)));
        }
        Ok(texts)
    }

    async fn kv_put(&self, key: &str, value: &str) -> Result<(), Fault> {
        self.spend(1)?;
        self.kv.borrow_mut().put(key, value, None)
    }

    async fn kv_delete(&self, key: &str) -> Result<(), Fault> {
        self.spend(1)?;
        self.kv.borrow_mut().delete(key)
    }

    async fn sign(&self, key: &SigningKey, text: &str) -> Result<Vec<u8>, Fault> {
        let seed = key.seed.as_ref().and_then(|seed| seed.bytes().try_into().ok());
        let seed = seed.ok_or_else(|| Fault::new("the key signs no more"))?;
        Ok(ed25519_dalek::SigningKey::from_bytes(seed).sign(text.as_bytes()).to_vec())
    }

    async fn kv_list(&self, prefix: &str) -> Result<Vec<String>, Fault> {
        let (keys, requests) = self.kv.borrow().list(prefix)?;
        self.spend(requests)?;
        Ok(keys)
    }

    async fn ask(&self, ledger: &str, call: &Call) -> Result<Reply, Fault> {
        self.spend(1)?;
        let unreadable = |_| Fault::new("ledger: unreadable");
        let message = Message { format: MESSAGE_FORMAT, ledger: ledger.to_owned(), call };
        let wire = serde_json::to_string(&message).map_err(unreadable)?;
        let mode = self.ledgers.mode.get();
        if mode == LedgerMode::LosesRequests {
            return Err(Fault::new("ledger: the request was lost"));
        }
        let message: Message = serde_json::from_str(&wire).map_err(unreadable)?;
        let object = self.open(ledger)?;
        self.ledgers.set_refuses_statements(mode == LedgerMode::RefusesStatements);
        let handled = object.call(message, &self.moment());
        self.ledgers.set_refuses_statements(false);
        let handled = handled?;
        self.log.borrow_mut().extend(handled.log);
        if mode == LedgerMode::LosesAnswers {
            return Err(Fault::new("ledger: the reply was lost"));
        }
        let wire = serde_json::to_string(&handled.reply).map_err(unreadable)?;
        serde_json::from_str(&wire).map_err(unreadable)
    }
}
