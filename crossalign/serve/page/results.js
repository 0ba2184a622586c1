// What was found: a grid of hits, and bars of recognised classes.

import { STRANGE, by, make, percent, tell, track } from "./elements.js";
import { smallPicture } from "./server.js";

const SHOWN = new Set(["text", "class", "modality", "said"]);

export function showHits({ hits, none }, why) {
  by("hits").replaceChildren(...hits.map((hit) => card(hit, why)));
  by("empty").hidden = hits.length > 0 && !none;
  tell(by("empty"), hits.length ? "Nothing matches. These are the nearest, and no more similar than "
    + "the nearest of what is not here." : "Nothing matches; ask for less in the filters.");
}

function card(hit, why) {
  const about = hit.payload;
  const title = about.class ?? (about.modality === "text" ? "" : hit.id);
  const item = make("li", { className: hit.match === false ? "hit beyond" : "hit" });
  const what = about.modality === "clip" ? "Frames of a clip of" : "A picture of";
  if (hit.thumb) item.append(picture(hit, about.said || (title ? `${what} ${title}` : hit.id)));
  if (about.text !== undefined) item.append(make("blockquote", { textContent: about.text }));
  if (title) item.append(make("div", { className: "title", textContent: title }));
  if (about.said) {
    item.append(make("p", { className: "said", textContent: `“${about.said}”`,
      title: "What the space says that it shows" }));
  }
  item.append(make("div", { className: "score", title: "Similarity to what you asked with" },
    track(hit.score), make("span", { textContent: hit.score.toFixed(3) })));
  if (typeof hit.chance === "number") {
    item.append(make("div", { className: "quiet", textContent:
      `chance ${percent(hit.chance)}`, title: "Share of random pairs that are at least as similar" }));
  }
  if (hit.match === false) {
    item.append(make("div", { className: "quiet", textContent: "no match", title:
      "It is no more similar than the nearest of what is not here" }));
  }
  const list = make("dl");
  for (const [key, value] of [["id", hit.id], ...Object.entries(about)]) {
    if (!SHOWN.has(key) && !(key === "id" && (about.file === hit.id || title === hit.id))) {
      list.append(make("dt", { textContent: key }), make("dd", { textContent: String(value) }));
    }
  }
  if (list.children.length) item.append(list);
  item.append(reasons(hit, why));
  return item;
}

function reasons(hit, why) {
  const panel = make("details", {}, make("summary", { textContent: "Why" }));
  panel.addEventListener("toggle", async () => {
    const list = make("dl", { className: "quiet" });
    try {
      const { pairs, words } = await why(hit.id);
      for (const { id, share } of pairs) list.append(...line(id, share));
      for (const { word, drop } of words) list.append(...line(`“${word}”`, drop));
    } catch (error) {
      list.append(make("dd", { textContent: error.message }));
    }
    panel.append(list);
  }, { once: true });
  return panel;
}

function line(name, share) {
  return [make("dt", { textContent: name }),
    make("dd", { textContent: (share < 0 ? "−" : "+") + Math.abs(share).toFixed(3) })];
}

function picture(hit, alt) {
  const image = make("img", { alt });
  image.addEventListener("load", () => URL.revokeObjectURL(image.src), { once: true });
  smallPicture(hit.id).then((address) => { image.src = address; }, () => image.remove());
  return image;
}

export function showClasses(found, before = new Map(), added = "", where = null) {
  const sure = percent(found.confidence), unsure = percent(1 - found.confidence);
  tell(by("verdict"), (found.unlike ? `${STRANGE}: ` : "") + (found.none
    ? `None of these, rather: the likeliest has only ${sure} (uncertainty ${unsure}).`
    : `${found.classes[0].name}, with confidence ${sure} (uncertainty ${unsure}).`));
  tell(by("among"), found.set.length > 1
    ? `${found.unpromised ? "If it is a class with training pictures, with" : "With"} 90 % it is one of ${
      found.set.length}: ${found.set.join(", ")}.` : "");
  by("verdict").classList.toggle("none", found.none || found.unlike);
  if (where) by("verdict").append(" ", where);
  by("bars").replaceChildren(...found.classes.map((one) => bar(one, before, added)));
}

function bar({ name, probability }, before, added) {
  const label = make("span", { textContent: name });
  if (name === added) label.append(make("span", { className: "mark", textContent: " new" }));
  const number = make("span", { textContent: percent(probability) });
  const line = track(probability);
  if (before.has(name)) {
    const mark = make("div", { className: "before" });
    mark.style.left = `calc(${100 * before.get(name)}% - 1.5px)`;
    line.append(mark);
    number.textContent = `${percent(before.get(name))} → ${percent(probability)}`;
  }
  return make("li", {}, make("div", { className: "label" }, label, number), line);
}
