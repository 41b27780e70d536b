// The Activity view: the audit trail, newest first.

import { $, ask, busy, entry, failure, label, make, moment, plural, ticketLink } from "./shared.js";
import { KINDS, OUTCOMES } from "./tables.js";

const MARKS = {
  done: ["✓", "done", "passed"], failed: ["!", "failed", "failed"], unknown: ["?", "may have been done", "unknown"],
  started: ["…", "has not ended", "skipped"], warned: ["!", "done, but not as it was meant", "unknown"],
};
const PAGE = 20;
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
    details(record));
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
  return query;
}

/** Read the list from its beginning, or the page after what is shown. */
async function read({ more = false } = {}) {
  const number = ++asked;
  const list = more ? $("records").firstChild : make("ol", { className: "stages" }, ...rows(6));
  const query = filters();
  if (more) query.set("cursor", cursor);
  else {
    $("records").replaceChildren(list);
    $("older").hidden = $("newer-actions").hidden = true;
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
    if (!more) newest = page.items[0]?.id ?? "";
    if (more) list.append(...page.items.map(item));
    else if (page.items.length) list.replaceChildren(...page.items.map(item));
    else $("records").replaceChildren(make("p", { className: "empty", textContent: nothing() }));
    $("older").hidden = !cursor;
    $("records-status").textContent = `${plural($("records").querySelectorAll("li").length, "record")} shown.`;
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
    $("newer").onclick = () => read();
    $("older").onclick = () => busy($("older"), "Reading …", () => read({ more: true }));
  }
  return read();
}

/** Show what has come since at the list's beginning, or say so where that would move what is being read. */
export async function refresh() {
  const number = asked;
  const list = $("records").querySelector("ol");
  try {
    const { document: { items } } = await ask("GET", `activity?${filters()}`);
    if (number !== asked || items[0]?.id === newest || !items.length) return;
    const at = items.findIndex(({ id }) => id === newest);
    const isReading = scrollY > 0 || list?.contains(document.activeElement) || list?.querySelector("details[open]");
    if (!list || at < 0) {
      if (!isReading) return await read();
    } else if (!isReading) {
      newest = items[0].id;
      list.prepend(...items.slice(0, at).map(item));
      return;
    }
    $("newer").textContent = at > 0 ? `Show ${at} newer` : "Show what is newer";
    $("newer-actions").hidden = false;
  } catch {
    // The next refresh may read it; what is shown stays.
  }
}
