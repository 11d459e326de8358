//! What input never reaches: other people's eyes, other files, a shell.

use super::command::kindred;
use std::fs;
use std::path::{Path, PathBuf};

const HOSTILE: [&str; 6] = ["$(touch hit)", "; touch hit", "`touch hit`", "| touch hit", "../../hit", "-rf"];

fn run(within: &Path, args: &[&str]) -> String {
    let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
    let output = kindred(within, &args);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{args:?}: {told}");
    String::from_utf8(output.stdout).unwrap()
}

fn below(folder: &Path) -> Vec<PathBuf> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            paths.extend(below(&path));
        }
        paths.push(path);
    }
    paths
}

/// Ids that a shell or a file system would make something of go through every command as what they are.
#[test]
fn ids_are_data_all_the_way() {
    let folder = tempfile::tempdir().unwrap();
    let within = folder.path();
    let line = |id: &str| {
        let event =
            serde_json::json!({"type": "event", "user": id, "item": id, "id": id, "kind": "view", "time": 0});
        let item = serde_json::json!({"type": "item", "id": id, "text": id});
        let user = serde_json::json!({"type": "user", "id": id, "attributes": {id: id}});
        format!("{item}\n{user}\n{event}\n")
    };
    fs::write(within.join("in.jsonl"), HOSTILE.map(line).concat()).unwrap();
    run(within, &["init", "shop"]);
    run(within, &["ingest", "shop", "in.jsonl", "--strict", "--as-is"]);
    run(within, &["fit", "shop"]);
    for id in HOSTILE {
        let profile = run(within, &["profile", "shop", "--json", "--", id]);
        let profile: serde_json::Value = serde_json::from_str(&profile).unwrap();
        assert_eq!((&profile["user"], &profile["attributes"][id]), (&id.into(), &id.into()));
        run(within, &["similar", "shop", &format!("--user={id}"), "--explain"]);
    }
    run(within, &["export", "shop", "out.jsonl"]);
    run(within, &["export", "shop", "v.npy", "--what", "vectors"]);
    let ids = fs::read_to_string(within.join("v.npy.ids")).unwrap();
    assert!(HOSTILE.iter().all(|id| ids.lines().any(|line| line == *id)), "{ids}");
    let mut names: Vec<_> = fs::read_dir(within).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["in.jsonl", "out.jsonl", "shop", "v.npy", "v.npy.ids"]);
    for id in HOSTILE {
        run(within, &["remove", "shop", &format!("--user={id}")]);
        run(within, &["remove", "shop", &format!("--item={id}")]);
    }
}

/// Paths with letters that a shell would read are opened as they are.
#[test]
fn paths_are_taken_letter_by_letter() {
    let folder = tempfile::tempdir().unwrap();
    let within = folder.path();
    let store = "it's a \"store\"; $(touch hit)";
    let lines = "the lines & all.jsonl";
    fs::write(within.join(lines), "{\"type\":\"user\",\"id\":\"ann\"}\n").unwrap();
    run(within, &["init", store]);
    run(within, &["ingest", store, lines]);
    assert!(within.join(store).is_dir() && !within.join("hit").exists());
}

/// The texts of an input are never taken for the names of files.
#[test]
fn paths_in_an_input_are_not_followed() {
    let folder = tempfile::tempdir().unwrap();
    let within = folder.path();
    fs::write(within.join("secret.txt"), "the secret words").unwrap();
    let secret = within.join("secret.txt").display().to_string();
    let text =
        |path: &str| serde_json::json!({"type": "text", "user": path, "text": path, "time": 0}).to_string();
    let references =
        [secret.clone(), format!("file://{secret}"), format!("@{secret}"), "secret.txt".to_owned()];
    let lines = references.each_ref().map(|path| text(path) + "\n").concat();
    fs::write(within.join("in.jsonl"), lines).unwrap();
    fs::write(within.join("t.csv"), format!("who,what\n{secret},@{secret}\n")).unwrap();
    let mapping = "type = \"user\"\nid = \"who\"\n[attributes]\nnote = \"what\"\n";
    fs::write(within.join("m.toml"), mapping).unwrap();
    run(within, &["init", "shop"]);
    run(within, &["ingest", "shop", "in.jsonl", "--strict"]);
    run(within, &["ingest", "shop", "t.csv", "--mapping", "m.toml", "--strict"]);
    run(within, &["export", "shop", "out.jsonl"]);
    let out = fs::read_to_string(within.join("out.jsonl")).unwrap();
    assert!(out.contains(&secret) && !out.contains("the secret words"), "{out}");
}

/// Two places start another program, named by the code: the download of the demo's packages, and the version in a record
/// of a benchmark. No argument of either comes from an input.
#[test]
fn no_input_starts_a_program() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let starts = |path: &PathBuf| {
        path.extension().is_some_and(|ending| ending == "rs")
            && fs::read_to_string(path).unwrap().contains("Command::new(")
    };
    let mut found: Vec<PathBuf> = below(&src).into_iter().filter(starts).collect();
    found.sort();
    assert_eq!(found, [src.join("cli/bench/record.rs"), src.join("cli/fetch/pip.rs")]);
}

/// Folders of a new store are entered by their owner only, whatever the process's mask is; and so is what comes out.
#[cfg(unix)]
#[test]
fn a_new_store_is_its_owners() {
    use std::os::unix::fs::PermissionsExt;
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let folder = tempfile::tempdir().unwrap();
    let within = folder.path();
    fs::create_dir(within.join("open")).unwrap();
    fs::set_permissions(within.join("open"), fs::Permissions::from_mode(0o755)).unwrap();
    for store in ["new", "above/new", "open"] {
        run(within, &["init", store]);
        let line = "{\"type\":\"text\",\"user\":\"ann\",\"text\":\"fish\",\"time\":0}\nbad\n";
        fs::write(within.join("in.jsonl"), line).unwrap();
        run(within, &["ingest", store, "in.jsonl", "--rejects", "rejects.jsonl"]);
        run(within, &["compact", store]);
        // A file is as private as one of the folders above it. The lock's file says a process's number, no more.
        for path in below(&within.join(store)).iter().filter(|path| !path.ends_with("LOCK")) {
            let mut inner = path.ancestors().take_while(|above| *above != within);
            assert!(inner.any(|above| mode(above).trailing_zeros() >= 6), "{}", path.display());
        }
        // Compacting puts another data folder in the place of the first.
        for folder in ["data-1", "log", "index", "base"] {
            assert_eq!(mode(&within.join(store).join(folder)), 0o700, "{store}/{folder}");
        }
        if store != "open" {
            assert_eq!(mode(&within.join(store)), 0o700, "{store}");
        }
    }
    run(within, &["export", "new", "out.jsonl"]);
    run(within, &["export", "new", "v.npy", "--what", "vectors"]);
    for file in ["rejects.jsonl", "out.jsonl", "v.npy", "v.npy.ids"] {
        assert_eq!(mode(&within.join(file)), 0o600, "{file}");
    }
}
