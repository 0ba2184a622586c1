// Pictures that are chosen, dropped or pasted, made small enough to be sent.

import { by } from "./elements.js";

const LARGEST = { side: 1600, bytes: 4e6 };
const SENT = new Set(["image/png", "image/jpeg", "image/webp"]);

export async function sendable(file, { side, bytes } = LARGEST) {
  const bitmap = await createImageBitmap(file).catch(() => null);
  if (!bitmap) throw new Error("This file is no picture that the browser can read.");
  const scale = Math.min(1, side / Math.max(bitmap.width, bitmap.height));
  if (scale === 1 && SENT.has(file.type) && file.size < bytes) return file;
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(scale * bitmap.width));
  canvas.height = Math.max(1, Math.round(scale * bitmap.height));
  const pen = canvas.getContext("2d");
  pen.fillStyle = "#fff";
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  return new Promise((done) => { canvas.toBlob(done, "image/jpeg", 0.92); });
}

export function asUri(blob) {
  return new Promise((done, failed) => {
    const reader = new FileReader();
    reader.addEventListener("load", () => done(reader.result));
    reader.addEventListener("error", () => failed(new Error("The picture cannot be read again.")));
    reader.readAsDataURL(blob);
  });
}

// `take` is called with files, the first of which is a picture or a video if one of them is.
export function setUpPictures(take) {
  const drop = by("drop"), input = by("file");
  const first = (files) => [...files].sort((a, b) => looks(b) - looks(a));
  const looks = (file) => /^(image|video)\//.test(file.type);
  input.addEventListener("change", () => {
    if (input.files.length) take([...input.files]);
    input.value = "";
  });
  document.addEventListener("paste", (event) => {
    const files = event.clipboardData?.files ?? [];
    if (files.length) take(first(files));
  });
  for (const name of ["dragover", "dragleave", "drop"]) {
    document.addEventListener(name, (event) => {
      if (name !== "dragleave") event.preventDefault();
      drop.classList.toggle("over", name === "dragover");
      if (name === "drop" && event.dataTransfer?.files.length) {
        take(first(event.dataTransfer.files));
      }
    });
  }
}
