//! Campaign cache: campaigns as they are served, read from KV at most once a minute. While KV fails, the last good
//! copy is served.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use crate::app::ports::Ports;
use crate::base::fault::Fault;
use crate::base::i18n::Language;
use crate::campaign::publish::campaign_key;
use crate::campaign::{Campaign, Unservable, is_id};
use crate::pipeline::lead::Identity;
use crate::settings::Settings;

/// The time for which a copy is served unasked: a correction reaches every isolate in about the time that KV itself
/// takes to spread it.
const FRESH_MS: i64 = 60_000;
/// The most campaigns of one isolate: far more than a company runs, far less than its memory holds.
const MAX_CAMPAIGNS: usize = 500;

/// Acceptance criteria as JSON, in two parts: the text before and the text after the form token.
pub type Criteria = Rc<[String; 2]>;

/// The campaigns that an isolate has read, with what was made of them.
#[derive(Default)]
pub struct CampaignCache(RefCell<Entries>);

#[derive(Default)]
struct Entries {
    /// The copies by campaign id, each with the time of its reading; `None` if it is to be read again.
    campaigns: BTreeMap<String, Option<(i64, Rc<Campaign>)>>,
    /// The identities by ledger.
    identities: BTreeMap<String, Rc<Identity>>,
    /// The criteria by campaign and language, with the copy of the campaign that they are of.
    criteria: BTreeMap<(String, Language), (Rc<Campaign>, Criteria)>,
}

impl CampaignCache {
    /// Returns the campaign of an id. `None` if there is none.
    ///
    /// # Errors
    /// KV fails, or holds a campaign that this code cannot serve, and there is no good copy.
    pub async fn find(
        &self,
        ports: &impl Ports,
        id: &str,
        now_ms: i64,
    ) -> Result<Option<Rc<Campaign>>, Fault> {
        // KV refuses keys that are too long; an id that no campaign can have belongs to none.
        if !is_id(id) {
            return Ok(None);
        }
        let cached = self.0.borrow().campaigns.get(id).cloned().flatten();
        if let Some((read_ms, campaign)) = &cached
            && (0..FRESH_MS).contains(&(now_ms - read_ms))
        {
            return Ok(Some(Rc::clone(campaign)));
        }
        let read = match ports.kv_get(&campaign_key(id)).await {
            // KV caches misses: what has been read is not taken back by one. Nothing unpublishes a campaign.
            Ok(None) => return Ok(cached.map(|(_, campaign)| campaign)),
            Ok(Some(text)) => servable(&text, ports.settings().development),
            Err(fault) => Err(fault),
        };
        match (read, cached) {
            (Ok(campaign), _) => {
                let campaign = Rc::new(campaign);
                self.0.borrow_mut().put(Rc::clone(&campaign), now_ms);
                Ok(Some(campaign))
            }
            // The copy is served until KV answers again, and asked for again at the next request.
            (Err(_), Some((_, campaign))) => Ok(Some(campaign)),
            (Err(fault), None) => Err(fault),
        }
    }

    /// Forgets a campaign, so that it is read again.
    pub fn forget(&self, id: &str) {
        if let Some(cached) = self.0.borrow_mut().campaigns.get_mut(id) {
            *cached = None;
        }
    }

    /// Returns the acceptance criteria of a campaign in a language. `make` makes them unless they are known of this
    /// very copy of the campaign; nothing of them but the token changes while the copy is the same.
    pub fn criteria(
        &self,
        campaign: &Rc<Campaign>,
        language: Language,
        make: impl FnOnce() -> [String; 2],
    ) -> Criteria {
        let key = (campaign.id.clone(), language);
        let mut entries = self.0.borrow_mut();
        if let Some((copy, parts)) = entries.criteria.get(&key)
            && Rc::ptr_eq(copy, campaign)
        {
            return Rc::clone(parts);
        }
        let parts = Rc::new(make());
        entries.criteria.insert(key, (Rc::clone(campaign), Rc::clone(&parts)));
        parts
    }

    /// Returns the keys of a ledger. The settings are the same for as long as the isolate lives.
    pub fn identity(&self, settings: &Settings, ledger: &str) -> Rc<Identity> {
        let mut entries = self.0.borrow_mut();
        if let Some(identity) = entries.identities.get(ledger) {
            return Rc::clone(identity);
        }
        let identity = Rc::new(Identity::new(settings, ledger));
        entries.identities.insert(ledger.to_owned(), Rc::clone(&identity));
        identity
    }
}

impl Entries {
    fn put(&mut self, campaign: Rc<Campaign>, now_ms: i64) {
        if self.campaigns.len() >= MAX_CAMPAIGNS {
            self.campaigns.clear();
            self.identities.clear();
            self.criteria.clear();
        }
        self.campaigns.insert(campaign.id.clone(), Some((now_ms, campaign)));
    }
}

/// Reads a campaign as KV holds it.
fn servable(text: &str, development: bool) -> Result<Campaign, Fault> {
    let campaign = Campaign::from_stored(text).map_err(|unservable| match unservable {
        Unservable::Newer => Fault::new("the campaign in KV is newer than this code"),
        Unservable::Invalid(problems) => {
            let problems: Vec<_> = problems.iter().map(ToString::to_string).collect();
            Fault::new(format!("the campaign in KV is not valid: {}", problems.join("; ")))
        }
    })?;
    if !development && !campaign.development_only().is_empty() {
        return Err(Fault::new("the campaign in KV has addresses for development only"));
    }
    Ok(campaign)
}
