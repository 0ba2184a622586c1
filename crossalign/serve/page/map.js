// The map: points of the space on a canvas that is moved, zoomed and hovered.

import { by, make } from "./elements.js";
import { get, smallPicture } from "./server.js";

const NEAR = 14;
const thumbs = new Map();
const view = { x: 0, y: 0, scale: 1 };
let points = [], found = new Set(), current = null, box = { width: 1, height: 1 };

export async function loadMap() {
  points = (await get("/map")).points;
  for (const point of points) point.colour = colour(point.class ?? point.modality ?? "");
  const kinds = new Set(points.map((point) => point.class));
  by("map-about").textContent = `${points.length} items${kinds.size > 1 ? `, ${kinds.size} classes` : ""}, `
    + "placed by the two directions in which their vectors differ most; near here is not always "
    + "near in the space.";
  draw();
  return [...kinds].filter((kind) => kind !== undefined).map(String);
}

export function markFound(ids) {
  found = new Set(ids);
  draw();
}

function colour(text) {
  let sum = 7;
  for (const letter of text) sum = (sum * 31 + letter.codePointAt(0)) % 100003;
  return `hsl(${(sum * 137.5) % 360} ${55 + sum % 3 * 12}% ${50 + sum % 2 * 12}%)`;
}

function at(point) {
  const side = Math.min(box.width, box.height) * 0.46 * view.scale;
  return [box.width / 2 + (point.x - view.x) * side, box.height / 2 - (point.y - view.y) * side];
}

function draw() {
  const canvas = by("map"), pen = canvas.getContext("2d");
  const ratio = devicePixelRatio || 1;
  box = { width: canvas.clientWidth, height: canvas.clientHeight };
  canvas.width = box.width * ratio;
  canvas.height = box.height * ratio;
  pen.scale(ratio, ratio);
  const size = Math.min(7, 2.6 + view.scale / 3);
  const ink = getComputedStyle(document.body).color;
  for (const marked of [false, true]) {
    for (const point of points) {
      if (found.has(point.id) !== marked) continue;
      dot(pen, point, size, found.size && !marked ? 0.45 : 0.95);
      if (marked) ring(pen, point, size + 2.5, ink);
    }
  }
  if (current) ring(pen, current, size + 5, ink);
}

function dot(pen, point, size, strength) {
  const [x, y] = at(point);
  pen.globalAlpha = strength;
  pen.fillStyle = point.colour;
  pen.beginPath();
  if (point.modality === "text") pen.rect(x - size, y - size, 2 * size, 2 * size);
  else pen.arc(x, y, size, 0, 2 * Math.PI);
  pen.fill();
  pen.globalAlpha = 1;
}

function ring(pen, point, size, ink) {
  pen.strokeStyle = ink;
  pen.lineWidth = 1.5;
  pen.beginPath();
  pen.arc(...at(point), size, 0, 2 * Math.PI);
  pen.stroke();
}

function zoom(factor, x = box.width / 2, y = box.height / 2) {
  const side = () => Math.min(box.width, box.height) * 0.46 * view.scale;
  const dx = x - box.width / 2, dy = box.height / 2 - y;
  const before = side();
  view.scale = Math.min(80, Math.max(0.7, view.scale * factor));
  view.x += dx / before - dx / side();
  view.y += dy / before - dy / side();
  draw();
}

function move(dx, dy) {
  const side = Math.min(box.width, box.height) * 0.46 * view.scale;
  view.x -= dx / side;
  view.y += dy / side;
  draw();
}

function nearest(x, y) {
  let best = null, least = NEAR * NEAR;
  for (const point of points) {
    const [px, py] = at(point);
    const distance = (px - x) ** 2 + (py - y) ** 2;
    if (distance < least) [best, least] = [point, distance];
  }
  return best;
}

async function hover(point) {
  if (point === current) return;
  current = point;
  draw();
  const tip = by("tip");
  tip.hidden = !point;
  if (!point) return;
  const lines = [point.class, point.text ?? (point.class ? undefined : point.id)];
  const said = lines.filter((line) => line !== undefined);
  tip.replaceChildren(...said.map((line) => make("p", { textContent: line })));
  by("map-said").textContent = said.join(", ");
  beside(tip, point);
  if (!point.thumb) return;
  if (!thumbs.has(point.id)) thumbs.set(point.id, await smallPicture(point.id).catch(() => ""));
  if (point === current && thumbs.get(point.id)) {
    tip.prepend(make("img", { src: thumbs.get(point.id), alt: "" }));
    beside(tip, point);
  }
}

function beside(tip, point) {
  const [x, y] = at(point);
  tip.style.left = `${Math.max(0, Math.min(x + 14, box.width - 210))}px`;
  tip.style.top = `${Math.max(0, Math.min(y + 14, box.height - 150))}px`;
}

const KEYS = { ArrowLeft: () => move(40, 0), ArrowRight: () => move(-40, 0),
  ArrowUp: () => move(0, 40), ArrowDown: () => move(0, -40), "+": () => zoom(1.3),
  "=": () => zoom(1.3), "-": () => zoom(1 / 1.3), 0: all, n: () => step(1), p: () => step(-1),
  Escape: () => hover(null) };

function all() {
  Object.assign(view, { x: 0, y: 0, scale: 1 });
  draw();
}

function step(by_) {
  if (!points.length) return;
  const next = points[(points.indexOf(current) + by_ + points.length) % points.length];
  const [x, y] = at(next);
  if (x < 0 || y < 0 || x > box.width || y > box.height) Object.assign(view, { x: next.x, y: next.y });
  hover(next);
}

export function setUpMap() {
  const canvas = by("map"), held = new Map();
  const place = (event) => [event.offsetX, event.offsetY];
  canvas.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && !event.metaKey && document.activeElement !== canvas) return;
    event.preventDefault();
    zoom(Math.exp(-event.deltaY / 300), ...place(event));
  }, { passive: false });
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    held.set(event.pointerId, place(event));
    hover(nearest(...place(event)));
  });
  canvas.addEventListener("pointermove", (event) => {
    const now = place(event), before = held.get(event.pointerId);
    if (!before) return hover(nearest(...now));
    held.set(event.pointerId, now);
    const other = [...held].find(([id]) => id !== event.pointerId)?.[1];
    if (!other) return move(now[0] - before[0], now[1] - before[1]);
    const apart = (place_) => Math.hypot(place_[0] - other[0], place_[1] - other[1]) || 1;
    return zoom(apart(now) / apart(before), (now[0] + other[0]) / 2, (now[1] + other[1]) / 2);
  });
  for (const name of ["pointerup", "pointercancel"]) {
    canvas.addEventListener(name, (event) => held.delete(event.pointerId));
  }
  canvas.addEventListener("pointerleave", () => hover(null));
  canvas.addEventListener("keydown", (event) => {
    if (!KEYS[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    KEYS[event.key]();
  });
  by("zoom-in").addEventListener("click", () => zoom(1.5));
  by("zoom-out").addEventListener("click", () => zoom(1 / 1.5));
  by("zoom-all").addEventListener("click", all);
  new ResizeObserver(draw).observe(canvas);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
}
