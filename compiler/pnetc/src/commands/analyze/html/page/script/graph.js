// The graph: parts as boxes, coloured by their share; open ones hold their children. It is a tree for assistive technology
// and for the keyboard, of which one item at a time takes part in the order of Tab.

// By part: the element that shows it. Parts that are not visible have none.
const shown = new Map();
let focused = root;

function boxText(part, x, y, className, text) {
  return svg("text", { x, y, class: className }, text);
}

function describe(part) {
  const cost = `${percent(share(part.costs))} of ${metricNamed.get(state.metric).title}`;
  return `${partName(part)}, ${part.kind || "parts"}, ${cost}`;
}

function drawLeaf(part, { width, height }) {
  const own = share(part.costs);
  const isFolded = part.children.length > 0;
  return [
    isFolded ? svg("rect", { class: `behind cost-${costClass(own)}`, x: 4, y: 4, width, height, rx: 7 }) : null,
    svg("rect", { class: `box cost-${costClass(own)}`, width, height, rx: 7 }),
    boxText(part, 12, 19, `label on-${costClass(own)}`, ending(part.label, LONGEST_LABEL)),
    boxText(part, 12, 36, `kind on-${costClass(own)}`, beginning(part.kind, LONGEST_LABEL)),
    svg("text", { x: width - 10, y: 36, class: `share on-${costClass(own)}`, "text-anchor": "end" }, percent(own)),
    isFolded ? toggle(part, width - 18, 15, `on-${costClass(own)}`) : null,
  ];
}

function toggle(part, x, y, className) {
  const isOpen = state.open.has(part);
  return svg("g", { class: `toggle ${className}`, transform: `translate(${x} ${y})`, onclick: (event) => { event.stopPropagation(); fold(part); } },
    svg("circle", { r: 8 }), svg("path", { d: isOpen ? "M-4 0H4" : "M-4 0H4M0 -4V4" }));
}

function drawOpen(part, arrangement) {
  const { width, height } = arrangement;
  const kind = part.kind && part !== root ? svg("tspan", { class: "kind", dx: 8 }, beginning(part.kind, LONGEST_LABEL)) : null;
  const own = share(part.costs);
  const edges = arrangement.edges.map((edge) => {
    const shapes = [...new Set([...edge.nodes].map((node) => nodes[node].shape))].join(", ");
    const ends = [...edge.nodes].join(" ");
    return svg("path", { class: "edge", d: edge.turns ? rounded(edge.points) : smooth(edge.points), "marker-end": edge.to === "out" ? null : "url(#arrow)", "data-nodes": ends },
      svg("title", {}, `${[...edge.nodes].slice(0, 4).map(nodeName).join(", ")}: ${shapes}`));
  });
  const ports = arrangement.ports.map(({ port, x, y }) =>
    svg("circle", { class: "port", cx: x + 5, cy: y + 5, r: 5 }, svg("title", {}, port === "in" ? "from outside" : "to outside")));
  return [
    svg("rect", { class: `frame depth-${part.depth % 2}`, width, height, rx: 9 }),
    svg("path", { class: `strip cost-${costClass(own)}`, d: `M0 9A9 9 0 0 1 9 0H${width - 9}A9 9 0 0 1 ${width} 9V26H0Z` }),
    svg("text", { x: 12, y: 18, class: `label on-${costClass(own)}` }, ending(part.label, 60), kind),
    svg("text", { x: width - 30, y: 18, class: `share on-${costClass(own)}`, "text-anchor": "end" }, percent(own)),
    toggle(part, width - 15, 13, `on-${costClass(own)}`),
    svg("g", { class: "edges", "aria-hidden": "true" }, edges, ports),
    svg("g", { role: "group" }, arrangement.children.map(({ part: child, x, y, ...box }) => drawPart(child, x, y, box))),
  ];
}

function drawPart(part, x, y, box) {
  const isOpen = state.open.has(part);
  const siblings = part.parent ? part.parent.children : [part];
  const made = svg("g", {
    class: `part${isOpen ? " open" : ""}`,
    transform: `translate(${x.toFixed(1)} ${y.toFixed(1)})`,
    role: "treeitem",
    "aria-label": describe(part),
    "aria-level": part.depth + 1,
    "aria-setsize": siblings.length,
    "aria-posinset": siblings.indexOf(part) + 1,
    "aria-expanded": part.children.length > 0 ? String(isOpen) : null,
    "data-part": part.place,
    tabindex: -1,
    onclick: (event) => { event.stopPropagation(); focus(part); select(partSelection(part), "graph"); },
    ondblclick: (event) => { event.stopPropagation(); fold(part); },
  }, svg("title", {}, describe(part)), isOpen ? drawOpen(part, arrange(part)) : drawLeaf(part, box));
  shown.set(part, made);
  return made;
}

// Where a visible part lies in the whole picture.
function boxOf(part) {
  let [x, y] = [0, 0];
  for (let at = part; at.parent; at = at.parent) {
    const place = arrange(at.parent).children.find(({ part }) => part === at);
    x += place.x;
    y += place.y;
  }
  return { x, y, ...size(part) };
}

function draw() {
  shown.clear();
  const hadFocus = byId("camera").contains(document.activeElement);
  const tree = svg("g", { role: "tree", "aria-label": "Parts of the network" }, drawPart(root, 0, 0, size(root)));
  byId("camera").replaceChildren(tree);
  while (!isVisible(focused)) focused = focused.parent;
  mark();
  rove([...shown.values()], shown.get(focused));
  if (hadFocus) shown.get(focused).focus({ preventScroll: true });
}

// Shows what is selected and what is searched for.
function mark() {
  for (const [part, made] of shown) {
    const isSelected = isPartSelected(part);
    made.classList.toggle("selected", isSelected);
    made.classList.toggle("related", !isSelected && part.children.length > 0 && !state.selection.part && !state.open.has(part) && nodesOf(part).some(state.selection.has));
    made.classList.toggle("hit", search.query !== "" && (search.set.has(part) || (!state.open.has(part) && search.around.has(part))));
    made.setAttribute("aria-selected", String(isSelected));
  }
  const few = state.selection.part !== root && state.selection.nodes.length <= 200;
  for (const edge of byId("camera").querySelectorAll(".edge")) {
    edge.classList.toggle("selected", few && edge.dataset.nodes.split(" ").some((node) => state.selection.has(Number(node))));
  }
}

function focus(part) {
  focused = part;
  rove([...shown.values()], shown.get(part));
  shown.get(part).focus({ preventScroll: true });
}

// Folds or unfolds, with the corner of the part staying where it is on the screen.
function fold(part) {
  const before = boxOf(part);
  if (!setOpen(part, !state.open.has(part))) return;
  const after = boxOf(part);
  moveCamera((before.x - after.x) * camera.scale, (before.y - after.y) * camera.scale);
}

function walkTo(part) {
  focus(part);
  select(partSelection(part), "graph");
  show(boxOf(part));
}

function pressed(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const moves = { ArrowUp: [0, 60], ArrowDown: [0, -60], ArrowLeft: [60, 0], ArrowRight: [-60, 0] };
  const visible = () => [...shown.keys()].sort((one, other) => one.order - other.order);
  const step = (by) => {
    const list = visible();
    return list[Math.min(list.length - 1, Math.max(0, list.indexOf(focused) + by))];
  };
  const isOpen = state.open.has(focused);
  const actions = {
    ArrowDown: () => walkTo(step(1)),
    ArrowUp: () => walkTo(step(-1)),
    ArrowRight: () => (isOpen ? walkTo(focused.children[0]) : fold(focused)),
    ArrowLeft: () => (isOpen ? fold(focused) : focused.parent && walkTo(focused.parent)),
    Home: () => walkTo(root),
    End: () => walkTo(step(Infinity)),
    Enter: () => fold(focused),
    " ": () => walkTo(focused),
    "+": () => zoom(1.25),
    "=": () => zoom(1.25),
    "-": () => zoom(0.8),
    "0": () => fit(size(root)),
  };
  if (event.shiftKey && moves[event.key]) moveCamera(...moves[event.key]);
  else if (actions[event.key]) actions[event.key]();
  else return;
  event.preventDefault();
}

// Changes of many parts are drawn once.
function openMany(change) {
  isDrawn = false;
  change();
  isDrawn = true;
  draw();
  fit(size(root));
}
let isDrawn = true;

function startGraph() {
  startCamera();
  listen("open", (part) => {
    forgetLayout(part);
    if (isDrawn) draw();
  });
  listen("metric", draw);
  listen("query", mark);
  listen("selection", (from) => {
    const { part, nodes } = state.selection;
    const goal = part ?? (nodes.length > 0 ? partOfNode[nodes[0]] : null);
    if (goal && from !== "graph") {
      // What was asked for by name is unfolded to; what many nodes share is marked where it shows.
      if (part || nodes.length === 1) reveal(goal);
      const seen = chain(goal).findLast(isVisible);
      mark();
      if (state.view === "graph") show(boxOf(seen));
      focused = seen;
      rove([...shown.values()], shown.get(seen));
    } else mark();
  });
  byId("canvas").addEventListener("keydown", pressed);
  byId("zoom-fit").addEventListener("click", () => fit(size(root)));
  byId("fold-all").addEventListener("click", () => openMany(() => parts.forEach((part) => setOpen(part, part === root))));
  byId("unfold-level").addEventListener("click", () => openMany(() => {
    let room = 600;
    for (const part of [...shown.keys()].filter((part) => !state.open.has(part))) {
      room -= part.children.length;
      if (room > 0) setOpen(part, true);
    }
  }));
}

