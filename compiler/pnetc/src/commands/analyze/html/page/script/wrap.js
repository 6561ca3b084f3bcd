// Rows: a long chain laid out from left to right is cut where one edge alone goes on, and continued below, as text is.

const ROW_GAP = 40;
// Few parts need no rows.
const FEWEST_WRAPPED = 5;
const TURN = 18;

// The places where a layout may be cut: between two ranks that a single edge connects.
function cuts({ children, ports, edges }) {
  const boxes = [...children, ...ports];
  const byEnd = new Map(boxes.map((box) => [box.part ?? box.port, box]));
  const centre = ({ x, width }) => x + width / 2;
  const ranks = [...new Set(boxes.map((box) => Math.round(centre(box))))].sort((one, other) => one - other);
  return ranks.slice(0, -1).flatMap((rank, place) => {
    const between = (rank + ranks[place + 1]) / 2;
    const crossing = edges.filter(({ from, to }) => centre(byEnd.get(from)) < between && centre(byEnd.get(to)) > between);
    const left = Math.max(...boxes.filter((box) => centre(box) < between).map(({ x, width }) => x + width));
    const right = Math.min(...boxes.filter((box) => centre(box) > between).map(({ x }) => x));
    // A port stays beside what it belongs to.
    const isAlone = crossing.length === 1 && crossing[0].from !== "in" && crossing[0].to !== "out";
    return isAlone && left < right ? [{ at: (left + right) / 2, edge: crossing[0] }] : [];
  });
}

// The layout in rows about so wide; null where it has fewer than two.
function wrapped(layout, room) {
  if (layout.children.length < FEWEST_WRAPPED) return null;
  const chosen = [];
  let begin = 0;
  const allowed = cuts(layout);
  allowed.forEach((cut, place) => {
    const next = allowed[place + 1]?.at ?? layout.width;
    if (next - begin > room && cut.at > begin) {
      chosen.push(cut);
      begin = cut.at;
    }
  });
  if (chosen.length === 0) return null;
  const begins = [0, ...chosen.map(({ at }) => at)];
  const ends = [...chosen.map(({ at }) => at), layout.width];
  const rowAt = (x) => begins.findLastIndex((begin) => begin <= x);
  const cutEdges = new Set(chosen.map(({ edge }) => edge));
  const rows = begins.map((begin, row) => ({ left: MARGIN + TURN - begin + (row === 0 ? 0 : -MARGIN), top: Infinity, bottom: -Infinity, width: ends[row] - begin }));
  const include = (x, top, bottom) => {
    const row = rows[rowAt(x)];
    row.top = Math.min(row.top, top);
    row.bottom = Math.max(row.bottom, bottom);
  };
  for (const { x, y, width, height } of [...layout.children, ...layout.ports]) include(x + width / 2, y, y + height);
  for (const edge of layout.edges) if (!cutEdges.has(edge)) for (const { x, y } of edge.points) include(x, y, y);
  let height = HEADER + MARGIN;
  for (const row of rows) {
    row.down = height - row.top;
    height += row.bottom - row.top + ROW_GAP;
  }
  const moved = (row, { x, y, ...rest }) => ({ ...rest, x: x + rows[row].left, y: y + rows[row].down });
  const movedBox = (box) => moved(rowAt(box.x + box.width / 2), box);
  return {
    width: Math.max(...rows.map(({ width }) => width)) + 2 * TURN + MARGIN,
    height: height - ROW_GAP + MARGIN,
    children: layout.children.map(movedBox),
    ports: layout.ports.map(movedBox),
    edges: layout.edges.map((edge) => {
      const row = rowAt(edge.points[0].x);
      if (!cutEdges.has(edge)) return { ...edge, points: edge.points.map((point) => moved(row, point)) };
      return { ...edge, turns: true, points: turning(moved(row, edge.points[0]), moved(row + 1, edge.points[edge.points.length - 1]), rows[row].bottom + rows[row].down + ROW_GAP / 2) };
    }),
  };
}

// From the end of a row through the gap below it to the beginning of the next.
function turning(from, to, gap) {
  const [right, left] = [from.x + TURN, to.x - TURN];
  return [from, { x: right, y: from.y }, { x: right, y: gap }, { x: left, y: gap }, { x: left, y: to.y }, to];
}

// A line of straight pieces with round corners.
function rounded(points) {
  const at = ({ x, y }) => `${x.toFixed(1)} ${y.toFixed(1)}`;
  const towards = (from, to) => {
    const distance = Math.hypot(to.x - from.x, to.y - from.y);
    const part = Math.min(8, distance / 2) / Math.max(distance, 1e-6);
    return { x: from.x + (to.x - from.x) * part, y: from.y + (to.y - from.y) * part };
  };
  const corners = points.slice(1, -1).map((corner, place) => `L${at(towards(corner, points[place]))}Q${at(corner)} ${at(towards(corner, points[place + 2]))}`);
  return `M${at(points[0])}${corners.join("")}L${at(points[points.length - 1])}`;
}

