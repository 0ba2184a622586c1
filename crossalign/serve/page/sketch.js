// A canvas to draw on: strokes are kept, so that the last one can be undone. What is sent is drawn
// anew, as large as the paper allows, in the middle and with one pen: place and size say nothing.

import { by } from "./elements.js";

const PEN = 7;                // width while drawing, in pixels of the canvas
const SENT = { side: 448, margin: 42, pen: 14 };
const strokes = [];

function paint(pen, side, lines, width) {
  Object.assign(pen, { fillStyle: "#fff", strokeStyle: "#000", lineWidth: width, lineCap: "round",
    lineJoin: "round" });
  pen.fillRect(0, 0, side, side);
  for (const line of lines) {
    pen.beginPath();
    pen.moveTo(...line[0]);
    for (const point of line) pen.lineTo(...point);
    pen.stroke();
  }
}

function fitted(lines, { side, margin }) {
  const [low, high] = [Math.min, Math.max].map((of) => [0, 1].map((axis) =>
    lines.flat().reduce((found, point) => of(found, point[axis]), lines[0][0][axis])));
  const longest = Math.max(high[0] - low[0], high[1] - low[1]);
  const scale = longest > 0 ? (side - 2 * margin) / longest : 1;
  return lines.map((line) => line.map((point) => point.map((at, axis) =>
    side / 2 + scale * (at - (low[axis] + high[axis]) / 2))));
}

export function setUpSketch(send) {
  const canvas = by("sketch-canvas");
  const pen = canvas.getContext("2d");
  const place = (event) => {
    const box = canvas.getBoundingClientRect();
    return [(event.clientX - box.left) * canvas.width / box.width,
      (event.clientY - box.top) * canvas.height / box.height];
  };
  const draw = () => paint(pen, canvas.width, strokes, PEN);
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    strokes.push([place(event)]);
    draw();
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!canvas.hasPointerCapture(event.pointerId)) return;
    const coalesced = event.getCoalescedEvents?.() ?? [];
    strokes.at(-1).push(...(coalesced.length ? coalesced : [event]).map(place));
    draw();
  });
  by("draw-toggle").addEventListener("click", () => {
    const open = by("sketch").hidden;
    by("sketch").hidden = !open;
    by("draw-toggle").setAttribute("aria-expanded", String(open));
  });
  by("sketch-undo").addEventListener("click", () => { strokes.pop(); draw(); });
  by("sketch-clear").addEventListener("click", () => { strokes.length = 0; draw(); });
  by("sketch-send").addEventListener("click", () => {
    if (!strokes.length) return;
    const sheet = Object.assign(document.createElement("canvas"),
      { width: SENT.side, height: SENT.side });
    paint(sheet.getContext("2d"), SENT.side, fitted(strokes, SENT), SENT.pen);
    sheet.toBlob(send, "image/png");
  });
  draw();
}
