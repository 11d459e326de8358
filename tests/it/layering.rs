//! The house keeps its floors: imports go strictly downward, files stay short, and the plan of the house names what is there.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Floor of each top-level module of `src`.
const FLOORS: [(&str, u8); 21] = [
    ("error", 0),
    ("sync", 0),
    ("model", 1),
    ("telemetry", 1),
    ("compute", 2),
    ("eval", 2),
    ("ingest", 2),
    ("privacy", 2),
    ("columns", 3),
    ("encoder", 3),
    ("index", 3),
    ("storage", 3),
    ("learn", 3),
    ("profile", 4),
    ("engine", 5),
    ("query", 6),
    ("analysis", 6),
    ("store", 7),
    ("cli", 8),
    ("fuzzing", 8),
    ("main", 9),
];
const MOST_LINES: usize = 600;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn sources() -> Vec<PathBuf> {
    let mut files = Vec::new();
    rust_files(&root().join("src"), &mut files);
    files.sort();
    assert!(files.len() > 50, "the sources were not found");
    files
}

/// The module path of a file: `["engine", "fit"]`.
fn module(file: &Path) -> Vec<String> {
    let relative = file.strip_prefix(root().join("src")).unwrap().with_extension("");
    let names = relative.iter().map(|name| name.to_string_lossy().into_owned());
    names.filter(|name| name != "mod").collect()
}

/// The code without comments and without doc comments, whose links may point anywhere.
fn code(file: &Path) -> String {
    let text = std::fs::read_to_string(file).unwrap();
    text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

fn name_at(text: &str) -> String {
    text.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

/// The names right behind a path's prefix: one, or those of a list in braces.
fn names_behind(text: &str) -> Vec<String> {
    let Some(list) = text.trim_start().strip_prefix('{') else { return vec![name_at(text)] };
    let (mut depth, mut names, mut start) = (0, Vec::new(), 0);
    for (at, c) in list.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            ',' | '}' if depth == 0 => {
                names.push(name_at(&list[start..at]));
                start = at + 1;
                if c == '}' {
                    break;
                }
            }
            _ => {}
        }
    }
    names.into_iter().filter(|name| !name.is_empty()).collect()
}

/// The names of the crate's root that a module's code speaks of.
fn root_names(code: &str, depth: usize) -> Vec<String> {
    let mut names: Vec<String> = code
        .match_indices("crate::")
        .flat_map(|(at, found)| names_behind(&code[at + found.len()..]))
        .collect();
    let chain = "super::".repeat(depth);
    names.extend(code.match_indices(&chain).flat_map(|(at, _)| names_behind(&code[at + chain.len()..])));
    names
}

/// Where the root's own names come from, by the `pub use` lines of `lib.rs`, and which modules are public.
struct Lib {
    homes: BTreeMap<String, String>,
    public: Vec<String>,
}

fn lib() -> Lib {
    let code = code(&root().join("src/lib.rs"));
    let mut homes = BTreeMap::new();
    for (at, found) in code.match_indices("pub use ") {
        let line = code[at + found.len()..].split(';').next().unwrap();
        let (home, rest) = line.split_once("::").unwrap();
        for name in names_behind(rest) {
            homes.insert(name, home.trim().to_owned());
        }
    }
    let public =
        code.match_indices("pub mod ").map(|(at, found)| name_at(&code[at + found.len()..])).collect();
    Lib { homes, public }
}

fn floor(module: &str) -> Option<u8> {
    FLOORS.iter().find(|(name, _)| *name == module).map(|(_, floor)| *floor)
}

/// All edges between top-level modules, with the file each is in and the name it was found by.
fn edges() -> Vec<(PathBuf, String, String, String)> {
    let lib = lib();
    let mut edges = Vec::new();
    for file in sources() {
        let path = module(&file);
        if path == ["lib"] {
            continue;
        }
        for name in root_names(&code(&file), path.len()) {
            let to = lib.homes.get(&name).unwrap_or(&name).clone();
            if to != path[0] && floor(&to).is_some() {
                edges.push((file.clone(), path[0].clone(), to, name));
            }
        }
    }
    edges
}

#[test]
fn imports_go_strictly_downward() {
    let edges = edges();
    assert!(
        edges.iter().any(|(_, from, to, _)| from == "engine" && to == "storage"),
        "imports were not read"
    );
    let wrong: Vec<String> = edges
        .iter()
        .filter(|(_, from, to, _)| floor(from) <= floor(to))
        .map(|(file, from, to, name)| format!("{}: {from} uses {to} ({name})", file.display()))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_module_has_a_floor() {
    for file in sources() {
        let top = module(&file).remove(0);
        assert!(top == "lib" || floor(&top).is_some(), "{} is on no floor", file.display());
    }
}

#[test]
fn the_command_line_uses_the_public_api_only() {
    let public = lib().public;
    let reads = |file: &&PathBuf| matches!(module(file)[0].as_str(), "cli" | "main");
    for file in sources().iter().filter(reads) {
        for name in root_names(&code(file), module(file).len()) {
            let private = floor(&name).is_some() && name != "cli" && !public.contains(&name);
            assert!(!private, "{} uses {name}, which hosts cannot", file.display());
        }
    }
}

#[test]
fn files_stay_short() {
    for file in sources() {
        let lines = std::fs::read_to_string(&file).unwrap().lines().count();
        assert!(lines <= MOST_LINES, "{} has {lines} lines", file.display());
    }
}

#[test]
fn the_plan_of_the_house_names_what_is_there() {
    let document = std::fs::read_to_string(root().join("docs/ARCHITECTURE.md")).unwrap();
    let mut paths = 0;
    for quoted in document.split('`').skip(1).step_by(2) {
        let is_path = quoted.contains('/') || [".rs", ".md", ".toml"].iter().any(|end| quoted.ends_with(end));
        let plain = quoted.chars().all(|c| c.is_ascii_alphanumeric() || "_-./".contains(c));
        if is_path && plain && !quoted.starts_with('/') && !quoted.starts_with("..") {
            let there =
                [root().join(quoted), root().join("src").join(quoted)].iter().any(|path| path.exists());
            assert!(there, "docs/ARCHITECTURE.md names {quoted}, which is not there");
            paths += 1;
        }
    }
    assert!(paths > 5, "docs/ARCHITECTURE.md names hardly a path");
}

#[test]
fn names_in_braces_are_read() {
    let code = "use crate::{Error, model::{Item, Time}, storage};\nlet x = crate::engine::open();";
    assert_eq!(root_names(code, 1), ["Error", "model", "storage", "engine"]);
    assert_eq!(root_names("use super::super::index::Index;", 2), ["index"]);
}
