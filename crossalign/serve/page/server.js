// Questions to the server. Errors are Error objects whose message is the server's sentence.

let token = sessionStorage.getItem("token") || "";

export function useToken(text) {
  token = text;
  sessionStorage.setItem("token", text);
}

async function ask(path, options = {}) {
  const headers = { ...options.headers };
  if (token) headers.Authorization = `Bearer ${token}`;
  let answer;
  try {
    answer = await fetch(path, { ...options, headers, cache: "no-store" });
  } catch {
    throw new Error("The server does not answer; is it still running?");
  }
  if (answer.ok) return answer;
  const said = await answer.json().catch(() => ({}));
  const error = new Error(said.error || `The server answered ${answer.status}.`);
  error.status = answer.status;
  throw error;
}

export async function get(path) {
  return (await ask(path)).json();
}

export async function send(path, values) {
  const headers = { "Content-Type": "application/json" };
  return (await ask(path, { method: "POST", headers, body: JSON.stringify(values) })).json();
}

// A picture is its bytes; a clip has frames, see clip.js.
export async function sendPicture(path, blob, values) {
  if (blob.frames) return send(path, { ...values, frames: blob.frames });
  const given = Object.entries(values).filter(([, value]) => value !== undefined);
  const query = new URLSearchParams(given.map(([name, value]) =>
    [name, typeof value === "object" ? JSON.stringify(value) : String(value)]));
  const headers = { "Content-Type": blob.type };
  return (await ask(`${path}?${query}`, { method: "POST", headers, body: blob })).json();
}

export async function smallPicture(id) {
  const path = `/thumb/${encodeURIComponent(id)}`;
  return URL.createObjectURL(await (await ask(path)).blob());
}
