// Clips: a few frames of a video that the browser reads, or of pictures, spread over the clip. Only
// they are sent, so that no server has to open a video of a stranger.

const LARGEST = 320;                       // longer side of a frame, in pixels
const PATIENCE = 10000;                    // milliseconds for a video to come to a frame
const PAINTING = 1000;                     // and for the frame to be painted, if it is another

export const isVideo = (file) => file.type.startsWith("video/");

export async function framesOf(files, count) {
  const [first] = files;
  if (files.length === 1 && isVideo(first)) return ofVideo(first, count);
  const pictures = [...files].filter((file) => file.type.startsWith("image/")).sort((a, b) =>
    a.name.localeCompare(b.name, "en", { numeric: true }));
  if (!pictures.length) throw new Error("This file is neither a video nor a picture.");
  return asClip(await Promise.all(spread(pictures.length, count).map(async (place) => {
    const bitmap = await createImageBitmap(pictures[place]).catch(() => null);
    if (!bitmap) throw new Error("A picture of the clip is none that the browser can read.");
    return drawn(bitmap, bitmap.width, bitmap.height);
  })));
}

function spread(all, count) {
  return all <= count ? [...Array(all).keys()]
    : [...Array(count).keys()].map((part) => Math.floor((2 * part + 1) * all / (2 * count)));
}

async function ofVideo(file, count) {
  const video = Object.assign(document.createElement("video"), {
    muted: true, playsInline: true, preload: "auto", src: URL.createObjectURL(file) });
  try {
    await happens(video, "loadeddata");
    if (!Number.isFinite(video.duration)) throw new Error("The length of this video is not known.");
    const canvases = [];
    for (let part = 0; part < count; part += 1) {
      const there = Promise.all([happens(video, "seeked"), painted(video)]);
      video.currentTime = (2 * part + 1) * video.duration / (2 * count);
      await there;
      canvases.push(drawn(video, video.videoWidth, video.videoHeight));
    }
    return asClip(canvases);
  } finally {
    URL.revokeObjectURL(video.src);
    video.removeAttribute("src");
  }
}

// A video tells that it is there before its frame can be drawn.
function painted(video) {
  return new Promise((done) => {
    if (video.requestVideoFrameCallback) video.requestVideoFrameCallback(done);
    setTimeout(done, video.requestVideoFrameCallback ? PAINTING : 0);
  });
}

function happens(video, event) {
  return new Promise((done, failed) => {
    const broken = () => failed(new Error("This file is no video that the browser can read."));
    video.addEventListener(event, done, { once: true });
    video.addEventListener("error", broken, { once: true });
    setTimeout(broken, PATIENCE);
  });
}

function drawn(source, width, height) {
  const scale = Math.min(1, LARGEST / Math.max(width, height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(scale * width));
  canvas.height = Math.max(1, Math.round(scale * height));
  const pen = canvas.getContext("2d");
  pen.fillStyle = "#fff";
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.drawImage(source, 0, 0, canvas.width, canvas.height);
  return canvas;
}

async function asClip(canvases) {
  const strip = document.createElement("canvas");
  strip.width = canvases.reduce((sum, canvas) => sum + canvas.width, 0);
  strip.height = Math.max(...canvases.map((canvas) => canvas.height));
  let left = 0;
  for (const canvas of canvases) {
    strip.getContext("2d").drawImage(canvas, left, 0);
    left += canvas.width;
  }
  return { frames: canvases.map((canvas) => canvas.toDataURL("image/jpeg", 0.9)),
    shown: await new Promise((done) => { strip.toBlob(done, "image/png"); }) };
}
