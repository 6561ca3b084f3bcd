// The roofline: what each step computes for each byte that it moves, against what this machine can do.

const dots = new Map();

function leastTime(step, { flops, bytes }) {
  return Math.max(2 * steps[step].multiply_adds / flops, steps[step].bytes / bytes);
}

function buildRoofline() {
  const body = byId("roofline").querySelector(".body");
  const { machine } = facts;
  if (machine.unmeasured) {
    body.replaceChildren(element("p", {}, `There are no roofs, since this machine could not be measured: ${machine.unmeasured}.`));
    return;
  }
  const isMeasured = steps.some(({ seconds }) => seconds !== null);
  const drawn = steps.map((_, step) => step).filter((step) => steps[step].multiply_adds > 0);
  const time = (step) => (isMeasured ? steps[step].seconds : leastTime(step, machine));
  const all = steps.reduce((sum, _, step) => sum + time(step), 0);
  const points = drawn.map((step) => ({ step, x: 2 * steps[step].multiply_adds / steps[step].bytes, y: 2 * steps[step].multiply_adds / Math.max(1e-9, time(step)), share: ratio(time(step), all) }));
  const ridge = machine.flops / machine.bytes;
  const range = (numbers) => [smallest(numbers) / 1.7, largest(numbers) * 1.7];
  const xs = range([...points.map(({ x }) => x), ridge / 4, ridge * 4]);
  const ys = range([...points.map(({ y }) => y), machine.flops / 4, machine.flops * 1.2]);
  const { width, height, left, right, top, bottom } = PLOT;
  const scale = (number, [first, last]) => Math.log10(number / first) / Math.log10(last / first);
  const x = (number) => left + scale(number, xs) * (width - left - right);
  const y = (number) => height - bottom - scale(number, ys) * (height - top - bottom);
  const logMarks = ([first, last]) => {
    const from = Math.floor(Math.log10(first));
    const decades = Array.from({ length: Math.ceil(Math.log10(last)) - from }, (_, place) => 10 ** (from + place));
    const factors = decades.length > 4 ? [1] : [1, 2, 5];
    return decades.flatMap((decade) => factors.map((factor) => factor * decade)).filter((mark) => mark >= first && mark <= last);
  };
  const roof = (number) => Math.min(machine.flops, number * machine.bytes);
  const describePoint = ({ step, x, y, share }) =>
    `step ${step}, ${steps[step].kernel} of ${steps[step].of}: ${x.toPrecision(3)} operations per byte, ${short(y)} FLOP/s${isMeasured ? ` measured, ${percent(y / roof(x))} of the roof` : " at most"}, ${percent(share)} of the time`;
  const said = element("p", { class: "said", "aria-live": "polite" });
  // The large ones below the small ones.
  for (const point of [...points].sort((one, other) => other.share - one.share)) {
    const step = point.step;
    dots.set(step, svg("circle", {
      class: `dot cost-${costClass(point.share)}`, cx: x(point.x).toFixed(1), cy: y(point.y).toFixed(1), r: (4 + 40 * Math.sqrt(point.share)).toFixed(1),
      role: "option", tabindex: -1, "aria-label": describePoint(point), "aria-selected": "false",
      onpointerenter: () => { said.textContent = describePoint(point); }, onfocus: () => { said.textContent = describePoint(point); },
      onclick: () => { rove([...dots.values()], dots.get(step)); select(stepSelection(step), "roofline"); },
    }, svg("title", {}, describePoint(point))));
  }
  const circles = [...dots.values()];
  if (circles.length > 0) rove(circles, circles[0]);
  const label = (text, at, attributes) => svg("text", { ...at, ...attributes }, text);
  // The slope begins where it enters the picture.
  const foot = Math.max(xs[0], ys[0] / machine.bytes);
  const slope = Math.atan2(y(ridge * machine.bytes) - y(foot * machine.bytes), x(ridge) - x(foot)) * 180 / Math.PI;
  const half = Math.sqrt(foot * ridge);
  const picture = svg("svg", { viewBox: `0 0 ${width} ${height}`, class: "plot" },
    logMarks(xs).map((mark) => [svg("path", { class: "grid", d: `M${x(mark)} ${top}V${height - bottom}` }), label(String(Number(mark.toPrecision(1))), { x: x(mark), y: height - bottom + 18 }, { "text-anchor": "middle" })]),
    logMarks(ys).map((mark) => [svg("path", { class: "grid", d: `M${left} ${y(mark)}H${width - right}` }), label(short(mark), { x: left - 8, y: y(mark) + 4 }, { "text-anchor": "end" })]),
    label("operations per byte, two for each multiply-add", { x: (left + width - right) / 2, y: height - 6 }, { "text-anchor": "middle" }),
    label("FLOP/s", { x: left + 6, y: top + 12 }),
    svg("path", { class: "roof", d: `M${x(foot)} ${y(foot * machine.bytes)}L${x(ridge)} ${y(machine.flops)}H${x(xs[1])}` }),
    svg("g", { role: "listbox", "aria-label": "Steps of the plan" }, circles),
    label(`${short(machine.flops)} FLOP/s in registers`, { x: width - right - 8, y: y(machine.flops) - 22 }, { "text-anchor": "end", class: "roof-label" }),
    label(`${short(machine.bytes)} bytes/s from memory`, { x: 0, y: isMeasured ? -14 : 28 }, { class: "roof-label", "text-anchor": "middle", transform: `translate(${x(half)} ${y(half * machine.bytes)}) rotate(${slope.toFixed(1)})` }));
  picture.addEventListener("keydown", (event) => {
    const move = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    const at = circles.indexOf(document.activeElement);
    if (at < 0 || (move === undefined && event.key !== "Enter")) return;
    event.preventDefault();
    const next = circles[Math.min(circles.length - 1, Math.max(0, at + (move ?? 0)))];
    rove(circles, next);
    next.focus();
    select(stepSelection([...dots].find(([, circle]) => circle === next)[0]), "roofline");
  });
  const without = steps.length - drawn.length;
  const memoryBound = ratio(points.filter((point) => point.x < ridge).reduce((sum, point) => sum + point.share, 0), 1);
  body.replaceChildren(
    element("p", {}, isMeasured
      ? `Each circle is a step of the plan, where it was measured on this machine, with its share of the time as its size and colour. Steps whose data lie in a cache can be above the slope, which is the speed of memory.`
      : `No step was measured: each circle lies on the roof, at the least time that this machine could take for it if its data came from memory. Its share of the sum of those times is its size and colour. With --time, steps are measured.`),
    picture, said,
    factList([
      ["bound by memory", `${percent(memoryBound)} of the time goes into steps of fewer than ${ridge.toPrecision(3)} operations per byte, for which memory is the lower roof`],
      [isMeasured ? "all steps" : "least time of all steps", `${(1e3 * all).toFixed(3)} ms`],
      ["not drawn", `${counted(without, "step")} without multiply-adds, ${percent(ratio(steps.reduce((sum, { multiply_adds }, step) => sum + (multiply_adds > 0 ? 0 : time(step)), 0), all))} of the time`],
      ["machine", `${report.isa}, ${counted(report.threads, "thread")}: measured when this page was made`],
    ]));
  markRoofline();
}

function markRoofline() {
  const { step, part, has } = state.selection;
  for (const [place, dot] of dots) {
    const isSelected = step !== undefined ? step === place : part !== root && steps[place].nodes.some(has);
    dot.classList.toggle("selected", isSelected);
    dot.setAttribute("aria-selected", String(isSelected));
  }
}

