//! What a disk holds when the machine stops: all that was synced, and of the rest whatever chance has it.

use crate::random::Random;
use crate::trace::Entry;
use std::collections::BTreeMap;
use std::path::Path;

/// A disk loses or keeps sectors whole.
const SECTOR: usize = 512;

/// What becomes of a kind of change that was not synced.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fate {
    /// None is there.
    Lost,
    /// All are there, as after a kill of the process alone.
    Kept,
    /// Each is there or not. Names of one folder become durable in their order, as every journal has it.
    Some,
    /// Each is there, or not, or in part: some of its sectors, or only its length, filled with zeros.
    Torn,
}

impl Fate {
    pub fn of_data(random: &mut Random) -> Self {
        *random.pick(&[Self::Lost, Self::Kept, Self::Some, Self::Torn, Self::Torn])
    }

    pub fn of_names(random: &mut Random) -> Self {
        *random.pick(&[Self::Lost, Self::Kept, Self::Some])
    }
}

/// A disk in the middle of a trace.
#[derive(Default)]
pub struct Disk {
    nodes: Vec<Node>,
    /// The system's number of a file or folder, as of now: it is given again once nobody has the old one.
    by_inode: BTreeMap<u64, usize>,
    /// Whether `sync_file_range` is a sync: so it is on a disk without a cache that loses power.
    trusts_ranges: bool,
    /// Renames between two folders so far.
    renames: usize,
}

enum Node {
    File { synced: Vec<u8>, pending: Vec<Change> },
    Folder { synced: Names, now: Names, pending: Vec<Naming> },
}

type Names = BTreeMap<String, usize>;

/// Names of one folder that change at once.
#[derive(Clone)]
struct Naming {
    names: Vec<(String, Option<usize>)>,
    /// The other folder of a rename between two, and the rename's number: both change, or neither.
    across: Option<(usize, usize)>,
}

#[derive(Clone)]
enum Change {
    Write { at: usize, data: Vec<u8> },
    Truncate(usize),
}

impl Change {
    fn apply(&self, content: &mut Vec<u8>) {
        match self {
            Self::Truncate(len) => content.resize(*len, 0),
            Self::Write { at, data } => {
                content.resize(content.len().max(at + data.len()), 0);
                content[*at..at + data.len()].copy_from_slice(data);
            }
        }
    }

    /// Applies it sector by sector, as chance has it.
    fn tear(&self, content: &mut Vec<u8>, random: &mut Random) {
        let Self::Write { at, data } = self else { return self.apply(content) };
        let whole_length = random.percent(30);
        // All up to a sector, or any.
        let cut = random.percent(50).then(|| random.below(data.len() as u64 + 1) as usize / SECTOR * SECTOR);
        let mut done = 0;
        while done < data.len() {
            let len = (SECTOR - (at + done) % SECTOR).min(data.len() - done);
            if cut.map_or_else(|| random.percent(50), |cut| done < cut) {
                Self::Write { at: at + done, data: data[done..done + len].to_vec() }.apply(content);
            }
            done += len;
        }
        if whole_length {
            content.resize(content.len().max(at + data.len()), 0);
        }
    }
}

impl Disk {
    /// A disk that holds a folder, all of it synced.
    pub fn of_folder(root: &Path, trusts_ranges: bool) -> Self {
        let mut disk = Self { trusts_ranges, ..Self::default() };
        disk.import(root);
        disk
    }

    fn import(&mut self, path: &Path) -> usize {
        let is_folder = path.is_dir();
        let node = if is_folder {
            Node::Folder { synced: Names::new(), now: Names::new(), pending: Vec::new() }
        } else {
            Node::File { synced: std::fs::read(path).unwrap(), pending: Vec::new() }
        };
        let number = self.add(node, inode(path));
        if is_folder {
            let mut names = Names::new();
            for entry in std::fs::read_dir(path).unwrap() {
                let entry = entry.unwrap();
                names.insert(entry.file_name().into_string().unwrap(), self.import(&entry.path()));
            }
            self.nodes[number] = Node::Folder { synced: names.clone(), now: names, pending: Vec::new() };
        }
        number
    }

    fn add(&mut self, node: Node, inode: u64) -> usize {
        self.nodes.push(node);
        self.by_inode.insert(inode, self.nodes.len() - 1);
        self.nodes.len() - 1
    }

    /// Somebody made an empty folder, and did not sync it.
    pub fn note_folder(&mut self, root: &Path, name: &str) {
        self.apply(&Entry::Folder { inode: inode(&root.join(name)), path: name.to_owned() });
    }

    /// The next entry of the trace happens.
    pub fn apply(&mut self, entry: &Entry) {
        match entry {
            Entry::Create { inode, path } => {
                let file = self.add(Node::File { synced: Vec::new(), pending: Vec::new() }, *inode);
                self.name(path, Some(file));
            }
            Entry::Folder { inode, path } => {
                let node = Node::Folder { synced: Names::new(), now: Names::new(), pending: Vec::new() };
                let folder = self.add(node, *inode);
                self.name(path, Some(folder));
            }
            Entry::Write { inode, at, data } => {
                self.change(*inode, Change::Write { at: *at as usize, data: data.clone() });
            }
            Entry::Truncate { inode, len } => self.change(*inode, Change::Truncate(*len as usize)),
            Entry::Sync { inode } => self.sync(*inode),
            Entry::RangeSync { inode } if self.trusts_ranges => self.sync(*inode),
            Entry::Rename { from, to } => self.rename(from, to),
            Entry::Remove { path } => self.name(path, None),
            Entry::Foreign(call) => panic!("{call} is not replayed"),
            Entry::RangeSync { .. } | Entry::Said(_) | Entry::Failed => {}
        }
    }

    fn change(&mut self, inode: u64, change: Change) {
        match &mut self.nodes[self.by_inode[&inode]] {
            Node::File { pending, .. } => pending.push(change),
            Node::Folder { .. } => panic!("a folder is written to"),
        }
    }

    fn sync(&mut self, inode: u64) {
        let number = self.by_inode[&inode];
        match &mut self.nodes[number] {
            Node::File { synced, pending } => pending.drain(..).for_each(|change| change.apply(synced)),
            Node::Folder { .. } => self.sync_names(number, usize::MAX),
        }
    }

    /// The first so many changes of a folder's names are durable, and with each rename what it changes elsewhere.
    fn sync_names(&mut self, folder: usize, count: usize) {
        let Node::Folder { synced, pending, .. } = &mut self.nodes[folder] else { return };
        let durable: Vec<Naming> = pending.drain(..count.min(pending.len())).collect();
        durable.iter().flat_map(|naming| &naming.names).for_each(|change| set(synced, change));
        for (other, number) in durable.iter().filter_map(|naming| naming.across) {
            let place = self.pending(other).iter().position(|naming| naming.is_rename(number));
            if let Some(place) = place {
                self.sync_names(other, place + 1);
            }
        }
    }

    fn pending(&self, folder: usize) -> &[Naming] {
        match &self.nodes[folder] {
            Node::Folder { pending, .. } => pending,
            Node::File { .. } => &[],
        }
    }

    /// Gives a node a name, or takes the name away.
    fn name(&mut self, path: &str, node: Option<usize>) {
        let names = vec![(last(path).to_owned(), node)];
        self.push(self.find(parent(path)), Naming { names, across: None });
    }

    fn rename(&mut self, from: &str, to: &str) {
        let node = self.find(from);
        let (old, new) = ((last(from).to_owned(), None), (last(to).to_owned(), Some(node)));
        let (left, entered) = (self.find(parent(from)), self.find(parent(to)));
        if left == entered {
            return self.push(left, Naming { names: vec![old, new], across: None });
        }
        self.renames += 1;
        let number = self.renames;
        self.push(left, Naming { names: vec![old], across: Some((entered, number)) });
        self.push(entered, Naming { names: vec![new], across: Some((left, number)) });
    }

    fn push(&mut self, folder: usize, naming: Naming) {
        let Node::Folder { now, pending, .. } = &mut self.nodes[folder] else { panic!("a file holds names") };
        naming.names.iter().for_each(|change| set(now, change));
        pending.push(naming);
    }

    fn find(&self, path: &str) -> usize {
        path.split('/').filter(|name| !name.is_empty()).fold(0, |node, name| match &self.nodes[node] {
            Node::Folder { now, .. } => now[name],
            Node::File { .. } => panic!("{path} leads through a file"),
        })
    }

    /// Makes the folder that is found when the machine starts again.
    pub fn stop(&self, to: &Path, data: Fate, names: Fate, random: &mut Random) {
        let kept = self.names_kept(names, random);
        self.build(0, to, data, &kept, random);
    }

    /// Of each folder, how many changes of its names there are left. A change is there whole or not at all, and a rename in both
    /// its folders or in neither.
    fn names_kept(&self, fate: Fate, random: &mut Random) -> Vec<usize> {
        let pending = |folder| self.pending(folder);
        let chosen = |count: usize| match fate {
            Fate::Lost => 0,
            Fate::Kept => count,
            Fate::Some | Fate::Torn => random.below(count as u64 + 1) as usize,
        };
        let mut kept: Vec<usize> =
            (0..self.nodes.len()).map(|node| pending(node).len()).map(chosen).collect();
        while let Some((folder, place)) = (0..kept.len()).find_map(|folder| {
            let halved = |naming: &Naming| {
                naming.across.is_some_and(|(other, number)| {
                    pending(other)[kept[other]..].iter().any(|naming| naming.is_rename(number))
                })
            };
            pending(folder)[..kept[folder]].iter().position(halved).map(|place| (folder, place))
        }) {
            kept[folder] = place;
        }
        kept
    }

    fn build(&self, node: usize, to: &Path, data: Fate, kept: &[usize], random: &mut Random) {
        match &self.nodes[node] {
            Node::File { synced, pending } => {
                let mut content = synced.clone();
                for change in pending {
                    match data {
                        Fate::Kept => change.apply(&mut content),
                        Fate::Some if random.percent(50) => change.apply(&mut content),
                        Fate::Torn if random.percent(40) => change.apply(&mut content),
                        Fate::Torn if random.percent(60) => change.tear(&mut content, random),
                        Fate::Lost | Fate::Some | Fate::Torn => {}
                    }
                }
                std::fs::write(to, content).unwrap();
            }
            Node::Folder { synced, pending, .. } => {
                std::fs::create_dir(to).unwrap();
                let mut left = synced.clone();
                let changes = pending[..kept[node]].iter().flat_map(|naming| &naming.names);
                changes.for_each(|change| set(&mut left, change));
                for (name, node) in left {
                    self.build(node, &to.join(name), data, kept, random);
                }
            }
        }
    }
}

impl Naming {
    fn is_rename(&self, number: usize) -> bool {
        self.across.is_some_and(|(_, own)| own == number)
    }
}

fn set(names: &mut Names, (name, node): &(String, Option<usize>)) {
    match node {
        Some(node) => names.insert(name.clone(), *node),
        None => names.remove(name),
    };
}

fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(parent, _)| parent)
}

fn last(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, last)| last)
}

#[cfg(unix)]
fn inode(path: &Path) -> u64 {
    std::os::unix::fs::MetadataExt::ino(&std::fs::metadata(path).unwrap())
}

#[cfg(not(unix))]
fn inode(_: &Path) -> u64 {
    panic!("there are no traces on this system")
}
