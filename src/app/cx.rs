//! Context of a use case: the ports, the memory of the isolate, and the moment.

use std::pin::Pin;
use std::rc::Rc;

use super::isolate::Isolate;
use super::output::Output;
use super::ports::Ports;
use crate::base::fault::Fault;
use crate::base::moment::Moment;
use crate::campaign::Campaign;
use crate::http::request::RawRequest;
use crate::http::response::Response;
use crate::ledger::api::Request;
use crate::ledger::wire::{Call, Reply};
use crate::pipeline::lead::Identity;
use crate::settings::Settings;

/// The context of one invocation.
pub struct Cx<'a, P> {
    /// KV, ledgers, settings and signatures.
    pub ports: &'a P,
    /// The memory of the isolate.
    pub isolate: &'a Isolate,
    /// The time at which the invocation began, and its randomness.
    pub now: &'a Moment,
}

impl<P> Clone for Cx<'_, P> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<P> Copy for Cx<'_, P> {}

impl<'a, P: Ports> Cx<'a, P> {
    /// Returns the operator's settings.
    pub fn settings(self) -> &'a Settings {
        self.ports.settings()
    }

    /// Returns the time; UTC, milliseconds.
    pub fn now_ms(self) -> i64 {
        self.now.now_ms
    }

    /// Returns the keys of a campaign's ledger.
    pub fn identity(self, campaign: &Campaign) -> Rc<Identity> {
        self.identity_of(&campaign.ledger)
    }

    /// Returns the keys of a ledger, by its name.
    pub fn identity_of(self, ledger: &str) -> Rc<Identity> {
        self.isolate.campaigns.identity(self.settings(), ledger)
    }

    /// Returns the campaign of an id. `None` if there is none.
    ///
    /// # Errors
    /// KV fails, or holds a campaign that this code cannot serve, and there is no good copy.
    pub async fn campaign(self, id: &str) -> Result<Option<Rc<Campaign>>, Fault> {
        self.isolate.campaigns.find(self.ports, id, self.now.now_ms).await
    }

    /// Returns the campaign of an id.
    ///
    /// # Errors
    /// The response if there is none, or if it cannot be read: a page, if the client wants one.
    pub async fn campaign_or_output(self, id: &str, request: &RawRequest) -> Result<Rc<Campaign>, Output> {
        match self.campaign(id).await {
            Ok(Some(campaign)) => Ok(campaign),
            Ok(None) => Err(Response::nothing_here(request).into()),
            Err(fault) => Err(Output::unreadable_campaign(id, request, &fault)),
        }
    }

    /// Sends a call to a ledger, and returns its reply. The future is boxed, so that its code is not copied for each
    /// operation.
    ///
    /// # Errors
    /// The ledger is down or too slow, or it failed.
    pub fn send<'b>(
        self,
        ledger: &'b str,
        call: &'b Call,
    ) -> Pin<Box<dyn Future<Output = Result<Reply, Fault>> + 'b>>
    where
        'a: 'b,
    {
        Box::pin(self.ports.ask(ledger, call))
    }

    /// Asks a ledger for an operation, in the name of an operator if one asks.
    ///
    /// # Errors
    /// The ledger fails, or replies something else.
    pub async fn ask<R: Request>(
        self,
        ledger: &str,
        actor: Option<&str>,
        request: R,
    ) -> Result<R::Reply, Fault> {
        R::read(self.send(ledger, &request.into_call(actor)).await?)
    }
}
