// A ticket that rules would make of an event, as a preview shows it.

import { label, make } from "./shared.js";
import { LEVELS } from "./tables.js";

function inWords(name, value) {
  const level = ["urgency", "impact"].includes(name) && LEVELS.find((pair) => pair.includes(value));
  return level ? `${level[0]} – ${label(level[1])}` : value;
}

export function card(ticket, checked) {
  const named = (textContent) => make("bdi", { textContent });
  const notes = [
    ticket.wanted ? ["By the rule ", named(ticket.rule.name), `${ticket.rule.is_fallback ? ", its source's own" : ""}.`]
      : ["This event makes no ticket under these rules: ", named(ticket.rule.name), `: ${ticket.reason}.`],
    ...ticket.passed.map(({ rule, reason }) => ["Not by ", named(rule), `: ${reason}.`]),
    ...ticket.assumptions.map((text) => [`Assumed: ${text}.`]),
  ].map((said) => make("p", { className: "hint" }, ...said));
  if (!ticket.wanted) return make("div", { className: "notice" }, ...notes);
  const { short_description: title, description, correlation_id: _id, correlation_display: _by, ...columns } = ticket.columns;
  const verdict = ticket.problems.length
    ? make("ul", { className: "notice bad" }, ...ticket.problems.map(({ field: name, message }) =>
      make("li", { textContent: name && !message.includes(name) ? `${name}: ${message}` : message })))
    : ticket.unchecked.length
      ? make("p", { className: "notice warn", textContent: `ServiceNow has nothing against it, but could not be asked about: ${ticket.unchecked.join(", ")}.` })
    : checked
      ? make("p", { className: "notice good", textContent: "ServiceNow would take it as it is." })
      : make("p", { className: "notice warn", textContent: "ServiceNow could not be asked: no connection is stored, or it does not answer." });
  return make("article", { className: "ticket" },
    make("p", { className: "hint", textContent: ticket.table === "incident" ? "Incident" : "Change request" }),
    make("h3", { dir: "auto", textContent: title }),
    make("dl", {}, ...Object.entries(columns).flatMap(([name, value]) =>
      [make("dt", { textContent: name.replaceAll("_", " ") }), make("dd", { dir: "auto", textContent: inWords(name, value) })])),
    make("p", { className: "text", tabIndex: 0, role: "group", dir: "auto", "aria-label": "Description", textContent: description }), ...notes, verdict);
}
