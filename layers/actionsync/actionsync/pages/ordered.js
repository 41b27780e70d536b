// The ordered list of rules, of which the first that matches decides: moved, edited, added and removed.

import { $, choices, connections, label, make } from "./shared.js";
import { picker, textOf } from "./picker.js";
import { LEVELS, SEVERITIES } from "./tables.js";

const PATTERNS = ["source", "title", "service", "environment", "account", "region"];
// What a rule says of a ticket, and what it says by a column of the ticket: each is searched in the instance.
const REFERENCES = ["assignment_group", "category", "cmdb_ci", "business_service"];
const PEOPLE = ["caller_id", "assigned_to"];
const TITLES = { cmdb_ci: "Configuration item", caller_id: "Caller" };
const listed = (text) => text.split(",").map((part) => part.trim()).filter(Boolean);
const isGiven = (value) => value !== null && value !== undefined && value !== "" && (typeof value !== "object" || Object.keys(value).length > 0);

let rules = []; // the draft's own list
let changed = () => {};
let edited = null; // the rule whose form is open

/** Show a draft's list; `onChange` is called after each change of it. */
export function showList(draft, onChange) {
  rules = draft.rules;
  changed = onChange;
  if (!rules.includes(edited)) edited = null;
  $("ordered-status").textContent = "";
  $("ordered-actions").hidden = false;
  $("rule-new").onclick = () => {
    const names = new Set(rules.map(({ name }) => name));
    let number = rules.length + 1;
    while (names.has(`Rule ${number}`)) number += 1;
    rules.push({ name: `Rule ${number}`, match: {}, then: {} });
    edited = rules.at(-1);
    update();
    $(`rules.${rules.length - 1}`).querySelector("input").focus();
  };
  render();
}

function update() {
  render();
  changed();
}

function render() {
  $("ordered").replaceChildren(...rules.map(item));
  $("ordered").hidden = !rules.length;
  $("ordered-empty").hidden = rules.length > 0;
}

/** A ticket's columns with one more, or without it where there is no value. */
function withColumn(columns = {}, name, value) {
  const { [name]: _old, ...rest } = columns;
  return value ? { ...rest, [name]: value } : rest;
}

// ---- one rule in the list

function item(rule, index) {
  const name = rule.name || `Rule ${index + 1}`;
  const button = (text, words, onclick, more = {}) => make("button", { type: "button", className: "quiet", textContent: text, onclick, "aria-label": `${words} ${name}`, ...more });
  const isOpen = rule === edited;
  const node = make("li", { id: `rules.${index}`, draggable: !isOpen },
    make("div", { className: "rule" },
      make("div", {},
        make("h3", {}, make("bdi", { textContent: name })),
        make("p", { className: "hint", textContent: `${saysMatch(rule.match)} → ${saysThen(rule.then)}` }),
        make("p", { className: "error", id: `rules.${index}-error` })),
      make("div", { className: "actions" },
        button("↑", "Move up", () => move(index, index - 1, "Move up"), { disabled: index === 0 }),
        button("↓", "Move down", () => move(index, index + 1, "Move down"), { disabled: index === rules.length - 1 }),
        button(isOpen ? "Close" : "Edit", isOpen ? "Close" : "Edit", () => { edited = isOpen ? null : rule; render(); focusOn(index, ".actions button:nth-child(3)"); }, { "aria-expanded": String(isOpen) }),
        button("Remove", "Remove", () => { rules.splice(index, 1); update(); $("rule-new").focus(); }, { className: "quiet danger" }))),
    isOpen ? form(rule, index) : null);
  node.ondragstart = (event) => event.dataTransfer.setData("text/x-rule", String(index));
  node.ondragover = (event) => { if (event.dataTransfer.types.includes("text/x-rule")) event.preventDefault(); };
  node.ondrop = (event) => {
    event.preventDefault();
    move(Number(event.dataTransfer.getData("text/x-rule")), index);
  };
  return node;
}

function move(from, to, button) {
  rules.splice(to, 0, ...rules.splice(from, 1));
  update();
  tellOrder(rules[to].name, to);
  if (button) focusOn(to, `[aria-label^="${button}"]:not(:disabled), .actions button:nth-child(3)`);
}

const focusOn = (index, selector) => $(`rules.${index}`)?.querySelector(selector)?.focus();

function tellOrder(name, index) {
  $("ordered-status").textContent = `${name} is rule ${index + 1} of ${rules.length}.`;
}

function saysMatch(match = {}) {
  const parts = Object.entries(match).filter(([, value]) => isGiven(value)).map(([name, value]) => {
    if (name === "labels") return Object.entries(value).map(([key, patterns]) => `${key} is ${[patterns].flat().join(" or ")}`).join(", ");
    if (name === "hours") return `${value.start ?? "00:00"} to ${value.end ?? "24:00"} ${value.time_zone ?? ""}`.trim();
    return `${label(name).toLowerCase()} is ${[value].flat().join(" or ")}`;
  });
  return parts.join(", ") || "every event";
}

function saysThen(then) {
  if (then === "ignore") return "ignored";
  const parts = Object.entries(then).filter(([, value]) => isGiven(value))
    .map(([name, value]) => {
      const word = label(name).toLowerCase();
      if (typeof value !== "object") return `${word} ${value}`;
      return /columns$/.test(name) ? `${word} ${Object.keys(value).join(" and ")}` : word;
    });
  return parts.join(", ") || "as its source says";
}

// ---- the form of one

function form(rule, index) {
  const id = (name) => `rule-${index}-${name}`;
  const set = (part, name, value) => {
    if (isGiven(value)) part[name] = value;
    else delete part[name];
    changed();
    refresh();
  };
  const refresh = () => {
    $(`rules.${index}`).querySelector(".hint").textContent = `${saysMatch(rule.match)} → ${saysThen(rule.then)}`;
    $(`rules.${index}`).querySelector("h3 bdi").textContent = rule.name;
    $(id("json")).value = JSON.stringify(rule, null, 2);
  };
  const input = (title, name, value, onInput, more = {}) => make("div", { className: "field" },
    make("label", { htmlFor: id(name), textContent: title }),
    make("input", { id: id(name), value: value ?? "", autocomplete: "off", spellcheck: false, oninput: (event) => onInput(event.target.value), ...more }));
  const then = rule.then === "ignore" ? {} : rule.then;
  const ignore = make("input", { type: "checkbox", checked: rule.then === "ignore", onchange: (event) => {
    rule.then = event.target.checked ? "ignore" : {};
    update();
    focusOn(index, ".check.strong input");
  } });
  const severities = make("fieldset", { className: "field" }, make("legend", { textContent: "Severity" }),
    make("div", { className: "checks" }, ...SEVERITIES.map((severity) => make("label", { className: "check" },
      make("input", { type: "checkbox", checked: rule.match.severity?.includes(severity), onchange: (event) => {
        const chosen = new Set(rule.match.severity ?? []);
        event.target.checked ? chosen.add(severity) : chosen.delete(severity);
        set(rule.match, "severity", SEVERITIES.filter((each) => chosen.has(each)));
      } }), severity))));
  const level = (name) => {
    const node = make("select", { id: id(name), onchange: () => set(then, name, node.value) },
      ...[["", "As its source says"], ...LEVELS.map(([code, word]) => [code, label(word)])].map(([value, textContent]) => make("option", { value, textContent })));
    choices("incident", name).then((found) => {
      if (found?.length) node.replaceChildren(node.options[0], ...found.map(({ value, label: textContent }) => make("option", { value, textContent })));
      node.value = then[name] ?? "";
    });
    node.value = then[name] ?? "";
    return make("div", { className: "field" }, make("label", { htmlFor: id(name), textContent: label(name) }), node);
  };
  const searched = (name, value, onInput) => {
    const node = make("input", { id: id(`then-${name}`), value: value ?? "", spellcheck: false, dir: "auto", oninput: () => onInput(node.value.trim()) });
    return make("div", { className: "field" }, make("label", { htmlFor: node.id, textContent: TITLES[name] ?? label(name) }),
      picker(node, ["incident", name], textOf, () => then.connection));
  };
  const connectionChoice = make("select", { id: id("then-connection"), onchange: () => set(then, "connection", connectionChoice.value) },
    ...["", then.connection].filter((value) => value !== undefined).map((value) => new Option(value || "As the event says", value)));
  connectionChoice.value = then.connection ?? "";
  connections().then((found) => {
    const names = found.map(({ name }) => name).filter((name) => name !== then.connection);
    connectionChoice.append(...names.map((name) => new Option(name, name)));
  }, () => {});
  const connection = make("div", { className: "field" }, make("label", { htmlFor: connectionChoice.id, textContent: "Connection" }), connectionChoice);
  const json = make("textarea", { id: id("json"), rows: 12, spellcheck: false, value: JSON.stringify(rule, null, 2), onchange: () => {
    try {
      const given = JSON.parse(json.value);
      for (const key of Object.keys(rule)) delete rule[key];
      Object.assign(rule, { name: "", match: {}, then: {} }, given);
      update();
    } catch {
      $(`rules.${index}-error`).textContent = "What stands under \"As JSON\" is no JSON.";
    }
  } });
  return make("div", { className: "rule-form" },
    input("Name", "name", rule.name, (value) => { rule.name = value; changed(); refresh(); }, { maxLength: 100 }),
    make("h4", { textContent: "Which events" }),
    make("p", { className: "hint", textContent: "All that is given must hold. Several are separated by commas; * and ? stand for anything." }),
    ...PATTERNS.map((name) => input(label(name), name, [rule.match[name] ?? []].flat().join(", "), (value) => set(rule.match, name, listed(value)))),
    severities,
    make("h4", { textContent: "What becomes of them" }),
    make("div", { className: "field" }, make("label", { className: "check strong" }, ignore, "They are ignored")),
    ...(rule.then === "ignore" ? [] : [
      ...REFERENCES.map((name) => searched(name, then[name], (value) => set(then, name, value))),
      ...PEOPLE.map((name) => searched(name, then.columns?.[name], (value) => set(then, "columns", withColumn(then.columns, name, value)))),
      connection,
      level("urgency"), level("impact"),
      input("Hold for minutes before a ticket is opened", "hold", then.hold?.minutes, (value) => set(then, "hold", value ? { minutes: Number(value) } : null), { type: "number", min: 1, max: 1440 }),
    ]),
    make("details", {}, make("summary", { textContent: "As JSON, with everything else that a rule can say" }),
      make("div", { className: "field" }, make("label", { htmlFor: json.id, className: "visually-hidden", textContent: "The rule as JSON" }), json)));
}
