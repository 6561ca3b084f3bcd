//! The instances and operations of two networks, matched with each other.
//!
//! What is named is matched by its path (inputs by their name). What is not is matched by an alignment of the sequences of two
//! matched instances. A named part that has a twin of the same structure under another name in the same instance was renamed.
//! What is left was removed or added, and counts with all in it as one change. Every node and instance is in at most one match.

use std::collections::{HashMap, HashSet, VecDeque};
use std::fmt::Write;

use similar::{Algorithm, DiffOp, capture_diff_slices};

use crate::analysis::Analysis;
use crate::analysis::totals::Totals;
use crate::graph::{Graph, InstanceId, Node, NodeId, Path};
use crate::op::Op;
use crate::shape::Shape;

/// A part that was added, removed or changed.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// The part in the first network; `None` if it was added.
    pub from: Option<Part>,
    /// The part in the second; `None` if it was removed.
    pub to: Option<Part>,
    /// What differs where both have it. Empty where only the name does.
    pub facts: Vec<Fact>,
}

/// An operation, or an instance of a module with all in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Its path; that of the instance around it if it has no name.
    pub path: String,
    /// Whether that is its own.
    pub is_named: bool,
    /// The operation or module.
    pub what: String,
    /// Whether it is an instance of a module.
    pub is_module: bool,
    /// What it costs.
    pub totals: Totals,
}

/// What differs between two parts that are matched.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Fact {
    /// Another operation or module.
    What {
        /// The first.
        from: String,
        /// The second.
        to: String,
    },
    /// Another value of an attribute; `None` for what an operation has not, or what is as by default.
    Attribute {
        /// Its name.
        name: &'static str,
        /// The first value.
        from: Option<String>,
        /// The second value.
        to: Option<String>,
    },
    /// Another content, such as that of a constant.
    Content,
    /// Another shape of the output.
    Shape {
        /// The first.
        from: Shape,
        /// The second.
        to: Shape,
    },
    /// It reads something else that both networks have.
    Operands,
}

/// A node or an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Entry {
    Node(NodeId),
    Instance(InstanceId),
}

/// What names a part in a whole network.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    Input(String),
    Path(Path),
}

/// One of the networks.
struct Side<'a> {
    analysis: &'a Analysis<'a>,
    /// By instance: what its body made, in order.
    contents: Vec<Vec<Entry>>,
    /// By instance: what it costs with all below it.
    totals: Vec<Totals>,
    keys: HashMap<Entry, Key>,
}

impl<'a> Side<'a> {
    fn of(analysis: &'a Analysis<'a>) -> Self {
        let graph = analysis.graph;
        let count = graph.instances().len();
        let mut side = Side {
            analysis,
            contents: vec![Vec::new(); count],
            totals: vec![Totals::default(); count],
            keys: HashMap::new(),
        };
        let inputs: HashMap<NodeId, &str> = graph.inputs().iter().map(|port| (port.node, port.name.as_str())).collect();
        let mut known: HashSet<InstanceId> = HashSet::new();
        for (node, cost) in analysis.iter() {
            let mut entry = Entry::Node(cost.node);
            let key = match (inputs.get(&cost.node), &node.path) {
                (Some(name), _) => Some(Key::Input((*name).to_owned())),
                (None, path) => path.clone().map(Key::Path),
            };
            side.keys.extend(key.map(|key| (entry, key)));
            let mut around = Some(node.instance);
            let mut is_new = true;
            while let Some(id) = around {
                if let (true, Some(contents)) = (is_new, side.contents.get_mut(id.0)) {
                    contents.push(entry);
                }
                if let Some(totals) = side.totals.get_mut(id.0) {
                    *totals = totals.plus(cost.totals);
                }
                (entry, is_new) = (Entry::Instance(id), known.insert(id));
                around = graph.instance(id).and_then(|instance| instance.parent);
            }
        }
        for id in known {
            let Some(instance) = graph.instance(id) else { continue };
            let parent = instance.parent.and_then(|parent| graph.instance(parent));
            if parent.is_some_and(|parent| parent.path != instance.path) {
                side.keys.insert(Entry::Instance(id), Key::Path(instance.path.clone()));
            }
        }
        side
    }

    fn graph(&self) -> &'a Graph {
        self.analysis.graph
    }

    fn contents(&self, id: InstanceId) -> &[Entry] {
        self.contents.get(id.0).map_or(&[], Vec::as_slice)
    }

    /// What an entry is called.
    fn what(&self, entry: Entry) -> String {
        match entry {
            Entry::Node(id) => self.graph().node(id).map(|node| node.op.called()),
            Entry::Instance(id) => self.graph().instance(id).map(|instance| instance.module.clone()),
        }
        .unwrap_or_default()
    }

    fn part(&self, entry: Entry) -> Part {
        let path_of = |id: InstanceId| self.graph().instance(id).map(|instance| instance.path.to_string());
        let (around, totals) = match entry {
            Entry::Node(id) => (
                self.graph().node(id).and_then(|node| path_of(node.instance)),
                self.analysis.node(id).map(|cost| cost.totals),
            ),
            Entry::Instance(id) => (path_of(id), self.totals.get(id.0).copied()),
        };
        let key = self.keys.get(&entry);
        Part {
            path: match key {
                Some(Key::Input(name)) => name.clone(),
                Some(Key::Path(path)) => path.to_string(),
                None => around.unwrap_or_default(),
            },
            is_named: key.is_some(),
            what: self.what(entry),
            is_module: matches!(entry, Entry::Instance(_)),
            totals: totals.unwrap_or_default(),
        }
    }

    /// Everything about an entry but where it stands and what it is called: the same for parts of the same structure.
    fn fingerprint(&self, entry: Entry, around: usize, text: &mut String) {
        // Writing to a String cannot fail.
        match entry {
            Entry::Node(id) => {
                let Some(node) = self.graph().node(id) else { return };
                let _ = write!(text, "{:?}{}", node.op, node.shape);
            }
            Entry::Instance(id) => {
                let Some(instance) = self.graph().instance(id) else { return };
                let _ = write!(text, "{}(", instance.module);
                for inner in self.contents(id) {
                    if let Some(Key::Path(path)) = self.keys.get(inner) {
                        let _ = write!(text, "{}:", Path(path.0.iter().skip(around).cloned().collect()));
                    }
                    self.fingerprint(*inner, around, text);
                    text.push(';');
                }
                text.push(')');
            }
        }
    }

    /// The fingerprint of a named entry, relative to its name.
    fn structure(&self, entry: Entry) -> Option<String> {
        let Some(Key::Path(path)) = self.keys.get(&entry) else { return None };
        let mut text = String::new();
        self.fingerprint(entry, path.0.len(), &mut text);
        Some(text)
    }
}

/// The matches of two networks and what differs.
pub(super) struct Structure {
    pub(super) changes: Vec<Change>,
    matches: HashMap<Entry, Entry>,
    /// What of the second network is matched.
    matched: HashSet<Entry>,
}

impl Structure {
    pub(super) fn of(from: &Analysis<'_>, to: &Analysis<'_>) -> Structure {
        let (from, to) = (Side::of(from), Side::of(to));
        let mut matching = Matching {
            structure: Structure { changes: Vec::new(), matches: HashMap::new(), matched: HashSet::new() },
            from: &from,
            to: &to,
            open: VecDeque::new(),
            renamed: HashSet::new(),
        };
        matching.run();
        let changes = matching.changes();
        Structure { changes, ..matching.structure }
    }

    /// Whether two nodes are a match, or one of them has none: then it is reported by itself.
    pub(super) fn may_be_same(&self, from: NodeId, to: NodeId) -> bool {
        let (from, to) = (Entry::Node(from), Entry::Node(to));
        match self.matches.get(&from) {
            Some(other) if self.matched.contains(&to) => *other == to,
            Some(_) | None => true,
        }
    }
}

/// The search for matches.
struct Matching<'s, 'a> {
    structure: Structure,
    from: &'s Side<'a>,
    to: &'s Side<'a>,
    /// Matched instances whose contents are yet to be matched.
    open: VecDeque<(InstanceId, InstanceId)>,
    /// Entries of the first network that have another name in the second.
    renamed: HashSet<Entry>,
}

impl Matching<'_, '_> {
    fn run(&mut self) {
        self.join(Entry::Instance(InstanceId::NETWORK), Entry::Instance(InstanceId::NETWORK));
        let named: HashMap<&Key, Entry> = self.to.keys.iter().map(|(entry, key)| (key, *entry)).collect();
        let mut pairs: Vec<(Entry, Entry)> = Vec::new();
        for (instance, _) in self.from.graph().instances().iter().enumerate() {
            for entry in self.from.contents(InstanceId(instance)) {
                let other = self.from.keys.get(entry).and_then(|key| named.get(key));
                pairs.extend(other.map(|other| (*entry, *other)));
            }
        }
        for (from, to) in pairs {
            self.join(from, to);
        }
        while let Some((from, to)) = self.open.pop_front() {
            self.align(from, to);
            self.find_renamed(from, to);
        }
    }

    /// Makes a match of two entries of one kind.
    fn join(&mut self, from: Entry, to: Entry) {
        let structure = &mut self.structure;
        if structure.matches.contains_key(&from) || structure.matched.contains(&to) {
            return;
        }
        match (from, to) {
            (Entry::Node(_), Entry::Node(_)) => {}
            (Entry::Instance(from), Entry::Instance(to)) => self.open.push_back((from, to)),
            (Entry::Node(_), Entry::Instance(_)) | (Entry::Instance(_), Entry::Node(_)) => return,
        }
        structure.matches.insert(from, to);
        structure.matched.insert(to);
    }

    /// Matches what has no name in two matched instances.
    fn align(&mut self, from: InstanceId, to: InstanceId) {
        let (ours, theirs) = (self.from.contents(from), self.to.contents(to));
        let label = |side: &Side<'_>, entry: &Entry| match side.keys.get(entry) {
            Some(key) => (Some(key.clone()), String::new(), false),
            None => (None, side.what(*entry), matches!(entry, Entry::Instance(_))),
        };
        let own_labels: Vec<_> = ours.iter().map(|entry| label(self.from, entry)).collect();
        let other_labels: Vec<_> = theirs.iter().map(|entry| label(self.to, entry)).collect();
        for operation in capture_diff_slices(Algorithm::Myers, &own_labels, &other_labels) {
            let (own, other, length) = match operation {
                DiffOp::Equal { old_index, new_index, len } => (old_index, new_index, len),
                // As many in the place of others: each became another.
                DiffOp::Replace { old_index, old_len, new_index, new_len } if old_len == new_len => {
                    (old_index, new_index, old_len)
                }
                DiffOp::Replace { .. } | DiffOp::Delete { .. } | DiffOp::Insert { .. } => continue,
            };
            let pairs = ours.iter().skip(own).zip(theirs.iter().skip(other)).take(length);
            for (one, another) in pairs {
                if !self.from.keys.contains_key(one) && !self.to.keys.contains_key(another) {
                    self.join(*one, *another);
                }
            }
        }
    }

    /// Matches named parts of the same structure under different names.
    fn find_renamed(&mut self, from: InstanceId, to: InstanceId) {
        let mut gone: HashMap<String, VecDeque<Entry>> = HashMap::new();
        for entry in self.from.contents(from).iter().filter(|entry| !self.structure.matches.contains_key(entry)) {
            if let Some(structure) = self.from.structure(*entry) {
                gone.entry(structure).or_default().push_back(*entry);
            }
        }
        if gone.is_empty() {
            return;
        }
        for entry in self.to.contents(to) {
            if self.structure.matched.contains(entry) {
                continue;
            }
            let twin = self.to.structure(*entry).and_then(|structure| gone.get_mut(&structure)?.pop_front());
            if let Some(twin) = twin {
                self.renamed.insert(twin);
                self.join_all(twin, *entry);
            }
        }
    }

    /// Matches two parts of the same structure with all in them.
    fn join_all(&mut self, from: Entry, to: Entry) {
        let mut pairs = vec![(from, to)];
        while let Some((from, to)) = pairs.pop() {
            if let (Entry::Instance(from), Entry::Instance(to)) = (from, to) {
                pairs.extend(self.from.contents(from).iter().copied().zip(self.to.contents(to).iter().copied()));
            }
            self.join(from, to);
        }
    }

    /// All changes: those of the first network in its order, then what was added.
    fn changes(&self) -> Vec<Change> {
        let mut changes = Vec::new();
        let mut open = vec![Entry::Instance(InstanceId::NETWORK)];
        while let Some(entry) = open.pop() {
            match self.structure.matches.get(&entry) {
                None => changes.push(Change { from: Some(self.from.part(entry)), to: None, facts: Vec::new() }),
                Some(other) => {
                    let facts = self.facts(entry, *other);
                    if !facts.is_empty() || self.renamed.contains(&entry) {
                        let (from, to) = (self.from.part(entry), self.to.part(*other));
                        changes.push(Change { from: Some(from), to: Some(to), facts });
                    }
                }
            }
            // What a removed instance held may be elsewhere now.
            if let Entry::Instance(id) = entry {
                let is_gone = !self.structure.matches.contains_key(&entry);
                let inner = self.from.contents(id).iter().rev();
                open.extend(inner.filter(|inner| !is_gone || self.structure.matches.contains_key(inner)));
            }
        }
        let mut open = vec![Entry::Instance(InstanceId::NETWORK)];
        while let Some(entry) = open.pop() {
            let is_new = !self.structure.matched.contains(&entry);
            if is_new {
                changes.push(Change { from: None, to: Some(self.to.part(entry)), facts: Vec::new() });
            }
            if let Entry::Instance(id) = entry {
                let inner = self.to.contents(id).iter().rev();
                open.extend(inner.filter(|inner| !is_new || self.structure.matched.contains(inner)));
            }
        }
        changes
    }

    fn facts(&self, from: Entry, to: Entry) -> Vec<Fact> {
        let mut facts = Vec::new();
        let (what_from, what_to) = (self.from.what(from), self.to.what(to));
        let is_network = from == Entry::Instance(InstanceId::NETWORK);
        if what_from != what_to && !is_network {
            facts.push(Fact::What { from: what_from, to: what_to });
        }
        let (Entry::Node(from), Entry::Node(to)) = (from, to) else { return facts };
        let (Some(own), Some(other)) = (self.from.graph().node(from), self.to.graph().node(to)) else { return facts };
        attributes(&mut facts, own, other);
        // A constant that is no number is like itself all the same.
        if facts.is_empty() && own.op != other.op && format!("{:?}", own.op) != format!("{:?}", other.op) {
            facts.push(Fact::Content);
        }
        if own.shape != other.shape {
            facts.push(Fact::Shape { from: own.shape.clone(), to: other.shape.clone() });
        }
        let (reads, reads_now) = (self.from.graph().operands(from), self.to.graph().operands(to));
        let pairs = reads.iter().zip(&reads_now);
        if reads.len() != reads_now.len() || pairs.into_iter().any(|(from, to)| !self.structure.may_be_same(*from, *to))
        {
            facts.push(Fact::Operands);
        }
        facts
    }
}

/// The attributes that differ.
fn attributes(facts: &mut Vec<Fact>, from: &Node, to: &Node) {
    // The function of an activation and the like are what it is called.
    let listed = |op: &Op| if op.called() == op.name() { op.operation().attributes() } else { Vec::new() };
    let (from, to) = (listed(&from.op), listed(&to.op));
    let value = |of: &[(&'static str, String)], name: &str| {
        of.iter().find(|(other, _)| *other == name).map(|(_, value)| value.clone())
    };
    let names = from.iter().map(|(name, _)| *name);
    let new = to.iter().map(|(name, _)| *name).filter(|name| value(&from, name).is_none());
    for name in names.chain(new) {
        let (from, to) = (value(&from, name), value(&to, name));
        if from != to {
            facts.push(Fact::Attribute { name, from, to });
        }
    }
}
