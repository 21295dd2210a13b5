//! The chain over the project log: every row has its link, computed from the one before.

use gatewright_core::digest::Digest;
use gatewright_core::record::Checkpoint;
use gatewright_core::record::chain::{Linked, link};
use rusqlite::{Connection, OptionalExtension, Transaction};

/// The schema of the project log that brought links.
pub(crate) const SCHEMA: usize = 2;

/// Reads where the log stands: the last row and its link.
pub(crate) fn head(connection: &Connection) -> Result<Checkpoint, rusqlite::Error> {
    let last = connection
        .query_row(
            "SELECT seq, link FROM event ORDER BY seq DESC LIMIT 1",
            [],
            |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?)),
        )
        .optional()?;
    Ok(
        last.map_or_else(Checkpoint::default, |(seq, link)| Checkpoint {
            size: seq as u64,
            head: Digest::parse(&link).unwrap_or_default(),
        }),
    )
}

/// Computes the links of rows that were written before there were any.
pub(crate) fn fill(transaction: &Transaction<'_>) -> Result<(), rusqlite::Error> {
    let mut read = transaction
        .prepare("SELECT seq, format, id, stream, writer, actor, at FROM event ORDER BY seq")?;
    let mut write = transaction.prepare("UPDATE event SET link = ?2 WHERE seq = ?1")?;
    let mut rows = read.query([])?;
    let mut before = Digest::default();
    while let Some(row) = rows.next()? {
        let seq: i64 = row.get(0)?;
        let texts: [String; 5] = [
            row.get(2)?,
            row.get(3)?,
            row.get(4)?,
            row.get(5)?,
            row.get(6)?,
        ];
        let [id, stream, writer, actor, at] = &texts;
        before = link(
            &before,
            &Linked {
                seq: seq as u64,
                format: row.get(1)?,
                // An id that is none is found when the event is read.
                id: &Digest::parse(id).unwrap_or_default(),
                stream,
                writer,
                actor,
                at,
            },
        );
        write.execute(rusqlite::params![seq, before.hex()])?;
    }
    Ok(())
}
