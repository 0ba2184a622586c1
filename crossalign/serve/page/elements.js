// Elements of the page. Text of users is always set as text, never as markup.

export const by = (id) => document.getElementById(id);

export function make(tag, values = {}, ...children) {
  const element = Object.assign(document.createElement(tag), values);
  element.append(...children);
  return element;
}

export function track(share) {
  const fill = make("div", { className: "fill" });
  fill.style.width = `${100 * Math.min(1, Math.max(0, share))}%`;
  return make("div", { className: "track" }, fill);
}

export function tell(element, text, bad = false) {
  element.textContent = text;
  element.classList.toggle("bad", bad);
}

export const STRANGE = "Unlike all that the space was built from";

export const percent = (share) => `${(100 * share).toFixed(share < 0.0995 ? 1 : 0)} %`;
