// The views of the Settings page, one at a time, by the address's hash; each is loaded when first opened.

import { $ } from "./shared.js";

const VIEWS = {
  connect: () => {},
  rules: () => import("./rules.js").then(({ open }) => open()),
  webhooks: () => import("./webhooks.js").then(({ open }) => open()),
  activity: () => import("./activity.js").then(({ open }) => open()),
};

function show(event) {
  const hash = location.hash.slice(1);
  const name = hash in VIEWS ? hash : "connect";
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
  VIEWS[name]();
}

export function showViews() {
  window.addEventListener("hashchange", show);
  show();
}
