//! `[[score]]` and `[qualify]`: rules that give points, and the thresholds of their sum.

use serde_json::Value;
use validator::{ValidateLength, ValidateRange};

use super::condition::Condition;
use super::table::{Check, Problem, Rules, Verdict, ensure, keys};
use super::when::ConditionScope;

/// The most points of a rule. More say nothing more, and a sum of them stays far from any overflow.
const MAX_POINTS: i64 = 1_000_000;

/// One `[[score]]` rule.
#[derive(Debug, Default)]
pub struct ScoreTable {
    pub rule: String,
    pub points: i64,
    /// One condition or a list of them; read by [`super::when`].
    pub when: Option<Value>,
}

keys!(ScoreTable: rule, points, when);

impl Rules for ScoreTable {
    fn verdicts(&self) -> Vec<Verdict> {
        vec![("rule", is_rule_name(&self.rule)), ("points", are_points(self.points))]
    }
}

/// A rule of the score.
#[derive(Clone, Debug)]
pub struct Rule {
    /// The name, for people.
    pub name: String,
    /// The conditions, all of which must hold.
    pub when: Vec<Condition>,
    /// The points that it adds; may be negative.
    pub points: i64,
}

impl Rule {
    pub(super) fn accept(
        path: &str,
        table: ScoreTable,
        scope: &ConditionScope<'_>,
        problems: &mut Vec<Problem>,
    ) -> Self {
        if table.when.is_none() {
            problems.push(Problem::new(format!("{path}.when"), "is required"));
        }
        let when = scope.accept_all(table.when, path, problems);
        Self { name: table.rule, when, points: table.points }
    }
}

/// `[qualify]`.
#[derive(Debug, Default)]
pub struct QualifyTable {
    pub warm: Option<i64>,
    pub hot: Option<i64>,
    pub mql: Option<i64>,
    pub sql: Option<i64>,
    pub forward_at: Option<i64>,
}

keys!(QualifyTable: warm, hot, mql, sql, forward_at);

impl Rules for QualifyTable {}

/// Thresholds of the score.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct Thresholds {
    pub warm: i64,
    pub hot: i64,
    pub mql: i64,
    pub sql: i64,
    /// The score below which a lead is held; if absent, every lead is sent.
    pub forward_at: Option<i64>,
}

impl Thresholds {
    pub(super) fn accept(table: &QualifyTable, problems: &mut Vec<Problem>) -> Self {
        let own_stages = table.mql.is_some() || table.sql.is_some();
        let (warm, hot) = (table.warm.unwrap_or(20), table.hot.unwrap_or(60));
        let (mql, sql) = (table.mql.unwrap_or(warm), table.sql.unwrap_or(hot));
        if warm > hot {
            problems.push(Problem::new("qualify.warm", "must not be above hot"));
        }
        if own_stages && mql > sql {
            problems.push(Problem::new("qualify.mql", "must not be above sql"));
        }
        Self { warm, hot, mql, sql, forward_at: table.forward_at }
    }
}

fn is_rule_name(text: &str) -> Check {
    ensure(text.validate_length(Some(1), Some(200), None), "is required, up to 200 characters")
}

fn are_points(points: i64) -> Check {
    ensure(points.validate_range(Some(-MAX_POINTS), Some(MAX_POINTS), None, None), "is out of bounds")
}
