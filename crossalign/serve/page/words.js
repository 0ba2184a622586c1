// Words about the picture that was given: what it shows, and answers to questions about it, or about
// it and a second one. A space that was taught neither says nothing here.

import { STRANGE, by, make, percent, tell, track } from "./elements.js";
import { sendable } from "./picture.js";
import { send, sendPicture } from "./server.js";
import { PAIR, forgetMap, pairOf, whereButton } from "./where.js";

const ANSWERS = 3;
let captions = false;
let picture = null, second = null;
let turn = 0;                             // so that a late answer does not replace a newer one

export function setUpWords(about) {
  captions = about.captions;
  by("question-form").hidden = about.asked_about.length === 0;
  by("second").hidden = Boolean(about.frames) || !about.asked_about.includes(2);
}

function forget() {
  turn += 1;
  forgetMap();
  by("answers").replaceChildren();
  tell(by("question-status"), "");
}

export function withoutPicture() {
  forget();
  picture = null;
  by("said").hidden = true;
}

export async function describe(given) {
  forget();
  picture = given;
  by("said").hidden = true;
  if (!captions) return;
  try {
    const { caption, none, instead, unlike } = await sendPicture("/caption", given, {});
    if (given !== picture) return;
    const before = (unlike ? `${STRANGE}: ` : "") + (none ? "None of the classes; nearest " : "");
    const behind = instead ? ` (but recognised as ${instead})` : "";
    tell(by("said"), caption ? `${before}“${caption}”${behind}` : "No words came to mind.");
    if (caption) {
      by("said").append(" ", whereButton(() => [picture], () => ({ of: "caption" })));
    }
  } catch (error) {
    if (given !== picture) return;
    tell(by("said"), error.message, true);
  }
  by("said").hidden = false;
}

function given() {
  return second ? [picture, second] : [picture];
}

async function answered(question) {
  if (!second) return sendPicture("/ask", picture, { question, k: ANSWERS });
  return send("/ask", { question, pictures: await pairOf(given()), k: ANSWERS });
}

async function ask(event) {
  event.preventDefault();
  const question = by("question").value.trim(), status = by("question-status");
  if (!question) return;
  forget();
  if (!picture) return tell(status, "Give a picture first, then ask about it.", true);
  const mine = turn;
  tell(status, "Thinking");
  try {
    const { answers, unknown, calibrated, unlike } = await answered(question);
    if (mine !== turn) return;
    by("answers").replaceChildren(...answers.map(({ answer, accuracy }) => make("li", {},
      make("div", { className: "label" }, make("span", { textContent: answer }),
        make("span", { textContent: percent(accuracy) })), track(accuracy))));
    const notes = [
      ...(unlike ? [`${STRANGE}.`] : []),
      ...(unknown.length ? [`It was never asked with ${unknown.join(", ")}.`] : []),
      ...(calibrated ? [] : ["These shares are not calibrated; it had too few questions for that."])];
    tell(status, notes.join(" "));
    by("answers").append(make("li", {}, whereButton(given, () => ({ of: "answer", question }))));
  } catch (error) {
    if (mine === turn) tell(status, error.message, true);
  }
}

function takeSecond(blob) {
  forget();
  second = blob;
  URL.revokeObjectURL(by("second-query").src);
  if (blob) by("second-query").src = URL.createObjectURL(blob);
  by("second-query").hidden = by("second-clear").hidden = !blob;
}

by("question-form").addEventListener("submit", ask);
by("second-clear").addEventListener("click", () => takeSecond(null));
by("second-file").addEventListener("change", async (event) => {
  const [file] = event.target.files;
  event.target.value = "";
  if (!file) return;
  try {
    takeSecond(await sendable(file, PAIR));
  } catch (error) {
    tell(by("question-status"), error.message, true);
  }
});
