// What the views of the Settings page share: finding and making elements, asking the API.

import { call, SessionEnded, signInAgain } from "./session.js";

export const $ = (id) => document.getElementById(id);

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

/** A code as people read it: `action_item` is "Action item". */
export function label(code) {
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

/** Call the API, again after the user has signed in again where the session has ended. */
export async function ask(method, path, body, headers) {
  for (;;) {
    try {
      return await call(method, path, body, headers);
    } catch (error) {
      if (!(error instanceof SessionEnded)) throw error;
      await again();
    }
  }
}

/** Do something while a button says so and cannot be pressed. */
export async function busy(button, label, doing) {
  const before = button.textContent;
  button.disabled = true;
  button.textContent = label;
  try {
    return await doing();
  } finally {
    button.disabled = false;
    button.textContent = before;
  }
}

/** Say in a notice how something went. */
export function tell(notice, text, kind = "") {
  notice.hidden = !text;
  notice.className = `notice ${kind}`;
  notice.textContent = text;
}

/** A notice with a button that tries again. */
export function failure(message, retry) {
  return make("div", { className: "failure" },
    make("p", { className: "notice bad", role: "alert", textContent: message }),
    make("button", { type: "button", textContent: "Try again", onclick: retry }));
}

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
