// The Rules view: what becomes of each kind of event, tried on an example before it is saved.

import { $, ask, busy, choices, failure, label, make, tell, wordsOf } from "./shared.js";
import { isHere } from "./session.js";
import { showList } from "./ordered.js";
import { picker } from "./picker.js";
import { forget, offerReplay } from "./replay.js";
import { card } from "./ticket.js";
import { EXAMPLES } from "./examples.js";
import { CHANGE_TYPES, EVENT_TEXTS, GITHUB_EVENTS, LEVELS, RISKS, SEVERITIES } from "./tables.js";

const named = (codes) => codes.map((code) => [code, label(code)]);
const titled = (pairs) => pairs.map(([code, word]) => [code, label(word)]);
const codesOf = (pairs) => Object.fromEntries(pairs.map(([code, word]) => [word, code]));
const NAMES = EVENT_TEXTS.map((name) => `{{${name}}}`).join(", ");

const text = (name, label, more = {}) => ({ type: "text", name, label, ...more });
const long = (name, label, more = {}) => ({ type: "long", name, label, ...more });
const which = (what) => [
  { type: "lines", name: "include", label: `Include ${what}`, hint: "One name a line; * stands for anything." },
  { type: "lines", name: "exclude", label: `Exclude ${what}`, hint: "One name a line; it wins over the list above." },
];
const TICKET = [
  text("assignment_group", "Assignment group", { search: ["incident", "assignment_group"], hint: "A group's name, or leave it to ServiceNow's own rules.", empty: null }),
  text("category", "Category", { search: ["incident", "category"], empty: null }),
  { type: "pairs", name: "fields", label: "Further columns", hint: "One a line: u_team = payments" },
];
const TEXTS = [
  text("short_description", "Title"),
  long("description", "Description", { hint: `The event's own words: ${NAMES}.` }),
];
const AGAIN = [
  { type: "number", name: "recurrence.note_every_minutes", label: "Minutes between two notes", min: 1, max: 1440 },
  { type: "number", name: "recurrence.reopen_within_hours", label: "Hours in which a resolved ticket is reopened", min: 0, max: 2160 },
  long("recurrence_note", "Note when it happens again"),
];
const OVER = [
  { type: "select", name: "end.do", label: "When it is over", options: [
    ["untouched", "Resolve the ticket, unless a person has taken it over"], ["resolve", "Resolve the ticket always"],
    ["note", "Leave a note"], ["nothing", "Do nothing"]] },
  text("close_code", "Resolution code", { search: ["incident", "close_code"], empty: null, hint: "Empty takes the instance's own code for a solution." }),
  long("recovery_note", "Resolution note"),
];
const enabled = (label) => ({ type: "check", name: "enabled", label });
const severities = { type: "set", name: "severities", label: "Severities that become tickets", options: SEVERITIES };
const levels = { type: "levels", name: "levels", label: "Severity mapping" };

// The groups of fields of each kind; a group with a title is folded away.
const KINDS = {
  errors: { kind: "error", groups: [
    ["", [enabled("Errors become incidents"), severities, ...which("services")]],
    ["The ticket", [levels, ...TICKET]], ["Texts", TEXTS], ["When it happens again", AGAIN], ["When it is over", OVER]] },
  alarms: { kind: "alarm", groups: [
    ["", [enabled("CloudWatch alarms become incidents"),
      { type: "select", name: "severity", label: "Severity of an alarm", options: SEVERITIES.map((name) => [name, name]) },
      { type: "pairs", name: "severity_by_name", label: "Severity by name", hint: "One a line: *critical* = critical. The first that fits decides." },
      ...which("alarms")]],
    ["The ticket", [severities, levels, ...TICKET]], ["Texts", TEXTS], ["When it happens again", AGAIN], ["When it is over", OVER]] },
  deployments: { kind: "deployment", groups: [
    ["", [enabled("Deployments become change requests"),
      { type: "select", name: "change_type", label: "Type of change", live: ["change_request", "type"],
        options: named(CHANGE_TYPES) },
      text("template", "Template of the standard change", { empty: null, hint: "Its name in the catalogue; for standard changes only." }),
      ...which("applications")]],
    ["The change request", [
      { type: "select", name: "risk", label: "Risk", live: ["change_request", "risk"], options: titled(RISKS), words: codesOf(RISKS) },
      { type: "select", name: "impact", label: "Impact", live: ["change_request", "impact"], options: titled(LEVELS), words: codesOf(LEVELS) },
      ...TICKET.filter(({ name }) => name !== "category"),
      text("category", "Category", { search: ["change_request", "category"], empty: null })]],
    ["Texts", [...TEXTS, long("outcome_note", "Note of the outcome")]],
    ["When it fails", [{ type: "check", name: "incident_on_failure", label: "A failed deployment opens an incident" },
      { type: "select", name: "incident_levels.urgency", label: "Its urgency", live: ["incident", "urgency"], options: titled(LEVELS), words: codesOf(LEVELS) },
      { type: "select", name: "incident_levels.impact", label: "Its impact", live: ["incident", "impact"], options: titled(LEVELS), words: codesOf(LEVELS) }]]] },
  meetings: { kind: "meeting", groups: [
    ["", [enabled("Action items become incidents"), { type: "check", name: "only_required", label: "Only items that require an incident" }]],
    ["The ticket", [levels, ...TICKET]], ["Texts", TEXTS]] },
  github: { groups: [
    ["", [{ type: "set", name: "events", label: "Events that count", options: GITHUB_EVENTS },
    { type: "lines", name: "branches", label: "Branches", hint: "One name a line; * stands for anything." },
    { type: "lines", name: "issue_labels", label: "Labels that make an issue an error", hint: "One a line." },
    { type: "select", name: "workflow_severity", label: "Severity of a failed workflow", options: SEVERITIES.map((name) => [name, name]) }]]] },
};

let stored = null; // the rules as they are stored
let draft = null; // the rules as they are typed
let etag = null;
let kind = "errors";

const isDirty = () => JSON.stringify(stored) !== JSON.stringify(draft);
const read = (path) => path.split(".").reduce((at, part) => at?.[part], draft);

function write(path, value) {
  const parts = path.split(".");
  const last = parts.pop();
  parts.reduce((at, part) => at[part], draft)[last] = value;
  render();
}

// ---- fields

function select(id, path, { options, words = {}, live }) {
  const value = String(read(path));
  const fill = (list) => node.replaceChildren(...list.map(([key, label]) => make("option", { value: key, textContent: label })));
  const node = make("select", { id, onchange: () => write(path, node.value) });
  fill(options);
  node.value = words[value] ?? value;
  if (live) {
    choices(...live).then((found) => {
      const known = found?.filter((choice) => options.some(([key]) => key === choice.value));
      if (!known?.length) return;
      const chosen = node.value;
      fill(options.map(([key, label]) => [key, known.find((choice) => choice.value === key)?.label ?? label]));
      node.value = chosen;
    });
  }
  return node;
}

function textField(id, path, { search, empty }) {
  const node = make("input", { id, value: read(path) ?? "", autocomplete: "off", spellcheck: false, dir: "auto",
    oninput: () => write(path, node.value || (empty === null ? null : "")) });
  return search ? [picker(node, search)] : [node];
}

function area(id, path, rows, show, parse) {
  const node = make("textarea", { id, rows, value: show(read(path)), spellcheck: false, oninput: () => write(path, parse(node.value)) });
  return node;
}

const lines = (value) => value.split("\n").map((line) => line.trim()).filter(Boolean);
const pairs = (value) => Object.fromEntries(lines(value).map((line) => {
  const at = line.lastIndexOf("=");
  return at < 0 ? [line, ""] : [line.slice(0, at).trim(), line.slice(at + 1).trim()];
}));

function checks(path, options) {
  return options.map((name) => make("label", { className: "check" },
    make("input", { type: "checkbox", checked: read(path).includes(name), onchange: (event) => {
      const set = new Set(read(path));
      event.target.checked ? set.add(name) : set.delete(name);
      write(path, options.filter((option) => set.has(option)));
    } }), name.replaceAll("_", " ")));
}

function levelTable(path) {
  const head = make("tr", {}, ...["Severity", "Urgency", "Impact"].map((title) => make("th", { scope: "col", textContent: title })));
  return make("table", { className: "levels" }, make("thead", {}, head), make("tbody", {}, ...SEVERITIES
    .filter((severity) => read(`${path}.${severity}`)).map((severity) => make("tr", {},
      make("th", { scope: "row", textContent: severity }),
      ...["urgency", "impact"].map((column) => {
        const node = select(`${path}.${severity}.${column}`, `${path}.${severity}.${column}`, { options: titled(LEVELS), words: codesOf(LEVELS), live: ["incident", column] });
        node.setAttribute("aria-label", `${column} of ${severity}`);
        return make("td", {}, node);
      })))));
}

function field(spec) {
  const path = `${kind}.${spec.name}`;
  const error = make("p", { className: "error", id: `${path}-error` });
  const hint = make("p", { className: "hint", id: `${path}-hint`, textContent: spec.hint ?? "" });
  if (spec.type === "check") {
    const box = make("input", { type: "checkbox", id: path, checked: read(path), onchange: () => write(path, box.checked) });
    return make("div", { className: "field" }, make("label", { className: "check strong" }, box, spec.label), error);
  }
  if (spec.type === "set" || spec.type === "levels") {
    const inside = spec.type === "set" ? make("div", { className: "checks" }, ...checks(path, spec.options)) : levelTable(path);
    return make("fieldset", { className: "field", id: path }, make("legend", { textContent: spec.label }), inside, hint, error);
  }
  const controls = {
    text: () => textField(path, path, spec),
    long: () => [area(path, path, 4, (value) => value, (value) => value)],
    lines: () => [area(path, path, 2, (value) => value.join("\n"), lines)],
    pairs: () => [area(path, path, 2, (value) => Object.entries(value).map((pair) => pair.join(" = ")).join("\n"), pairs)],
    select: () => [select(path, path, spec)],
    number: () => [make("input", { type: "number", id: path, value: read(path), min: spec.min, max: spec.max,
      oninput: (event) => write(path, event.target.valueAsNumber) })],
  }[spec.type]();
  (controls[0].querySelector("input") ?? controls[0]).setAttribute("aria-describedby", `${path}-hint ${path}-error`);
  return make("div", { className: "field" }, make("label", { htmlFor: path, textContent: spec.label }), ...controls, hint, error);
}

function showForm() {
  const groups = KINDS[kind].groups.map(([title, specs]) => title
    ? make("details", {}, make("summary", { textContent: title }), ...specs.map(field))
    : make("div", {}, ...specs.map(field)));
  $("rules-form").replaceChildren(make("p", { className: "error", id: `${kind}-error` }), ...groups);
  $("rules-form").removeAttribute("aria-busy");
  showExample();
  render();
}

/** Put each message beside its field; the rest is shown above the form. */
function showErrors(fields) {
  const rest = [];
  let first = null;
  for (const [name, message] of Object.entries(fields)) {
    // A preview's paths begin with `rules.`; so do those of the list, rules.0.match.
    const path = name.replace(/^rules\.(?=\D)/, "");
    const section = path.split(".")[0];
    if (section in KINDS && section !== kind) {
      kind = section;
      document.querySelector(`#kinds input[value=${section}]`).checked = true;
      showForm();
    }
    const place = [...path.split(".").keys()].map((end) => $(`${path.split(".").slice(0, end + 1).join(".")}-error`)).findLast(Boolean);
    if (!place) rest.push(`${name}: ${message}`);
    else {
      place.textContent = message;
      const control = $(place.id.replace(/-error$/, ""));
      control?.setAttribute("aria-invalid", "true");
      if (place.closest("details")) place.closest("details").open = true;
      first ??= control;
    }
  }
  first?.focus();
  return rest.join(" ");
}

function clearErrors() {
  for (const place of document.querySelectorAll("#rules-form .error, #ordered .error")) place.textContent = "";
  for (const control of $("rules-form").querySelectorAll("[aria-invalid]")) control.removeAttribute("aria-invalid");
}

function render() {
  const dirty = isDirty();
  $("rules-bar").hidden = !dirty && $("rules-outcome").hidden;
  $("rules-discard").hidden = $("rules-save").hidden = !dirty;
  forget();
  if (dirty && $("rules-outcome").classList.contains("good")) tell($("rules-outcome"), "");
  $("ticket-old")?.toggleAttribute("hidden", JSON.stringify(draft) === $("ticket-old").dataset.rules);
}

// ---- the example

function showExample() {
  const event = make("textarea", { id: "example-event", rows: 12, spellcheck: false, value: JSON.stringify(EXAMPLES[kind], null, 2) });
  const button = make("button", { type: "button", id: "preview", textContent: "Show the ticket", onclick: () => preview(event, button) });
  // GitHub says in a header what a delivery is about.
  const delivered = make("select", { id: "example-delivered" }, ...GITHUB_EVENTS.map((name) => new Option(label(name), name)));
  $("example").replaceChildren(...[
    make("h2", { id: "example-title", textContent: "Try it on an example" }),
    make("p", { className: "hint", textContent: "Nothing is written: ServiceNow is only asked whether it would take the ticket." }),
    kind === "github" ? make("p", {}, "What counts here becomes errors and deployments, under the rules for those. GitHub sends it to a ",
      make("a", { href: "#webhooks", textContent: "webhook" }), ".") : null,
    make("details", { className: "event" }, make("summary", { textContent: "The example event" }),
      kind === "github" ? make("div", { className: "field" }, make("label", { htmlFor: delivered.id, textContent: "GitHub's event" }), delivered) : "",
      make("div", { className: "field" }, make("label", { htmlFor: event.id, className: "visually-hidden", textContent: "Event" }), event)),
    make("div", { className: "actions" }, button),
    make("div", { id: "tickets", role: "status" }),
  ].filter(Boolean));
}

/** How an example comes: as an event of a kind, or by GitHub's webhook. */
const sender = () => KINDS[kind].kind ? { kind: KINDS[kind].kind }
  : { webhook: { source: "github", headers: { "x-github-event": $("example-delivered").value } } };

async function preview(event, button) {
  clearErrors();
  const rules = structuredClone(draft);
  let example;
  try {
    example = JSON.parse(event.value);
  } catch {
    $("tickets").replaceChildren(make("p", { className: "notice bad", textContent: "The example is no JSON." }));
    event.closest("details").open = true;
    return event.focus();
  }
  await busy(button, "Asking ServiceNow …", async () => {
    try {
      const { document: shown } = await ask("POST", "rules/preview", { ...sender(), event: example, rules });
      $("tickets").replaceChildren(...shown.tickets.map((ticket) => card(ticket, shown.checked)),
        make("p", { id: "ticket-old", className: "notice", hidden: true, textContent: "The rules have changed since: show it again." }));
      $("ticket-old").dataset.rules = JSON.stringify(rules);
      render();
    } catch (error) {
      const words = wordsOf(error, showErrors(error.fields ?? {}), "A field is wrong; it is marked in the form.");
      $("tickets").replaceChildren(make("p", { className: "notice bad", textContent: words }));
    }
  });
}

// ---- load and save

async function load() {
  $("rules-failed").replaceChildren();
  try {
    ({ document: stored, etag } = await ask("GET", "rules"));
  } catch (error) {
    $("ordered-card").hidden = $("replay-card").hidden = $("by-source").hidden = true;
    return $("rules-failed").replaceChildren(failure(error.message, load));
  }
  draft = structuredClone(stored);
  showAll();
  // What stands below the list comes with it, so that the list's length moves nothing.
  $("ordered-card").hidden = $("replay-card").hidden = $("by-source").hidden = false;
}

/** Show the list, and the form of the chosen source. */
function showAll() {
  showList(draft, render);
  showForm();
}

const save = () => busy($("rules-save"), "Saving …", async () => {
  clearErrors();
  tell($("rules-outcome"), "");
  try {
    ({ document: stored, etag } = await ask("PUT", "rules", draft, { "If-Match": etag }));
    draft = structuredClone(stored);
    showList(draft, render);
    tell($("rules-outcome"), "Saved. New events follow these rules within 15 seconds.", "good");
    checkSaved().catch(() => {}); // they are saved, whether or not the instance can be asked
  } catch (error) {
    const rest = showErrors(error.fields ?? {});
    const isOld = error.status === 412;
    tell($("rules-outcome"), isOld ? "The rules were changed elsewhere meanwhile. Reload the page to see them."
      : wordsOf(error, rest, "A field is wrong; it is marked above."), "bad");
  }
}).then(() => {
  render();
  // There is nothing to save any more, and so no button.
  if (!isDirty()) $("rules-outcome").focus();
});

/** Say what the instance objects to in what was saved: a group or a value that it has not. */
async function checkSaved() {
  const saved = stored;
  const { document: { problems } } = await ask("POST", "rules/check", { rules: saved });
  if (!problems.length || saved !== stored || isDirty()) return;
  const rest = showErrors(Object.fromEntries(problems.map(({ field, message }) => [field, message])));
  tell($("rules-outcome"), `Saved, but ServiceNow objects to a part of them: ${rest || "it is marked above."}`, "warn");
}

function discard() {
  draft = structuredClone(stored);
  tell($("rules-outcome"), "");
  showAll();
  $("ordered-title").focus();
}

let isOpen = false;

export function open() {
  if (isOpen) return;
  isOpen = true;
  $("kinds").onchange = (event) => {
    kind = event.target.value;
    if (draft) showForm();
  };
  $("rules-form").onsubmit = (event) => { event.preventDefault(); save(); };
  $("rules-discard").onclick = discard;
  offerReplay(() => draft, (fields) => { clearErrors(); return showErrors(fields); });
  window.addEventListener("beforeunload", (event) => {
    if (isHere() && draft && isDirty()) event.preventDefault();
  });
  showExample();
  load();
}
