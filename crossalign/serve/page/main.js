// The page: what is asked, with which filters, and where the answers go.

import { framesOf } from "./clip.js";
import { by, make, tell } from "./elements.js";
import { loadMap, markFound, setUpMap } from "./map.js";
import { sendable, setUpPictures } from "./picture.js";
import { showClasses, showHits } from "./results.js";
import { get, send, sendPicture, useToken } from "./server.js";
import { setUpSketch } from "./sketch.js";
import { whereButton } from "./where.js";
import { describe, setUpWords, withoutPicture } from "./words.js";

const CLASSES = 6;
let about = { captions: false, asked_about: [] };   // the space: its sizes, and what it was taught
let asked = null;             // the last question, a text, a picture or a clip
let noun = "picture";         // what the space looks at
let recognised = null;        // the answer about the last picture
let names = [];               // classes that are recognised
let mapped = [];              // classes of items on the map
let turn = 0;                 // so that a late answer does not replace a newer one

function filters() {
  const where = {};
  const key = by("field").value.trim(), value = by("value").value.trim();
  if (key && value) {
    const number = Number(value);
    where[key] = Number.isFinite(number) ? [value, number] : value;
  }
  if (by("class").value) where.class = by("class").value;
  return { k: Number(by("k").value), modality: by("modality").value || undefined,
    where: Object.keys(where).length ? where : undefined };
}

async function search() {
  if (!asked) return;
  const mine = ++turn;
  tell(by("status"), "Searching");
  try {
    const found = asked.text !== undefined ? await send("/search", { text: asked.text, ...filters() })
      : await sendPicture("/search", asked.picture, filters());
    if (mine !== turn) return;
    const question = asked;
    showHits(found, (id) => question.text !== undefined
      ? send("/why", { text: question.text, id }) : sendPicture("/why", question.picture, { id }));
    markFound(found.hits.map((hit) => hit.id));
    const what = asked.text !== undefined ? `“${asked.text}”` : `your ${noun}`;
    tell(by("status"), `${found.hits.length} results for ${what}`);
  } catch (error) {
    if (mine === turn) complain(error, by("status"));
  }
}

async function recognise(added = "") {
  const before = new Map(added && recognised
    ? recognised.classes.map((one) => [one.name, one.probability]) : []);
  const mine = asked;
  try {
    const found = await sendPicture("/recognise", asked.picture, { k: CLASSES });
    if (mine !== asked) return;
    recognised = found;
    showClasses(found, before, added, whereButton(() => [mine.picture], () => ({ of: "class" })));
  } catch (error) {
    by("bars").replaceChildren();
    recognised = null;
    tell(by("verdict"), error.message);
    tell(by("among"), "");
  }
}

function complain(error, place) {
  if (error.status === 401) by("token-form").hidden = false;
  tell(place, error.message, true);
}

async function takePicture(files) {
  try {
    asked = { picture: about.frames ? await framesOf(files, about.frames)
      : await sendable(files[0]) };
  } catch (error) {
    return complain(error, by("status"));
  }
  URL.revokeObjectURL(by("query").src);
  by("query").src = URL.createObjectURL(asked.picture.shown ?? asked.picture);
  by("query").hidden = false;
  if (!names.length) invite();
  return Promise.all([search(), names.length ? recognise() : undefined, describe(asked.picture)]);
}

async function addClass(event) {
  event.preventDefault();
  const name = by("class-name").value.trim(), text = by("class-text").value.trim();
  const status = by("class-status");
  try {
    await send("/classes", text ? { name, text } : { name });
  } catch (error) {
    return complain(error, status);
  }
  tell(status, `${name} is a class now.`);
  by("class-form").reset();
  await loadClasses();
  return asked?.picture ? recognise(name) : undefined;
}

function fill(select, names) {
  const chosen = select.value;
  select.replaceChildren(make("option", { value: "", textContent: "any" }),
    ...names.map((name) => make("option", { value: name, textContent: name })));
  select.value = names.includes(chosen) ? chosen : "";
}

function fillClasses() {
  fill(by("class"), [...new Set([...names, ...mapped])].sort((a, b) => a.localeCompare(b)));
}

function invitation() {
  if (names.length) return `Give a ${noun} to see which classes it may be of.`;
  const more = [...(about.captions ? ["see what it shows"] : []),
    ...(about.asked_about.length ? ["ask about it"] : [])];
  if (!more.length) return "This space is searched only; it recognises no classes.";
  return asked?.picture ? "" : `Give a ${noun} to ${more.join(" and to ")}.`;
}

function invite() {
  by("bars").replaceChildren();
  by("verdict").classList.remove("none");
  tell(by("among"), "");
  tell(by("verdict"), invitation());
}

async function loadClasses() {
  const { classes } = await get("/classes");
  names = classes.map((one) => one.name);
  fillClasses();
  return classes;
}

function listed(words) {
  return new Intl.ListFormat("en").format(words);
}

function holdClips() {
  noun = "clip";
  document.body.classList.add("clips");
  Object.assign(by("file"), { accept: "video/*,image/*", multiple: true });
  by("choice").textContent = ", drop or paste a clip: a video, or its frames";
  by("query").alt = "Frames of your clip";
  by("draw-toggle").hidden = true;
}

async function start() {
  try {
    about = await get("/space");
    by("token-form").hidden = true;
    document.title = by("name").textContent = about.name;
    fill(by("modality"), about.modalities);
    by("text-form").hidden = !about.modalities.includes("text");
    if (about.frames) holdClips();
    setUpWords(about);
    const classes = await loadClasses();
    const unseen = classes.filter((one) => !one.seen).length;
    tell(by("about"), `${about.items.toLocaleString("en")} items of ${listed(about.modalities)}`
      + (classes.length ? `; ${classes.length} classes, ${unseen} of them without training pictures`
        : "; no classes"));
    by("add-class").hidden = classes.length === 0;
    if (!classes.length && (about.captions || about.asked_about.length)) {
      tell(by("recognised-title"), `Your ${noun}`);
    }
    invite();
  } catch (error) {
    return complain(error, by("about"));
  }
  try {
    mapped = await loadMap();
  } catch (error) {
    return complain(error, by("map-about"));
  }
  return fillClasses();
}

by("text-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = by("text").value.trim();
  if (!text) return;
  asked = { text };
  recognised = null;
  by("query").hidden = true;
  withoutPicture();
  invite();
  search();
});
by("token-form").addEventListener("submit", (event) => {
  event.preventDefault();
  useToken(by("token").value.trim());
  start();
});
for (const id of ["modality", "class", "field", "value", "k"]) {
  by(id).addEventListener("change", search);
}
by("class-form").addEventListener("submit", addClass);
setUpPictures(takePicture);
setUpSketch((drawing) => takePicture([drawing]));
setUpMap();
start();
