//! `imports FILE.wasm EXPORT`: what a module imports, a line each. Fails if that is anything, or if the export is
//! missing: then there was nothing to look at.

use std::process::ExitCode;

use wasmparser::{Parser, Payload};

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let (Some(file), Some(export)) = (arguments.next(), arguments.next()) else {
        eprintln!("usage: imports FILE.wasm EXPORT");
        return ExitCode::FAILURE;
    };
    match look(&file, &export) {
        Ok(imports) if imports.is_empty() => ExitCode::SUCCESS,
        Ok(imports) => {
            imports.iter().for_each(|import| eprintln!("{file} imports {import}"));
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("{file}: {error}");
            ExitCode::FAILURE
        }
    }
}

fn look(file: &str, export: &str) -> Result<Vec<String>, Box<dyn std::error::Error>> {
    let module = std::fs::read(file)?;
    let mut imports = Vec::new();
    let mut is_exported = false;
    for payload in Parser::new(0).parse_all(&module) {
        match payload? {
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    let import = import?;
                    imports.push(format!("{}.{}", import.module, import.name));
                }
            }
            Payload::ExportSection(section) => {
                for found in section {
                    is_exported |= found?.name == export;
                }
            }
            _ => {}
        }
    }
    if !is_exported {
        return Err(format!("does not export {export}").into());
    }
    Ok(imports)
}
