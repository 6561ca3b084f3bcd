// Elements of the page. Texts go in as text, never as markup.

const byId = (id) => document.getElementById(id);
const svgNamespace = byId("canvas").namespaceURI;

function filled(made, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== null && value !== undefined && value !== false) made.setAttribute(name, String(value));
  }
  made.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
  return made;
}

// `element("td", {class: "number"}, "1")`; listeners are named as in `onclick`.
function element(name, attributes, ...children) {
  return filled(document.createElement(name), attributes, children);
}

function svg(name, attributes, ...children) {
  return filled(document.createElementNS(svgNamespace, name), attributes, children);
}

// What a module says about itself: a blank line parts paragraphs, other line ends mean nothing.
function paragraphs(docs) {
  return docs.split(/\n\s*\n/).map((text) => element("p", { class: "docs" }, text.replaceAll("\n", " ")));
}

// A button that looks like a link.
function link(text, action, attributes) {
  return element("button", { type: "button", class: "link", onclick: action, ...attributes }, text);
}

// A bar that shows a share by its length and colour.
function bar(share) {
  const inner = element("span", { class: `cost-${costClass(share)}` });
  inner.style.width = `${100 * share}%`;
  return element("span", { class: "bar", "aria-hidden": "true" }, share > 0 ? inner : null);
}

// Makes one of several elements the one that Tab reaches; arrow keys move among them.
function rove(elements, chosen) {
  for (const one of elements) one.tabIndex = one === chosen ? 0 : -1;
}

// A row of tabs. `choose` is called with the key of the tab that is chosen; gives a function that shows which is.
function tabs(list, entries, choose) {
  const made = entries.map(([key, text, controls]) =>
    element("button", { type: "button", role: "tab", id: controls ? `tab-${controls}` : null, "aria-controls": controls, "data-key": key, onclick: () => choose(key) }, text));
  list.append(...made);
  list.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1, Home: -Infinity, End: Infinity }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    const at = made.indexOf(document.activeElement);
    const next = Number.isFinite(step) ? (at + step + made.length) % made.length : step < 0 ? 0 : made.length - 1;
    made[next].focus();
    choose(made[next].dataset.key);
  });
  return (key) => {
    for (const tab of made) tab.setAttribute("aria-selected", String(tab.dataset.key === key));
    rove(made, made.find((tab) => tab.dataset.key === key));
  };
}

