// The Recipes view: an owner's own recipes, tried on events before they are saved, and those that come with the product.

import { $, ask, busy, confirmed, failure, make, regainFocus, tell, wordsOf } from "./shared.js";
import { isHere } from "./session.js";
import { card } from "./ticket.js";
import { RECIPE } from "./examples.js";

const TEXTS = ["text", "triggers-0", "triggers-1", "end"];
const ENDS = { event: "ends by an event", later_success: "ends by a later success", silent: "ends after a quiet time", none: "never ends" };
const json = (value) => (value === undefined ? "" : JSON.stringify(value, null, 2));

let edited = null; // `{name, etag}` of the stored recipe in the form, or null for a new one
let filled = ""; // what the form had when it was filled
let builtIn = [];
let rules = null; // `{document, etag}`, as they are stored

const values = () => JSON.stringify([$("recipe-name").value, ...TEXTS.map((name) => $(`recipe-${name}`).value)]);
const isDirty = () => filled !== "" && values() !== filled;

// ---- the form

function fill(name, { recipe, triggers = [], end } = {}, etag = null) {
  edited = etag === null ? null : { name, etag };
  $("recipe-title").textContent = edited ? `Recipe ${name}` : "A new recipe";
  $("recipe-name").value = name;
  $("recipe-name").disabled = Boolean(edited);
  $("recipe-text").value = json(recipe);
  $("recipe-triggers-0").value = json(triggers[0]);
  $("recipe-triggers-1").value = json(triggers[1]);
  $("recipe-end").value = json(end);
  $("recipe-new").hidden = !edited;
  $("recipe-tickets").replaceChildren();
  clearErrors();
  tell($("recipe-outcome"), "");
  filled = values();
}

function clearErrors() {
  for (const place of $("recipe-form").querySelectorAll(".error")) place.textContent = "";
  for (const field of $("recipe-form").querySelectorAll("[aria-invalid]")) field.removeAttribute("aria-invalid");
}

/** The field that a problem's path names: `triggers.0` and all below `recipe` have one of their own. */
export function fieldOf(path) {
  const [first, second] = path.split(".");
  if (first === "triggers" || first === "event") return `recipe-triggers-${first === "triggers" && second ? second : 0}`;
  return { name: "recipe-name", end: "recipe-end", recipe: "recipe-text" }[first] ?? "";
}

/** Put each message beside its field; return those that have none. */
function showErrors(fields) {
  const rest = [];
  let first = null;
  for (const [path, message] of Object.entries(fields)) {
    const field = fieldOf(path) && $(fieldOf(path));
    if (!field) {
      rest.push(`${path}: ${message}`);
      continue;
    }
    const place = $(`${field.id}-error`);
    const inside = path.startsWith("recipe.") ? `${path.slice("recipe.".length)}: ` : "";
    place.textContent = [place.textContent, `${inside}${message}`].filter(Boolean).join(" ");
    field.setAttribute("aria-invalid", "true");
    if (field.closest("details")) field.closest("details").open = true;
    first ??= field;
  }
  first?.focus();
  return rest.join(" ");
}

/** What is typed, as the API takes it; null where a text is no JSON, which is said beside it. */
function typed(names) {
  clearErrors();
  tell($("recipe-outcome"), "");
  const found = {};
  const wrong = {};
  for (const name of names) {
    const text = $(`recipe-${name}`).value.trim();
    if (!text) continue;
    try {
      found[name] = JSON.parse(text);
    } catch (error) {
      wrong[{ text: "recipe", end: "end" }[name] ?? name.replace("-", ".")] = `is no JSON: ${error.message}`;
    }
  }
  for (const name of ["text", "triggers-0", "triggers-1"]) {
    if (names.includes(name) && !$(`recipe-${name}`).value.trim()) wrong[name === "text" ? "recipe" : name.replace("-", ".")] = "is missing";
  }
  if (!Object.keys(wrong).length) return found;
  showErrors(wrong);
  return null;
}

function refused(error) {
  let words = wordsOf(error, showErrors(error.fields ?? {}), "It does not work on its examples: see above.");
  if (error.status === 412) {
    words = edited ? "The recipe was changed elsewhere meanwhile. Reload the page to see it."
      : "There is a recipe of this name already: edit that one, or choose another name.";
  }
  tell($("recipe-outcome"), words, "bad");
}

const save = () => {
  const found = typed(TEXTS);
  if (!found) return null;
  const name = $("recipe-name").value.trim();
  if (!name) return showErrors({ name: "is missing" });
  const body = { recipe: found.text, triggers: [found["triggers-0"], found["triggers-1"]], ...(found.end && { end: found.end }) };
  return busy($("recipe-save"), "Trying it …", async () => {
    try {
      // A name that is new here takes no other's place: version 0 is that of none.
      const { document: saved, etag } = await ask("PUT", `recipes/${encodeURIComponent(name)}`, body, { "If-Match": edited?.etag ?? '"0"' });
      const examples = { triggers: body.triggers, end: body.end };
      fill(name, { recipe: saved.recipe, ...examples }, etag);
      tell($("recipe-outcome"), `Saved. The two beginnings make ${saved.one_ticket ? "one ticket" : "two tickets"}: their keys are ${saved.keys.join(" and ")}.`, "good");
      await read();
    } catch (error) {
      refused(error);
    }
  });
};

const preview = () => {
  const found = typed(["text", "triggers-0"]);
  if (!found) return null;
  return busy($("recipe-preview"), "Asking ServiceNow …", async () => {
    try {
      const { document: shown } = await ask("POST", "rules/preview", { kind: "error", event: found["triggers-0"], recipe: found.text });
      const cards = shown.tickets.map((ticket) => card(ticket, shown.checked));
      $("recipe-tickets").replaceChildren(...(cards.length ? cards : [make("p", { className: "notice", textContent: "The recipe reads nothing in this event." })]));
    } catch (error) {
      refused(error);
    }
  });
};

// ---- the lists

async function edit(name) {
  try {
    const { document: found, etag } = await ask("GET", `recipes/${encodeURIComponent(name)}`);
    fill(name, found, etag);
    $("recipe-examples").open = true;
    $("recipe-title").focus();
  } catch (error) {
    tell($("recipe-outcome"), error.message, "bad");
  }
}

function leaves(doIt) {
  if (!isDirty() || confirm("Leave what is not saved?")) doIt();
}

async function remove(name) {
  try {
    await ask("DELETE", `recipes/${encodeURIComponent(name)}`);
    if (edited?.name === name) fill("", RECIPE);
    await read();
    $("recipes-title").focus();
  } catch (error) {
    tell($("recipe-outcome"), error.message, "bad");
  }
}

function row({ name, recipe }) {
  return make("li", {}, make("h3", { textContent: name }),
    make("p", { className: "hint", dir: "auto", textContent: `${recipe.title}: ${(recipe.sources ?? []).join(", ")}; ${ENDS[recipe.ends]}` }),
    make("div", { className: "actions" },
      make("button", { type: "button", textContent: "Edit", "aria-label": `Edit ${name}`, onclick: () => leaves(() => edit(name)) }),
      make("button", { type: "button", className: "quiet danger", textContent: "Remove", "aria-label": `Remove ${name}`, onclick: () =>
        confirmed("Remove this recipe?", "Events that it reads become no tickets from then on. Tickets that exist stay as they are.", "Remove recipe", () => remove(name)) })));
}

function builtInRow({ name, title, sources, overlaps }) {
  const isOn = rules?.document.sources?.[name]?.enabled ?? false;
  const box = make("input", { type: "checkbox", checked: isOn, disabled: !rules, onchange: () => switchTo(name, box) });
  const active = overlaps.filter((other) => rules?.document.sources?.[other]?.enabled);
  return make("li", {}, make("label", { className: "check" }, box, make("span", {}, title,
    make("span", { className: "hint", textContent: ` ${sources.join(", ")}${active.length ? `; reports the same as ${active.join(", ")}, which is on` : ""}` }))));
}

/** Switch a built-in recipe on or off in the stored rules. */
async function switchTo(name, box) {
  box.disabled = true;
  const { sources = {} } = rules.document;
  const next = { ...rules.document, sources: { ...sources, [name]: { ...sources[name], enabled: box.checked } } };
  try {
    rules = await ask("PUT", "rules", next, { "If-Match": rules.etag });
    tell($("built-in-outcome"), "Saved. New events follow within 15 seconds.", "good");
  } catch (error) {
    box.checked = !box.checked;
    tell($("built-in-outcome"), error.status === 412 ? "The rules were changed elsewhere meanwhile. Reload the page." : error.message, "bad");
  }
  box.disabled = false;
  regainFocus(box, $("view-recipes"));
}

function renderBuiltIn() {
  const part = $("built-in-filter").value.trim().toLowerCase();
  const fitting = builtIn.filter(({ name, title, sources }) => [name, title, ...sources].some((text) => text.toLowerCase().includes(part)));
  $("built-in").replaceChildren(...fitting.map(builtInRow));
}

async function read() {
  const list = $("recipes");
  try {
    const [{ document: found }, stored] = await Promise.all([ask("GET", "recipes"), ask("GET", "rules")]);
    rules = stored;
    // What a webhook sends is switched on by making the webhook.
    builtIn = found.built_in.filter(({ sources }) => sources.some((source) => !source.startsWith("webhook:")));
    list.replaceChildren(...(found.recipes.length ? [make("ul", { className: "webhooks" }, ...found.recipes.map(row))]
      : [make("p", { className: "empty", textContent: "There is none yet. The form has an example: change it, try it on events of yours, and save it." })]));
    renderBuiltIn();
  } catch (error) {
    list.replaceChildren(failure(`The recipes cannot be read: ${error.message}`, read));
  }
  list.removeAttribute("aria-busy");
}

let isOpen = false;

export function open() {
  if (isOpen) return;
  isOpen = true;
  $("recipe-form").onsubmit = (event) => { event.preventDefault(); save(); };
  $("recipe-preview").onclick = preview;
  $("recipe-new").onclick = () => leaves(() => { fill("", RECIPE); $("recipe-name").focus(); });
  $("built-in-filter").oninput = renderBuiltIn;
  window.addEventListener("beforeunload", (event) => {
    if (isHere() && isDirty()) event.preventDefault();
  });
  fill("", RECIPE);
  return read();
}
