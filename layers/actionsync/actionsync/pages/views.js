// The views of the Settings page, one at a time, by the address's hash; each is loaded when first opened.

import { $, failure, make } from "./shared.js";
import { session } from "./session.js";

const VIEWS = {
  home: () => import("./home.js"),
  connections: () => import("./connections.js"),
  rules: () => import("./rules.js"),
  recipes: () => import("./recipes.js"),
  webhooks: () => import("./webhooks.js"),
  activity: () => import("./activity.js"),
};
const REFRESH_MS = 30_000;

let view = null; // the module of the view that is shown
let refreshedAt = 0;

async function show(event) {
  const hash = location.hash.slice(1);
  const name = hash in VIEWS ? hash : "home";
  for (const id of Object.keys(VIEWS)) {
    $(`view-${id}`).hidden = id !== name;
    const link = document.querySelector(`.views a[href="#${id}"]`);
    if (id === name) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
  const title = $(`view-${name}`).querySelector("h1");
  document.title = `${title.textContent} · ActionSync for ServiceNow`;
  if (event) {
    title.focus({ preventScroll: true });
    scrollTo(0, 0);
  }
  refreshedAt = Date.now();
  view = null;
  $("not-loaded").replaceChildren();
  let opened;
  try {
    opened = await VIEWS[name]();
  } catch {
    if (location.hash.slice(1) === hash) showThatItIsNotLoaded(name);
    return;
  }
  if ($(`view-${name}`).hidden) return;
  view = opened;
  await view.open();
}

/** A view whose module does not come does nothing, so that it is not shown; a browser may ask for it once only. */
function showThatItIsNotLoaded(name) {
  $(`view-${name}`).hidden = true;
  const title = $(`view-${name}`).querySelector("h1").textContent;
  $("not-loaded").replaceChildren(make("h1", { textContent: title }),
    failure("This view cannot be loaded. Check your network and try again.", () => location.reload()));
  $("not-loaded").querySelector("button").focus();
}

/** Bring what is shown up to date, while somebody may look at it and is signed in. */
function refresh() {
  if (document.hidden || !view?.refresh || !session() || Date.now() - refreshedAt < REFRESH_MS) return;
  refreshedAt = Date.now();
  view.refresh();
}

export function showViews() {
  window.addEventListener("hashchange", show);
  document.addEventListener("visibilitychange", refresh);
  setInterval(refresh, 1000);
  show();
}
