// The network as parts within parts, which the graph folds and unfolds.
//
// A part is a node, or stands for a branch of the instance tree with all below it. Where a branch holds one thing only, the two
// are one part. Where it holds very many, runs of neighbours are parts of their own, so that no part has more than MOST_PARTS
// children and unfolding one is always quick.

const MOST_PARTS = 40;

let partCount = 0;

function makePart({ label, path, kind, at, costs, node = null, children = [], isRun = false }) {
  const part = { place: partCount, label, path, kind, at, costs, node, children, isRun, parent: null, depth: 0 };
  partCount += 1;
  return part;
}

function nodePart(node) {
  const { path, op, at, costs } = nodes[node];
  return makePart({ label: operationName(node), path: path ?? "", kind: op, at, costs, node });
}

// By path of a branch: the part that stands for it.
const partOfPath = new Map();

const root = (() => {
  const members = facts.branches.map(() => []);
  nodes.forEach(({ branch }, node) => members[branch].push({ first: node, part: nodePart(node) }));
  let top = null;
  // Children come after their parents in the list, so that the parents are made last.
  for (let place = facts.branches.length - 1; place >= 0; place -= 1) {
    const branch = facts.branches[place];
    const own = members[place].sort((one, other) => one.first - other.first);
    const isOnly = own.length === 1 && branch.parent !== null;
    const part = isOnly ? merged(branch, own[0].part) : branchPart(branch, own.map(({ part }) => part));
    partOfPath.set(branch.path, part);
    if (branch.parent === null) top = part;
    else members[branch.parent].push({ first: own[0]?.first ?? Infinity, part });
  }
  return top;
})();

function merged(branch, part) {
  const isNodeOfBranch = part.node !== null && (part.path === "" || part.path === branch.path);
  const joint = part.label.startsWith("[") || part.isRun ? "" : ".";
  part.label = isNodeOfBranch ? branch.label : `${branch.label}${joint}${part.label}`;
  part.path ||= branch.path;
  part.at ??= branch.at;
  return part;
}

function branchPart(branch, children) {
  const kind = branch.kind ?? (children.length > 0 ? counted(children.length, "part") : "");
  return makePart({ label: branch.label || branch.kind, path: branch.path, kind, at: branch.at, costs: branch.costs, children: runs(children) });
}

function runs(children) {
  if (children.length <= MOST_PARTS) return children;
  const levels = Math.ceil(Math.log(children.length) / Math.log(MOST_PARTS));
  const size = Math.ceil(children.length ** (1 / levels));
  let parts = children;
  while (parts.length > MOST_PARTS) {
    const next = [];
    for (let start = 0; start < parts.length; start += size) {
      const run = parts.slice(start, start + size);
      const ends = [run[0].ends?.[0] ?? run[0].label, run[run.length - 1].ends?.[1] ?? run[run.length - 1].label];
      const costs = run.reduce((sum, part) => addCosts(sum, part.costs), zeroCosts());
      const part = makePart({ label: `${ends[0]} … ${ends[1]}`, path: "", kind: counted(run.length, "part"), at: null, costs, children: run, isRun: true });
      part.ends = ends;
      next.push(part);
    }
    parts = next;
  }
  return parts;
}

// Every part in the order of the tree.
const parts = [];
const partOfNode = new Array(nodes.length).fill(null);
(function visit(top) {
  const stack = [top];
  while (stack.length > 0) {
    const part = stack.pop();
    part.order = parts.length;
    parts.push(part);
    if (part.node !== null) partOfNode[part.node] = part;
    for (const child of part.children) {
      child.parent = part;
      child.depth = part.depth + 1;
    }
    stack.push(...[...part.children].reverse());
  }
})(root);

// The nodes below a part, itself included.
function nodesOf(part) {
  part.nodes ??= part.node !== null ? [part.node] : part.children.flatMap(nodesOf);
  return part.nodes;
}

// From the root down to the part.
function chain(part) {
  const parts = [];
  for (let at = part; at; at = at.parent) parts.unshift(at);
  return parts;
}

// The child of `part` that holds a node; null where the node lies outside.
function childWith(part, node) {
  let at = partOfNode[node];
  while (at.depth > part.depth + 1) at = at.parent;
  return at.depth === part.depth + 1 && at.parent === part ? at : null;
}

// What a part is called in texts: its path, or where it has none, whose it is.
function partName(part) {
  if (part === root) return report.network;
  if (part.path) return part.path;
  if (part.node !== null) return nodeName(part.node);
  return `${partName(part.parent)}: ${part.label}`;
}

