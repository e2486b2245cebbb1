//! Scoring: [`Lead`] → [`Score`] with its reasons → [`Decision`].

use serde::{Deserialize, Serialize};

use super::lead::Lead;
use crate::base::json::by_words;
use crate::campaign::{Campaign, Condition, Destination};

/// The score of a lead by the campaign's rules. The points of the reasons add up to the total.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Score {
    /// The total points.
    pub total: i64,
    /// The temperature: how near the lead is to buying.
    pub temperature: Temperature,
    /// The stage: who follows up.
    pub stage: Stage,
    /// The rules that matched, in the campaign's order.
    pub reasons: Vec<Reason>,
}

/// The temperature of a lead: how near it is to buying.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Temperature {
    Cold,
    Warm,
    Hot,
}

by_words!(Temperature, [(Temperature::Cold, "cold"), (Temperature::Warm, "warm"), (Temperature::Hot, "hot")]);

/// The stage of a lead: lead, marketing qualified lead, sales qualified lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Stage {
    Lead,
    Mql,
    Sql,
}

by_words!(Stage, [(Stage::Lead, "lead"), (Stage::Mql, "MQL"), (Stage::Sql, "SQL")]);

/// One rule that matched.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Reason {
    /// The rule's name.
    pub rule: String,
    /// The points that it adds.
    pub points: i64,
    /// The rule's condition, never the visitor's value.
    pub because: String,
}

/// The decision on a lead that is new to its campaign.
#[derive(Debug)]
pub enum Decision<'a> {
    /// The lead is forwarded to these destinations: at least one.
    Forward(Vec<&'a Destination>),
    /// The lead is held until it qualifies, for this reason.
    Hold(&'static str),
}

/// Scores a lead by the campaign's rules.
pub fn score(campaign: &Campaign, lead: &Lead) -> Score {
    let answers = lead.all_answers(campaign);
    let facts = lead.facts(&answers);
    let reasons: Vec<Reason> = campaign
        .rules
        .iter()
        .filter(|rule| rule.when.iter().all(|condition| condition.holds(&facts)))
        .map(|rule| Reason { rule: rule.name.clone(), points: rule.points, because: because(&rule.when) })
        .collect();
    let total = reasons.iter().map(|reason| reason.points).sum();
    let at = &campaign.thresholds;
    Score {
        total,
        temperature: match total {
            total if total >= at.hot => Temperature::Hot,
            total if total >= at.warm => Temperature::Warm,
            _ => Temperature::Cold,
        },
        stage: match total {
            total if total >= at.sql => Stage::Sql,
            total if total >= at.mql => Stage::Mql,
            _ => Stage::Lead,
        },
        reasons,
    }
}

/// Checks that a destination may receive a lead at all: it is for people on the lead's lists, the visitor's browser
/// does not object (`Sec-GPC`), and every consent that it needs was given.
pub fn may_receive(campaign: &Campaign, lead: &Lead, destination: &Destination) -> bool {
    campaign.routes_to(destination, &lead.lists)
        && !(lead.gpc && destination.third_party)
        && lead.consents_to(&destination.needs)
}

/// Decides whether a lead with this score is forwarded, and to which destinations. The threshold of the campaign does
/// not apply to existing customers.
pub fn decide<'a>(campaign: &'a Campaign, lead: &Lead, score: &Score) -> Decision<'a> {
    if lead.lists.is_empty() && campaign.thresholds.forward_at.is_some_and(|least| score.total < least) {
        return Decision::Hold("below_forward_at");
    }
    let answers = lead.all_answers(campaign);
    let facts = lead.facts(&answers);
    let qualifies_for = |destination: &&Destination| {
        may_receive(campaign, lead, destination)
            && destination.forward_at.is_none_or(|least| score.total >= least)
            && destination.when.iter().all(|condition| condition.holds(&facts))
    };
    let destinations: Vec<_> = campaign.destinations.iter().filter(qualifies_for).collect();
    if destinations.is_empty() {
        Decision::Hold("no_destination_wants_it")
    } else {
        Decision::Forward(destinations)
    }
}

/// Returns the reason why a lead is held, by the campaign as it is now: the one of [`decide`] or, if no destination
/// would receive it, the nearest obstacle at the destinations of its lists.
pub fn why_held(campaign: &Campaign, lead: &Lead, score: &Score) -> &'static str {
    match decide(campaign, lead, score) {
        // The campaign has changed. The lead goes out with the next submission of the person.
        Decision::Forward(_) => "would_be_forwarded",
        Decision::Hold("no_destination_wants_it") => {
            let routed = campaign.destinations.iter().filter(|one| campaign.routes_to(one, &lead.lists));
            let allowed: Vec<_> = routed.clone().filter(|one| may_receive(campaign, lead, one)).collect();
            if allowed.iter().any(|one| one.forward_at.is_some_and(|least| score.total < least)) {
                "below_forward_at_of_destination"
            } else if allowed.is_empty() && routed.clone().any(|one| !lead.consents_to(&one.needs)) {
                "consent_missing"
            } else {
                "no_destination_wants_it"
            }
        }
        Decision::Hold(because) => because,
    }
}

fn because(when: &[Condition]) -> String {
    when.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and ")
}
