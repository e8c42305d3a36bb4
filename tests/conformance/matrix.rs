//! The table of cases and shells, with the reason wherever one cannot do what others do.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::load::Loaded;
use crate::{Pair, SHELLS, State, run};

/// Cases that run at a time: they mostly wait.
const THREADS: usize = 4;

/// What stands in the table.
#[derive(Clone, Debug)]
enum Cell {
    Holds,
    Fails,
    Cannot(String),
    Ignored(String),
}

/// Runs everything and prints the table. Fails if a case does that is not known to.
pub fn print(pairs: &[Pair]) -> ExitCode {
    // What fails is told by its trial; here it would be between the lines.
    std::panic::set_hook(Box::new(|_| ()));
    let cells = cells(pairs);
    let width = pairs.iter().map(|pair| pair.case.name.len()).max().unwrap_or(0);
    print!("{:width$}", "");
    SHELLS.iter().for_each(|shell| print!("  {:10}", shell.name()));
    println!();
    let mut reasons: Vec<String> = Vec::new();
    for (row, cells) in pairs.chunks(SHELLS.len()).zip(cells.chunks(SHELLS.len())) {
        print!("{:width$}", row[0].case.name);
        for cell in cells {
            print!("  {:10}", text(cell, &mut reasons));
        }
        println!();
    }
    summarise(&cells, &reasons)
}

fn cells(pairs: &[Pair]) -> Vec<Cell> {
    let next = AtomicUsize::new(0);
    let cells: Vec<Mutex<Option<Cell>>> = pairs.iter().map(|_| Mutex::new(None)).collect();
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::SeqCst);
                    let Some(pair) = pairs.get(index) else { return };
                    *cells[index].lock().expect("each is filled by one thread") = Some(cell(pair));
                }
            });
        }
    });
    let filled = |cell: Mutex<Option<Cell>>| cell.into_inner().expect("each is filled by one thread");
    cells.into_iter().map(|cell| filled(cell).expect("all were run")).collect()
}

fn cell(pair: &Pair) -> Cell {
    let case: &Loaded = &pair.case;
    match &pair.state {
        State::Runs => match catch_unwind(AssertUnwindSafe(|| run::run(pair.shell, case))) {
            Ok(Ok(())) => Cell::Holds,
            _ => Cell::Fails,
        },
        State::Cannot(why) => Cell::Cannot(why.clone()),
        State::Misses(why) => Cell::Ignored(why.clone()),
        State::Known(why) => Cell::Ignored(format!("{}: {why}", case.name)),
    }
}

/// A word, and the number of its reason.
fn text(cell: &Cell, reasons: &mut Vec<String>) -> String {
    let (word, why) = match cell {
        Cell::Holds => return "holds".to_owned(),
        Cell::Fails => return "FAILS".to_owned(),
        Cell::Cannot(why) => ("-", why),
        Cell::Ignored(why) => ("ignored", why),
    };
    let known = reasons.iter().position(|reason| reason == why);
    let number = known.unwrap_or_else(|| {
        reasons.push(why.clone());
        reasons.len() - 1
    });
    format!("{word} [{}]", number + 1)
}

fn summarise(cells: &[Cell], reasons: &[String]) -> ExitCode {
    println!();
    for (number, reason) in reasons.iter().enumerate() {
        println!("[{}] {reason}", number + 1);
    }
    println!();
    for (column, shell) in SHELLS.iter().enumerate() {
        let own = || cells.iter().skip(column).step_by(SHELLS.len());
        let holds = own().filter(|cell| matches!(cell, Cell::Holds)).count();
        let fails = own().filter(|cell| matches!(cell, Cell::Fails)).count();
        let ignored = own().filter(|cell| matches!(cell, Cell::Ignored(_))).count();
        println!("{}: {holds} hold, {fails} fail, {ignored} ignored, of {}", shell.name(), own().count());
    }
    if cells.iter().any(|cell| matches!(cell, Cell::Fails)) { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
