// Starts the page: its frame, and each view when it is first shown.

// By name: { title, build, and what each change means for it once it is built }.
const views = new Map(Object.entries({
  graph: { title: "Graph", build: () => { draw(); fit(size(root)); } },
  overview: { title: "Overview", build: drawOverview, metric: drawOverview },
  source: { title: "Source", build: buildSource, metric: drawSource, selection: (from) => { markSource(); if (from !== "source") showSelectedLine(); }, query: markSource, view: showSelectedLine },
  tables: { title: "Tables", build: buildTables, metric: () => drawTable(), selection: () => currentTable.mark(), query: () => currentTable.refill() },
  memory: { title: "Memory", build: buildMemory, selection: markMemory },
  roofline: { title: "Roofline", build: buildRoofline, selection: markRoofline },
}));
const built = new Set();

function showView() {
  for (const name of views.keys()) byId(name).hidden = name !== state.view;
  document.body.dataset.view = state.view;
  if (!built.has(state.view)) {
    built.add(state.view);
    views.get(state.view).build();
  } else views.get(state.view).view?.();
}

function setView(view) {
  state.view = view;
  tell("view");
}

function start() {
  const { network, file, batch, isa, threads, settings } = report;
  byId("network").textContent = network;
  const set = Object.entries(settings).map(([name, value]) => `${name}=${value}`).join(", ");
  byId("subject").textContent = [file, `batch ${batch}`, `${isa}, ${counted(threads, "thread")}`, set].filter(Boolean).join(" · ");
  keyFigures();

  const asked = readAddress();
  const choice = byId("metric");
  choice.append(...metrics.map(({ name, title, summary }) => element("option", { value: name, title: summary, selected: name === state.metric }, title)));
  choice.addEventListener("change", () => {
    state.metric = choice.value;
    tell("metric");
  });
  const showTab = tabs(byId("tabs"), [...views].map(([name, { title }]) => [name, title, name]), setView);

  listen("view", () => {
    showTab(state.view);
    showView();
  });
  for (const change of ["metric", "selection", "query"]) {
    listen(change, (details) => {
      for (const name of built) views.get(name)[change]?.(details);
    });
  }
  listen("metric", drawLegend);
  listen("metric", drawDetails);
  listen("selection", drawDetails);
  startSearch();

  isDrawn = false;
  openCostliest(36);
  const selection = selectionOf(asked.select ?? "");
  if (selection.part) reveal(selection.part);
  select(selection);
  isDrawn = true;
  startGraph();
  drawLegend();
  showTab(state.view);
  // The graph is always there, since every other view can send the reader to it.
  built.add("graph");
  views.get("graph").build();
  showView();
  if (asked.select && state.selection.part) {
    focused = state.selection.part;
    rove([...shown.values()], shown.get(focused));
    if (state.view === "graph" && focused !== root) show(boxOf(focused));
  }
  if (asked.query) {
    byId("query").value = asked.query;
    find(asked.query);
  }
  addEventListener("beforeprint", () => views.forEach(({ build }, name) => { if (!built.has(name)) { built.add(name); build(); } }));
  addEventListener("hashchange", () => {
    const asked = readAddress();
    choice.value = state.metric;
    tell("metric");
    tell("view");
    select(selectionOf(asked.select ?? ""), "address");
  });
  document.documentElement.dataset.ready = "";
}

start();
