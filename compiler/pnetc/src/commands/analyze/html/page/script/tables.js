// Tables of everything that costs, sorted by any column, and narrowed by the search.

const ROWS = 300;

// Columns are { name, title, get, show, isText }; a row is any value, which `select` turns into a selection.
function sortable({ caption, columns, rows, texts, selection }) {
  const order = { column: null, isDown: true };
  let most = ROWS;
  const headings = columns.map((column) => {
    const button = element("button", { type: "button", title: column.title ?? null, onclick: () => {
      order.isDown = order.column === column ? !order.isDown : !column.isText;
      order.column = column;
      refill();
    } }, column.name, element("span", { class: "direction", "aria-hidden": "true" }));
    return element("th", { scope: "col", class: column.isText ? null : "number", "aria-sort": "none" }, button);
  });
  const body = element("tbody");
  const count = element("p", { class: "quiet", "aria-live": "polite" });
  const more = element("button", { type: "button", onclick: () => { most += 5 * ROWS; refill(); } }, "Show more rows");
  const table = element("table", { class: "sortable" }, element("caption", { class: "hidden" }, caption), element("thead", {}, element("tr", {}, headings)), body);
  const lines = new Map();

  function refill() {
    const found = rows.filter((row) => rowMatches(texts(row), selection(row)));
    if (order.column) {
      const { get, isText } = order.column;
      const compare = isText ? (one, other) => get(one).localeCompare(get(other), "en", { numeric: true }) : (one, other) => get(one) - get(other);
      found.sort((one, other) => (order.isDown ? -1 : 1) * compare(one, other));
    }
    headings.forEach((heading, place) => heading.setAttribute("aria-sort", columns[place] !== order.column ? "none" : order.isDown ? "descending" : "ascending"));
    lines.clear();
    body.replaceChildren(...found.slice(0, most).map((row) => {
      const line = element("tr", { onclick: () => select(selection(row), "tables") }, columns.map((column, place) => {
        const content = column.show(row, order.column === null);
        return place === 0 ? element("th", { scope: "row" }, content) : element("td", { class: column.isText ? null : "number" }, content);
      }));
      lines.set(row, line);
      return line;
    }));
    count.textContent = `${counted(found.length, "row")}${found.length < rows.length ? ` of ${grouped(rows.length)}, by the search` : ""}${found.length > most ? `, of which ${grouped(most)} are shown` : ""}`;
    more.hidden = found.length <= most;
    mark();
  }

  function mark() {
    for (const [row, line] of lines) line.classList.toggle("selected", selection(row).key === state.selection.key);
  }
  refill();
  return { parts: [count, element("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": caption }, table), more], refill, mark };
}

function rowLink(text, selection) {
  return link(text, (event) => { event.stopPropagation(); select(selection(), "tables"); });
}

// The columns of costs, of rows that have `costs`.
function costColumns() {
  const count = (name) => (row) => row.costs[field[name]];
  const column = (name, title, summary) => ({ name: title, title: summary, get: count(name), show: (row) => grouped(count(name)(row)) });
  return [
    { name: "share", title: `share of ${metricNamed.get(state.metric).title}`, get: (row) => share(row.costs), show: (row) => [bar(share(row.costs)), element("span", { class: "share-text" }, percent(share(row.costs)))] },
    column("parameters", "parameters"),
    ...facts.conventions.map(({ name, summary }) => column(name, name, summary)),
    column("weight_bytes", "weight bytes"),
    column("activation_bytes", "activation bytes"),
    { name: "ops/byte", title: "strict operations per byte that moves, nothing fused", get: (row) => intensity(row.costs), show: (row) => intensity(row.costs).toFixed(2) },
  ];
}

function nameColumn(name, get, selection) {
  return { name, isText: true, get, show: (row) => rowLink(get(row), () => selection(row)) };
}

function grouping(keyOf, list) {
  const groups = new Map();
  for (const one of list) {
    const key = keyOf(one);
    if (!groups.has(key)) groups.set(key, { key, count: 0, costs: zeroCosts() });
    const group = groups.get(key);
    group.count += 1;
    addCosts(group.costs, one.costs);
  }
  return [...groups.values()];
}

const countColumn = { name: "nodes", get: (row) => row.count, show: (row) => grouped(row.count) };
const text = (name, get) => ({ name, isText: true, get, show: get });

const tableKinds = {
  modules: ["Modules", () => {
    const rows = parts.filter((part) => part.node === null && !part.isRun);
    const selection = partSelection;
    const name = { name: "part", isText: true, get: partName, show: (part, isTree) => {
      const made = rowLink(isTree && part !== root ? part.label : partName(part), () => selection(part));
      made.style.marginLeft = isTree ? `${14 * part.depth}px` : "";
      return made;
    } };
    return { caption: "Costs by module", rows, selection, texts: (part) => [partName(part), part.kind], columns: [name, text("module", (part) => part.kind), ...costColumns()] };
  }],
  operations: ["Operations", () => {
    const selection = ({ key }) => operationSelection(key);
    return { caption: "Costs by operation", rows: grouping(({ op }) => op, nodes), selection, texts: ({ key }) => [key], columns: [nameColumn("operation", ({ key }) => key, selection), countColumn, ...costColumns()] };
  }],
  lines: ["Lines", () => {
    const rows = [...nodesOfLine].map(([key, own]) => ({ key, count: own.length, costs: costsOf(own), line: sourceLines[key.split(":")[0]][key.split(":")[1] - 1].trim() }));
    const selection = ({ key }) => lineSelection(key);
    const line = { name: "text", isText: true, get: (row) => row.line, show: (row) => element("code", { title: row.line }, beginning(row.line, 64)) };
    return { caption: "Costs by source line", rows, selection, texts: (row) => [lineName(row.key), row.line], columns: [nameColumn("line", ({ key }) => lineName(key), selection), line, countColumn, ...costColumns()] };
  }],
  nodes: ["Nodes", () => {
    const rows = partOfNode;
    const id = { name: "node", isText: true, get: ({ node }) => `n${node}`, show: (part) => rowLink(`n${part.node}`, () => partSelection(part)) };
    const columns = [id, text("name", (part) => nodeName(part.node)), text("operation", ({ node }) => nodes[node].op), text("shape", ({ node }) => nodes[node].shape), ...costColumns()];
    return { caption: "Costs by node", rows, selection: partSelection, texts: (part) => [nodeName(part.node), nodes[part.node].op, operationName(part.node)], columns };
  }],
  steps: ["Steps", () => {
    const rows = steps.map((step, place) => ({ ...step, place }));
    const selection = ({ place }) => stepSelection(place);
    const number = (name, get, show) => ({ name, get, show: (row) => show(get(row)) });
    const measured = steps.some(({ seconds }) => seconds !== null);
    const columns = [
      { name: "step", get: ({ place }) => place, show: ({ place }) => rowLink(String(place), () => stepSelection(place)) },
      text("kernel", ({ kernel }) => kernel), text("of", ({ of }) => of),
      ...(measured ? [number("µs", ({ seconds }) => 1e6 * seconds, (time) => time.toFixed(1))] : []),
      number("multiply-adds", ({ multiply_adds }) => multiply_adds, grouped), number("bytes", (row) => row.bytes, grouped),
      number("operations/byte", (row) => ratio(2 * row.multiply_adds, row.bytes), (value) => value.toFixed(2)),
      { name: "work", isText: true, get: ({ work }) => work, show: ({ work }) => element("code", { title: work }, beginning(work, 56)) },
    ];
    return { caption: "Steps of the plan", rows, selection, texts: (row) => [row.kernel, row.of, row.work], columns };
  }],
  dynamic: ["Dynamic convolutions", () => {
    const rows = report.dynamic_convolutions.map((dynamic) => ({ ...dynamic, id: Number(dynamic.node.slice(1)) }));
    const selection = ({ id }) => partSelection(partOfNode[id]);
    const number = (name, get, show = grouped) => ({ name, get, show: (row) => show(get(row)) });
    const columns = [
      nameColumn("path", ({ id }) => nodeName(id), selection), number("experts", ({ experts }) => experts),
      ...["coefficients", "mixing", "convolution"].map((part) => number(part, ({ multiply_adds }) => multiply_adds[part])),
      number("multiply-adds to plain", ({ multiply_add_ratio }) => multiply_add_ratio, (value) => value.toFixed(3)),
      number("parameters", ({ parameters }) => parameters),
      number("parameters to plain", ({ parameter_ratio }) => parameter_ratio, (value) => value.toFixed(3)),
    ];
    return { caption: "Dynamic convolutions", rows, selection, texts: ({ id }) => [nodeName(id)], columns };
  }],
};

let currentTable = null;
let tableKind = "modules";

function buildTables() {
  const entries = Object.entries(tableKinds).filter(([kind]) => kind !== "dynamic" || report.dynamic_convolutions.length > 0);
  const list = element("div", { role: "tablist", "aria-label": "Rows", class: "small-tabs" });
  const content = element("div", { id: "table", role: "tabpanel" });
  byId("tables").querySelector(".body").replaceChildren(list, content);
  const choose = tabs(list, entries.map(([kind, [title]]) => [kind, title, null]), (kind) => { tableKind = kind; drawTable(); });
  drawTable = () => {
    choose(tableKind);
    currentTable = sortable(tableKinds[tableKind][1]());
    content.setAttribute("aria-label", tableKinds[tableKind][0]);
    content.replaceChildren(...currentTable.parts);
  };
  drawTable();
}
let drawTable = () => {};

