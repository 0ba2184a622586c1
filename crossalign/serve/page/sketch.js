// A canvas to draw on: strokes are kept, so that the last one can be undone.

import { by } from "./elements.js";

const strokes = [];

export function setUpSketch(send) {
  const canvas = by("sketch-canvas");
  const pen = canvas.getContext("2d");
  const place = (event) => {
    const box = canvas.getBoundingClientRect();
    return [(event.clientX - box.left) * canvas.width / box.width,
      (event.clientY - box.top) * canvas.height / box.height];
  };
  const draw = () => {
    Object.assign(pen, { fillStyle: "#fff", strokeStyle: "#000", lineWidth: 7, lineCap: "round",
      lineJoin: "round" });
    pen.fillRect(0, 0, canvas.width, canvas.height);
    for (const stroke of strokes) {
      pen.beginPath();
      pen.moveTo(...stroke[0]);
      for (const point of stroke) pen.lineTo(...point);
      pen.stroke();
    }
  };
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    strokes.push([place(event)]);
    draw();
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!canvas.hasPointerCapture(event.pointerId)) return;
    strokes.at(-1).push(...(event.getCoalescedEvents?.() ?? [event]).map(place));
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
    if (strokes.length) canvas.toBlob(send, "image/png");
  });
  draw();
}
