//! Reads for proofs and packages, and the table of the tree's inner nodes.

use std::collections::HashMap;
use std::ops::Range;
use std::pin::Pin;

use crate::domain::{Digest, EntryIndex};
use crate::proof::tree::{self, Frontier, node_hash, root_of};
use crate::store::evidence::TOP_LEVEL;
use crate::store::values::integer;
use crate::store::{Record, StoreError, StoreResult, TREE_STEP, TreeNode, TreeStore};

use super::continued::bases;
use super::convert::{Columns as _, bounded, count};
use super::derived::move_cursor;
use super::ledger::{RECORD, record};
use super::{PostgresStore, Work};

impl TreeStore for PostgresStore {
    async fn leaves(&self, of: Option<u64>, from: EntryIndex, limit: usize) -> StoreResult<Vec<Digest>> {
        let mut client = self.client().await?;
        let work = self.snapshot(&mut client).await?;
        let tree = Tree::of(&work, of).await?;
        leaves(&work, tree, from.0, limit as u64).await
    }

    async fn tree_nodes(&self, level: u32, from: u64, limit: usize) -> StoreResult<Vec<TreeNode>> {
        let sql = "SELECT i, hash FROM tree_nodes WHERE level = $1 AND i >= $2 ORDER BY i LIMIT $3";
        let rows = self.rows(sql, &[&i64::from(level), &integer(from), &count(limit)]).await?;
        let nodes =
            rows.iter().map(|row| Ok(TreeNode { level, index: row.number(0)?, root: row.digest(1)? }));
        nodes.collect()
    }

    async fn put_tree(&self, next: EntryIndex, nodes: Vec<TreeNode>) -> StoreResult<()> {
        let mut client = self.client().await?;
        let work = self.begin(&mut client, false).await?;
        let level: Vec<i64> = nodes.iter().map(|it| i64::from(it.level)).collect();
        let index: Vec<i64> = nodes.iter().map(|it| integer(it.index)).collect();
        let root: Vec<&[u8]> = nodes.iter().map(|it| &it.root[..]).collect();
        let sql = "INSERT INTO tree_nodes (level, i, hash)
                   SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bytea[])
                   ON CONFLICT (level, i) DO UPDATE SET hash = excluded.hash";
        work.run(sql, &[&level, &index, &root]).await?;
        move_cursor(&work, "tiles", next).await?;
        work.commit().await
    }

    async fn inclusion(&self, of: Option<u64>, n: EntryIndex, size: u64) -> StoreResult<Option<Vec<Digest>>> {
        self.proof(of, |read| tree::inclusion_proof(n.0, size, read)).await
    }

    async fn consistency(&self, old: u64, size: u64) -> StoreResult<Option<Vec<Digest>>> {
        self.proof(None, |read| tree::consistency_proof(old, size, read)).await
    }

    async fn root(&self, of: Option<u64>, size: u64) -> StoreResult<Digest> {
        let mut client = self.client().await?;
        let work = self.snapshot(&mut client).await?;
        let tree = Tree::of(&work, of).await?;
        let mut frontier = Frontier::empty();
        while frontier.size() < size {
            // The largest perfect subtree that still fits.
            let (from, leaves) = (frontier.size(), 1 << (size - frontier.size()).ilog2());
            frontier.push_subtree(leaves, perfect(&work, tree, from..from + leaves).await?);
        }
        Ok(frontier.root())
    }

    async fn matching(
        &self,
        part: String,
        from: EntryIndex,
        until: EntryIndex,
        contents: bool,
        limit: usize,
    ) -> StoreResult<Vec<Record>> {
        let mut client = self.client().await?;
        let work = self.snapshot(&mut client).await?;
        let bases = bases(&work).await?;
        let (columns, tables) = if contents {
            (RECORD, "entries LEFT JOIN contents USING (n)")
        } else {
            ("n, entry, leaf, NULL::bytea, NULL::bytea", "entries")
        };
        let sql = format!(
            "SELECT {columns} FROM {tables}
             WHERE n >= $1 AND n < $2 AND position($3::bytea IN entry) > 0 ORDER BY n LIMIT $4"
        );
        let part = part.as_bytes();
        let rows = work.rows(&sql, &[&bounded(from), &bounded(until), &part, &count(limit)]).await?;
        rows.iter().map(|row| record(row, &bases)).collect()
    }
}

/// Reads the root of a perfect subtree.
type Read<'a> = &'a mut dyn FnMut(Range<u64>) -> StoreResult<Digest>;

impl PostgresStore {
    /// A proof asks for hashes while it is made, and a database answers later: made once to learn what it asks for, and
    /// once more with the answers.
    async fn proof(
        &self,
        of: Option<u64>,
        make: impl Fn(Read<'_>) -> StoreResult<Option<Vec<Digest>>>,
    ) -> StoreResult<Option<Vec<Digest>>> {
        let mut asked = Vec::new();
        let possible = make(&mut |part| {
            asked.push(part);
            Ok(Digest::default())
        })?;
        if possible.is_none() {
            return Ok(None);
        }
        let mut client = self.client().await?;
        let work = self.snapshot(&mut client).await?;
        let tree = Tree::of(&work, of).await?;
        let mut known = HashMap::new();
        for part in asked {
            let root = perfect(&work, tree, part.clone()).await?;
            known.insert(part, root);
        }
        make(&mut |part| known.get(&part).copied().ok_or(StoreError::Corrupt("a proof asked for more")))
    }
}

/// Which ledger's leaves: those of the present one have stored nodes.
#[derive(Clone, Copy)]
struct Tree {
    base: u64,
    stored: bool,
}

impl Tree {
    async fn of(work: &Work<'_>, ended: Option<u64>) -> StoreResult<Self> {
        if let Some(base) = ended {
            return Ok(Self { base, stored: false });
        }
        let row = work.row("SELECT base FROM head WHERE id = 1", &[]).await?;
        Ok(Self { base: row.map_or(Ok(0), |row| row.number(0))?, stored: true })
    }
}

async fn leaves(work: &Work<'_>, tree: Tree, from: u64, limit: u64) -> StoreResult<Vec<Digest>> {
    let sql = "SELECT n, leaf FROM entries WHERE n >= $1 ORDER BY n LIMIT $2";
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = work.rows(sql, &[&bounded(EntryIndex(tree.base.saturating_add(from))), &limit]).await?;
    let mut leaves = Vec::with_capacity(rows.len());
    for row in &rows {
        if row.number(0)? != tree.base + from + leaves.len() as u64 {
            return Err(StoreError::Corrupt("entries are missing"));
        }
        leaves.push(row.digest(1)?);
    }
    Ok(leaves)
}

/// Root of a perfect subtree: a stored node where there is one, else out of its children. So a follower that lags makes
/// a proof slower, never wrong.
fn perfect<'a>(
    work: &'a Work<'_>,
    tree: Tree,
    part: Range<u64>,
) -> Pin<Box<dyn Future<Output = StoreResult<Digest>> + Send + 'a>> {
    Box::pin(async move {
        let leaves_in = part.end - part.start;
        let height = leaves_in.trailing_zeros();
        let (level, rest) = (height / TREE_STEP, height % TREE_STEP);
        if level == 0 || level > TOP_LEVEL {
            let leaves = leaves(work, tree, part.start, leaves_in).await?;
            if leaves.len() as u64 != leaves_in {
                return Err(StoreError::Corrupt("entries are missing"));
            }
            return Ok(root_of(&leaves));
        }
        if rest == 0 && tree.stored {
            let sql = "SELECT hash FROM tree_nodes WHERE level = $1 AND i = $2";
            let stored = work.row(sql, &[&i64::from(level), &integer(part.start / leaves_in)]).await?;
            if let Some(stored) = stored {
                return stored.digest(0);
            }
        }
        let middle = part.start + leaves_in / 2;
        let left = perfect(work, tree, part.start..middle).await?;
        Ok(node_hash(&left, &perfect(work, tree, middle..part.end).await?))
    })
}
