//! Command-line options.

use super::Row;
use super::command::{Call, Desk, call};

fn usage(name: &'static str, args: &str, words: &'static [&'static str]) -> Row<Call> {
    call(name, [], args, "usage", words)
}

/// Of clusters.
pub(super) fn clusters() -> Vec<Row<Call>> {
    vec![
        usage("clusters in words", "segment find shop --clusters few", &["'few'", "2..12"]),
        usage("half a range of clusters", "segment find shop --clusters 2..", &["'2..'", "2..12"]),
        usage("0 clusters in words", "segment find shop --clusters 0", &["number of clusters is 0..0"]),
        usage("clusters from 9 to 3", "segment find shop --clusters 9..3", &["smaller number first"]),
        usage("999 clusters of a few users", "segment find shop --clusters 999", &["is 999", "at most"]),
        usage("no such method", "segment find shop --method guess", &["'guess'", "kmeans", "hdbscan"]),
        usage(
            "clusters of one",
            "segment find shop --method hdbscan --min-cluster-size 1",
            &["least size of a cluster is 1"],
        ),
        usage("cluster of nobody", "segment assign shop", &["no attribute \"_cluster\""]),
    ]
}

/// Of predicates, and of segments that they define.
pub(super) fn predicates() -> Vec<Row<Call>> {
    vec![
        usage("half a predicate", "similar shop --user u1 --where age␣>", &["found the end", "^"]),
        usage("predicate of what nobody has", "users shop --where agee␣>␣3", &["did you mean \"age\"", "^"]),
        usage(
            "predicate of two types",
            "users shop --where age␣=␣'x' --count",
            &["cannot be compared with a text"],
        ),
        usage(
            "half a predicate of a segment",
            "segment define shop x --where age␣>",
            &["found the end", "^"],
        ),
        usage(
            "segment of nothing that there is",
            "segment define shop x --where in_segment('y')",
            &["no segment \"y\""],
        ),
        usage(
            "segment of who is alike",
            "segment define shop x --where similar_to('u1')␣>␣0.5",
            &["a segment cannot ask how alike users are", "^"],
        ),
        usage(
            "predicate of what no item has",
            "users shop --where count(*)␣filter␣(where␣categry␣=␣'x')␣>␣3",
            &["no attribute of items \"categry\"", "^"],
        ),
        usage("members of no segment", "segment members shop x", &["no segment \"x\""]),
        usage("changes that were not yet", "segment changes shop --since 9", &["position in the feed"]),
        usage("an instant without a predicate", "users shop --now 2026-01-01", &["--where"]),
        usage("an instant that is none", "users shop --where age␣>␣3 --now soon", &["'soon'"]),
    ]
}

/// Of lookalikes, and of what is measured of a store's answers.
pub(super) fn lookalikes() -> Vec<Row<Call>> {
    vec![
        usage("lookalikes of whom", "lookalikes shop", &["--segment", "required"]),
        usage("lookalikes of two seeds", "lookalikes shop --segment x --users u1", &["cannot be used with"]),
        usage("lookalikes of no segment by name", "lookalikes shop --segment x", &["no segment \"x\""]),
        usage("lookalikes of a stranger by name", "lookalikes shop --users u1,u99", &["no user \"u99\""]),
        usage("lookalikes of an empty list", "lookalikes shop --users ,", &["seed is nobody"]),
        usage(
            "lookalikes of nobody there",
            "lookalikes shop --where age␣<␣0",
            &["seed is nobody", "one user at least"],
        ),
        usage(
            "lookalikes by no method",
            "lookalikes shop --users u1 --method guess",
            &["centroid", "classifier"],
        ),
        usage("too many lookalikes", "lookalikes shop --users u1 -k 100001", &["at most 100000"]),
        usage("lookalikes learned of nobody", "lookalikes shop --users u1 --sample 0", &["sample is 0"]),
        usage(
            "lookalikes by half a filter",
            "lookalikes shop --users u1 --filter age␣>",
            &["found the end", "^"],
        ),
        usage("one lookalike held out", "eval lookalikes shop --users u1", &["--folds is 5", "1 users"]),
        usage("lists of no lookalikes", "eval lookalikes shop --users u1,u2 -k 0", &["--limit is 0"]),
        usage("labels of what is not", "eval labels shop --attribute agee", &["no attribute \"agee\""]),
        usage("labels in one fold", "eval labels shop --attribute town --folds 1", &["number of folds is 1"]),
        usage(
            "labels of no neighbors",
            "eval labels shop --attribute town --neighbors 0",
            &["neighbors is 0"],
        ),
        usage("labels that are all rare", "eval labels shop --attribute age", &["of 0 values", "2 to 100"]),
        usage("twins of one basket", "eval twins shop --min-baskets 1", &["--min-baskets", "2 baskets"]),
        usage("twins of nobody", "eval twins shop --min-baskets 999", &["999 baskets of somebody"]),
    ]
}

pub(super) fn parsing() -> Vec<Row<Call>> {
    vec![
        usage("no command", "", &["Usage", "kindred"]),
        usage("misspelt command", "ingst shop", &["'ingst'", "similar subcommand", "ingest"]),
        usage("misspelt option", "similar shop --usr u1", &["'--usr'", "--user"]),
        usage("option without its value", "similar shop --user", &["--user", "value is required"]),
        usage("nothing to be like", "similar shop", &["--user", "required"]),
        usage("two things to be like", "similar shop --user u1 --text fish", &["cannot be used with"]),
        usage("limit below 0", "similar shop --user u1 -k=-1", &["--limit", "invalid"]),
        usage("limit in words", "similar shop --user u1 -k ten", &["'ten'", "invalid digit"]),
        usage("limit beyond 64 bits", "similar shop --user u1 -k 99999999999999999999", &["too large"]),
        usage(
            "limit beyond the bound",
            "similar shop --user u1 -k 100001",
            &["limit is 100001", "at most 100000"],
        ),
        usage("ef a fraction", "similar shop --user u1 --ef 1.5", &["'1.5'", "--ef"]),
        usage(
            "least score in words",
            "similar shop --user u1 --min-score high",
            &["'high'", "invalid float"],
        ),
        usage("least score nan", "similar shop --user u1 --min-score nan", &["min_score is NaN"]),
        usage("nobody to recommend to", "recommend shop", &["--user", "required"]),
        usage("a blend of two weights", "recommend shop --user u1 --blend 1,2", &["three or four weights"]),
        usage("a blend in words", "recommend shop --user u1 --blend a,b,c", &["no number"]),
        usage("recommend by what is not", "recommend shop --user u1 --by things", &["items", "categories"]),
        usage("an interest of a sentence", "similar shop --text fish --interest 0", &["ask about a user"]),
        usage(
            "one interest, and any",
            "similar shop --user u1 --interest 0 --by-interests",
            &["cannot be used with"],
        ),
        usage("too many interests", "interests shop u1 -k 9", &["limit is 9", "1 to 8"]),
        usage("had again", "recommend shop --user u1 --again --had view", &["cannot be used with"]),
        usage("within no interval", "recommend shop --user u1 --within soon", &["'soon'", "interval"]),
        usage("lists of nothing", "eval recommend shop -k 0", &["--limit", "1 or more"]),
        usage("user without a letter", "similar shop --user ∅", &["user id is empty"]),
        usage("user that is not there", "similar shop --user u99", &["no user \"u99\""]),
        usage("sentence of spaces", "similar shop --text ␣␣", &["text is empty", "in a few words"]),
        usage("sentence for a store of vectors", "similar vectors --text fish", &["no encoder", "--dim"]),
        usage("keeping 0 events", "ingest shop ok.jsonl --keep-events 0", &["'0'", "`all`"]),
        usage("keeping events in words", "ingest shop ok.jsonl --keep-events few", &["'few'", "`all`"]),
        usage(
            "keeping events for 0 days",
            "ingest shop ok.jsonl --keep-days 0",
            &["--keep-days", "0 is not in"],
        ),
        usage("expiring nothing said", "expire shop", &["--before", "required"]),
        usage("expiring before no time", "expire shop --before soon", &["'soon'", "RFC 3339"]),
        usage("unknown shell", "completions cmd.exe", &["'cmd.exe'", "bash"]),
        usage("unknown thing to fetch", "fetch weights", &["'weights'", "model"]),
        usage("unknown bench", "bench everything", &["'everything'"]),
    ]
}

pub(super) fn rules() -> Vec<Row<Call>> {
    vec![
        usage("--min-support 0", "rules shop --min-support 0", &["min_support is 0"]),
        usage("--min-support in words", "rules shop --min-support few", &["\"few\"", "0.01 or 1%"]),
        usage("--kind misspelt", "rules shop --kind vew", &["did you mean \"view\""]),
        usage("--sort by nothing", "rules shop --sort high", &["lift, confidence or support"]),
        usage("--within no window", "rules shop --within soon", &["'30 days'"]),
        usage("baskets of two ways", "rules shop --within 1␣day --per-user", &["cannot be used with"]),
        usage("--max-len 1", "rules shop --max-len 1", &["max_len is 1", "2 to 8"]),
        usage("--by nothing", "rules shop --by ∅", &["name an attribute of items"]),
        usage("--min-confidence nan", "rules shop --min-confidence nan", &["min_confidence is NaN"]),
    ]
}

pub(super) fn vectors() -> Vec<Row<Call>> {
    vec![
        usage(
            "vector without numbers",
            "similar vectors --vector ∅",
            &["--vector is \"\"", "commas between"],
        ),
        usage("vector with a gap", "similar vectors --vector 1,,2", &["--vector is \"\"", "commas between"]),
        usage("vector in words", "similar vectors --vector one,two,three", &["--vector is \"one\""]),
        usage(
            "vector of a file that is not there",
            "similar vectors --vector no.npy",
            &["--vector is \"no.npy\""],
        ),
        usage(
            "vector of two numbers",
            "similar vectors --vector 1,2",
            &["has 2 dimensions, the store has 3"],
        ),
        usage("vector of nan", "similar vectors --vector 1,nan,0", &["not finite at position 1"]),
        usage("vector of inf", "similar vectors --vector 1,0,-inf", &["not finite at position 2"]),
        usage("vector of zeros alone", "similar vectors --vector 0,0,0", &["all zeros", "cosine"]),
        call(
            "vector of a file of two rows",
            [("two.fvecs", [3_i32.to_le_bytes(), [0; 4], [0; 4], [0; 4]].concat().repeat(2))],
            "similar vectors --vector two.fvecs",
            "usage",
            &["a file of 2 rows", "it has one row"],
        ),
    ]
}

pub(super) fn stores() -> Vec<Row<Call>> {
    vec![
        usage("store without a name", "init ∅", &["a value is required for '<STORE>'"]),
        usage("store that is there", "init shop", &["holds a store already", "another folder"]),
        usage("store of 0 dimensions", "init new --dim 0", &["dim is 0", "1 to 4096"]),
        usage("store of -3 dimensions", "init new --dim=-3", &["'-3'", "--dim"]),
        usage("store of 4097 dimensions", "init new --dim 4097", &["dim is 4097"]),
        usage("metric unknown", "init new --dim 3 --metric euclid", &["\"euclid\"", "cosine, ip, l2"]),
        usage("metric without a dim", "init new --metric l2", &["--dim"]),
        usage("model and dim", "init new --dim 3 --model m", &["cannot be used with"]),
        call(
            "model folder missing at init",
            [],
            "init new --model no/model",
            "environment",
            &["no/model", "config.json"],
        ),
        usage(
            "kind without numbers",
            "init new --kind rent",
            &["NAME=WEIGHT,HALF_LIFE_DAYS", "rent=0.8,365"],
        ),
        usage("kind without a half-life", "init new --kind rent=1", &["NAME=WEIGHT,HALF_LIFE_DAYS"]),
        usage("kind with letters for numbers", "init new --kind rent=x,1", &["NAME=WEIGHT,HALF_LIFE_DAYS"]),
        usage(
            "kind with nothing before its weight",
            "init new --kind =1,2",
            &["name of an event kind is empty"],
        ),
        usage("kind that never lasts", "init new --kind rent=1,0", &["half-life of an event kind is 0"]),
        usage("kind that weighs nan", "init new --kind rent=nan,1", &["weight of an event kind is NaN"]),
        usage("category of no letter", "init new --category ∅", &["category is empty"]),
        usage("verify of nowhere", "verify nowhere", &["nowhere is not a Kindred store", "no such folder"]),
        usage("repair without a new folder", "repair shop", &["<NEW>"]),
        usage("repair of nowhere", "repair nowhere new", &["nowhere is not a Kindred store"]),
        usage("repair into itself", "repair shop shop", &["it lies in shop", "take another"]),
        usage("repair into its own folder", "repair shop shop/new", &["it lies in shop", "take another"]),
        usage("repair into another store", "repair shop vectors", &["it is not empty", "take a new folder"]),
        usage("repair with another metric", "repair vectors new --metric l2", &["metric cosine", "l2"]),
        usage("stats of nowhere", "stats nowhere", &["nowhere is not a Kindred store", "no such folder"]),
        call("stats of a file", [("file", vec![])], "stats file", "usage", &["file is not a Kindred store"]),
        call(
            "stats of another folder",
            [("folder/x", vec![])],
            "stats folder",
            "usage",
            &["it holds no store"],
        ),
        call(
            "model for a store that has another",
            [],
            "stats shop --model no/model",
            "environment",
            &["no/model"],
        ),
        usage("model for a store of vectors by name", "stats vectors --model m", &["vectors of dim 3", "m"]),
        usage("fit of vectors", "fit vectors", &["no encoder"]),
        usage("profile of nobody by name", "profile shop u99", &["no user \"u99\""]),
        usage("profile without a letter", "profile shop ∅", &["user id is empty"]),
        usage("nothing named to remove", "remove shop", &["--user", "required"]),
        usage("user and item named to remove", "remove shop --user u1 --item i1", &["cannot be used with"]),
        usage("attribute of no user to remove", "remove shop --attribute age", &["--user"]),
        usage("user to remove that is not there", "remove shop --user u99", &["no user \"u99\""]),
        usage("item to remove that is not there", "remove shop --item i99", &["no item \"i99\""]),
        usage(
            "attribute to remove misspelt",
            "remove shop --user u1 --attribute twon",
            &["\"twon\"", "did you mean \"town\"?"],
        ),
        usage("demo in a store of others", "demo --offline --store shop", &["not a demo", "--store"]),
    ]
}

pub(super) fn ingest() -> Vec<Row<Call>> {
    let good = || ("good.jsonl", br#"{"type":"user","id":"u1"}"#.to_vec());
    vec![
        usage("nothing to ingest", "ingest shop", &["FILE", "required"]),
        call(
            "file to ingest that is not there",
            [],
            "ingest shop no.jsonl",
            "environment",
            &["could not open no.jsonl"],
        ),
        call(
            "folder to ingest",
            [("folder/x", vec![])],
            "ingest shop folder",
            "environment",
            &["could not read folder", "directory"],
        ),
        call(
            "format unknown",
            [good()],
            "ingest shop good.jsonl --format xml",
            "usage",
            &["\"xml\"", "jsonl, csv, parquet"],
        ),
        call(
            "outlier limit too small",
            [good()],
            "ingest shop good.jsonl --outlier-limit 1",
            "usage",
            &["outlier limit is 1", "at least 2"],
        ),
        call(
            "outlier limit below 0",
            [good()],
            "ingest shop good.jsonl --outlier-limit=-5",
            "usage",
            &["outlier limit is -5"],
        ),
        call(
            "outlier limit nan",
            [good()],
            "ingest shop good.jsonl --outlier-limit nan",
            "usage",
            &["outlier limit is NaN"],
        ),
        call(
            "outlier limit inf",
            [good()],
            "ingest shop good.jsonl --outlier-limit inf",
            "usage",
            &["outlier limit is inf"],
        ),
    ]
}

pub(super) fn rejects() -> Vec<Row<Call>> {
    let bad = || ("bad.jsonl", b"nonsense\n".to_vec());
    vec![
        call(
            "strict and a bad line",
            [bad()],
            "ingest shop bad.jsonl --strict",
            "usage",
            &["bad.jsonl:1", "not JSON"],
        ),
        call(
            "rejects over what is read",
            [bad()],
            "ingest shop bad.jsonl --rejects ./bad.jsonl",
            "usage",
            &["bad.jsonl", "read from too"],
        ),
        call(
            "rejects into the store",
            [bad()],
            "ingest shop bad.jsonl --rejects shop/data/db",
            "usage",
            &["shop/data/db", "own folder"],
        ),
        call(
            "rejects into the store as a new file",
            [bad()],
            "ingest shop bad.jsonl --rejects shop/new",
            "usage",
            &["shop/new", "own folder"],
        ),
        call(
            "rejects into nowhere",
            [bad()],
            "ingest shop bad.jsonl --rejects no/r.jsonl",
            "environment",
            &["could not write rejects"],
        ),
        call(
            "rejects over the mapping",
            [("m.toml", b"type = \"user\"\nid = \"a\"".to_vec()), bad()],
            "ingest shop bad.jsonl --mapping m.toml --rejects m.toml",
            "usage",
            &["m.toml", "read from too"],
        ),
    ]
}

pub(super) fn outputs() -> Vec<Row<Call>> {
    vec![
        usage("export over the store", "export shop shop/data/db", &["shop/data/db", "own folder"]),
        usage("export to the store's folder", "export shop shop", &["own folder"]),
        usage(
            "export of vectors to standard output",
            "export shop - --what vectors",
            &["FILE is -", "vectors go to a file"],
        ),
        usage("export of something else", "export shop x --what everything", &["'everything'", "records"]),
        call(
            "export into nowhere",
            [],
            "export shop no/x.jsonl",
            "environment",
            &["could not create no/x.jsonl"],
        ),
        call(
            "export over a folder",
            [("folder/x", vec![])],
            "export shop folder",
            "environment",
            &["could not create folder"],
        ),
        call(
            "texts that are not there",
            [],
            "encode no.txt v.npy",
            "environment",
            &["could not read no.txt"],
        ),
        call(
            "texts that are not UTF-8",
            [("t.txt", b"one\ntw\xf6\n".to_vec())],
            "encode t.txt v.npy",
            "usage",
            &["t.txt:2", "not UTF-8", "save"],
        ),
        call(
            "vectors over their texts",
            [("t.txt", b"one\n".to_vec())],
            "encode t.txt ./t.txt",
            "usage",
            &["t.txt", "read from too"],
        ),
        call(
            "vectors into nowhere",
            [("t.txt", b"one\n".to_vec())],
            "encode t.txt no/v.npy",
            "environment",
            &["could not write no/v.npy"],
        ),
    ]
}

/// Links into a store.
#[cfg(unix)]
pub(super) fn links() -> Vec<Row<Call>> {
    vec![
        usage(
            "export through a link into the store",
            "export shop link.jsonl",
            &["link.jsonl", "own folder"],
        ),
        usage(
            "rejects through a link into the store",
            "ingest shop bad.jsonl --rejects link.jsonl",
            &["link.jsonl", "own folder"],
        ),
        usage(
            "ids of an export through a link",
            "export shop v.npy --what vectors",
            &["v.npy.ids", "own folder"],
        ),
    ]
}

#[test]
fn bad_arguments_are_refused() {
    let mut desk = Desk::new();
    for rows in [
        parsing(),
        lookalikes(),
        predicates(),
        rules(),
        clusters(),
        vectors(),
        stores(),
        ingest(),
        rejects(),
        outputs(),
    ] {
        desk.refuses(&rows);
    }
    assert!(!desk.folder.path().join("new").exists());
}

#[cfg(unix)]
#[test]
fn nothing_is_written_through_a_link_into_the_store() {
    use std::os::unix::fs::symlink;
    let mut desk = Desk::new();
    let folder = desk.folder.path();
    std::fs::write(folder.join("bad.jsonl"), "nonsense\n").unwrap();
    symlink("shop/data/db", folder.join("link.jsonl")).unwrap();
    symlink("shop/data/db", folder.join("v.npy.ids")).unwrap();
    desk.refuses(&links());
}
