//! Rows as values: each field of a value is read from the column that it names.

use super::bucket::Bucket;
use super::funnel::Milestone;
use super::state::{DeliveryState, State};
use super::store::{Row, SealedCell};
use crate::base::fault::Fault;
use crate::base::id::{DeliveryId, LeadId, SubmissionId};

/// The columns of a row, read one after the other. A column that does not hold what is read from it fails the row as a
/// whole, once all of it is read: to stop at each would double the code of every row.
pub(in crate::ledger) struct Reader {
    row: Row,
    at: usize,
    failure: Option<Fault>,
}

impl Reader {
    /// Reads a row as a value.
    pub(in crate::ledger) fn value<T: FromRow>(row: Row) -> Result<T, Fault> {
        let mut from = Self { row, at: 0, failure: None };
        let value = T::read(&mut from);
        from.failure.map_or(Ok(value), Err)
    }

    /// Returns whether the next column is NULL.
    pub(in crate::ledger) fn is_null(&self) -> bool {
        self.row.is_null(self.at)
    }

    fn next(&mut self) -> usize {
        self.at += 1;
        self.at - 1
    }

    /// Returns what was read; otherwise notes the failure of the row, and returns a placeholder.
    pub(in crate::ledger) fn expect<T>(&mut self, read: Result<T, Fault>, otherwise: T) -> T {
        read.unwrap_or_else(|fault| {
            self.failure = Some(fault);
            otherwise
        })
    }

    fn text(&mut self) -> String {
        let at = self.next();
        let read = self.row.text(at);
        self.expect(read, String::new())
    }

    fn optional_text(&mut self) -> Option<String> {
        let at = self.next();
        self.row.optional_text(at)
    }

    fn int(&mut self) -> i64 {
        let at = self.next();
        let read = self.row.int(at);
        self.expect(read, 0)
    }

    fn sealed(&mut self) -> Option<SealedCell> {
        let at = self.next();
        self.row.sealed(at)
    }
}

/// A value that is read from a row, or from some of its columns.
pub(in crate::ledger) trait FromRow: Sized {
    /// Reads the value.
    fn read(from: &mut Reader) -> Self;
}

/// The macro that makes a type whose fields are the columns of a query, in their order: `field: Type =
/// "expression"`, or `field: Type` if the column has the field's name. A field of several columns lists them.
/// `COLUMNS` is what follows SELECT.
macro_rules! row {
    (
        $(#[$doc:meta])*
        $vis:vis struct $name:ident {
            $( $(#[$about:meta])* $field_vis:vis $field:ident: $type:ty $(= $sql:literal)?, )+
        }
    ) => {
        $(#[$doc])*
        $vis struct $name {
            $( $(#[$about])* $field_vis $field: $type, )+
        }

        impl $name {
            /// The columns, in the order of the fields.
            #[allow(dead_code, reason = "some queries spell them out")]
            $vis const COLUMNS: &'static str = $crate::ledger::db::row::columns!($($field $(= $sql)?),+);
        }

        impl $crate::ledger::db::row::FromRow for $name {
            fn read(from: &mut $crate::ledger::db::row::Reader) -> Self {
                Self { $( $field: $crate::ledger::db::row::FromRow::read(from), )+ }
            }
        }
    };
}

/// The list of columns of a [`row`].
macro_rules! columns {
    ($field:ident = $sql:literal) => { $sql };
    ($field:ident) => { stringify!($field) };
    ($field:ident = $sql:literal, $($rest:tt)+) => {
        concat!($sql, ", ", $crate::ledger::db::row::columns!($($rest)+))
    };
    ($field:ident, $($rest:tt)+) => {
        concat!(stringify!($field), ", ", $crate::ledger::db::row::columns!($($rest)+))
    };
}

pub(in crate::ledger) use {columns, row};

impl FromRow for String {
    fn read(from: &mut Reader) -> Self {
        from.text()
    }
}

impl FromRow for i64 {
    fn read(from: &mut Reader) -> Self {
        from.int()
    }
}

impl FromRow for bool {
    fn read(from: &mut Reader) -> Self {
        from.int() == 1
    }
}

impl FromRow for Option<String> {
    fn read(from: &mut Reader) -> Self {
        from.optional_text()
    }
}

impl FromRow for Option<i64> {
    fn read(from: &mut Reader) -> Self {
        let at = from.next();
        from.row.int(at).ok()
    }
}

impl FromRow for Option<SealedCell> {
    fn read(from: &mut Reader) -> Self {
        from.sealed()
    }
}

/// A JSON array of texts. It is empty where the column holds none.
impl FromRow for Vec<String> {
    fn read(from: &mut Reader) -> Self {
        let text = from.optional_text();
        text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default()
    }
}

impl FromRow for LeadId {
    fn read(from: &mut Reader) -> Self {
        from.text().into()
    }
}

impl FromRow for SubmissionId {
    fn read(from: &mut Reader) -> Self {
        from.text().into()
    }
}

impl FromRow for DeliveryId {
    fn read(from: &mut Reader) -> Self {
        from.text().into()
    }
}

impl FromRow for State {
    fn read(from: &mut Reader) -> Self {
        let read = Self::parse(&from.text()).ok_or_else(|| Fault::new("a state is not known"));
        from.expect(read, Self::Pending)
    }
}

impl FromRow for DeliveryState {
    fn read(from: &mut Reader) -> Self {
        let read = Self::parse(&from.text()).ok_or_else(|| Fault::new("a delivery's state is not known"));
        from.expect(read, Self::Pending)
    }
}

/// The states of several deliveries, as `group_concat` joins them. `None` for a state that is not known.
impl FromRow for Vec<Option<DeliveryState>> {
    fn read(from: &mut Reader) -> Self {
        let joined = from.optional_text();
        joined.iter().flat_map(|joined| joined.split(',')).map(DeliveryState::parse).collect()
    }
}

impl FromRow for Milestone {
    fn read(from: &mut Reader) -> Self {
        Self::of(from.int())
    }
}

/// Three columns: `campaign, hour, source`.
impl FromRow for Bucket {
    fn read(from: &mut Reader) -> Self {
        Self { campaign: from.text(), hour: from.int(), source: from.text() }
    }
}

impl<A: FromRow, B: FromRow> FromRow for (A, B) {
    fn read(from: &mut Reader) -> Self {
        (A::read(from), B::read(from))
    }
}

impl<A: FromRow, B: FromRow, C: FromRow> FromRow for (A, B, C) {
    fn read(from: &mut Reader) -> Self {
        (A::read(from), B::read(from), C::read(from))
    }
}
