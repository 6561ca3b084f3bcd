// The arena over the steps of the plan: every buffer is a rectangle from its first to its last step, at its offset; the line is
// the sum of what lives.

const PLOT = { width: 1000, height: 460, left: 76, right: 16, top: 16, bottom: 44 };

function liveSums() {
  const changes = new Array(steps.length + 1).fill(0);
  for (const [, length, first, last] of buffers) {
    changes[first] += length;
    changes[last + 1] -= length;
  }
  let live = 0;
  return changes.slice(0, steps.length).map((change) => { live += change; return live; });
}

// Round numbers from 0 to about the largest.
function marks(end, most) {
  const power = 10 ** Math.floor(Math.log10(Math.max(1, end) / most));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((step) => end / step <= most);
  const numbers = [];
  for (let at = 0; at <= end; at += Math.max(1, step)) numbers.push(at);
  return numbers;
}

function bufferText(buffer) {
  const [offset, length, first, last] = buffers[buffer];
  const writer = steps[stepsOfBuffer[buffer].writes[0] ?? first];
  return `b${buffer}: ${grouped(length)} bytes at ${grouped(offset)}, steps ${first} to ${last}, written by ${writer.kernel} of ${writer.of}`;
}

const bufferBoxes = [];

function buildMemory() {
  const body = byId("memory").querySelector(".body");
  if (buffers.length === 0) {
    body.replaceChildren(element("p", {}, "The plan needs no arena: nothing lies between its inputs and outputs."));
    return;
  }
  const arena = report.memory.arena_bytes;
  const { width, height, left, right, top, bottom } = PLOT;
  const x = (step) => left + (step / steps.length) * (width - left - right);
  const y = (offset) => height - bottom - (offset / arena) * (height - top - bottom);
  const live = liveSums();
  const peak = largest(live);
  const at = live.indexOf(peak);
  const said = element("p", { class: "said", "aria-live": "polite" });
  const say = (buffer) => { said.textContent = bufferText(buffer); };
  buffers.forEach(([offset, length, first, last], buffer) => {
    bufferBoxes.push(svg("rect", {
      class: `buffer cost-${costClass(length / arena)}`, x: x(first), y: y(offset + length), width: Math.max(1, x(last + 1) - x(first) - 0.5), height: Math.max(1, y(offset) - y(offset + length) - 0.5),
      role: "option", tabindex: -1, "aria-label": bufferText(buffer), "aria-selected": "false",
      onpointerenter: () => say(buffer), onfocus: () => say(buffer),
      onclick: () => { rove(bufferBoxes, bufferBoxes[buffer]); select(bufferSelection(buffer), "memory"); },
    }, svg("title", {}, bufferText(buffer))));
  });
  rove(bufferBoxes, bufferBoxes[0]);
  const line = live.map((sum, step) => `${step === 0 ? "M" : "L"}${x(step).toFixed(1)} ${y(sum).toFixed(1)}H${x(step + 1).toFixed(1)}`).join("");
  const picture = svg("svg", { viewBox: `0 0 ${width} ${height}`, class: "plot" },
    marks(arena, 6).map((mark) => [svg("path", { class: "grid", d: `M${left} ${y(mark)}H${width - right}` }), svg("text", { x: left - 8, y: y(mark) + 4, "text-anchor": "end" }, bytesMark(mark, arena))]),
    marks(steps.length, 10).map((mark) => svg("text", { x: x(mark), y: height - bottom + 18, "text-anchor": "middle" }, grouped(mark))),
    svg("text", { x: (left + width - right) / 2, y: height - 6, "text-anchor": "middle" }, "step of the plan"),
    svg("g", { role: "listbox", "aria-label": "Buffers of the arena" }, bufferBoxes),
    svg("path", { class: "live", d: line, "aria-hidden": "true" }),
    svg("path", { class: "peak", d: `M${x(at + 0.5)} ${y(peak)}V${height - bottom}` }),
    svg("circle", { class: "peak-dot", cx: x(at + 0.5), cy: y(peak), r: 5 }));
  picture.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    const focusedBox = bufferBoxes.indexOf(document.activeElement);
    if (focusedBox < 0 || (step === undefined && event.key !== "Enter")) return;
    event.preventDefault();
    const next = Math.min(buffers.length - 1, Math.max(0, focusedBox + (step ?? 0)));
    rove(bufferBoxes, bufferBoxes[next]);
    bufferBoxes[next].focus();
    select(bufferSelection(next), "memory");
  });
  const living = buffers.map((_, buffer) => buffer).filter((buffer) => buffers[buffer][2] <= at && at <= buffers[buffer][3]).sort((one, other) => buffers[other][1] - buffers[one][1]);
  body.replaceChildren(
    element("p", {}, `Each rectangle is a buffer of the arena, from the step that first writes it to the last that uses it. The line is the sum of the buffers that live. `,
      `At the peak, `, link(`step ${at}`, () => select(stepSelection(at), "memory")), ` (${steps[at].kernel} of ${steps[at].of}), ${grouped(peak)} bytes live; the arena has ${grouped(arena)}.`),
    picture, said,
    element("h3", {}, `What lives at the peak`),
    some(living, (buffer) => link(bufferText(buffer), () => select(bufferSelection(buffer), "memory")), 20));
  markMemory();
}

function bytesMark(mark, end) {
  if (mark === 0) return "0";
  return end >= 2e6 ? `${(mark / 1e6).toFixed(end >= 1e7 ? 0 : 1)} MB` : end >= 2e3 ? `${(mark / 1e3).toFixed(0)} kB` : grouped(mark);
}

function markMemory() {
  const { buffer, step, part, has } = state.selection;
  const isOfSelection = (place) => {
    if (buffer !== undefined) return buffer === place;
    if (step !== undefined) return stepsOfBuffer[place].writes.includes(step) || stepsOfBuffer[place].reads.includes(step);
    return part !== root && stepsOfBuffer[place].writes.some((step) => steps[step].nodes.some(has));
  };
  bufferBoxes.forEach((box, place) => {
    const isSelected = isOfSelection(place);
    box.classList.toggle("selected", isSelected);
    box.setAttribute("aria-selected", String(isSelected));
  });
}

