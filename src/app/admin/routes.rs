//! What the admin API answers, each address with the scope that it needs. A route without one does not
//! compile. `read` has numbers and settings alone: whoever posts in somebody's name knows the post's id, time and
//! signs, and where single posts are listed would read there whether the person is known, a customer or suppressed.

use super::{
    Asked, audit, campaigns, counters, data_subject, deliveries, doctor, lists, overview, quarantine,
};
use crate::app::cx::Cx;
use crate::app::ports::Ports;
use crate::base::fault::Fault;
use crate::http::request::{Method, RawRequest};
use crate::http::response::Response;
use crate::settings::admin_tokens::Scope;

/// An address behind `/admin/api/`, what it takes, and what it does.
pub struct Route {
    /// The address; `{}` is any name.
    pub path: &'static str,
    /// The method.
    pub method: Method,
    /// Without which nobody gets further.
    pub scope: Scope,
    /// What some of its requests need in its place.
    pub instead: Option<Instead>,
    target: Target,
}

/// Another scope, for those requests of a route that undo what only the other may.
#[derive(Clone, Copy)]
pub struct Instead {
    /// The scope.
    pub scope: Scope,
    /// Whether a request is one of them.
    is_one: fn(Names<'_>, &RawRequest) -> bool,
}

/// What a route does.
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

/// The routes. Of two paths that fit, the first one is meant.
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
            instead: Some(Instead { scope: Erase, is_one: lists::lifts_an_objection }),
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
    Route { path, method, scope, instead: None, target }
}

/// Every route, for whoever checks them.
pub fn all() -> &'static [Route] {
    ROUTES
}

/// The names that stand at `{}` of a path.
pub type Names<'a> = [&'a str; 2];

/// The route of a request, or why there is none: 404, or 405 with what the address takes.
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
    /// The scope that this request needs.
    pub fn scope_for(&self, names: Names<'_>, request: &RawRequest) -> Scope {
        let instead = self.instead.filter(|instead| (instead.is_one)(names, request));
        instead.map_or(self.scope, |instead| instead.scope)
    }

    /// Does what it is for.
    ///
    /// # Errors
    /// KV's or a ledger's.
    pub async fn answer(
        &self,
        cx: Cx<'_, impl Ports>,
        [first, second]: Names<'_>,
        asked: &Asked<'_>,
    ) -> Result<Response, Fault> {
        match self.target {
            Target::Counters => counters::report(cx, asked).await,
            Target::Deliveries => deliveries::list(cx, asked).await,
            Target::Delivery => deliveries::show(cx, first, asked).await,
            Target::Replay => deliveries::replay(cx, first, asked).await,
            Target::ReplayAll => deliveries::replay_all(cx, asked).await,
            Target::Enable => deliveries::enable(cx, first, second, asked).await,
            Target::Access => data_subject::access(cx, asked).await,
            Target::Erase => data_subject::erase(cx, asked).await,
            Target::Lists => lists::show(cx, asked).await,
            Target::ListChange => lists::change(cx, first, asked).await,
            Target::Keys => counters::keys_in_use(cx, asked).await,
            Target::Doctor => doctor::examine(cx, asked).await,
            Target::Quarantine => quarantine::list(cx, asked).await,
            Target::Quarantined => quarantine::show(cx, first, asked).await,
            Target::Release => quarantine::release(cx, asked).await,
            Target::Discard => quarantine::discard(cx, asked).await,
            Target::Campaigns => campaigns::list(cx, asked).await,
            Target::Campaign => campaigns::show(cx, first, asked).await,
            Target::Publish => campaigns::publish(cx, first, asked).await,
            Target::Audit => audit::list(cx, asked).await,
            Target::Overview => overview::report(cx, asked).await,
            Target::Held => overview::held(cx, asked).await,
            Target::Whoami => Ok(overview::whoami(asked)),
        }
    }
}
