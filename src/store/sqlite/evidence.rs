//! Reads for proofs and packages, and the table of the tree's inner nodes.

use std::ops::Range;

use rusqlite::{Connection, OptionalExtension as _};

use crate::domain::{Digest, EntryIndex};
use crate::proof::tree::{self, Frontier, node_hash, root_of};

use super::super::evidence::TOP_LEVEL;
use super::super::values::integer;
use super::super::{Record, StoreError, StoreResult, TREE_STEP, TreeNode, TreeStore};
use super::continued::bases;
use super::convert::{digest, index};
use super::derived::move_cursor;
use super::{SqliteStore, append, ledger};

impl TreeStore for SqliteStore {
    async fn leaves(&self, of: Option<u64>, from: EntryIndex, limit: usize) -> StoreResult<Vec<Digest>> {
        self.read(move |connection| leaves(connection, Tree::of(connection, of)?, from.0, limit as u64)).await
    }

    async fn tree_nodes(&self, level: u32, from: u64, limit: usize) -> StoreResult<Vec<TreeNode>> {
        self.read(move |connection| {
            let mut statement = connection.prepare_cached(
                "SELECT i, hash FROM tree_nodes WHERE level = ?1 AND i >= ?2 ORDER BY i LIMIT ?3",
            )?;
            let mut rows = statement.query((level, integer(from), integer(limit as u64)))?;
            let mut nodes = Vec::new();
            while let Some(row) = rows.next()? {
                let root = digest(&row.get::<_, Vec<u8>>(1)?)?;
                nodes.push(TreeNode { level, index: row.get::<_, i64>(0)?.cast_unsigned(), root });
            }
            Ok(nodes)
        })
        .await
    }

    async fn put_tree(&self, next: EntryIndex, nodes: Vec<TreeNode>) -> StoreResult<()> {
        self.writer()?
            .change(false, move |transaction| {
                for node in &nodes {
                    transaction
                        .prepare_cached(
                            "INSERT OR REPLACE INTO tree_nodes (level, i, hash) VALUES (?1, ?2, ?3)",
                        )?
                        .execute((node.level, integer(node.index), &node.root))?;
                }
                move_cursor(transaction, "tiles", next)
            })
            .await
    }

    async fn inclusion(&self, of: Option<u64>, n: EntryIndex, size: u64) -> StoreResult<Option<Vec<Digest>>> {
        self.read(move |connection| {
            let tree = Tree::of(connection, of)?;
            tree::inclusion_proof(n.0, size, |part| perfect(connection, tree, part))
        })
        .await
    }

    async fn consistency(&self, old: u64, size: u64) -> StoreResult<Option<Vec<Digest>>> {
        self.read(move |connection| {
            let tree = Tree::of(connection, None)?;
            tree::consistency_proof(old, size, |part| perfect(connection, tree, part))
        })
        .await
    }

    async fn root(&self, of: Option<u64>, size: u64) -> StoreResult<Digest> {
        self.read(move |connection| {
            let tree = Tree::of(connection, of)?;
            let mut frontier = Frontier::empty();
            while frontier.size() < size {
                // The largest perfect subtree that still fits.
                let (from, leaves) = (frontier.size(), 1 << (size - frontier.size()).ilog2());
                frontier.push_subtree(leaves, perfect(connection, tree, from..from + leaves)?);
            }
            Ok(frontier.root())
        })
        .await
    }

    async fn matching(
        &self,
        part: String,
        from: EntryIndex,
        until: EntryIndex,
        contents: bool,
        limit: usize,
    ) -> StoreResult<Vec<Record>> {
        self.read(move |connection| {
            let sql = if contents {
                "SELECT n, entry, leaf, salt, content FROM entries LEFT JOIN contents USING (n)
                 WHERE n >= ?1 AND n < ?2 AND instr(entry, ?3) > 0 ORDER BY n LIMIT ?4"
            } else {
                "SELECT n, entry, leaf, NULL, NULL FROM entries
                 WHERE n >= ?1 AND n < ?2 AND instr(entry, ?3) > 0 ORDER BY n LIMIT ?4"
            };
            let mut statement = connection.prepare_cached(sql)?;
            let bases = bases(connection)?;
            let parameters = (integer(from.0), integer(until.0), part.as_bytes(), integer(limit as u64));
            let mut rows = statement.query(parameters)?;
            let mut records = Vec::new();
            while let Some(row) = rows.next()? {
                records.push(ledger::record(row, &bases)?);
            }
            Ok(records)
        })
        .await
    }
}

/// Which ledger's leaves: those of the present one have stored nodes.
#[derive(Clone, Copy)]
struct Tree {
    base: u64,
    stored: bool,
}

impl Tree {
    fn of(connection: &Connection, ended: Option<u64>) -> StoreResult<Self> {
        Ok(match ended {
            Some(base) => Self { base, stored: false },
            None => Self { base: append::read_head(connection)?.map_or(0, |it| it.base), stored: true },
        })
    }
}

fn leaves(connection: &Connection, tree: Tree, from: u64, limit: u64) -> StoreResult<Vec<Digest>> {
    let mut statement =
        connection.prepare_cached("SELECT n, leaf FROM entries WHERE n >= ?1 ORDER BY n LIMIT ?2")?;
    let mut rows = statement.query((integer(tree.base + from), integer(limit)))?;
    let mut leaves = Vec::new();
    while let Some(row) = rows.next()? {
        if index(row.get(0)?).0 != tree.base + from + leaves.len() as u64 {
            return Err(StoreError::Corrupt("entries are missing"));
        }
        leaves.push(digest(&row.get::<_, Vec<u8>>(1)?)?);
    }
    Ok(leaves)
}

/// Root of a perfect subtree: a stored node where there is one, else out of its children. So a follower that lags makes
/// a proof slower, never wrong.
fn perfect(connection: &Connection, tree: Tree, part: Range<u64>) -> StoreResult<Digest> {
    let leaves_in = part.end - part.start;
    let height = leaves_in.trailing_zeros();
    let (level, rest) = (height / TREE_STEP, height % TREE_STEP);
    if level == 0 || level > TOP_LEVEL {
        let leaves = leaves(connection, tree, part.start, leaves_in)?;
        if leaves.len() as u64 != leaves_in {
            return Err(StoreError::Corrupt("entries are missing"));
        }
        return Ok(root_of(&leaves));
    }
    if rest == 0 && tree.stored {
        let stored = connection
            .prepare_cached("SELECT hash FROM tree_nodes WHERE level = ?1 AND i = ?2")?
            .query_row((level, integer(part.start / leaves_in)), |row| row.get::<_, Vec<u8>>(0))
            .optional()?;
        if let Some(stored) = stored {
            return digest(&stored);
        }
    }
    let middle = part.start + leaves_in / 2;
    let left = perfect(connection, tree, part.start..middle)?;
    Ok(node_hash(&left, &perfect(connection, tree, middle..part.end)?))
}
