// What the views of the Settings page share: finding and making elements, asking the API.

import { call, SessionEnded, signInAgain } from "./session.js";

export const $ = (id) => document.getElementById(id);

/** The team whose things are shown, as `team/<name>`; empty for the user's own. */
export const owner = new URLSearchParams(location.search).get("owner") ?? "";

/** Make an element with properties and children. Styles are classes: the page's policy takes no others. */
export function make(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name in node) node[name] = value;
    else node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child !== null));
  return node;
}

/** An entry of a list: a mark with its words and class, a heading, and what there is to say. */
export function entry([sign, words, kind], heading, ...texts) {
  return make("li", { className: kind },
    make("span", { className: "mark", "aria-hidden": "true", textContent: sign }),
    make("div", {},
      make("h3", {}, ...heading, make("span", { className: "visually-hidden", textContent: `: ${words}` })),
      ...texts));
}

/** A ticket's number, as a link where it has an address. */
export const ticketLink = ({ url, number }) => url?.startsWith("https://")
  ? make("a", { href: url, target: "_blank", rel: "noopener", textContent: number || "the ticket" })
  : number ?? "";

export const plural = (count, one, many = `${one}s`) => `${count} ${count === 1 ? one : many}`;

const FOCUSABLE = "a, button, summary, input, select, textarea";
const states = new WeakMap(); // of a node in a list, the item that it shows, as JSON

/** Show items in a list. What has not changed is not touched; what has stays open, and keeps its focus. */
export function reconcile(list, items, keyOf, show) {
  const known = new Map([...list.children].map((node) => [node.dataset.key, node]));
  const nodes = items.map((item) => {
    const key = String(keyOf(item));
    const state = JSON.stringify(item);
    const old = known.get(key);
    if (old && states.get(old) === state) return old;
    const node = show(item);
    node.dataset.key = key;
    states.set(node, state);
    if (old) replace(old, node);
    return node;
  });
  for (const node of [...list.children]) if (!nodes.includes(node)) node.remove();
  nodes.forEach((node, at) => { if (list.children[at] !== node) list.insertBefore(node, list.children[at] ?? null); });
}

function replace(old, node) {
  const place = [...old.querySelectorAll(FOCUSABLE)].indexOf(document.activeElement);
  const folds = [...old.querySelectorAll("details")].map(({ open }) => open);
  old.replaceWith(node);
  node.querySelectorAll("details").forEach((fold, at) => { fold.open = Boolean(folds[at]); });
  if (place >= 0) node.querySelectorAll(FOCUSABLE)[place]?.focus({ preventScroll: true });
}

/** Put nodes into a place instead of what is there; the focus stays at its stop, or goes to the view's heading. */
export function refill(place, ...nodes) {
  const at = [...place.querySelectorAll(FOCUSABLE)].indexOf(document.activeElement);
  place.replaceChildren(...nodes);
  const stop = place.querySelectorAll(FOCUSABLE)[at] ?? place.closest("[id^=view-]").querySelector("h1");
  if (at >= 0) stop.focus({ preventScroll: true });
}

/** A code as people read it: `action_item` is "Action item". */
export function label(code) {
  if (code === "api") return "API";
  const text = code.replaceAll("_", " ");
  return text.charAt(0).toUpperCase() + text.slice(1);
}

let signingIn = null;

/** Wait until the user has signed in again; nothing on the page is lost. */
export function again() {
  signingIn ??= new Promise((resolve) => {
    $("expired-error").hidden = true;
    $("expired").showModal();
    $("sign-in-again").onclick = async () => {
      try {
        await signInAgain();
        $("expired").close();
        signingIn = null;
        resolve();
      } catch (error) {
        $("expired-error").textContent = error.message;
        $("expired-error").hidden = false;
      }
    };
  });
  return signingIn;
}

/** Call the API for the chosen owner, again after the user has signed in again where the session has ended. */
export async function ask(method, path, body, headers) {
  const place = owner ? `${path}${path.includes("?") ? "&" : "?"}${new URLSearchParams({ owner })}` : path;
  for (;;) {
    try {
      return await call(method, place, body, headers);
    } catch (error) {
      if (!(error instanceof SessionEnded)) throw error;
      await again();
    }
  }
}

const isFocusLost = () => document.activeElement === document.body || !document.activeElement.checkVisibility();

/** Give the focus back to what has lost it, or to its part's heading where that is gone: a keyboard goes on from there. */
export function regainFocus(focused, part) {
  if (isFocusLost()) focused.focus({ preventScroll: true });
  if (!isFocusLost()) return;
  const heading = part.querySelector("h1, h2");
  heading.tabIndex = -1;
  heading.focus();
}

/** Do something while a button says so and cannot be pressed; it keeps the focus, which that takes from it. */
export async function busy(button, label, doing) {
  const part = button.closest("section");
  const isFocused = document.activeElement === button;
  const before = button.textContent;
  button.disabled = true;
  button.textContent = label;
  try {
    return await doing();
  } finally {
    button.disabled = false;
    button.textContent = before;
    if (isFocused) regainFocus(button, part);
  }
}

/** Ask before something ends for good: `yes` is the button that does it, and the other one has the focus. */
export function confirmed(title, text, yes, doing, no = "Keep it") {
  $("confirm-title").textContent = title;
  $("confirm-text").textContent = text;
  $("confirm-yes").textContent = yes;
  $("confirm-no").textContent = no;
  $("confirm-no").onclick = () => $("confirm").close();
  $("confirm-yes").onclick = () => { $("confirm").close(); doing(); };
  $("confirm").showModal();
}

/** Say in a notice how something went. */
export function tell(notice, text, kind = "") {
  notice.hidden = !text;
  notice.className = `notice ${kind}`;
  notice.textContent = text;
}

/** What is said where somebody else was faster: a write that names an older version is refused with 412. */
export const CHANGED = "The connection was changed elsewhere meanwhile. Reload to see it.";

/** What to say of a problem: the `rest` that no field shows, `marked` where the fields show all, else its own words. */
export const wordsOf = (error, rest, marked) => rest || (Object.keys(error.fields ?? {}).length ? marked : error.message);

/** A notice with a button that tries again. */
export function failure(message, retry) {
  return make("div", { className: "failure" },
    make("p", { className: "notice bad", role: "alert", textContent: message }),
    make("button", { type: "button", textContent: "Try again", onclick: async ({ target }) => {
      const part = target.closest("section, figure");
      await retry();
      regainFocus(target, part);
    } }));
}

let places = null;

/** The owner's connections and the user's teams, asked for once; `again` asks again. */
export function owned({ again: isAgain = false } = {}) {
  if (isAgain) places = null;
  places ??= ask("GET", "connections").then(({ document }) => document, (error) => {
    places = null;
    throw error;
  });
  return places;
}

export const connections = async () => (await owned()).connections;

/** Whether a connection's notes say what has to be done; a password's is advice. */
export const isUrgent = ({ auth_method: method, notes = [] }) => method !== "basic" && notes.length > 0;

/** What a connection's owner should know, in the page's words. */
export const notesOf = ({ notes = [] }) => notes.map((note) => note.startsWith("Sign in first")
  ? "Nobody has signed in to ServiceNow for it yet."
  : note.replace(/\d{4}-\d\d-\d\dT[\d:]+Z/g, (at) => moment(at)));

const choicesOf = new Map();

/** The instance's own choices of a column, asked for once; null where they cannot be had. */
export function choices(table, column) {
  const key = `${table}/${column}`;
  if (!choicesOf.has(key)) {
    choicesOf.set(key, ask("GET", `choices/${key}`).then(({ document }) => document.choices, () => {
      choicesOf.delete(key);
      return null;
    }));
  }
  return choicesOf.get(key);
}

/** A moment as people write it: the year only where it is another one. */
export function moment(iso) {
  const at = new Date(iso);
  const year = at.getFullYear() === new Date().getFullYear() ? undefined : "numeric";
  return at.toLocaleString([], { day: "numeric", month: "short", year, hour: "numeric", minute: "2-digit" });
}
