//! Errors of the admin API.

use serde_json::json;

use crate::base::fault::Fault;
use crate::http::response::Response;

/// The end of a request that is not done.
pub enum AdminError {
    /// The response says what is wrong with the request.
    Response(Response),
    /// A fault of ours.
    Fault(Fault),
}

/// The result of a request: a response, or what else there is on the way to one.
pub type AdminResult<T = Response> = Result<T, AdminError>;

impl From<Response> for AdminError {
    fn from(response: Response) -> Self {
        Self::Response(response)
    }
}

impl From<Fault> for AdminError {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// Returns 422 for one parameter.
pub fn wrong_parameter(name: &str, detail: &str) -> AdminError {
    let problem = json!({ "field": name, "code": "invalid_parameter", "detail": detail });
    Response::unprocessable(vec![problem]).into()
}

/// Returns 422 for a cursor that no earlier page, chunk or the like has named.
pub fn wrong_cursor(of: &str) -> AdminError {
    wrong_parameter("after", &format!("must be the next of an earlier {of}"))
}
