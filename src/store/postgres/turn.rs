//! The turn to work, as a row with a lease.

use std::time::Duration;

use crate::store::values::integer;
use crate::store::{StoreResult, Turn, TurnStore};

use super::PostgresStore;
use super::convert::Columns as _;

const MILLIS: &str = "clock_timestamp() + $1::bigint * interval '1 millisecond'";

impl TurnStore for PostgresStore {
    async fn take_turn(&self, held: Option<Turn>, lease: Duration) -> StoreResult<Option<Turn>> {
        self.writer()?;
        let lease = i64::try_from(lease.as_millis()).unwrap_or(i64::MAX);
        let row = match held {
            // Even after its end, as long as nobody has taken it since.
            Some(Turn(number)) => {
                let sql = format!("UPDATE turns SET until = {MILLIS} WHERE number = $2 RETURNING number");
                self.row(&sql, &[&lease, &integer(number)]).await?
            }
            None => {
                let sql = format!(
                    "INSERT INTO turns AS t (id, number, until) VALUES (1, 1, {MILLIS})
                     ON CONFLICT (id) DO UPDATE SET number = t.number + 1, until = excluded.until
                     WHERE t.until <= clock_timestamp() RETURNING number"
                );
                self.row(&sql, &[&lease]).await?
            }
        };
        row.map(|row| row.number(0).map(Turn)).transpose()
    }

    async fn end_turn(&self, held: Turn) -> StoreResult<()> {
        self.writer()?;
        let sql = "UPDATE turns SET until = clock_timestamp() WHERE number = $1";
        self.rows(sql, &[&integer(held.0)]).await?;
        Ok(())
    }
}
