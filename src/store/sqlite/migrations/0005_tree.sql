-- Inner nodes of the Merkle tree, derived from the leaf hashes: node `i` of `level` is the root over 256^level leaves.
CREATE TABLE tree_nodes (level INTEGER NOT NULL, i INTEGER NOT NULL, hash BLOB NOT NULL, PRIMARY KEY (level, i)) WITHOUT ROWID;
