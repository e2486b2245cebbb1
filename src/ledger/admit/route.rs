//! The route of a submission, chosen by facts alone.

use crate::campaign::Signal;
use crate::ledger::db::state::State;

/// The permission to mail the owner of an address now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::ledger) enum Mail {
    /// A mail may be sent.
    Free,
    /// The address has been asked twice, or just now.
    Asked,
    /// Its owner has refused a request.
    Refused,
    /// Too many were sent to the mailbox, or on behalf of the submission's network.
    TooMany(Signal),
}

/// The facts by which a route is chosen.
#[derive(Clone, Copy, Debug)]
pub(super) struct Facts {
    /// True if the campaign requires the owner of the address to confirm, and they have not.
    pub(super) must_confirm: bool,
    pub(super) mail: Mail,
    /// True if the person is on a list that suppresses them.
    pub(super) is_suppressed: bool,
    /// True if it shows so many abuse signals that it is quarantined. Not determined if it is suppressed.
    pub(super) is_suspicious: bool,
    /// The state of the submission's earlier row, if there is one.
    pub(super) prior: Option<State>,
    /// True if the earlier row is under another lead that the submission matches as well.
    pub(super) is_elsewhere: bool,
    /// True if it grants a consent that was withdrawn, or had expired.
    pub(super) regains: bool,
}

/// The route of a submission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Route {
    /// It is an exact repeat, and counted as such. The owner of the address may get their mail once more.
    Repeat { mails: bool },
    /// Only its arrival is stored.
    Suppress,
    /// It is sealed until an operator decides.
    Quarantine,
    /// The owner of the address is asked to confirm.
    Ask,
    /// The owner has been asked already: it is only counted.
    AskedAlready,
    /// It is judged by the rules.
    Judge,
}

impl Facts {
    /// Returns whether the submission is suppressed. Somebody who has refused a request is not asked for a
    /// while.
    pub(super) fn suppresses(&self) -> bool {
        match self.must_confirm {
            true => self.mail == Mail::Refused,
            false => self.is_suppressed,
        }
    }
}

/// Chooses the route.
pub(super) fn route(facts: &Facts) -> Route {
    let first = match facts {
        _ if facts.suppresses() => Route::Suppress,
        Facts { is_suspicious: true, .. } => Route::Quarantine,
        Facts { must_confirm: true, mail: Mail::Free, .. } => Route::Ask,
        Facts { must_confirm: true, .. } => Route::AskedAlready,
        _ => Route::Judge,
    };
    let Some(prior) = facts.prior else { return first };
    let is_news = match (first, prior) {
        (Route::Repeat { .. }, _) => false,
        // The waiting row stays; its owner may get the mail once more.
        (Route::Ask | Route::AskedAlready, State::Unconfirmed) => false,
        (Route::Quarantine, _) => false,
        // It shows fewer signals now, or was released.
        (_, State::Quarantined | State::Discarded) => true,
        (Route::Suppress, _) => false,
        // A payload that is still needed stays.
        (Route::Ask | Route::AskedAlready, State::Pending | State::Dead | State::Held) => false,
        (Route::Ask, _) => true,
        (Route::AskedAlready, _) => false,
        // So does that of another lead that the submission matches as well.
        (Route::Judge, State::Pending | State::Dead) if facts.is_elsewhere => false,
        (Route::Judge, State::Suppressed | State::Unconfirmed) => true,
        (Route::Judge, _) => facts.regains,
    };
    match is_news {
        true => first,
        false => Route::Repeat { mails: first == Route::Ask && prior == State::Unconfirmed },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A new submission that nothing is said against.
    const NEW: Facts = Facts {
        must_confirm: false,
        mail: Mail::Free,
        is_suppressed: false,
        is_suspicious: false,
        prior: None,
        is_elsewhere: false,
        regains: false,
    };
    const ASK: Facts = Facts { must_confirm: true, ..NEW };
    const SUPPRESSED: Facts = Facts { is_suppressed: true, ..NEW };
    const SUSPICIOUS: Facts = Facts { is_suspicious: true, ..NEW };
    const REPEAT: Route = Route::Repeat { mails: false };

    fn with(mail: Mail) -> Facts {
        Facts { mail, ..ASK }
    }

    fn check(facts: Facts, prior: State, expected: Route) {
        let facts = Facts { prior: Some(prior), ..facts };
        assert_eq!(route(&facts), expected, "{facts:?}");
    }

    #[test]
    fn a_new_submission_goes_by_what_is_known_of_its_person() {
        for (facts, expected) in [
            (NEW, Route::Judge),
            (SUPPRESSED, Route::Suppress),
            (SUSPICIOUS, Route::Quarantine),
            (ASK, Route::Ask),
            (with(Mail::Asked), Route::AskedAlready),
            (with(Mail::TooMany(Signal::MailVelocity)), Route::AskedAlready),
            (with(Mail::Refused), Route::Suppress),
            // Somebody who is suppressed is asked whether they still object, if that is allowed.
            (Facts { is_suppressed: true, ..ASK }, Route::Ask),
            (Facts { is_suppressed: true, ..with(Mail::Asked) }, Route::AskedAlready),
            // Nothing of one who is suppressed may be kept, so nobody looks for signals.
            (Facts { is_suspicious: true, ..SUPPRESSED }, Route::Suppress),
            (Facts { is_suspicious: true, ..with(Mail::Refused) }, Route::Suppress),
            (Facts { is_suspicious: true, ..ASK }, Route::Quarantine),
        ] {
            assert_eq!(route(&facts), expected, "{facts:?}");
        }
    }

    #[test]
    fn the_same_submission_is_a_repeat_unless_it_says_something_new() {
        use State::{Dead, Pending, Quarantined, Suppressed, Unconfirmed};
        use State::{Delivered, Discarded, Duplicate, Erased, Expired, Held, Withdrawn};
        let regains = Facts { regains: true, ..NEW };
        for prior in [Pending, Delivered, Dead, Held, Duplicate, Withdrawn, Expired, Erased] {
            check(NEW, prior, REPEAT);
            // A consent that is given again after its end is news.
            check(regains, prior, Route::Judge);
        }
        // Nobody is suppressed any more, has confirmed, or shows fewer signals than before.
        for prior in [Suppressed, Unconfirmed, Quarantined, Discarded] {
            check(NEW, prior, Route::Judge);
        }
        // The payload of another lead that it matches as well stays.
        for prior in [Pending, Dead] {
            check(Facts { is_elsewhere: true, ..regains }, prior, REPEAT);
        }
        check(Facts { is_elsewhere: true, ..regains }, Held, Route::Judge);
    }

    #[test]
    fn what_was_accepted_once_is_not_doubted_and_what_was_suppressed_once_stays_so() {
        for prior in State::ALL {
            check(SUSPICIOUS, prior, REPEAT);
            let was_aside = matches!(prior, State::Quarantined | State::Discarded);
            check(SUPPRESSED, prior, if was_aside { Route::Suppress } else { REPEAT });
        }
    }

    #[test]
    fn an_owner_is_asked_again_where_the_submission_does_not_wait_already() {
        use State::{Dead, Held, Pending};
        for prior in State::ALL {
            let free = match prior {
                State::Unconfirmed => Route::Repeat { mails: true },
                Pending | Dead | Held => REPEAT,
                _ => Route::Ask,
            };
            check(ASK, prior, free);
            let was_aside = matches!(prior, State::Quarantined | State::Discarded);
            check(with(Mail::Asked), prior, if was_aside { Route::AskedAlready } else { REPEAT });
        }
    }
}
