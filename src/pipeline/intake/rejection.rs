//! A rejection: every problem of a submission.

use crate::campaign::ProblemCode;

/// Their mistakes.
#[derive(Debug, PartialEq, Eq)]
pub struct Rejection {
    /// At least one, in the campaign's order.
    pub problems: Vec<FieldProblem>,
}

/// One of their mistakes. It never holds what was submitted.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct FieldProblem {
    /// The field's name as declared; empty where the name itself is not ours.
    pub field: String,
    /// For programs.
    pub code: ProblemCode,
    /// For people.
    pub detail: String,
}

impl FieldProblem {
    /// A problem of one field.
    pub fn new(field: &str, code: ProblemCode, detail: impl Into<String>) -> Self {
        Self { field: field.to_owned(), code, detail: detail.into() }
    }

    /// Whether a consent is missing, or was given to a wording that is not in force any more.
    pub fn is_missing_consent(&self) -> bool {
        matches!(self.code, ProblemCode::ConsentRequired | ProblemCode::WordingOutdated)
    }
}
