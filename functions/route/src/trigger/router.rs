//! Which of many patterns a path belongs to.
//!
//! A tree with one level per segment. matchit, the usual choice, cannot hold `/a/:id` and `/a/...`
//! side by side (a standalone parameter and a catch-all conflict there), which Spin's applications
//! do all the time.

use super::pattern::{Pattern, Segment};

/// A set of patterns, each with a value.
#[derive(Clone, Debug)]
pub struct Router<T> {
    root: Node,
    routes: Vec<(Pattern, T)>,
}

/// An equal route is already there: it matches exactly the same paths.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the route \"{with}\" matches the same paths")]
pub struct Conflict {
    /// The pattern that was inserted first.
    pub with: Pattern,
}

/// The pattern that a path belongs to.
#[derive(Debug)]
pub struct Match<'r, 'p, T> {
    /// What was inserted with the pattern.
    pub value: &'r T,
    /// The pattern.
    pub pattern: &'r Pattern,
    /// What the wildcard matched, with the slash in front of it: for `/a/...`, the path `/a` gives
    /// ``, `/a/` gives `/` and `/a/b/c` gives `/b/c`. Empty for a pattern without a wildcard.
    pub trailing: &'p str,
    trimmed: &'p str,
}

/// One level of the tree: what may stand in one segment. Leaves index `Router::routes`.
#[derive(Clone, Debug, Default)]
struct Node {
    /// Sorted by text, for binary search.
    literals: Vec<(Box<str>, Node)>,
    named: Option<Box<Node>>,
    /// The pattern that ends here.
    exact: Option<usize>,
    /// The pattern that goes on with `/...` here.
    wildcard: Option<usize>,
}

impl<T> Default for Router<T> {
    fn default() -> Self {
        Self { root: Node::default(), routes: Vec::new() }
    }
}

impl<T> Router<T> {
    /// A router without routes: it finds nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a route.
    ///
    /// # Errors
    /// When a route that matches the same paths is there already, as `/a/:x` and `/a/:y` or `/a` and
    /// `/a/` do. (Spin warns of routes written alike, and picks one silently otherwise.)
    pub fn insert(&mut self, pattern: Pattern, value: T) -> Result<(), Conflict> {
        let mut node = &mut self.root;
        for segment in pattern.segments() {
            node = node.child(segment);
        }
        let leaf = if pattern.is_wildcard() { &mut node.wildcard } else { &mut node.exact };
        if let Some(taken) = *leaf {
            let with = self.routes[taken].0.clone();
            return Err(Conflict { with });
        }
        *leaf = Some(self.routes.len());
        self.routes.push((pattern, value));
        Ok(())
    }

    /// The most specific route for the path of a URL, as it came: not percent-decoded, without the
    /// query. None also when the path does not start with a slash (`OPTIONS *`).
    ///
    /// Takes time proportional to the path and, where names and literals overlap, at most to the
    /// number of routes.
    pub fn find<'p>(&self, path: &'p str) -> Option<Match<'_, 'p, T>> {
        let trimmed = path.strip_prefix('/')?.trim_matches('/');
        let rest = (!trimmed.is_empty()).then_some(trimmed);
        let (leaf, tail) = self.root.find(rest)?;
        let (pattern, value) = &self.routes[leaf];
        Some(Match { value, pattern, trailing: tail.map_or("", |tail| with_slashes(path, trimmed, tail)), trimmed })
    }

    /// The routes, in the order in which they were inserted.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&Pattern, &T)> {
        self.routes.iter().map(|(pattern, value)| (pattern, value))
    }

    /// Whether no route was inserted.
    pub fn is_empty(&self) -> bool {
        self.routes.is_empty()
    }
}

impl Node {
    fn child(&mut self, segment: &Segment) -> &mut Node {
        match segment {
            Segment::Named(_) => self.named.get_or_insert_default(),
            Segment::Literal(text) => {
                let at = match self.literals.binary_search_by(|(key, _)| key.cmp(text)) {
                    Ok(at) => at,
                    Err(at) => {
                        self.literals.insert(at, (text.clone(), Node::default()));
                        at
                    }
                };
                &mut self.literals[at].1
            }
        }
    }

    /// The leaf for the segments in `rest` (None: there are no more), and what a wildcard matched.
    ///
    /// Depth first, the more specific child first, is what comparing patterns segment by segment
    /// comes to. Every node belongs to one depth, so each is visited at most once.
    fn find<'p>(&self, rest: Option<&'p str>) -> Option<(usize, Option<&'p str>)> {
        let Some(rest) = rest else {
            let exact = self.exact.map(|leaf| (leaf, None));
            return exact.or(self.wildcard.map(|leaf| (leaf, Some(""))));
        };
        let (segment, below) = match rest.split_once('/') {
            Some((segment, below)) => (segment, Some(below)),
            None => (rest, None),
        };
        self.literal(segment)
            .and_then(|node| node.find(below))
            .or_else(|| self.named.as_ref()?.find(below))
            .or_else(|| Some((self.wildcard?, Some(rest))))
    }

    fn literal(&self, segment: &str) -> Option<&Node> {
        let at = self.literals.binary_search_by(|(key, _)| (**key).cmp(segment));
        Some(&self.literals[at.ok()?].1)
    }
}

impl<'r, 'p, T> Match<'r, 'p, T> {
    /// What each `:name` of the pattern matched, from left to right, as it came in the URL.
    pub fn captures(&self) -> Captures<'r, 'p> {
        Captures { pattern: self.pattern.segments().iter(), path: self.trimmed.split('/') }
    }

    /// What the `:name` of this name matched.
    pub fn capture(&self, name: &str) -> Option<&'p str> {
        self.captures().find(|(key, _)| *key == name).map(|(_, value)| value)
    }
}

/// Names and what they matched; see [`Match::captures`].
#[derive(Clone, Debug)]
pub struct Captures<'r, 'p> {
    pattern: std::slice::Iter<'r, Segment>,
    path: std::str::Split<'p, char>,
}

impl<'r, 'p> Iterator for Captures<'r, 'p> {
    type Item = (&'r str, &'p str);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let (segment, text) = (self.pattern.next()?, self.path.next()?);
            if let Segment::Named(name) = segment {
                return Some((name, text));
            }
        }
    }
}

/// `tail`, the end of `trimmed`, with the slash before it and, if the path ends in slashes, one of
/// those. That is what Spin has always put into `spin-path-info`.
fn with_slashes<'p>(path: &'p str, trimmed: &str, tail: &str) -> &'p str {
    let lead = path.len() - path.trim_start_matches('/').len();
    if trimmed.is_empty() {
        return "/";
    }
    let end = lead + trimmed.len();
    let slash = usize::from(path.len() > end);
    let start = if tail.is_empty() { end } else { end - tail.len() - 1 };
    &path[start..end + slash]
}

#[cfg(test)]
mod tests;
