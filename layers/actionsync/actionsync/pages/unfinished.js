// Events that wait or have failed, which their owner lets go on or discards.

import { $, ask, busy, entry, make, moment, reconcile, refill, tell } from "./shared.js";

const MARKS = { waiting: ["…", "waits", "skipped"], failed: ["!", "failed", "failed"] };

const STATES = ["failed", "waiting"];

let items = [];
let next = {}; // the cursor of each state's next page

/** Do something to each of some events, one after the other, and say what could not be done. */
async function each(chosen, verb, button, label) {
  const rows = $("unfinished-list").children;
  const at = [...rows].findIndex((row) => row.contains(button));
  const refused = [];
  await busy(button, label, async () => {
    for (const { id } of chosen) {
      try {
        await ask("POST", `unfinished-events/${id}/${verb}`);
      } catch (error) {
        if (error.status !== 404) refused.push(error.message); // it is done already
      }
    }
  });
  const done = chosen.length - refused.length;
  const what = verb === "retry" ? "will be tried again within a minute" : "discarded";
  tell($("unfinished-outcome"), [done ? `${done} ${what}.` : "", ...new Set(refused)].filter(Boolean).join(" "),
    refused.length ? "bad" : "good");
  await show().catch(() => {}); // what is shown stays until the next refresh
  // One after the other: the focus goes on to the next of the list.
  const following = refused.length || at < 0 ? null : rows[Math.min(at, rows.length - 1)];
  (following?.querySelector(`[data-verb=${verb}]`) ?? $("unfinished-outcome")).focus();
}

function button(text, verb, label, chosen, properties = {}) {
  return make("button", {
    type: "button", textContent: text, "data-verb": verb, onclick: ({ target }) => each(chosen(), verb, target, label), ...properties,
  });
}

function row(item) {
  const about = [item.source, item.reason_type, item.next_at ? `tried again ${moment(item.next_at)}` : ""];
  const named = item.name || item.source || "An event";
  return entry(MARKS[item.state], [make("bdi", { textContent: named })],
    make("p", {}, about.filter(Boolean).join(" · "), " · received ",
      make("time", { dateTime: item.received_at, textContent: moment(item.received_at) })),
    item.reason ? make("blockquote", { dir: "auto", textContent: item.reason }) : null,
    item.is_cut ? make("p", { textContent: "It was too large to be stored whole." }) : null,
    make("div", { className: "actions" },
      button("Retry", "retry", "Sending …", () => [item], { "aria-label": `Retry ${named}` }),
      button("Discard", "discard", "Discarding …", () => [item], { className: "quiet danger", "aria-label": `Discard ${named}` })));
}

function render() {
  const failed = () => items.filter((item) => item.state === "failed");
  $("unfinished").hidden = !items.length && $("unfinished-outcome").hidden;
  reconcile($("unfinished-list"), items, ({ id }) => id, row);
  refill($("unfinished-all"), ...(failed().length > 1 ? [
    button(`Retry all ${failed().length} that failed`, "retry", "Sending …", failed),
    button(`Discard all ${failed().length}`, "discard", "Discarding …", failed, { className: "quiet danger" }),
  ] : []));
  $("unfinished-older").hidden = !Object.values(next).some(Boolean);
}

/** Read a page of each state, or the next one of those that have more. */
async function read({ more = false } = {}) {
  const states = more ? STATES.filter((state) => next[state]) : STATES;
  const pages = await Promise.all(states.map((state) => {
    const query = new URLSearchParams({ state, limit: "50", ...(more ? { cursor: next[state] } : {}) });
    return ask("GET", `unfinished-events?${query}`);
  }));
  next = Object.fromEntries(states.map((state, at) => [state, pages[at].document.next]));
  items = [...(more ? items : []), ...pages.flatMap(({ document }) => document.items)];
  render();
}

/** Read what is unfinished, and show it if there is something. */
export function show() {
  $("unfinished-older").onclick = () => busy($("unfinished-older"), "Reading …",
    () => read({ more: true }).catch((error) => tell($("unfinished-outcome"), error.message, "bad")));
  return read();
}
