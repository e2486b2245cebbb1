//! Rejections: the problems of a submission, which are the sender's mistakes.

use crate::campaign::ProblemCode;

/// Every problem of a submission.
#[derive(Debug, PartialEq, Eq)]
pub struct Rejection {
    /// At least one, in the campaign's order.
    pub problems: Vec<FieldProblem>,
}

/// One problem. It never holds what was submitted.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct FieldProblem {
    /// The field's name as declared; empty for a field that is not declared.
    pub field: String,
    /// The stable code, for programs.
    pub code: ProblemCode,
    /// The description, for people.
    pub detail: String,
}

impl FieldProblem {
    /// Returns a problem of one field.
    pub fn new(field: &str, code: ProblemCode, detail: impl Into<String>) -> Self {
        Self { field: field.to_owned(), code, detail: detail.into() }
    }

    /// Checks whether a consent is missing, or was given to a wording that is no longer in force.
    pub fn is_missing_consent(&self) -> bool {
        matches!(self.code, ProblemCode::ConsentRequired | ProblemCode::WordingOutdated)
    }
}
