//! The states of submissions and of deliveries, each with one spelling.

/// The state of an accepted submission. It is in exactly one at any time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// A destination has yet to confirm it.
    Pending,
    /// Every destination has confirmed it.
    Delivered,
    /// A delivery was given up; it can be replayed.
    Dead,
    /// It does not qualify yet.
    Held,
    /// The person is known, and nothing new is sent.
    Duplicate,
    /// The person is on a suppression list.
    Suppressed,
    /// It shows abuse signals and waits for a decision.
    Quarantined,
    /// It waits for a double opt-in.
    Unconfirmed,
    /// Its consent was withdrawn.
    Withdrawn,
    /// An operator has discarded it.
    Discarded,
    /// It waited longer than it may.
    Expired,
    /// The person was erased.
    Erased,
}

impl State {
    /// All states: each has a column in `counter`.
    pub const ALL: [Self; 12] = [
        Self::Pending,
        Self::Delivered,
        Self::Dead,
        Self::Held,
        Self::Duplicate,
        Self::Suppressed,
        Self::Quarantined,
        Self::Unconfirmed,
        Self::Withdrawn,
        Self::Discarded,
        Self::Expired,
        Self::Erased,
    ];

    /// Returns the state of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }

    /// Returns the state as it is stored, which is also the name of its column.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Dead => "dead",
            Self::Held => "held",
            Self::Duplicate => "duplicate",
            Self::Suppressed => "suppressed",
            Self::Quarantined => "quarantined",
            Self::Unconfirmed => "unconfirmed",
            Self::Withdrawn => "withdrawn",
            Self::Discarded => "discarded",
            Self::Expired => "expired",
            Self::Erased => "erased",
        }
    }

    /// Returns whether the payload is the whole admission, because it has not been judged yet.
    pub(in crate::ledger) fn is_unjudged(self) -> bool {
        matches!(self, Self::Unconfirmed | Self::Quarantined)
    }
}

/// The state of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryState {
    /// It waits for its next attempt, or for a connection.
    Pending,
    /// Its destination responded with 410, and gets nothing until an operator enables it.
    Paused,
    /// The receiver has it.
    Delivered,
    /// It was given up, and can be replayed.
    Dead,
    /// It must not be sent any more: a consent that it needs was withdrawn.
    Withdrawn,
    /// It was dead or paused for too long.
    Expired,
}

impl DeliveryState {
    /// All states.
    pub const ALL: [Self; 6] =
        [Self::Pending, Self::Paused, Self::Delivered, Self::Dead, Self::Withdrawn, Self::Expired];

    /// Returns the state of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }

    /// Returns the state as it is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Paused => "paused",
            Self::Delivered => "delivered",
            Self::Dead => "dead",
            Self::Withdrawn => "withdrawn",
            Self::Expired => "expired",
        }
    }
}

/// Returns the state of a submission by those of its deliveries.
pub(in crate::ledger) fn state_of(deliveries: &[Option<DeliveryState>]) -> State {
    let any = |wanted: &[DeliveryState]| deliveries.iter().flatten().any(|state| wanted.contains(state));
    match () {
        () if any(&[DeliveryState::Pending, DeliveryState::Paused]) => State::Pending,
        () if any(&[DeliveryState::Dead]) => State::Dead,
        () if any(&[DeliveryState::Delivered]) => State::Delivered,
        () if any(&[DeliveryState::Withdrawn]) => State::Withdrawn,
        () => State::Expired,
    }
}
