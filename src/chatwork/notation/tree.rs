//! Pairs opening with closing tags and lays the nodes out in source order. Whatever finds no partner is text.

use std::ops::Range;

use super::lex::{Container, Token, What};
use super::{Kind, MAX_DEPTH, Node};

pub(super) fn build(tokens: Vec<Token>) -> Vec<Node> {
    let partners = pair(&tokens);
    let mut tree = Tree { nodes: Vec::with_capacity(tokens.len()), open: Vec::new() };
    // Whether the token before was a frame's, or a quotation's, accepted opening tag.
    let mut accepted = vec![false; tokens.len()];
    for (index, token) in tokens.iter().enumerate() {
        let after_open = index > 0 && accepted[index - 1];
        match &token.what {
            What::Text => tree.text(token.span.clone()),
            What::Leaf(kind, inner) => tree.leaf(kind.clone(), token.span.clone(), inner.clone()),
            What::Open(container, kind) => {
                let in_frame = *container != Container::Title || after_open;
                if partners[index].is_some() && in_frame && tree.open.len() < MAX_DEPTH {
                    accepted[index] = true;
                    tree.open(kind.clone(), token.span.clone());
                } else {
                    tree.text(token.span.clone());
                }
            }
            What::Close(_) => {
                if partners[index].is_some_and(|partner| accepted[partner]) {
                    tree.close(token.span.clone());
                } else {
                    tree.text(token.span.clone());
                }
            }
            What::QuoteMeta(account, time) => {
                let head = tree.nodes.last_mut().filter(|_| after_open);
                match head.map(|node| (&mut node.kind, &mut node.inner)) {
                    Some((kind @ Kind::Quote { account: None, .. }, inner)) => {
                        *kind = Kind::Quote { account: *account, time: *time };
                        *inner = token.span.end..token.span.end;
                    }
                    _ => tree.text(token.span.clone()),
                }
            }
        }
    }
    tree.nodes
}

/// For each token the index of its partner. A closing tag takes the nearest open one of its kind; what was opened in
/// between stays without partner. Each token is pushed and popped at most once.
fn pair(tokens: &[Token]) -> Vec<Option<usize>> {
    let mut partners = vec![None; tokens.len()];
    let mut open: Vec<(Container, usize)> = Vec::new();
    let mut n_open = [0_usize; 5];
    for (index, token) in tokens.iter().enumerate() {
        match token.what {
            What::Open(container, _) => {
                open.push((container, index));
                n_open[container as usize] += 1;
            }
            What::Close(container) if n_open[container as usize] > 0 => {
                while let Some((kind, opener)) = open.pop() {
                    n_open[kind as usize] -= 1;
                    if kind == container {
                        // An empty heading is shown as typed.
                        if kind != Container::Title || opener + 1 != index {
                            partners[opener] = Some(index);
                            partners[index] = Some(opener);
                        }
                        break;
                    }
                }
            }
            _ => {}
        }
    }
    partners
}

struct Tree {
    nodes: Vec<Node>,
    /// Indices of the containers that are open.
    open: Vec<usize>,
}

impl Tree {
    fn text(&mut self, span: Range<usize>) {
        match self.nodes.last_mut() {
            Some(last) if last.kind == Kind::Text && last.span.end == span.start => {
                last.span.end = span.end;
                last.inner.end = span.end;
            }
            _ => self.leaf(Kind::Text, span.clone(), span),
        }
    }

    fn leaf(&mut self, kind: Kind, span: Range<usize>, inner: Range<usize>) {
        let end = self.nodes.len() + 1;
        self.nodes.push(Node { kind, span, inner, end });
    }

    fn open(&mut self, kind: Kind, tag: Range<usize>) {
        self.open.push(self.nodes.len());
        let inner = tag.end..tag.end;
        self.leaf(kind, tag, inner);
    }

    fn close(&mut self, tag: Range<usize>) {
        let end = self.nodes.len();
        if let Some(node) = self.open.pop().and_then(|index| self.nodes.get_mut(index)) {
            node.inner.end = tag.start;
            node.span.end = tag.end;
            node.end = end;
        }
    }
}
