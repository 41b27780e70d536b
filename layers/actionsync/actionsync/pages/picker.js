// A text field that searches the instance as one types (ARIA: editable combobox with list autocomplete).

import { ask, make } from "./shared.js";

const DEBOUNCE_MS = 250;

/** What stands for a choice: its label, or its value where another one has the same label. */
export const textOf = (choice, choices) =>
  choices.filter(({ label }) => label.toLowerCase() === choice.label.toLowerCase()).length > 1 ? choice.value : choice.label;

/** The option that a key leads to, from the one at `at` (-1 for none) of `count`. */
export function step(key, at, count) {
  if (!count) return -1;
  if (key === "ArrowDown") return (at + 1) % count;
  return at <= 0 ? count - 1 : at - 1;
}

/**
 * Let an input offer what the instance has for a column. Return what to put into the page: the input and its list.
 * What is typed counts as it is; a choice only writes it. `takes` says what of a choice is written: its text or its value;
 * `connectionOf` which connection's instance is searched, where that is not the default one's.
 */
export function picker(input, [table, column], takes = textOf, connectionOf = () => "") {
  const list = make("ul", { className: "options", id: `${input.id}-options`, role: "listbox", hidden: true, "aria-label": "Found in ServiceNow" });
  const status = make("p", { className: "visually-hidden", role: "status" });
  let choices = [];
  let at = -1;
  let number = 0; // of the search, so that a late answer is dropped
  let timer = null;

  const isOpen = () => !list.hidden;
  function close() {
    clearTimeout(timer);
    number += 1;
    list.hidden = true;
    at = -1;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
  }
  function mark(to) {
    list.children[at]?.setAttribute("aria-selected", "false");
    at = to;
    const option = list.children[at];
    if (!option) return input.removeAttribute("aria-activedescendant");
    option.setAttribute("aria-selected", "true");
    option.scrollIntoView({ block: "nearest" });
    input.setAttribute("aria-activedescendant", option.id);
  }
  function choose(choice) {
    input.value = takes(choice, choices);
    close();
    input.dispatchEvent(new Event("input", { bubbles: true }));
    close(); // the input's own event asks for no search
  }
  function show(found) {
    choices = found;
    at = -1;
    list.replaceChildren(...found.map((choice, index) => make("li", {
      id: `${list.id}-${index}`, role: "option", "aria-selected": "false",
      onmousedown: (event) => event.preventDefault(), onclick: () => choose(choice),
    }, make("span", { dir: "auto", textContent: choice.label }),
    choice.detail ? make("span", { className: "hint", dir: "auto", textContent: choice.detail }) : null)));
    list.hidden = !found.length;
    input.setAttribute("aria-expanded", String(found.length > 0));
    status.textContent = found.length ? `${found.length} found in ServiceNow.` : "ServiceNow has none of this name.";
  }
  async function search() {
    const mine = ++number;
    try {
      const connection = connectionOf();
      const query = new URLSearchParams({ search: input.value.trim(), ...(connection && { connection }) });
      const { document } = await ask("GET", `choices/${table}/${column}?${query}`);
      if (mine === number && document.choices) show(document.choices.filter(({ label }) => label));
    } catch (error) {
      if (mine !== number) return;
      close();
      status.textContent = `ServiceNow cannot be searched: ${error.message}`;
    }
  }
  const later = () => {
    clearTimeout(timer);
    timer = setTimeout(search, DEBOUNCE_MS);
  };

  for (const [name, value] of Object.entries({
    role: "combobox", "aria-autocomplete": "list", "aria-expanded": "false", "aria-controls": list.id, autocomplete: "off",
  })) input.setAttribute(name, value);
  input.addEventListener("input", later);
  input.addEventListener("click", () => { if (!isOpen()) search(); });
  input.addEventListener("blur", close);
  input.addEventListener("keydown", (event) => {
    if (["ArrowDown", "ArrowUp"].includes(event.key)) {
      event.preventDefault();
      if (isOpen()) mark(step(event.key, at, choices.length));
      else search();
    } else if (event.key === "Enter" && isOpen() && at >= 0) {
      event.preventDefault();
      choose(choices[at]);
    } else if (event.key === "Escape" && isOpen()) {
      event.preventDefault();
      close();
    }
  });
  return make("div", { className: "picker" }, input, list, status);
}
