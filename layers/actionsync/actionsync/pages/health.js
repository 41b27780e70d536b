// How a user's events fare: the tiles, and a chart of two weeks.

import { $, make, moment, plural, refill } from "./shared.js";

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
const TITLES = ["Connection", "Last write", "Waiting", "Failed events"];

function tile(title, value, hint, kind = "", choice = null) {
  return make("section", { className: "card tile" },
    make("h2", { textContent: title }),
    make("p", { className: `value ${kind}` }, value),
    make("p", { className: "hint" }, hint), choice);
}

/** The tiles; `name` is the connection's where it is not the default one, `choice` chooses another. */
function tiles(health, name, showFailed, choice) {
  const { state, instance_url: url } = health.connection;
  const refusal = health.last_failure;
  // Nothing was written so far, but something was refused.
  const isRefused = state === "untried" && refusal && refusal.reason_type !== "Unreadable";
  const [word, kind, advice] = isRefused ? ["Not working yet", "bad", `The last write failed: ${refusal.reason}`] : STATES[state];
  const pause = health.pause;
  const why = pause && (WAITS[pause.reason] ?? `ServiceNow answered with ${pause.reason}`);
  const failed = health.failed_events;
  const show = make("button", { type: "button", className: "link", textContent: "Show them", onclick: showFailed });
  const hint = state === "none" ? make("a", { href: "#connections", textContent: "Connect ServiceNow" })
    : advice || [choice ? "" : name, url ? new URL(url).host : ""].filter(Boolean).join(": ");
  return [
    tile(TITLES[0], make("span", { className: `badge ${kind}`, textContent: word }), hint, "", choice),
    tile(TITLES[1], health.last_success ? moment(health.last_success) : "None",
      health.last_success ? "ServiceNow took it." : "In the last two weeks."),
    tile(TITLES[2], pause ? `Until ${new Date(pause.until).toLocaleTimeString([], { timeStyle: "short" })}` : "Nothing",
      pause ? `Events wait: ${why}.` : "Events are processed as they come.", pause ? "warn" : ""),
    tile(TITLES[3], plural(failed, "event"), failed ? show : "None in these days.", failed ? "bad" : ""),
  ];
}

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

/** Show the document of `GET /health`. */
export function showHealth(health, name, showFailed, choice) {
  refill($("health"), ...tiles(health, name, showFailed, choice));
  $("chart").replaceChildren(...chart(health.days));
  const sum = (count) => health.days.reduce((total, day) => total + day[count], 0);
  const since = health.counted_since.slice(0, 10) > health.days[0].date ? `, counted since ${moment(health.counted_since)}` : "";
  $("totals").textContent = `${plural(sum("tickets"), "ticket")}, ${plural(sum("updates"), "update")}, ${plural(sum("failures"), "failure")}${since}`;
}

/** Show that nothing is known, and why. */
export function showNoHealth(said) {
  $("chart").replaceChildren(said);
  $("health").replaceChildren(...TITLES.map((title) => tile(title, "–", "Not known")));
}
