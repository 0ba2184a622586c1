// Where in the picture: a map over it of what a class, a caption or an answer rests on. Of a clip it
// is a strip of its frames, with a bar below each.

import { by, make, tell } from "./elements.js";
import { asUri, sendable } from "./picture.js";
import { send, sendPicture } from "./server.js";

export const PAIR = { side: 512, bytes: 5e5 };   // two pictures are sent together, in JSON
let turn = 0;                             // so that a late map does not replace a newer one

export function forgetMap() {
  turn += 1;
  by("where").hidden = true;
  for (const image of by("where-maps").querySelectorAll("img")) URL.revokeObjectURL(image.src);
  by("where-maps").replaceChildren();
  tell(by("where-said"), "");
}

export function pairOf(pictures) {
  return Promise.all(pictures.map(async (one) => asUri(await sendable(one, PAIR))));
}

async function mapped(pictures, values) {
  if (pictures.length === 1) return sendPicture("/occlusion", pictures[0], values);
  return send("/occlusion", { ...values, pictures: await pairOf(pictures) });
}

// The strip is as wide as its place, and scrolled where many frames would be too small.
function stripOf(strip, told, frames) {
  const image = make("img", { src: strip, alt: told });
  image.style.minWidth = `${4.5 * frames}rem`;
  return make("div", { className: "strip-of", tabIndex: 0 }, image);
}

async function show(button, pictures, values) {
  forgetMap();
  const mine = turn;
  by("where").hidden = false;
  button.disabled = true;
  tell(by("where-said"), pictures[0].frames ? "Leaving out one frame after another"
    : "Covering one place after another");
  try {
    const { maps, strip, told } = await mapped(pictures, values);
    if (mine !== turn) return;
    by("where-maps").replaceChildren(...(strip ? [stripOf(strip, told, pictures[0].frames.length)]
      : maps.map((map, i) => make("div", { className: "map-of" },
        make("img", { src: URL.createObjectURL(pictures[i]), alt: "Your picture, in grey" }),
        make("img", { src: map, alt: told, className: "over" })))));
    tell(by("where-said"), told);
  } catch (error) {
    if (mine === turn) tell(by("where-said"), error.message, true);
  } finally {
    button.disabled = false;
  }
}

// A button that asks for the map; pictures are those that are given when it is pressed.
export function whereButton(pictures, values) {
  const button = make("button", { type: "button", className: "plain where", textContent: "Where?",
    title: "What of it this rests on" });
  button.addEventListener("click", () => show(button, pictures(), values()));
  return button;
}
