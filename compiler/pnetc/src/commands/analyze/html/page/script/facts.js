// What the compiler found out: the JSON value of the page, and what follows from it at once.

const facts = JSON.parse(byId("facts").textContent);
const { nodes, steps, buffers, sources, report } = facts;

// The place of each count in a list of costs.
const field = Object.fromEntries(facts.fields.map((name, place) => [name, place]));

// What can be shown as colour and share.
const metrics = [
  ...facts.conventions.map(({ name, unit, summary }) => ({ name, title: `${unit} (${name})`, unit, summary })),
  { name: "parameters", title: "parameters", unit: "parameters", summary: "trained elements of weights" },
  { name: "weight_bytes", title: "weight bytes", unit: "bytes", summary: "bytes of weights, buffers included, each read once" },
  { name: "activation_bytes", title: "activation bytes", unit: "bytes", summary: "bytes of the tensors that are written" },
];
const metricNamed = new Map(metrics.map((metric) => [metric.name, metric]));

const zeroCosts = () => facts.fields.map(() => 0);

function addCosts(sum, costs) {
  costs.forEach((cost, place) => { sum[place] += cost; });
  return sum;
}

function costsOf(someNodes) {
  return someNodes.reduce((sum, node) => addCosts(sum, nodes[node].costs), zeroCosts());
}

// Strict operations per byte that moves, as the reports of pnetc have it.
function intensity(costs) {
  return ratio(costs[field.strict], costs[field.activation_bytes] + costs[field.read_bytes] + costs[field.weight_bytes]);
}

// The nodes that read each node.
const readers = nodes.map(() => []);
nodes.forEach((node, place) => {
  for (const input of new Set(node.inputs)) readers[input].push(place);
});
const outputNames = new Map(facts.outputs.map(({ name, node }) => [node, name]));
const inputNames = new Map(facts.inputs.map(({ name, node }) => [node, name]));

// The dynamic convolution that a node is.
const dynamicOf = new Map(report.dynamic_convolutions.map((dynamic) => [Number(dynamic.node.slice(1)), dynamic]));

// The steps that compute each node, and those that use each buffer.
const stepsOfNode = nodes.map(() => []);
const stepsOfBuffer = buffers.map(() => ({ writes: [], reads: [] }));
steps.forEach((step, place) => {
  for (const node of step.nodes) stepsOfNode[node].push(place);
  for (const way of ["reads", "writes"]) {
    for (const operand of step[way]) if (operand.startsWith("b")) stepsOfBuffer[Number(operand.slice(1))][way].push(place);
  }
});

// What an operation is called where there is little room.
function operationName(node) {
  const { op, attributes } = nodes[node];
  if (op === "activation") return attributes.function ?? op;
  if (op === "binary") return attributes.operator ?? op;
  if (op === "input") return inputNames.get(node) ?? op;
  return op;
}

function nodeName(node) {
  const { path, branch } = nodes[node];
  if (path) return path;
  const instance = facts.branches[branch].path;
  return `${instance}${instance ? " " : ""}${operationName(node)}`;
}

// The text of the call that made a node, or an instance.
const sourceLines = sources.map(({ text }) => text.split("\n"));
function callText(at) {
  if (!at) return "";
  const [source, firstLine, firstColumn, lastLine, lastColumn] = at;
  const lines = sourceLines[source].slice(firstLine - 1, lastLine).map((line) => [...line]);
  if (lines.length === 0) return "";
  lines[lines.length - 1] = lines[lines.length - 1].slice(0, lastColumn - 1);
  lines[0] = lines[0].slice(firstColumn - 1);
  return lines.map((line) => line.join("")).join("\n");
}

// By "source:line": the nodes whose call begins there.
const nodesOfLine = new Map();
nodes.forEach(({ at }, place) => {
  if (!at) return;
  const key = `${at[0]}:${at[1]}`;
  if (!nodesOfLine.has(key)) nodesOfLine.set(key, []);
  nodesOfLine.get(key).push(place);
});

function lineName(key) {
  const [source, line] = key.split(":").map(Number);
  return `${sources[source].name}:${line}`;
}

