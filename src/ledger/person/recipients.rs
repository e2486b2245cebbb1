//! The recipients to be notified that something of a lead is gone, each with the webhooks that contained it.

use crate::ledger::campaigns::Campaigns;
use crate::ledger::db::delivery::{Target, receiver_of};
use crate::ledger::db::queue::PersonDelivery;
use crate::ledger::db::store::Store;

/// The number of webhooks that are named to a destination, the newest.
const MAX_NAMED: usize = 100;

/// A recipient and its webhooks.
pub(super) struct Recipient {
    campaign: String,
    destination: String,
    receiver: String,
    webhooks: Vec<String>,
}

impl Recipient {
    /// Returns the target of its notification.
    pub(super) fn target(&self) -> Target<'_> {
        let Self { campaign, destination, receiver, .. } = self;
        Target { campaign, destination, receiver }
    }

    /// Returns its campaign's id.
    pub(super) fn campaign(&self) -> &str {
        &self.campaign
    }

    /// Returns its destination's name.
    pub(super) fn destination(&self) -> &str {
        &self.destination
    }

    /// Returns the newest of its webhooks.
    pub(super) fn webhooks(&self) -> &[String] {
        let too_many = self.webhooks.len().saturating_sub(MAX_NAMED);
        self.webhooks.get(too_many..).unwrap_or_default()
    }
}

/// The recipients, in the order of their deliveries.
#[derive(Default)]
pub(super) struct Recipients(Vec<Recipient>);

impl Recipients {
    /// Adds the recipient of a delivery. The notification is sent once to the same destination at its current
    /// address, whatever that was before.
    pub(super) fn add<S: Store>(&mut self, campaigns: &Campaigns<S>, delivery: &PersonDelivery) {
        let PersonDelivery { campaign, destination, receiver, .. } = delivery;
        let known = campaigns.last_good(campaign).ok().flatten();
        let now = known.as_deref().and_then(|campaign| campaign.destination(destination)).map(receiver_of);
        let receiver = now.unwrap_or_else(|| receiver.clone());
        let same = |one: &&mut Recipient| {
            one.campaign == *campaign && one.destination == *destination && one.receiver == receiver
        };
        let webhook = delivery.delivery_id.to_string();
        match self.0.iter_mut().find(same) {
            Some(known) => known.webhooks.push(webhook),
            None => self.0.push(Recipient {
                campaign: campaign.clone(),
                destination: destination.clone(),
                receiver,
                webhooks: vec![webhook],
            }),
        }
    }

    /// Returns each of them.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Recipient> {
        self.0.iter()
    }
}
