// The Activity view: health, a chart of two weeks, and the audit trail.

import { $, ask, busy, entry, failure, label, make, moment } from "./shared.js";
import { KINDS, OUTCOMES } from "./tables.js";
import { show as showUnfinished } from "./unfinished.js";

const MARKS = {
  done: ["✓", "done", "passed"], failed: ["!", "failed", "failed"], unknown: ["?", "may have been done", "unknown"],
  started: ["…", "has not ended", "skipped"], warned: ["!", "done, but not as it was meant", "unknown"],
};
const STATES = {
  none: ["Not connected", "", "Store a connection first."],
  untried: ["Not used yet", "", "Nothing was written with it so far."],
  working: ["Working", "good", ""],
  paused: ["Paused", "warn", ""],
  refused: ["Refused", "bad", "ServiceNow refuses the stored credentials. Test the connection."],
};
const WAITS = {
  RateLimited: "the instance's rate limit is reached", Hibernating: "the instance hibernates",
  Authentication: "the credentials were refused",
};

let cursor = null;
let asked = 0; // numbers the reads of the list, so that a late answer of an earlier filter is dropped

const plural = (count, one, many = `${one}s`) => `${count} ${count === 1 ? one : many}`;

// ---- health

function tile(title, value, hint, kind = "") {
  return make("section", { className: "card tile" },
    make("h2", { textContent: title }),
    make("p", { className: `value ${kind}` }, value),
    make("p", { className: "hint" }, hint));
}

function tiles(health) {
  const { state, instance_url: url } = health.connection;
  const [word, kind, advice] = STATES[state];
  const pause = health.pause;
  const why = pause && (WAITS[pause.reason] ?? `ServiceNow answered with ${pause.reason}`);
  const failed = health.failed_events;
  const show = make("button", { type: "button", className: "link", textContent: "Show them", onclick: showFailed });
  return [
    tile("Connection", make("span", { className: `badge ${kind}`, textContent: word }),
      advice || (url ? new URL(url).host : "")),
    tile("Last write", health.last_success ? moment(health.last_success) : "None",
      health.last_success ? "ServiceNow took it." : "In the last two weeks."),
    tile("Waiting", pause ? `Until ${new Date(pause.until).toLocaleTimeString([], { timeStyle: "short" })}` : "Nothing",
      pause ? `Events wait: ${why}.` : "Events are processed as they come.", pause ? "warn" : ""),
    tile("Failed events", plural(failed, "event"),
      failed ? show : "None in these days.", failed ? "bad" : ""),
  ];
}

function showFailed() {
  $("filter-kind").value = "";
  $("filter-outcome").value = "failed";
  read();
  $("list-title").scrollIntoView();
}

// ---- chart

/** A column for each day; the same as a table for those who do not see it. */
function chart(days) {
  const most = Math.max(1, ...days.map((day) => Math.max(day.tickets + day.updates, day.failures)));
  const bar = (name, count, from = 0) => {
    const part = make("span", { className: name });
    part.style.height = `${(100 * count) / most}%`;
    part.style.bottom = `${(100 * from) / most}%`;
    return part;
  };
  const columns = days.map((day) => {
    const date = new Date(`${day.date}T12:00:00Z`);
    const words = [plural(day.tickets, "ticket"), plural(day.updates, "update"), plural(day.failures, "failure")].join(", ");
    return make("li", { title: `${date.toLocaleDateString([], { dateStyle: "medium" })}: ${words}` },
      make("span", { className: "bars" },
        make("span", { className: "stack" }, bar("tickets", day.tickets), bar("updates", day.updates, day.tickets)),
        make("span", { className: "stack" }, bar("failures", day.failures))),
      make("span", { className: "day", textContent: date.getUTCDate() }));
  });
  const row = (cell, values) => make("tr", {}, ...values.map((value) => make(cell, { textContent: value })));
  return [
    make("span", { className: "most", textContent: most, "aria-hidden": "true" }),
    make("ol", { "aria-hidden": "true" }, ...columns),
    make("div", { className: "visually-hidden" }, make("table", {},
      make("caption", { textContent: "Tickets, updates and failures by day" }),
      make("thead", {}, row("th", ["Day", "Tickets", "Updates", "Failures"])),
      make("tbody", {}, ...days.map((day) => row("td", [day.date, day.tickets, day.updates, day.failures]))))),
  ];
}

async function readHealth() {
  const card = $("chart").closest("figure");
  try {
    const { document: health } = await ask("GET", "health");
    $("health").replaceChildren(...tiles(health));
    $("chart").replaceChildren(...chart(health.days));
    const sum = (name) => health.days.reduce((total, day) => total + day[name], 0);
    const since = health.counted_since.slice(0, 10) > health.days[0].date ? `, counted since ${moment(health.counted_since)}` : "";
    $("totals").textContent = `${plural(sum("tickets"), "ticket")}, ${plural(sum("updates"), "update")}, ${plural(sum("failures"), "failure")}${since}`;
  } catch (error) {
    $("chart").replaceChildren(failure(`Health cannot be read: ${error.message}`, readHealth));
    $("health").replaceChildren(...["Connection", "Last write", "Waiting", "Failed events"].map((title) => tile(title, "–", "Not known")));
  }
  $("health").removeAttribute("aria-busy");
  card.removeAttribute("aria-busy");
}

// ---- list

function item(record) {
  const isLink = record.url?.startsWith("https://");
  const ticket = isLink
    ? make("a", { href: record.url, target: "_blank", rel: "noopener", textContent: record.number || "the ticket" })
    : record.number ?? "";
  const about = [label(record.kind), record.cause, record.reason_type].filter(Boolean).join(" · ");
  return entry(MARKS[record.outcome === "done" && record.warnings ? "warned" : record.outcome],
    [label(record.action), " ", ticket],
    make("p", {}, about, about ? " · " : "", make("time", { dateTime: record.at, textContent: moment(record.at) })),
    record.assumptions ? make("p", { textContent: `Assumed: ${record.assumptions.join("; ")}` }) : null,
    record.warnings ? make("blockquote", { textContent: record.warnings.join("\n") }) : null,
    record.reason ? make("blockquote", { textContent: record.reason }) : null);
}

function rows(count) {
  return Array.from({ length: count }, () =>
    make("li", { className: "skipped" }, make("span", { className: "mark" }), make("div", {}, make("div", { className: "skeleton line" }))));
}

/** Read the list from its beginning, or the page after what is shown. */
async function read({ more = false } = {}) {
  const number = ++asked;
  const list = more ? $("records").firstChild : make("ol", { className: "stages" }, ...rows(6));
  const query = new URLSearchParams({ limit: "20" });
  for (const name of ["kind", "outcome"]) if ($(`filter-${name}`).value) query.set(name, $(`filter-${name}`).value);
  if (more) query.set("cursor", cursor);
  else {
    $("records").replaceChildren(list);
    $("older").hidden = true;
  }
  $("records").setAttribute("aria-busy", "true");
  try {
    let page;
    do { // a filter may find nothing in one part of a long trail, and something in the next
      ({ document: page } = await ask("GET", `activity?${query}`));
      if (number !== asked) return;
      query.set("cursor", page.next);
    } while (!page.items.length && page.next);
    cursor = page.next;
    if (more) list.append(...page.items.map(item));
    else if (page.items.length) list.replaceChildren(...page.items.map(item));
    else $("records").replaceChildren(make("p", { className: "empty", textContent: nothing() }));
    $("older").hidden = !cursor;
  } catch (error) {
    if (number !== asked) return;
    $("records").replaceChildren(failure(`The list cannot be read: ${error.message}`, () => read()));
    $("older").hidden = true;
  }
  $("records").removeAttribute("aria-busy");
}

const nothing = () => $("filter-kind").value || $("filter-outcome").value
  ? "Nothing fits this filter."
  : "Nothing has happened yet. Once an event arrives, or a call is made, it stands here with its ticket.";

/** Offer the values of a filter below "All". */
function fill(id, values, name) {
  $(id).append(...values.map((value) => make("option", { value, textContent: name(value) })));
}

let isListening = false;

export function open() {
  if (!isListening) {
    isListening = true;
    fill("filter-kind", KINDS, label);
    fill("filter-outcome", OUTCOMES, (outcome) => label(MARKS[outcome][1]));
    $("filter-kind").onchange = $("filter-outcome").onchange = () => read();
    $("older").onclick = () => busy($("older"), "Reading …", () => read({ more: true }));
  }
  if (!$("health").hasAttribute("aria-busy")) $("health").setAttribute("aria-busy", "true");
  return Promise.all([readHealth(), showUnfinished(), read()]);
}
