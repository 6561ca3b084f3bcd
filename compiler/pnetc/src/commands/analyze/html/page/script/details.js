// All about what is selected.

function section(title, ...content) {
  return element("section", {}, element("h3", {}, title), ...content);
}

function factList(entries) {
  return element("dl", { class: "facts" }, entries.flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, value)]));
}

function partLink(part, text = part.label) {
  return link(text, () => select(partSelection(part), "details"));
}

function nodeLink(node) {
  return partLink(partOfNode[node], nodeName(node));
}

// The first of many links, and how many more there are.
function some(list, make, most = 12) {
  const rest = list.length - most;
  return element("ul", { class: "plain" }, list.slice(0, most).map((one) => element("li", {}, make(one))),
    rest > 0 ? element("li", { class: "quiet" }, `and ${counted(rest, "more")}`.replace("mores", "more")) : null);
}

function costSection(costs) {
  const rows = metrics.map(({ name, title, summary }) => {
    const part = ratio(costs[field[name]], facts.totals[field[name]]);
    return element("tr", { class: name === state.metric ? "current" : null },
      element("th", { scope: "row", title: summary }, title),
      element("td", { class: "number" }, grouped(costs[field[name]])),
      element("td", { class: "number" }, percent(part)),
      element("td", {}, bar(part)));
  });
  return section("Cost", element("table", { class: "costs" },
    element("thead", { class: "hidden" }, element("tr", {}, ["cost", "count", "share of the network", "bar"].map((name) => element("th", { scope: "col" }, name)))),
    element("tbody", {}, rows)),
    element("p", { class: "quiet" }, `${intensity(costs).toFixed(2)} operations per byte, nothing fused`));
}

function dynamicSection(dynamic) {
  const { coefficients, mixing, convolution } = dynamic.multiply_adds;
  const all = coefficients + mixing + convolution;
  const row = (name, count) => element("tr", {}, element("th", { scope: "row" }, name),
    element("td", { class: "number" }, grouped(count)), element("td", { class: "number" }, percent(ratio(count, all))), element("td", {}, bar(ratio(count, all))));
  return section(`Dynamic convolution, ${counted(dynamic.experts, "expert")}`,
    element("table", { class: "costs" }, element("tbody", {}, row("coefficients", coefficients), row("mixing", mixing), row("convolution", convolution))),
    factList([
      ["parameters to plain", `${grouped(dynamic.parameters)} to ${grouped(dynamic.plain_parameters)}: ${dynamic.parameter_ratio.toFixed(3)} times`],
      ["multiply-adds to plain", `${grouped(all)} to ${grouped(convolution)}: ${dynamic.multiply_add_ratio.toFixed(4)} times`],
    ]));
}

function excerpt(at) {
  if (!at) return null;
  const [source, first, , last] = at;
  const from = Math.max(1, first - 2);
  const to = Math.min(sourceLines[source].length, Math.min(last, first + 12) + 2);
  const lines = [];
  for (let line = from; line <= to; line += 1) {
    lines.push(element("span", { class: line >= first && line <= last ? "line current" : "line" },
      element("span", { class: "line-number" }, String(line)), highlighted(sourceLines[source][line - 1]), "\n"));
  }
  const key = `${source}:${first}`;
  const open = link(lineName(key), () => { select(nodesOfLine.has(key) ? lineSelection(key) : state.selection, "details"); setView("source"); });
  return section("Source", element("p", {}, open), element("pre", { tabindex: 0, "aria-label": "Lines of the source" }, element("code", {}, lines)));
}

function stepsSection(someSteps, isNode) {
  if (someSteps.length === 0) {
    return isNode ? section("Runs as", element("p", { class: "quiet" }, "no step of its own: it is folded into another operation, or needs no code")) : null;
  }
  const make = (step) => [link(`step ${step}`, () => select(stepSelection(step), "details")), ` ${steps[step].kernel}`];
  return section("Runs as", some(someSteps, make, isNode ? 12 : 6));
}

function nodeDetails(node) {
  const { op, shape, inputs, attributes, weights, at } = nodes[node];
  const list = [["operation", op], ...Object.entries(attributes)];
  if (outputNames.has(node)) list.push(["output", outputNames.get(node)]);
  const operand = (input) => element("div", {}, nodeLink(input), ` ${nodes[input].shape}`);
  return [
    section("Operation", factList([
      ...list,
      ["shape", shape],
      ...(inputs.length > 0 ? [["reads", inputs.map(operand)]] : []),
      ...(readers[node].length > 0 ? [["read by", some(readers[node], nodeLink)]] : []),
    ])),
    dynamicOf.has(node) ? dynamicSection(dynamicOf.get(node)) : null,
    costSection(nodes[node].costs),
    weights.length > 0 ? section("Weights", element("ul", { class: "plain weights" }, weights.map(({ name, shape, trained }) =>
      element("li", {}, element("code", {}, name), ` ${shape}${trained ? "" : " (buffer)"}`)))) : null,
    stepsSection(stepsOfNode[node], true),
    excerpt(at),
  ];
}

function partDetails(part) {
  if (part.node !== null) return nodeDetails(part.node);
  const docs = facts.modules[part.kind] ?? (part === root ? facts.modules[report.network] : null);
  const costly = [...part.children].sort((one, other) => share(other.costs) - share(one.costs));
  return [
    docs ? paragraphs(docs) : null,
    costSection(part.costs),
    section("Costliest parts", some(costly, (child) => [partLink(child), ` ${child.kind} `, element("span", { class: "quiet" }, percent(share(child.costs)))], 8)),
    excerpt(part.at),
  ];
}

function stepDetails(step) {
  const { kernel, work, of, multiply_adds, reads, writes, seconds } = steps[step];
  const place = (operand) => operand.startsWith("b")
    ? element("span", {}, link(operand, () => select(bufferSelection(Number(operand.slice(1))), "details")), " ")
    : `${operand} `;
  return section("Step", factList([
    ["kernel", kernel], ["computes", of], ["work", element("code", {}, work)],
    ["multiply-adds", grouped(multiply_adds)], ["bytes", grouped(steps[step].bytes)],
    ["reads", reads.map(place)], ["writes", writes.map(place)],
    ...(seconds === null ? [] : [["measured", `${(1e3 * seconds).toFixed(4)} ms`]]),
  ]));
}

function bufferDetails(buffer) {
  const [offset, length, first, last] = buffers[buffer];
  const stepLinks = (list) => some(list, (step) => [link(`step ${step}`, () => select(stepSelection(step), "details")), ` ${steps[step].kernel} of ${steps[step].of}`]);
  return section("Buffer", factList([
    ["length", `${grouped(length)} bytes`], ["offset", `${grouped(offset)} bytes`], ["lives", `from step ${first} to step ${last}`],
    ["written by", stepLinks(stepsOfBuffer[buffer].writes)], ["read by", stepLinks(stepsOfBuffer[buffer].reads)],
  ]));
}

function severalDetails({ nodes: selected, line }) {
  if (selected.length === 0) return [element("p", { class: "quiet" }, "A pass made this; it stands for no single node of the program.")];
  return [
    costSection(costsOf(selected)),
    section(counted(selected.length, "node"), some(selected, nodeLink, 40)),
    line ? excerpt([Number(line.split(":")[0]), Number(line.split(":")[1]), 1, Number(line.split(":")[1]), 1]) : null,
  ];
}

function drawDetails() {
  const { title, part, step, buffer } = state.selection;
  const around = part ? chain(part).slice(0, -1) : [];
  const crumbs = element("nav", { "aria-label": "Where it stands" }, element("ol", { class: "crumbs" }, around.map((part) => element("li", {}, partLink(part)))));
  const content = part ? partDetails(part)
    : [step !== undefined ? stepDetails(step) : null, buffer !== undefined ? bufferDetails(buffer) : null, severalDetails(state.selection)];
  const kind = part ? (part === root ? "network" : part.kind) : "";
  byId("details").replaceChildren(...[around.length > 0 ? crumbs : null, element("h2", {}, title), kind ? element("p", { class: "kind" }, kind) : null, ...content.flat(Infinity)].filter(Boolean));
  byId("details").scrollTop = 0;
}

