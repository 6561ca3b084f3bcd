// Facts about the whole network: those of `pnetc analyze`, what kind of work it is, and what its experts cost.

function keyFigures() {
  const { costs, memory } = report;
  const figures = [
    ["parameters", short(costs.parameters), grouped(costs.parameters)],
    ["multiply-adds", short(costs.core), `${grouped(costs.core)} (core)`],
    ["weights", bytes(costs.weight_bytes), `${grouped(costs.weight_bytes)} bytes`],
    ["arena", bytes(memory.arena_bytes), `${grouped(memory.arena_bytes)} bytes`],
    ["steps", grouped(report.size.steps), "steps of the plan"],
  ];
  if (report.dynamic_convolutions.length > 0) figures.push(["dynamic convolutions", grouped(report.dynamic_convolutions.length), "convolutions whose filters are mixed from experts"]);
  byId("figures").replaceChildren(...figures.map(([name, value, exact]) =>
    element("div", { title: exact }, element("dt", {}, name), element("dd", {}, value))));
}

function factTable(caption, rows) {
  return element("table", { class: "facts" }, element("caption", {}, caption), element("tbody", {}, rows.map(([name, value, note]) =>
    element("tr", {}, element("th", { scope: "row" }, name), element("td", { class: "number" }, value), element("td", { class: "quiet" }, note ?? "")))));
}

function costFacts() {
  const { costs } = report;
  return factTable("Costs, as it is written", [
    ["parameters", grouped(costs.parameters), `and ${grouped(costs.buffers)} elements of buffers`],
    ...facts.conventions.map(({ name, unit, summary }) => [`${unit}, ${name}`, grouped(costs[name]), summary]),
    ["weights", grouped(costs.weight_bytes), "bytes"],
    ["activations", grouped(costs.activation_bytes), "bytes that operations write"],
    ["largest live activations", grouped(costs.activation_peak), "bytes, in the order of the program"],
    ["operations per byte", costs.operations_per_byte.toFixed(2), "strict, nothing fused"],
  ]);
}

function planFacts() {
  const { size, memory, isa, threads } = report;
  return factTable(`Plan, for ${isa} and ${counted(threads, "thread")}`, [
    ["steps", grouped(size.steps)],
    ["multiply-adds", grouped(size.multiply_adds)],
    ["prepared weights", grouped(size.prepared_weight_bytes), "bytes"],
    ["arena", grouped(memory.arena_bytes), "bytes, one for each session"],
    ["largest live set", grouped(memory.live_bytes), `bytes: the arena is ${memory.arena_ratio.toFixed(3)} times as large`],
    ["scratch", grouped(memory.scratch_bytes_per_thread), "bytes for each thread"],
  ]);
}

function workTable() {
  const convention = facts.conventions.some(({ name }) => name === state.metric) ? state.metric : "core";
  const rows = Object.entries(report.work).filter(([, counts]) => counts[convention] > 0).sort((one, other) => other[1][convention] - one[1][convention]);
  return element("table", { class: "costs" }, element("caption", {}, `Kinds of work, by ${convention}`), element("tbody", {}, rows.map(([name, counts]) => {
    const part = ratio(counts[convention], report.costs[convention]);
    return element("tr", {}, element("th", { scope: "row" }, name), element("td", { class: "number" }, grouped(counts[convention])),
      element("td", { class: "number" }, percent(part)), element("td", {}, bar(part)));
  })));
}

function twinTable() {
  if (!facts.twin) return null;
  const row = (name, field) => {
    const [own, plain] = [facts.twin.dynamic[field], facts.twin.static[field]];
    return element("tr", {}, element("th", { scope: "row" }, name), [grouped(own), grouped(plain), ratio(own, plain).toFixed(3)].map((text) => element("td", { class: "number" }, text)));
  };
  const head = ["", "with experts", "static twin", "ratio"].map((name) => element(name ? "th" : "td", { scope: name ? "col" : null }, name));
  return element("table", { class: "facts" }, element("caption", {}, "Beside its static twin, which has plain convolutions in place of dynamic ones"),
    element("thead", {}, element("tr", {}, head)),
    element("tbody", {}, row("parameters", "parameters"), facts.conventions.map(({ name, unit }) => row(`${unit}, ${name}`, name)),
      row("weight bytes", "weight_bytes"), row("activation bytes", "activation_bytes"), row("operations of the graph", "nodes")));
}

function dynamicFacts() {
  const list = report.dynamic_convolutions;
  if (list.length === 0) return null;
  const sum = (get) => list.reduce((sum, one) => sum + get(one), 0);
  const part = (name) => sum(({ multiply_adds }) => multiply_adds[name]);
  const all = part("coefficients") + part("mixing") + part("convolution");
  const row = (name) => [name, grouped(part(name)), `${percent(ratio(part(name), all))} of the multiply-adds of dynamic convolutions`];
  return factTable("Dynamic convolutions together", [
    ["how many", grouped(list.length)], row("coefficients"), row("mixing"), row("convolution"),
    ["parameters to plain", `${ratio(sum((one) => one.parameters), sum((one) => one.plain_parameters)).toFixed(3)}`, "times those of plain convolutions"],
    ["multiply-adds to plain", `${ratio(all, part("convolution")).toFixed(4)}`, "times those of plain convolutions"],
  ]);
}

function drawOverview() {
  const settings = Object.entries(report.settings).map(([name, value]) => [name, value]);
  const about = facts.modules[report.network];
  byId("overview").querySelector(".body").replaceChildren(...[
    ...(about ? paragraphs(about) : []),
    element("div", { class: "columns" },
      ...[costFacts(), planFacts(), workTable(), dynamicFacts(), twinTable(),
        settings.length > 0 ? factTable("Hyper-parameters", settings) : null].filter(Boolean)),
  ].filter(Boolean));
}

