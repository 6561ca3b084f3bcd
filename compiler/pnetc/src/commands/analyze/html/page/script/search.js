// Search: parts by path, module, operation, and the text of the call that made them.

const search = { query: "", hits: [], at: -1, around: new Map() };

const searchedText = new Map();
function textOf(part) {
  if (!searchedText.has(part)) {
    const operation = part.node !== null ? `${nodes[part.node].op} ${operationName(part.node)}` : "";
    searchedText.set(part, `${part.label}\n${part.kind}\n${operation}\n${callText(part.at)}`.toLowerCase());
  }
  return searchedText.get(part);
}

function isHit(part, query) {
  if (part.isRun) return false;
  if (textOf(part).includes(query)) return true;
  // A path is a hit where it begins to be one, not again for everything below.
  const path = part.path.toLowerCase();
  const around = part.parent ? part.parent.path.toLowerCase() : "";
  return path.includes(query) && !around.includes(query);
}

function find(query) {
  search.query = query.trim().toLowerCase();
  search.hits = search.query === "" ? [] : parts.filter((part) => isHit(part, search.query));
  search.at = -1;
  // How many hits every part has below it, so that folded ones can say so.
  search.around = new Map();
  for (const hit of search.hits) {
    for (let at = hit.parent; at; at = at.parent) search.around.set(at, (search.around.get(at) ?? 0) + 1);
  }
  search.set = new Set(search.hits);
  search.nodes = new Set(search.hits.flatMap(nodesOf));
  say();
  tell("query");
}

function say() {
  const count = search.hits.length;
  byId("hits").textContent = search.query === "" ? "" : count === 0 ? "no hits" : search.at < 0 ? counted(count, "hit") : `${grouped(search.at + 1)} of ${grouped(count)}`;
}

function goToHit(step) {
  const count = search.hits.length;
  if (count === 0) return;
  search.at = search.at < 0 ? (step > 0 ? 0 : count - 1) : (search.at + step + count) % count;
  say();
  const hit = search.hits[search.at];
  reveal(hit);
  select(partSelection(hit), "search");
}

// Whether a row of a table is one that is searched for: by its texts, or as it stands for nodes that are found. A part must lie
// in what is found; of a line or a step one node is enough.
function rowMatches(texts, { part, nodes }) {
  if (search.query === "" || texts.some((text) => text.toLowerCase().includes(search.query))) return true;
  const isFound = (node) => search.nodes.has(node);
  return part ? nodes.every(isFound) : nodes.some(isFound);
}

function startSearch() {
  const field = byId("query");
  field.addEventListener("input", () => find(field.value));
  field.addEventListener("keydown", (event) => {
    if (event.key === "Enter") {
      event.preventDefault();
      goToHit(event.shiftKey ? -1 : 1);
    } else if (event.key === "Escape") {
      field.value = "";
      find("");
      field.blur();
    }
  });
  byId("next-hit").addEventListener("click", () => goToHit(1));
  byId("previous-hit").addEventListener("click", () => goToHit(-1));
  document.addEventListener("keydown", (event) => {
    const isTyping = event.target.matches?.("input, select, textarea");
    if (event.key === "/" && !isTyping && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      field.focus();
      field.select();
    }
  });
}

