// What the page shows: the view, the metric, what is selected, which parts are open. Each change is told to whoever listens,
// and written into the address, so that a link opens the page as it was left.

const state = {
  view: "graph",
  metric: "core",
  // `key` names it in the address, `nodes` are the nodes it stands for, `part` the part of the graph if it is one.
  selection: null,
  open: new Set(),
};

const listeners = { view: [], metric: [], selection: [], open: [], query: [] };

function listen(change, listener) {
  listeners[change].push(listener);
}

function tell(change, details) {
  for (const listener of listeners[change]) listener(details);
  if (change !== "query" && change !== "open") writeAddress();
}

function share(costs) {
  const place = field[state.metric];
  return ratio(costs[place], facts.totals[place]);
}

// ---- Selections. The key of a part is its path or node; those of other things begin with what they are.

function partSelection(part) {
  const key = part.node !== null ? `n${part.node}` : part.path || (part === root ? "" : `run:${part.place}`);
  return { key, title: partName(part), nodes: nodesOf(part), part };
}

function lineSelection(line) {
  return { key: `line:${line}`, title: lineName(line), nodes: nodesOfLine.get(line) ?? [], line };
}

function operationSelection(op) {
  return { key: `op:${op}`, title: op, nodes: nodes.flatMap((node, place) => (node.op === op ? [place] : [])) };
}

function stepSelection(step) {
  return { key: `step:${step}`, title: `step ${step}`, nodes: steps[step].nodes, step };
}

function bufferSelection(buffer) {
  const written = stepsOfBuffer[buffer].writes;
  return { key: `buffer:${buffer}`, title: `buffer b${buffer}`, nodes: [...new Set(written.flatMap((step) => steps[step].nodes))], buffer };
}

// The selection of a key; that of the network where there is no such thing.
function selectionOf(key) {
  const [, kind, name] = /^(line|op|step|buffer|run):(.*)$/.exec(key) ?? [];
  if (kind === "line" && nodesOfLine.has(name)) return lineSelection(name);
  if (kind === "op") return operationSelection(name);
  if (kind === "step" && steps[name]) return stepSelection(Number(name));
  if (kind === "buffer" && buffers[name]) return bufferSelection(Number(name));
  const node = /^n(\d+)$/.exec(key)?.[1];
  const part = kind === "run" ? parts.find((part) => part.place === Number(name)) : partOfPath.get(key) ?? partOfNode[node];
  return partSelection(part ?? root);
}

// Selects it everywhere; `from` is the view in which it was done.
function select(selection, from) {
  const chosen = new Set(selection.nodes);
  state.selection = { ...selection, has: (node) => chosen.has(node) };
  tell("selection", from);
}

function isPartSelected(part) {
  return state.selection.part ? state.selection.part === part : part.node !== null && state.selection.has(part.node);
}

// ---- Open parts

function setOpen(part, isOpen) {
  if (part.children.length === 0 || state.open.has(part) === isOpen) return false;
  if (isOpen) state.open.add(part);
  else state.open.delete(part);
  tell("open", part);
  return true;
}

// Opens everything around a part.
function reveal(part) {
  for (let at = part.parent; at; at = at.parent) setOpen(at, true);
}

function isVisible(part) {
  for (let at = part.parent; at; at = at.parent) if (!state.open.has(at)) return false;
  return true;
}

// Opens the costliest parts, beginning at the top, as long as few enough show.
function openCostliest(most) {
  let shown = 1;
  const closed = [root];
  while (closed.length > 0) {
    const part = closed.shift();
    shown += part.children.length;
    if (shown > most && part !== root) return;
    setOpen(part, true);
    closed.push(...part.children.filter(({ children }) => children.length > 0));
    closed.sort((one, other) => share(other.costs) - share(one.costs));
  }
}

// ---- The address

function readAddress() {
  const address = new URLSearchParams(location.hash.slice(1));
  if (views.has(address.get("view"))) state.view = address.get("view");
  if (metricNamed.has(address.get("metric"))) state.metric = address.get("metric");
  return { select: address.get("select"), query: address.get("search") };
}

function writeAddress() {
  const address = new URLSearchParams({ view: state.view, metric: state.metric });
  if (state.selection?.key) address.set("select", state.selection.key);
  history.replaceState(null, "", `#${address}`);
}

