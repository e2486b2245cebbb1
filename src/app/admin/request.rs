//! Request of an operator, with its query and its body.

use std::collections::BTreeMap;
use std::str::FromStr;

use serde_json::Value;

use super::error::{AdminResult, wrong_parameter};
use super::walk::Walk;
use crate::app::cx::Cx;
use crate::app::ports::Ports;
use crate::app::registry;
use crate::base::fault::Fault;
use crate::base::json;
use crate::base::time::parse_rfc3339;
use crate::http::request::RawRequest;
use crate::ledger::api::Request;
use crate::ledger::wire::Call;
use crate::settings::admin_tokens::Actor;

/// A request of an operator who may make it.
pub struct AdminRequest<'a, P> {
    /// The context.
    pub cx: Cx<'a, P>,
    /// The HTTP request.
    pub raw: &'a RawRequest,
    /// The parameters of its address.
    pub query: Query,
    /// The operator.
    pub actor: &'a Actor,
}

impl<P: Ports> AdminRequest<'_, P> {
    /// Asks a ledger in the name of the operator.
    pub async fn ask<R: Request>(&self, ledger: &str, request: R) -> Result<R::Reply, Fault> {
        self.cx.ask(ledger, Some(&self.actor.name), request).await
    }

    /// Returns the call of an operation in the name of the operator.
    pub fn call(&self, request: impl Request) -> Call {
        request.into_call(Some(&self.actor.name))
    }

    /// Begins a walk through names at the query's cursor.
    pub fn walk(&self, names: Vec<String>) -> AdminResult<Walk> {
        Walk::new(names, self.query.text("after").as_deref())
    }

    /// Returns the ledger of a campaign, of which there is none if the campaign is unknown; without a campaign all
    /// ledgers.
    pub async fn ledgers(&self, campaign: Option<&str>) -> Result<Vec<String>, Fault> {
        match campaign {
            Some(id) => {
                let campaign = self.cx.campaign(id).await?;
                Ok(campaign.map(|campaign| campaign.ledger.clone()).into_iter().collect())
            }
            None => registry::ledgers(self.cx.ports).await,
        }
    }

    /// Returns the body. `None` if it is not JSON.
    pub fn json(&self) -> Option<Value> {
        json_body(self.raw)
    }
}

/// Returns the body of a request. `None` if it is not JSON.
pub fn json_body(request: &RawRequest) -> Option<Value> {
    json::read(request.body.as_deref().unwrap_or_default())
}

/// Returns the texts of a JSON array, without what else it holds.
pub fn texts(list: Option<&Value>) -> Vec<String> {
    let list = list.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    list.iter().filter_map(|text| text.as_str().map(str::to_owned)).collect()
}

/// The parameters of a query string.
pub struct Query(BTreeMap<String, String>);

impl Query {
    /// Reads the parameters. The last of one name counts.
    pub fn of(request: &RawRequest) -> Self {
        let mut parameters = BTreeMap::new();
        for (name, value) in form_urlencoded::parse(request.query.as_bytes()) {
            parameters.insert(name.into_owned(), value.into_owned());
        }
        Self(parameters)
    }

    /// Returns a parameter, unless it is empty.
    pub fn text(&self, name: &str) -> Option<String> {
        self.0.get(name).filter(|text| !text.is_empty()).cloned()
    }

    /// Returns `limit`, the most entries of a page.
    ///
    /// # Errors
    /// It is not a number above 0.
    pub fn limit<N: FromStr + PartialOrd + Default>(&self, default: N) -> AdminResult<N> {
        let Some(text) = self.text("limit") else { return Ok(default) };
        let limit = text.parse().ok().filter(|limit| *limit > N::default());
        limit.ok_or_else(|| wrong_parameter("limit", "must be a number above 0"))
    }

    /// Returns the times of `from` and `to`; UTC, milliseconds.
    ///
    /// # Errors
    /// One of them is not a time.
    pub fn range(&self) -> AdminResult<[Option<i64>; 2]> {
        let mut range = [None, None];
        for (name, bound) in ["from", "to"].into_iter().zip(&mut range) {
            if let Some(text) = self.text(name) {
                *bound = parse_rfc3339(&text);
                if bound.is_none() {
                    let detail = "must be a time by RFC 3339, as in 2026-11-22T00:00:00Z";
                    return Err(wrong_parameter(name, detail));
                }
            }
        }
        Ok(range)
    }
}
