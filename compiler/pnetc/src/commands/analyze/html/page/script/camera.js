// What of the picture is seen, and how large: moved by mouse, fingers, wheel and keys.

const camera = { x: 0, y: 0, scale: 1, isFitted: false };
const SMALLEST = 0.02;
const LARGEST = 4;

function applyCamera() {
  camera.isFitted = false;
  byId("camera").setAttribute("transform", `translate(${camera.x.toFixed(2)} ${camera.y.toFixed(2)}) scale(${camera.scale.toFixed(4)})`);
  byId("zoom-level").textContent = `${Math.round(100 * camera.scale)}%`;
}

function canvasSize() {
  const { width, height } = byId("canvas").getBoundingClientRect();
  return { width, height };
}

// Zooms so that the point of the canvas stays where it is.
function zoomAt(x, y, factor) {
  const scale = Math.min(LARGEST, Math.max(SMALLEST, camera.scale * factor));
  camera.x = x - (x - camera.x) * (scale / camera.scale);
  camera.y = y - (y - camera.y) * (scale / camera.scale);
  camera.scale = scale;
  applyCamera();
}

function zoom(factor) {
  const { width, height } = canvasSize();
  zoomAt(width / 2, height / 2, factor);
}

function moveCamera(x, y) {
  camera.x += x;
  camera.y += y;
  applyCamera();
}

function fit({ width, height }) {
  const canvas = canvasSize();
  const scale = Math.min(1.25, Math.max(SMALLEST, Math.min(canvas.width / (width + 24), canvas.height / (height + 24))));
  Object.assign(camera, { scale, x: (canvas.width - width * scale) / 2, y: (canvas.height - height * scale) / 2 });
  applyCamera();
  camera.isFitted = true;
}

// Brings a box into view, moving no more than needed, and no smaller than can be read.
function show({ x, y, width, height }) {
  const canvas = canvasSize();
  if (camera.scale < 0.55) zoomAt(camera.x + (x + width / 2) * camera.scale, camera.y + (y + height / 2) * camera.scale, 0.8 / camera.scale);
  const moved = (begin, length, room) => {
    const edge = Math.min(40, room / 10);
    if (begin >= edge && begin + length <= room - edge) return 0;
    return length > room - 2 * edge ? edge - begin : (room - length) / 2 - begin;
  };
  const left = camera.x + x * camera.scale;
  const top = camera.y + y * camera.scale;
  moveCamera(moved(left, width * camera.scale, canvas.width), moved(top, Math.min(height * camera.scale, canvas.height), canvas.height));
}

function startCamera() {
  const canvas = byId("canvas");
  const pointers = new Map();
  const place = (event) => {
    const { left, top } = canvas.getBoundingClientRect();
    return { x: event.clientX - left, y: event.clientY - top };
  };
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    const { x, y } = place(event);
    const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 16 : 1;
    zoomAt(x, y, Math.exp(-event.deltaY * lines * 0.0016));
  }, { passive: false });
  let moved = 0;
  canvas.addEventListener("pointerdown", (event) => {
    if (pointers.size === 0) moved = 0;
    pointers.set(event.pointerId, place(event));
  });
  canvas.addEventListener("pointermove", (event) => {
    const before = pointers.get(event.pointerId);
    if (!before) return;
    const now = place(event);
    moved += Math.hypot(now.x - before.x, now.y - before.y);
    // A click that trembles is a click.
    if (moved > 4) canvas.setPointerCapture(event.pointerId);
    const other = [...pointers].find(([id]) => id !== event.pointerId)?.[1];
    if (other) {
      const distance = (point) => Math.hypot(point.x - other.x, point.y - other.y);
      zoomAt((now.x + other.x) / 2, (now.y + other.y) / 2, distance(now) / Math.max(1, distance(before)));
    }
    moveCamera((now.x - before.x) / pointers.size, (now.y - before.y) / pointers.size);
    pointers.set(event.pointerId, now);
  });
  for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, (event) => pointers.delete(event.pointerId));
  // The end of a drag is no click.
  canvas.addEventListener("click", (event) => {
    if (moved > 4) event.stopPropagation();
  }, { capture: true });
  // What was fitted stays so when the window changes.
  new ResizeObserver(() => {
    if (camera.isFitted && canvasSize().width > 0) fit(size(root));
  }).observe(canvas);
  byId("zoom-in").addEventListener("click", () => zoom(1.25));
  byId("zoom-out").addEventListener("click", () => zoom(0.8));
}

