//! Campaigns as they are served: from KV, kept for a minute, and the last good copy when KV fails.

use std::collections::BTreeMap;
use std::rc::Rc;

use crate::app::ports::Ports;
use crate::base::fault::Fault;
use crate::base::i18n::Language;
use crate::campaign::publish::campaign_key;
use crate::campaign::{Campaign, Unservable, is_id};
use crate::pipeline::lead::Identity;
use crate::settings::Settings;

/// A correction reaches every isolate in about the time that KV itself takes to spread it.
const FRESH_MS: i64 = 60_000;
/// Campaigns kept parsed in one isolate: far above what a company runs, far below its memory.
const MAX_KEPT: usize = 500;

/// Acceptance criteria as a JSON text, before and behind their token.
type Criteria = Rc<[String; 2]>;

/// The campaigns that an isolate has read, each with the time of its reading, and the keys that it
/// has derived for their ledgers.
#[derive(Default)]
pub struct CampaignCache {
    /// Nothing where one is to be read again.
    campaigns: BTreeMap<String, Option<(i64, Rc<Campaign>)>>,
    identities: BTreeMap<String, Rc<Identity>>,
    /// By campaign and language: the acceptance criteria of this very copy.
    criteria: BTreeMap<(String, Language), (Rc<Campaign>, Criteria)>,
}

impl CampaignCache {
    fn get(&self, id: &str) -> Option<(i64, Rc<Campaign>)> {
        self.campaigns.get(id).cloned().flatten()
    }

    fn put(&mut self, campaign: Rc<Campaign>, now_ms: i64) {
        if self.campaigns.len() >= MAX_KEPT {
            self.campaigns.clear();
            self.identities.clear();
            self.criteria.clear();
        }
        self.campaigns.insert(campaign.id.clone(), Some((now_ms, campaign)));
    }

    /// Forgets a campaign, so that it is read again.
    pub fn forget(&mut self, id: &str) {
        if let Some(kept) = self.campaigns.get_mut(id) {
            *kept = None;
        }
    }

    /// The acceptance criteria of a campaign in a language, before and behind their token: `make` makes them
    /// where they are not known. Nothing else of them changes while the copy of the campaign is the same.
    pub fn criteria(
        &mut self,
        campaign: &Rc<Campaign>,
        language: Language,
        make: impl FnOnce() -> [String; 2],
    ) -> Criteria {
        let key = (campaign.id.clone(), language);
        if let Some((copy, parts)) = self.criteria.get(&key)
            && Rc::ptr_eq(copy, campaign)
        {
            return Rc::clone(parts);
        }
        let parts = Rc::new(make());
        self.criteria.insert(key, (Rc::clone(campaign), Rc::clone(&parts)));
        parts
    }

    /// The keys of a ledger. The settings are the same for as long as the shelf lives.
    pub fn identity(&mut self, settings: &Settings, ledger: &str) -> Rc<Identity> {
        if let Some(identity) = self.identities.get(ledger) {
            return Rc::clone(identity);
        }
        let identity = Rc::new(Identity::new(settings, ledger));
        self.identities.insert(ledger.to_owned(), Rc::clone(&identity));
        identity
    }
}

/// The campaign of that id.
///
/// # Errors
/// KV fails, or holds what this code cannot serve, and there is no good copy.
pub async fn find(ports: &impl Ports, id: &str, now_ms: i64) -> Result<Option<Rc<Campaign>>, Fault> {
    // KV refuses keys that are too long; an id that no campaign can have is nobody's.
    if !is_id(id) {
        return Ok(None);
    }
    let kept = ports.shelf().borrow().get(id);
    if let Some((read_ms, campaign)) = &kept
        && (0..FRESH_MS).contains(&(now_ms - read_ms))
    {
        return Ok(Some(Rc::clone(campaign)));
    }
    let read = match ports.kv_get(&campaign_key(id)).await {
        // KV caches misses: what has been read is not taken back by one. Nothing unpublishes a campaign.
        Ok(None) => return Ok(kept.map(|(_, campaign)| campaign)),
        Ok(Some(text)) => servable(&text, ports.settings().development),
        Err(fault) => Err(fault),
    };
    match (read, kept) {
        (Ok(campaign), _) => {
            let campaign = Rc::new(campaign);
            ports.shelf().borrow_mut().put(Rc::clone(&campaign), now_ms);
            Ok(Some(campaign))
        }
        // The copy is served until KV answers again, and asked for again at the next request.
        (Err(_), Some((_, campaign))) => Ok(Some(campaign)),
        (Err(fault), None) => Err(fault),
    }
}

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
