//! The sealing of personal data in a ledger: encrypted with authentication, and bound to its row by a
//! context.

use serde::{Deserialize, Serialize};

use super::db::store::SealedCell;
use crate::base::fault::Fault;
use crate::base::json;
use crate::base::keyring::Keyring;
use crate::base::moment::Moment;
use crate::base::sealing::Sealer;

/// The sealer of one ledger.
pub(in crate::ledger) struct Vault {
    sealer: Sealer,
}

impl Vault {
    /// Makes the vault of the ledger of this name.
    pub(in crate::ledger) fn new(keys: &Keyring, ledger: &str) -> Self {
        Self { sealer: Sealer::new(keys, ledger) }
    }

    /// Seals bytes for a context.
    pub(in crate::ledger) fn seal(
        &self,
        plain: &[u8],
        context: &str,
        moment: &Moment,
    ) -> Result<Vec<u8>, Fault> {
        let nonce = moment.random::<12>(context, 0);
        self.sealer.seal(plain, context, nonce).ok_or_else(|| Fault::new("a payload cannot be sealed"))
    }

    /// Seals a value, as JSON.
    pub(in crate::ledger) fn seal_value(
        &self,
        value: &impl Serialize,
        context: &str,
        moment: &Moment,
    ) -> Result<Vec<u8>, Fault> {
        let plain = serde_json::to_vec(value).map_err(|_| Fault::new("a payload cannot be written"))?;
        self.seal(&plain, context, moment)
    }

    /// Seals a text as a text.
    pub(in crate::ledger) fn seal_text(
        &self,
        plain: &str,
        context: &str,
        moment: &Moment,
    ) -> Result<String, Fault> {
        let sealed = self.sealer.seal_text(plain.as_bytes(), context, moment.random::<12>(context, 0));
        sealed.ok_or_else(|| Fault::new("a text cannot be sealed"))
    }

    /// Opens a text that was sealed as a text. `None` if it was not sealed here.
    pub(in crate::ledger) fn open_text(&self, sealed: &str, context: &str) -> Option<String> {
        String::from_utf8(self.sealer.open_text(sealed, context).ok()?).ok()
    }

    /// Opens bytes that were sealed for a context.
    pub(in crate::ledger) fn unsealed(&self, sealed: &SealedCell, context: &str) -> Result<Vec<u8>, Fault> {
        let opened = match sealed {
            SealedCell::Bytes(bytes) => self.sealer.open(bytes, context),
            SealedCell::Text(text) => self.sealer.open_text(text, context),
        };
        opened.map_err(|reason| Fault::new(format!("what was sealed stays closed: {reason:?}")))
    }

    /// Opens a value that was sealed for a context.
    pub(in crate::ledger) fn open_sealed<T: for<'de> Deserialize<'de>>(
        &self,
        sealed: &SealedCell,
        context: &str,
    ) -> Result<T, Fault> {
        let plain = self.unsealed(sealed, context)?;
        json::read(&plain).ok_or_else(|| Fault::new("a payload is unreadable"))
    }

    /// Returns the prefix of the current key's ciphertexts.
    pub(in crate::ledger) fn current_prefix(&self) -> String {
        self.sealer.current_prefix()
    }

    /// Reseals under the current key. `None` if that key has sealed it already, or no living key opens it.
    pub(in crate::ledger) fn resealed(
        &self,
        sealed: &SealedCell,
        context: &str,
        moment: &Moment,
    ) -> Option<Vec<u8>> {
        if sealed.starts_with(&self.current_prefix()) {
            return None;
        }
        self.seal(&self.unsealed(sealed, context).ok()?, context, moment).ok()
    }
}

/// Returns the context of a submission's payload.
pub(in crate::ledger) fn payload_context(lead_id: &str, submission_id: &str) -> String {
    format!("payload/{lead_id}/{submission_id}")
}

/// Returns the context of the consents of a row from before format 3.
pub(in crate::ledger) fn consent_context(lead_id: &str, submission_id: &str) -> String {
    format!("consent/{lead_id}/{submission_id}")
}

/// Returns the context of the personal part of an act, whichever table it is in.
pub(in crate::ledger) fn act_context(lead_id: &str, seq: i64) -> String {
    format!("act/{lead_id}/{seq}")
}
