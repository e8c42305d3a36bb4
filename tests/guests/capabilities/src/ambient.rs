//! What programs find around them elsewhere: files, an environment, arguments, input.

use std::io::Read;
use std::{env, fs, io};

use spin_sdk::wasip3::filesystem::preopens;

use super::{Found, Query};

pub fn run(what: &str, query: &Query) -> Found {
    let path = query.text("path");
    let found = match what {
        "read" => fs::read_to_string(path),
        "write" => fs::write(path, "written").map(|()| "written".to_owned()),
        "append" => fs::OpenOptions::new().append(true).open(path).map(|_| "opened".to_owned()),
        "remove" => fs::remove_file(path).map(|()| "removed".to_owned()),
        "rename" => fs::rename(path, format!("{path}.moved")).map(|()| "renamed".to_owned()),
        "make-folder" => fs::create_dir(path).map(|()| "made".to_owned()),
        "list" => list(path),
        "environment" => Ok(environment()),
        "arguments" => Ok(env::args().collect::<Vec<_>>().join(",")),
        "stdin" => stdin(),
        "preopens" => Ok(preopens::get_directories().into_iter().map(|(_, path)| path).collect::<Vec<_>>().join(",")),
        _ => Err(io::Error::other("no such thing")),
    };
    found.map_err(|error| format!("{error:?}"))
}

fn environment() -> String {
    let mut variables: Vec<_> = env::vars().map(|(name, value)| format!("{name}={value}")).collect();
    variables.sort();
    variables.join("\n")
}

fn list(path: &str) -> io::Result<String> {
    let names = fs::read_dir(path)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
    let mut names = names.collect::<io::Result<Vec<_>>>()?;
    names.sort();
    Ok(names.join(","))
}

fn stdin() -> io::Result<String> {
    let mut text = String::new();
    io::stdin().read_to_string(&mut text)?;
    Ok(text)
}
