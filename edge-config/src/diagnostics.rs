//! Problems in a file, each with its place, collected until the end so that all are told at once.

use std::cell::RefCell;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use tidegate_core::Source;

/// A place in a text.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

impl fmt::Debug for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// One problem. Displays as `file:line:column: path: message`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// The file's name, as the caller gave it.
    pub file: String,
    /// Where in it.
    pub position: Position,
    /// The key it is about, such as `component.shop.source`; empty for the whole file.
    pub path: String,
    /// What is wrong and, where we know, what to write instead. Never a secret.
    pub message: String,
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: ", self.file, self.position)?;
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.message)
    }
}

/// Everything wrong with a file and those it includes; never empty. Displays one line per problem, in file order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Errors(Vec<Diagnostic>);

impl Errors {
    /// The problems, in file order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Diagnostic> {
        self.0.iter()
    }
}

impl From<Diagnostic> for Errors {
    fn from(diagnostic: Diagnostic) -> Self {
        Self(vec![diagnostic])
    }
}

impl fmt::Display for Errors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, diagnostic) in self.0.iter().enumerate() {
            if n > 0 {
                f.write_str("\n")?;
            }
            diagnostic.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for Errors {}

/// Something that works but is hardly meant. Displays as its [`Diagnostic`] with `warning:` before
/// the message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning(pub Diagnostic);

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Diagnostic { file, position, path, message } = &self.0;
        write!(f, "{file}:{position}: warning: ")?;
        if !path.is_empty() {
            write!(f, "{path}: ")?;
        }
        f.write_str(message)
    }
}

/// Collects the problems of one file while it is read.
///
/// Reporting takes `&self`, because readers of nested tables are alive at the same time. No `Debug`:
/// the text may hold secrets.
pub struct Diagnostics<'t> {
    file: Arc<str>,
    text: &'t str,
    /// Byte offset of the start of each line.
    lines: Vec<usize>,
    /// Byte offsets of values that are reported already: what else is wrong with them follows from that.
    hushed: RefCell<Vec<usize>>,
    errors: RefCell<Vec<Diagnostic>>,
    warnings: RefCell<Vec<Diagnostic>>,
}

impl<'t> Diagnostics<'t> {
    /// No problems yet in this text, called `file` in messages.
    pub fn new(file: &str, text: &'t str) -> Self {
        let starts = text.match_indices('\n').map(|(at, _)| at + 1);
        Self {
            file: file.into(),
            text,
            hushed: RefCell::default(),
            lines: std::iter::once(0).chain(starts).collect(),
            errors: RefCell::default(),
            warnings: RefCell::default(),
        }
    }

    /// The place of a byte offset into the text; past its end, the end.
    pub fn position(&self, offset: usize) -> Position {
        let offset = offset.min(self.text.len());
        let line = self.lines.partition_point(|start| *start <= offset);
        let before = &self.text.as_bytes()[self.lines[line - 1]..offset];
        // Count the bytes that begin a character: continuation bytes are 0b10xx_xxxx.
        let characters = before.iter().filter(|byte| **byte & 0xC0 != 0x80).count();
        Position { line, column: characters + 1 }
    }

    /// The line of a byte offset, as checked types keep it.
    pub fn source(&self, offset: usize) -> Source {
        let line = u32::try_from(self.position(offset).line).unwrap_or(u32::MAX);
        Source { file: self.file.clone(), line }
    }

    /// Keeps quiet about whatever else is wrong at the start of `span`.
    pub fn hush(&self, span: &Range<usize>) {
        self.hushed.borrow_mut().push(span.start);
    }

    /// Reports something that makes the file unusable, at the start of `span` (bytes of the text).
    pub fn error(&self, span: &Range<usize>, path: &str, message: impl Into<String>) {
        if self.hushed.borrow().contains(&span.start) {
            return;
        }
        let diagnostic = self.diagnostic(span, path, message.into());
        self.errors.borrow_mut().push(diagnostic);
    }

    /// Reports something that is hardly meant.
    pub fn warn(&self, span: &Range<usize>, path: &str, message: impl Into<String>) {
        let diagnostic = self.diagnostic(span, path, message.into());
        self.warnings.borrow_mut().push(diagnostic);
    }

    /// Like [`Diagnostics::error`], for a place remembered from before.
    pub fn error_at(&self, position: Position, path: &str, message: impl Into<String>) {
        let mut diagnostic = self.diagnostic(&(0..0), path, message.into());
        diagnostic.position = position;
        self.errors.borrow_mut().push(diagnostic);
    }

    /// Like [`Diagnostics::warn`], for a place remembered from before.
    pub fn warn_at(&self, position: Position, path: &str, message: impl Into<String>) {
        let mut diagnostic = self.diagnostic(&(0..0), path, message.into());
        diagnostic.position = position;
        self.warnings.borrow_mut().push(diagnostic);
    }

    fn diagnostic(&self, span: &Range<usize>, path: &str, message: String) -> Diagnostic {
        Diagnostic {
            file: self.file.as_ref().to_owned(),
            position: self.position(span.start),
            path: path.to_owned(),
            message,
        }
    }

    /// The warnings if nothing was wrong.
    ///
    /// # Errors
    /// All the errors reported, in file order.
    pub fn finish(self) -> Result<Vec<Warning>, Errors> {
        finish_all([self])
    }
}

/// The warnings of several files if nothing was wrong with any.
///
/// # Errors
/// All the errors reported, file by file, each in its order.
pub fn finish_all<'t>(files: impl IntoIterator<Item = Diagnostics<'t>>) -> Result<Vec<Warning>, Errors> {
    let in_order = |cell: RefCell<Vec<Diagnostic>>| {
        let mut list = cell.into_inner();
        list.sort_by_key(|diagnostic| diagnostic.position);
        list
    };
    let (mut errors, mut warnings) = (Vec::new(), Vec::new());
    for file in files {
        errors.extend(in_order(file.errors));
        warnings.extend(in_order(file.warnings).into_iter().map(Warning));
    }
    if errors.is_empty() { Ok(warnings) } else { Err(Errors(errors)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_characters() {
        let diagnostics = Diagnostics::new("f", "ab\né=x\n");
        let table = [(0, 1, 1), (2, 1, 3), (3, 2, 1), (5, 2, 2), (6, 2, 3), (8, 3, 1), (99, 3, 1)];
        for (offset, line, column) in table {
            assert_eq!(diagnostics.position(offset), Position { line, column }, "{offset}");
        }
        assert_eq!(Diagnostics::new("f", "").position(0), Position { line: 1, column: 1 });
    }

    #[test]
    fn all_at_once_in_file_order() {
        let diagnostics = Diagnostics::new("f.toml", "a\nb\nc");
        diagnostics.error(&(4..5), "c", "third");
        diagnostics.warn(&(0..1), "a", "unused");
        diagnostics.error(&(2..3), "", "second");
        let errors = diagnostics.finish().unwrap_err();
        assert_eq!(errors.to_string(), "f.toml:2:1: second\nf.toml:3:1: c: third");

        let diagnostics = Diagnostics::new("f.toml", "a");
        diagnostics.warn(&(0..1), "a", "unused");
        let warnings = diagnostics.finish().unwrap();
        assert_eq!(warnings[0].to_string(), "f.toml:1:1: warning: a: unused");
    }

    #[test]
    fn files_in_the_order_given() {
        let (first, second) = (Diagnostics::new("z.toml", "a"), Diagnostics::new("a.toml", "a\nb"));
        second.error(&(2..3), "b", "wrong");
        first.error(&(0..1), "a", "wrong");
        second.hush(&(0..1));
        second.error(&(0..1), "a", "a consequence");
        let errors = finish_all([first, second]).unwrap_err();
        assert_eq!(errors.to_string(), "z.toml:1:1: a: wrong\na.toml:2:1: b: wrong");
    }
}
