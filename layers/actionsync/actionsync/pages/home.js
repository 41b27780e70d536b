// The Home view: health, what waits and what failed, the last tickets, the chart.

import { showHealth, showNoHealth } from "./health.js";
import { $, ask, connections, entry, failure, isUrgent, label, make, moment, notesOf, reconcile, refill, regainFocus, ticketLink } from "./shared.js";
import { show as showUnfinished } from "./unfinished.js";

const TICKETS = 6;
const PARTS_OF_TRAIL = 3;

let shown = ""; // the health that is on the page, as JSON
let chosen = ""; // the connection whose health it is, where a person has chosen one of several

function toFailed() {
  $("unfinished").scrollIntoView();
  $("unfinished-title").focus({ preventScroll: true });
}

/** Read the health of the chosen connection: at first the default one, or the first where none has that name. */
async function readHealth() {
  const { document: health } = await ask("GET", chosen ? `health?connection=${chosen}` : "health");
  if (chosen || health.connection.state !== "none") return [health, chosen];
  const [first] = await connections();
  if (!first) return [health, ""];
  return [(await ask("GET", `health?connection=${first.name}`)).document, first.name];
}

async function refreshHealth() {
  const [[health, name], all] = await Promise.all([readHealth(), connections().catch(() => [])]);
  if (!all.some((each) => each.name === chosen)) chosen = "";
  const focused = document.activeElement;
  $("first-steps").hidden = health.connection.state !== "none";
  if ($("first-steps").contains(focused)) regainFocus(focused, $("view-home"));
  const now = JSON.stringify([health, all]);
  if (now !== shown) {
    showHealth(health, name, toFailed, choiceOf(all, name));
    showNotes(all);
  }
  shown = now;
}

/** Where there are several connections, whose state is shown is chosen. */
function choiceOf(all, name) {
  if (all.length < 2) return null;
  const choice = make("select", { "aria-label": "Connection shown", onchange: async () => {
    chosen = choice.value;
    await part(ABOVE[0]);
    $("health").querySelector("select")?.focus();
  } }, ...all.map((each) => new Option(each.name, each.name)));
  choice.value = name || "default";
  return choice;
}

/** What has to be done for connections: what they sign in with ends, or is missing. */
function showNotes(all) {
  const urgent = all.filter(isUrgent);
  $("connection-notes").hidden = !urgent.length;
  refill($("connection-notes"), ...urgent.map((connection) =>
    make("li", { className: "warn" }, make("a", { href: "#connections", textContent: connection.name }), `: ${notesOf(connection).join(" ")}`)));
}

/** What opened a ticket; a call's cause is its operation, which says nothing here. */
export function opener({ kind, cause }) {
  return kind === "api" ? ["Opened by a call"] : [cause, label(kind)].filter(Boolean);
}

function ticket(record) {
  return entry(["✓", "opened", "passed"], [ticketLink(record)],
    make("p", {}, ...opener(record).flatMap((text) => [make("bdi", { textContent: text }), " · "]),
      make("time", { dateTime: record.at, textContent: moment(record.at) })));
}

/** The newest tickets; a part of a long trail may have none, so that a few parts are asked for. */
async function newestTickets() {
  const query = new URLSearchParams({ action: "created", limit: String(TICKETS * 2) });
  const opened = [];
  for (let part = 0; part < PARTS_OF_TRAIL; part += 1) {
    const { document: { items, next } } = await ask("GET", `activity?${query}`);
    opened.push(...items.filter((record) => record.sys_id));
    if (!next || opened.length >= TICKETS) return { opened: opened.slice(0, TICKETS), isAll: !next };
    query.set("cursor", next);
  }
  return { opened, isAll: false };
}

async function refreshTickets() {
  const { opened, isAll } = await newestTickets();
  reconcile($("last-tickets"), opened, ({ id }) => id, ticket);
  $("no-tickets").hidden = opened.length > 0 || !isAll;
  $("last-tickets").hidden = !opened.length;
  $("last-tickets").removeAttribute("aria-busy");
}

const DECISIONS = { waiting: ["…", "waits", "skipped"], go: ["✓", "went on", "passed"], no: ["!", "was stopped", "failed"] };

function gate(item) {
  const what = [item.application, item.environment].filter(Boolean).join(", ");
  const change = item.change_url.startsWith("https://")
    ? make("a", { href: item.change_url, target: "_blank", rel: "noopener", textContent: item.change_number })
    : item.change_number || "its change is being opened";
  const time = (at) => make("time", { dateTime: at, textContent: moment(at) });
  return entry(DECISIONS[item.state], [make("bdi", { textContent: what }), ": ", change],
    make("p", { dir: "auto", textContent: item.reason }),
    item.decided_at ? make("p", {}, "Decided ", time(item.decided_at))
      : make("p", {}, "Since ", time(item.created_at), item.ends_at ? `, until ${moment(item.ends_at)} at most` : ""));
}

async function refreshGates() {
  const { document: { items } } = await ask("GET", "gates?limit=50");
  const [waiting, decided] = [true, false].map((isWaiting) => items.filter(({ state }) => (state === "waiting") === isWaiting));
  reconcile($("gates-list"), waiting, ({ id }) => id, gate);
  reconcile($("gates-decided-list"), decided, ({ id }) => id, gate);
  $("gates").hidden = !items.length;
  $("no-gates").hidden = waiting.length > 0;
  $("gates-decided").hidden = !decided.length;
}

// What is read, where a failure to read it is shown, and what is said then. What stands above the rest comes first.
const ABOVE = [
  [refreshHealth, (said) => showNoHealth(said), "Health cannot be read"],
  [showUnfinished, (said) => showInstead("unfinished", "unfinished-list", said), "Failed events cannot be read"],
  [refreshGates, (said) => showInstead("gates", "gates-list", said), "Gates cannot be read"],
];
const REST = [[refreshTickets, (said) => showInstead("last-tickets", "last-tickets", said), "The last tickets cannot be read"]];
const NOTICES = [async () => (await import("./notices.js")).showNotices(), (said) => showInstead("notices", "notices", said), "Where notices go cannot be read"];
const NOTICES_AGAIN = [async () => (await import("./notices.js")).refreshNotices()];

function showInstead(part, list, said) {
  $(part).hidden = false;
  $(list).replaceChildren($(list).matches("ol") ? make("li", {}, said) : said);
}

/** Read a part; it says by itself that it cannot be read, and is read again when asked to. */
async function part([read, show, words]) {
  try {
    await read();
  } catch (error) {
    show(failure(`${words}: ${error.message}`, () => part([read, show, words])));
  }
}

/** Read everything. The rest is seen once what stands above it has its height: nothing jumps. */
export async function open() {
  shown = "";
  const rest = Promise.all(REST.map(part));
  await Promise.all(ABOVE.map(part));
  $("home-rest").hidden = false;
  await rest;
  for (const busy of document.querySelectorAll("#view-home [aria-busy]")) busy.removeAttribute("aria-busy");
  said("");
  await part(NOTICES);
}

function said(text) {
  $("stale").textContent = text;
  $("stale").hidden = !text;
}

/** Read everything again: what has not changed stays where it is, and what fails leaves what is there. */
export async function refresh() {
  const since = new Date();
  const results = await Promise.allSettled([...ABOVE, ...REST, NOTICES_AGAIN].map(([read]) => read()));
  const failed = results.find(({ status }) => status === "rejected");
  said(failed ? `Not up to date since ${moment(since)}: ${failed.reason.message}` : "");
}
