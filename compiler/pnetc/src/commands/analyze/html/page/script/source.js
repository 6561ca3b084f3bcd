// The files of the program with what each line costs beside it.

const keywords = new Set("use const fn module network budget input let return for in if else as true false and or not".split(" "));

// A line with its comments, texts, numbers and keywords told apart.
function highlighted(line) {
  const pieces = line.match(/\/\/.*|"(?:[^"\\]|\\.)*"?|\w+|\|>|[^\w"/|]+|./gu) ?? [];
  return pieces.map((piece) => {
    const kind = piece.startsWith("//") ? "comment" : piece.startsWith("\"") ? "text" : /^\d/.test(piece) ? "literal"
      : keywords.has(piece) ? "keyword" : piece === "|>" ? "pipe" : null;
    return kind ? element("span", { class: `code-${kind}` }, piece) : piece;
  });
}

const lineElements = new Map();

function sourceLine(source, place, text) {
  const key = `${source}:${place + 1}`;
  const own = nodesOfLine.get(key);
  const content = [
    element("span", { class: "line-number" }, String(place + 1)),
    element("span", { class: "line-share" }),
    element("span", { class: "line-bar" }),
    element("code", {}, highlighted(text), "\n"),
  ];
  const made = own
    ? element("button", { type: "button", class: "source-line", tabindex: -1, "aria-pressed": "false", onclick: () => { select(lineSelection(key), "source"); roveLines(made); } }, content)
    : element("div", { class: "source-line" }, content);
  if (own) lineElements.set(key, made);
  return made;
}

function roveLines(line) {
  rove([...lineElements.values()], line);
}

function buildSource() {
  const files = sources.map(({ name }, source) => element("section", { class: "file", "aria-label": name },
    element("h3", {}, name), element("div", { class: "lines" }, sourceLines[source].map((text, place) => sourceLine(source, place, text)))));
  byId("source").querySelector(".body").replaceChildren(
    element("p", { class: "quiet" }, "Each line with the share of what its calls cost, over all instances. Lines that cost something can be selected; arrow keys go from one to the next."), ...files);
  const lines = [...lineElements.values()];
  if (lines.length > 0) roveLines(lines[0]);
  byId("source").addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const at = lines.indexOf(document.activeElement);
    if (step === undefined || at < 0) return;
    event.preventDefault();
    const next = lines[Math.min(lines.length - 1, Math.max(0, at + step))];
    roveLines(next);
    next.focus();
  });
  drawSource();
  markSource();
  showSelectedLine();
}

// Brings the first line of what was selected elsewhere into view.
function showSelectedLine() {
  if (state.view === "source") byId("source").querySelector(".source-line.selected")?.scrollIntoView({ block: "center" });
}

function drawSource() {
  for (const [key, line] of lineElements) {
    const own = share(costsOf(nodesOfLine.get(key)));
    line.querySelector(".line-share").textContent = percent(own);
    line.querySelector(".line-bar").replaceChildren(bar(own));
  }
}

function markSource() {
  for (const [key, line] of lineElements) {
    const isSelected = state.selection.line === key;
    line.setAttribute("aria-pressed", String(isSelected));
    line.classList.toggle("selected", isSelected || (state.selection.part !== root && nodesOfLine.get(key).some(state.selection.has)));
    line.classList.toggle("hit", search.query !== "" && line.querySelector("code").textContent.toLowerCase().includes(search.query));
  }
}

