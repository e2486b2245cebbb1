//! Routes of the admin API, each with the scope that it needs. A route without one does not compile. The scope `read`
//! reaches numbers and settings alone: whoever posts in somebody's name knows the post's id, time and signals, and
//! could read in a list of single posts whether the person is known, a customer or suppressed.

use super::error::AdminResult;
use super::request::AdminRequest;
use super::{
    audit, campaigns, counters, data_subject, deliveries, doctor, lists, overview, publish, quarantine,
};
use crate::app::ports::Ports;
use crate::http::request::{Method, RawRequest};
use crate::http::response::Response;
use crate::settings::admin_tokens::Scope;

/// An address behind `/admin/api/` with a method.
pub struct Route {
    /// The address, in which `{}` stands for any name.
    pub path: &'static str,
    /// The method.
    pub method: Method,
    /// The scope that a token needs.
    pub scope: Scope,
    /// The requests that need another scope.
    pub exception: Option<ScopeException>,
    target: Target,
}

/// Another scope for some requests of a route, which undo what only the other scope may do.
#[derive(Clone, Copy)]
pub struct ScopeException {
    /// The scope.
    pub scope: Scope,
    /// Checks whether it applies to a request.
    applies: fn(Names<'_>, &RawRequest) -> bool,
}

/// The use case of a route.
#[derive(Clone, Copy)]
enum Target {
    Counters,
    Deliveries,
    Delivery,
    Replay,
    ReplayAll,
    Enable,
    Access,
    Erase,
    Lists,
    ListChange,
    Keys,
    Doctor,
    Quarantine,
    Quarantined,
    Release,
    Discard,
    Campaigns,
    Campaign,
    Publish,
    Audit,
    Overview,
    Held,
    Whoami,
}

/// The routes. If two paths fit, the first one counts.
const ROUTES: &[Route] = {
    use Method::{Get, Post, Put};
    use Scope::{Erase, Operate, Publish, Read};
    &[
        route("counters", Get, Read, Target::Counters),
        route("deliveries", Get, Operate, Target::Deliveries),
        route("deliveries/replay", Post, Operate, Target::ReplayAll),
        route("deliveries/{}", Get, Operate, Target::Delivery),
        route("deliveries/{}/replay", Post, Operate, Target::Replay),
        route("access", Post, Erase, Target::Access),
        route("erase", Post, Erase, Target::Erase),
        route("lists", Get, Read, Target::Lists),
        Route {
            exception: Some(ScopeException { scope: Erase, applies: lists::lifts_an_objection }),
            ..route("lists/{}", Post, Operate, Target::ListChange)
        },
        route("keys", Get, Read, Target::Keys),
        route("doctor", Get, Read, Target::Doctor),
        route("quarantine", Get, Operate, Target::Quarantine),
        route("quarantine/release", Post, Operate, Target::Release),
        route("quarantine/discard", Post, Operate, Target::Discard),
        route("quarantine/{}", Get, Operate, Target::Quarantined),
        route("campaigns", Get, Read, Target::Campaigns),
        route("campaigns/{}", Get, Read, Target::Campaign),
        route("campaigns/{}", Put, Publish, Target::Publish),
        route("campaigns/{}/destinations/{}/enable", Post, Operate, Target::Enable),
        route("audit", Get, Read, Target::Audit),
        route("overview", Get, Read, Target::Overview),
        route("held", Get, Operate, Target::Held),
        route("whoami", Get, Read, Target::Whoami),
    ]
};

const fn route(path: &'static str, method: Method, scope: Scope, target: Target) -> Route {
    Route { path, method, scope, exception: None, target }
}

/// Returns every route.
pub fn all() -> &'static [Route] {
    ROUTES
}

/// The names that stand for `{}` in a path.
pub type Names<'a> = [&'a str; 2];

/// Returns the route of a request.
///
/// # Errors
/// 404, or 405 with the methods of the address.
pub fn find<'a>(path: &[&'a str], method: Method) -> Result<(&'static Route, Names<'a>), Response> {
    let first = ROUTES.iter().find_map(|route| Some((route.path, names_in(route.path, path)?)));
    let (meant, names) = first.ok_or_else(Response::not_found)?;
    let here = || ROUTES.iter().filter(|route| route.path == meant);
    let found = here().find(|route| route.method == method);
    found.map(|route| (route, names)).ok_or_else(|| {
        let allowed: Vec<_> = here().map(|route| route.method.name()).collect();
        Response::method_not_allowed(&allowed.join(", "))
    })
}

fn names_in<'a>(pattern: &str, path: &[&'a str]) -> Option<Names<'a>> {
    let mut names = [""; 2];
    let mut free = names.iter_mut();
    let mut given = path.iter();
    for part in pattern.split('/') {
        let given = given.next()?;
        match part {
            "{}" if given.is_empty() => return None,
            "{}" => *free.next()? = given,
            _ if part != *given => return None,
            _ => {}
        }
    }
    given.next().is_none().then_some(names)
}

impl Route {
    /// Returns the scope that a request needs.
    pub fn scope_for(&self, names: Names<'_>, request: &RawRequest) -> Scope {
        let exception = self.exception.filter(|exception| (exception.applies)(names, request));
        exception.map_or(self.scope, |exception| exception.scope)
    }

    /// Handles a request.
    pub async fn handle(
        &self,
        request: &AdminRequest<'_, impl Ports>,
        [first, second]: Names<'_>,
    ) -> AdminResult {
        match self.target {
            Target::Counters => counters::report(request).await,
            Target::Deliveries => deliveries::list(request).await,
            Target::Delivery => deliveries::show(request, first).await,
            Target::Replay => deliveries::replay(request, first).await,
            Target::ReplayAll => deliveries::replay_all(request).await,
            Target::Enable => deliveries::enable(request, first, second).await,
            Target::Access => data_subject::access(request).await,
            Target::Erase => data_subject::erase(request).await,
            Target::Lists => lists::show(request).await,
            Target::ListChange => lists::change(request, first).await,
            Target::Keys => counters::keys_in_use(request).await,
            Target::Doctor => doctor::examine(request).await,
            Target::Quarantine => quarantine::list(request).await,
            Target::Quarantined => quarantine::show(request, first).await,
            Target::Release => quarantine::release(request).await,
            Target::Discard => quarantine::discard(request).await,
            Target::Campaigns => campaigns::list(request).await,
            Target::Campaign => campaigns::show(request, first).await,
            Target::Publish => publish::publish(request, first).await,
            Target::Audit => audit::list(request).await,
            Target::Overview => overview::report(request).await,
            Target::Held => overview::held_leads(request).await,
            Target::Whoami => Ok(overview::whoami(request)),
        }
    }
}
