// The Activity view: the audit trail, newest first.

import { $, ask, busy, confirmed, entry, failure, label, make, moment, plural, tell, ticketLink } from "./shared.js";
import { KINDS, OUTCOMES, READ_AT_ONCE } from "./tables.js";

const MARKS = {
  done: ["✓", "done", "passed"], failed: ["!", "failed", "failed"], unknown: ["?", "may have been done", "unknown"],
  started: ["…", "has not ended", "skipped"], warned: ["!", "done, but not as it was meant", "unknown"],
};
const PAGE = 20;
const FILTERS = ["kind", "outcome", "since", "until"];
// How long the list may become by what comes: on a page that stays open for a day it would never end.
const LONGEST = 100;
// What a row has opened, in this order; what is here without a title is shown otherwise.
const DETAILS = {
  kind: "Kind", cause: "Cause", rule: "Rule", connection: "Connection", table: "Table", fields: "Fields sent",
  before: "Before", after: "After", reason_type: "What was refused", recovered: "Found after a crash", by: "By",
  correlation_id: "Correlation ID", sys_id: "sys_id",
};
const SHOWN = new Set(["id", "at", "action", "outcome", "url", "number", "reason", "warnings", "assumptions"]);

let cursor = null;
let newest = ""; // the id of the first record of the list
let asked = 0; // numbers the reads of the list, so that a late answer of an earlier filter is dropped

/** What was done, or that it was not: "Created: failed". */
const title = ({ action, outcome }) =>
  label(action) + (outcome === "failed" && action !== "failed" ? ": failed" : outcome === "unknown" ? ": not known" : "");

function item(record) {
  const about = [label(record.kind), record.cause, record.reason_type].filter(Boolean).join(" · ");
  return entry(MARKS[record.outcome === "done" && record.warnings ? "warned" : record.outcome],
    [title(record), " ", ticketLink(record)],
    make("p", {}, make("bdi", { textContent: about }), about ? " · " : "", make("time", { dateTime: record.at, textContent: moment(record.at) })),
    record.assumptions ? make("p", { textContent: `Assumed: ${record.assumptions.join("; ")}` }) : null,
    record.warnings ? make("blockquote", { dir: "auto", textContent: record.warnings.join("\n") }) : null,
    record.reason ? make("blockquote", { dir: "auto", textContent: record.reason }) : null,
    record.action === "missing" ? missing(record) : null,
    details(record));
}

/** Most tickets of a connection could not be read: whoever knows that they are gone lets their events go on. */
function missing({ cause: connection }) {
  const outcome = make("p", { className: "notice", role: "status", hidden: true });
  const discard = (button) => busy(button, "Asking ServiceNow …", async () => {
    try {
      const { document: report } = await ask("POST", `connections/${connection}/test?missing=discard`);
      tell(outcome, report.success ? "The tickets are looked at again. What comes of it stands here within minutes."
        : `The connection does not work, so that nothing is taken for deleted: ${report.message}`, report.success ? "good" : "bad");
    } catch (error) {
      tell(outcome, error.message, "bad");
    }
  });
  return make("div", {}, outcome, make("div", { className: "actions" },
    make("button", { type: "button", textContent: "Take them for deleted", onclick: ({ target }) => confirmed("Take the missing tickets for deleted?",
      "What can still not be read at the next look is treated as deleted, and its events may open new tickets. "
      + "Where the integration account has lost a role, give it back instead.", "Take them for deleted", () => discard(target), "Keep waiting") })));
}

const isSaid = (value) => value !== null && value !== "" && value !== false && !(typeof value === "object" && !Object.keys(value).length);

function words(value) {
  if (Array.isArray(value)) return value.join(", ");
  if (typeof value === "object") return Object.entries(value).map(([name, each]) => `${name}: ${words(each ?? "")}`).join("\n");
  return value === true ? "yes" : String(value);
}

/** All that is recorded of it, made when it is opened. */
function details(record) {
  const node = make("details", { className: "more" }, make("summary", { textContent: "Details",
    "aria-label": `Details of ${label(record.action)} ${record.number ?? ""}, ${moment(record.at)}` }));
  node.ontoggle = () => {
    if (node.children.length > 1) return;
    const names = [...Object.keys(DETAILS), ...Object.keys(record).filter((name) => !(name in DETAILS) && !SHOWN.has(name))];
    node.append(make("dl", {}, ...names.filter((name) => name in record && isSaid(record[name])).flatMap((name) =>
      [make("dt", { textContent: DETAILS[name] ?? label(name) }), make("dd", { dir: "auto", textContent: words(record[name]) })])));
  };
  return node;
}

function rows(count) {
  return Array.from({ length: count }, () =>
    make("li", { className: "skipped" }, make("span", { className: "mark" }), make("div", {}, make("div", { className: "skeleton line" }))));
}

function filters() {
  const query = new URLSearchParams({ limit: String(PAGE) });
  for (const name of ["kind", "outcome"]) if ($(`filter-${name}`).value) query.set(name, $(`filter-${name}`).value);
  // Days are the reader's own.
  for (const [name, days] of [["since", 0], ["until", 1]]) {
    const [year, month, day] = $(`filter-${name}`).value.split("-").map(Number);
    if (day) query.set(name, new Date(year, month - 1, day + days).toISOString());
  }
  return query;
}

/** Save what fits the filters as a file, page after page. */
const save = () => busy($("csv"), "Reading …", async () => {
  const query = filters();
  query.delete("limit");
  query.set("format", "csv");
  const parts = [];
  tell($("csv-outcome"), "");
  try {
    for (let next = true; next;) {
      const { text, headers } = await ask("GET", `activity?${query}`);
      // Each page has the names of the columns in its first line.
      parts.push(parts.length ? text.slice(text.indexOf("\n") + 1) : text);
      next = /[?&]cursor=([^&>]+)/.exec(headers.get("link"));
      if (next) query.set("cursor", decodeURIComponent(next[1]));
    }
  } catch (error) {
    return tell($("csv-outcome"), error.message, "bad");
  }
  const href = URL.createObjectURL(new Blob(parts, { type: "text/csv" }));
  make("a", { href, download: "activity.csv" }).click();
  URL.revokeObjectURL(href);
});

/** Read the list from its beginning, or the page after what is shown. */
async function read({ more = false } = {}) {
  const number = ++asked;
  const list = more ? $("records").firstChild : make("ol", { className: "stages" }, ...rows(6));
  const shown = more ? list.children.length : 0;
  const query = filters();
  if (more) {
    query.set("cursor", cursor);
    list.nextSibling?.remove(); // that the last try has failed
  } else {
    $("records").replaceChildren(list);
    $("older").hidden = $("newer").hidden = true;
  }
  $("records").setAttribute("aria-busy", "true");
  tell($("records-progress"), "");
  try {
    let page;
    for (let parts = 1; ; parts += 1) { // a filter may find nothing in one part of a long trail, and something in the next
      ({ document: page } = await ask("GET", `activity?${query}`));
      if (number !== asked) return;
      if (page.items.length || !page.next) break;
      query.set("cursor", page.next);
      tell($("records-progress"), `Nothing fits among the ${more ? "next" : "newest"} ${(parts * READ_AT_ONCE).toLocaleString()} records. `
        + "Looking further back …");
    }
    cursor = page.next;
    if (!more) newest = page.items[0]?.id ?? "";
    if (more) list.append(...page.items.map(item));
    else if (page.items.length) list.replaceChildren(...page.items.map(item));
    else $("records").replaceChildren(make("p", { className: "empty", textContent: nothing() }));
    $("older").hidden = !cursor;
    $("records-status").textContent = `${plural($("records").querySelectorAll("li").length, "record")} shown.`;
    // Who reads to the end loses the button that was pressed: on goes it with what it has brought.
    if (more && !cursor) list.children[shown]?.querySelector("summary").focus({ preventScroll: true });
  } catch (error) {
    if (number !== asked) return;
    const said = `The list cannot be read: ${error.message}`;
    if (more) $("records").append(make("p", { className: "notice bad", role: "alert", textContent: said }));
    else $("records").replaceChildren(failure(said, () => read()));
  }
  tell($("records-progress"), "");
  $("records").removeAttribute("aria-busy");
}

const nothing = () => FILTERS.some((name) => $(`filter-${name}`).value)
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
    for (const name of FILTERS) $(`filter-${name}`).onchange = () => read();
    $("csv").onclick = save;
    $("newer").onclick = async () => {
      $("list-title").focus();
      await read();
    };
    $("older").onclick = () => busy($("older"), "Reading …", () => read({ more: true }));
  }
  return read();
}

/** Show what has come since at the list's beginning, or say so where that would move what is being read. */
export async function refresh() {
  const number = asked;
  const list = $("records").querySelector("ol");
  try {
    const { document: { items, next } } = await ask("GET", `activity?${filters()}`);
    if (number !== asked || items[0]?.id === newest || !items.length) return;
    const at = items.findIndex(({ id }) => id === newest);
    const isReading = scrollY > 0 || list?.contains(document.activeElement) || list?.querySelector("details[open]");
    if (!list || at < 0) {
      if (!isReading) return await read();
    } else if (!isReading) {
      newest = items[0].id;
      if (list.children.length + at <= LONGEST) return list.prepend(...items.slice(0, at).map(item));
      list.replaceChildren(...items.map(item));
      cursor = next;
      $("older").hidden = !cursor;
      return;
    }
    $("newer").textContent = at > 0 ? `Show ${at} newer` : "Show newer";
    $("newer").hidden = false;
  } catch {
    // The next refresh may read it; what is shown stays.
  }
}
