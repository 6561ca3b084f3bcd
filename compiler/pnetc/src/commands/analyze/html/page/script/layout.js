// Where everything lies. An open part is laid out by itself, with its children as boxes, so that folding and unfolding changes
// only the parts around it; whatever is not visible costs nothing.

const { Graph } = dagre.graphlib;

const HEADER = 30;
const MARGIN = 14;
const LEAF_HEIGHT = 46;
// The shape, width over height, of a screen.
const ASPECT = 1.5;
const LONGEST_LABEL = 30;

// By open part: { width, height, children: [{ part, x, y, width, height }], edges, ports }.
const arrangements = new Map();

// Forgets what the part and those around it look like.
function forgetLayout(part) {
  for (let at = part; at; at = at.parent) arrangements.delete(at);
}

const ruler = document.createElement("canvas").getContext("2d");
function textWidth(text, font) {
  ruler.font = font;
  return ruler.measureText(text).width;
}

const FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif";

function size(part) {
  if (state.open.has(part)) return arrange(part);
  part.leafWidth ??= Math.max(
    92,
    textWidth(ending(part.label, LONGEST_LABEL), `600 13px ${FONT}`) + (part.children.length > 0 ? 52 : 28),
    textWidth(beginning(part.kind, LONGEST_LABEL), `11.5px ${FONT}`) + 74,
  );
  return { width: part.leafWidth, height: LEAF_HEIGHT };
}

// The edges between the children of a part, each with the nodes whose tensors it carries. `in` and `out` stand for everything
// outside.
function edgesWithin(part) {
  const edges = new Map();
  const add = (from, to, node) => {
    const key = `${from.place ?? from} ${to.place ?? to}`;
    if (!edges.has(key)) edges.set(key, { from, to, nodes: new Set() });
    edges.get(key).nodes.add(node);
  };
  for (const node of nodesOf(part)) {
    const to = childWith(part, node);
    for (const input of nodes[node].inputs) {
      const from = childWith(part, input) ?? "in";
      if (from !== to) add(from, to, input);
    }
    const leaves = readers[node].some((reader) => childWith(part, reader) === null);
    if (leaves || (part !== root && outputNames.has(node))) add(to, "out", node);
  }
  return [...edges.values()];
}

function layOut(children, sizes, edges, direction) {
  const graph = new Graph();
  graph.setGraph({ rankdir: direction, nodesep: 22, ranksep: 34, edgesep: 12, marginx: MARGIN, marginy: MARGIN });
  graph.setDefaultEdgeLabel(() => ({}));
  children.forEach((child, place) => graph.setNode(String(child.place), { width: sizes[place].width, height: sizes[place].height }));
  for (const port of ["in", "out"]) {
    if (edges.some(({ from, to }) => from === port || to === port)) graph.setNode(port, { width: 10, height: 10 });
  }
  const name = (end) => String(end.place ?? end);
  for (const { from, to } of edges) graph.setEdge(name(from), name(to), {});
  dagre.layout(graph);
  const corner = ({ x, y, width, height }) => ({ x: x - width / 2, y: y - height / 2 + HEADER, width, height });
  const { width, height } = graph.graph();
  return {
    width,
    height: height + HEADER,
    children: children.map((child) => ({ part: child, ...corner(graph.node(String(child.place))) })),
    ports: ["in", "out"].filter((port) => graph.hasNode(port)).map((port) => ({ port, ...corner(graph.node(port)) })),
    edges: edges.map((edge) => ({
      ...edge,
      points: graph.edge(name(edge.from), name(edge.to)).points.map(({ x, y }) => ({ x, y: y + HEADER })),
    })),
  };
}

// Of several ways the one that shows largest on a screen.
function arrange(part) {
  if (arrangements.has(part)) return arrangements.get(part);
  const sizes = part.children.map(size);
  const edges = edgesWithin(part);
  const [down, right] = ["TB", "LR"].map((direction) => layOut(part.children, sizes, edges, direction));
  const rows = [2, 3, 4, 5, 6].map((count) => wrapped(right, right.width / count)).filter(Boolean);
  const extent = ({ width, height }) => Math.max(width / ASPECT, height);
  const best = [down, right, ...rows].reduce((best, other) => (extent(other) < extent(best) ? other : best));
  const title = textWidth(`${part.label} ${part.kind}`, `600 13px ${FONT}`) + 110;
  best.width = Math.max(best.width, title);
  arrangements.set(part, best);
  return best;
}

// A smooth line through the middles between the points.
function smooth(points) {
  const at = ({ x, y }) => `${x.toFixed(1)} ${y.toFixed(1)}`;
  let path = `M${at(points[0])}`;
  for (let place = 1; place < points.length - 1; place += 1) {
    const [point, next] = [points[place], points[place + 1]];
    const end = place === points.length - 2 ? next : { x: (point.x + next.x) / 2, y: (point.y + next.y) / 2 };
    path += `Q${at(point)} ${at(end)}`;
  }
  return points.length < 3 ? `${path}L${at(points[points.length - 1])}` : path;
}

