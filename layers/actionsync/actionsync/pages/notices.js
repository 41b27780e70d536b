// Notices: the e-mail address that is written to when something needs its owner.

import { $, ask, busy, make, tell, wordsOf } from "./shared.js";

const NEEDS = [
  "ServiceNow refuses a connection's credentials, or cannot be reached for an hour",
  "events have failed, or have waited for a day",
  "a rule names what ServiceNow has not, or has opened as many tickets as it may",
  "a recipe cannot read an event",
  "a certificate or a sign-in ends",
];

let shown = null; // what is stored, as it is shown
let isBusy = false;

/** What is stored, in a word and in a sentence. */
function stateOf({ email, is_confirmed: isConfirmed }) {
  if (!email) return ["Off", "", "What needs you is seen on this page alone. With an address, it is sent to you, too."];
  if (isConfirmed) return ["On", "good", `Notices go to ${email}.`];
  return ["Not confirmed yet", "warn",
    `AWS has sent a message to ${email}. Follow its link within three days: until then, no notice is sent.`];
}

function render(stored, outcome = "") {
  const [word, kind, words] = stateOf(stored);
  const notice = make("p", { className: "notice", role: "status", hidden: true });
  const error = make("p", { className: "error", id: "notices-email-error" });
  const input = make("input", { id: "notices-email", type: "email", maxLength: 254, autocomplete: "email", placeholder: "ada@example.com",
    value: stored.email ?? "", "aria-describedby": "notices-email-error", oninput: () => refuse("") });
  const refuse = (text) => {
    error.textContent = text;
    input.setAttribute("aria-invalid", String(Boolean(text)));
    if (text) input.focus();
  };
  const set = (button, label, email, said) => busy(button, label, async () => {
    tell(notice, "");
    isBusy = true;
    try {
      show((await ask("PUT", "notices", { email })).document, said);
    } catch (problem) {
      const { email: wrong, ...rest } = problem.fields ?? {};
      if (wrong) refuse(`The address ${wrong}`);
      tell(notice, wordsOf(problem, Object.values(rest).join(" "), ""), "bad");
    } finally {
      isBusy = false;
    }
  });
  const save = (event) => {
    event.preventDefault();
    const email = input.value.trim();
    if (!email || !input.validity.valid) return refuse(email ? "The address must be plain, as ada@example.com" : "The address is missing");
    return set($("notices-save"), "Saving …", email, "Saved.");
  };
  const button = (id, textContent, onclick, className = "") => make("button", { type: "button", id, textContent, onclick, className });
  $("notices").replaceChildren(
    make("h2", { id: "notices-title", tabIndex: -1, textContent: "Notices by e-mail" }),
    make("div", { className: "status" }, make("span", { className: `badge ${kind}`, textContent: word }), make("span", { textContent: words })),
    make("form", { noValidate: true, onsubmit: save },
      make("div", { className: "field" }, make("label", { htmlFor: input.id, textContent: "E-mail address" }), input, error),
      notice,
      make("div", { className: "actions" },
        make("button", { type: "submit", className: "primary", id: "notices-save", textContent: "Save address" }),
        ...(stored.email && !stored.is_confirmed ? [button("notices-again", "Send the message again",
          ({ target }) => set(target, "Sending …", stored.email, "Sent again."))] : []),
        ...(stored.email ? [button("notices-remove", "Remove", ({ target }) => set(target, "Removing …", null, "Removed."), "quiet danger")] : []))),
    make("details", {}, make("summary", { textContent: "What is sent" }),
      make("p", { className: "hint", textContent: "At most once a day for each cause, and once a connection works again:" }),
      make("ul", { className: "hint" }, ...NEEDS.map((textContent) => make("li", { textContent })))));
  $("notices").hidden = false;
  if (!outcome) return;
  tell(notice, outcome, "good");
  $("notices-title").focus({ preventScroll: true });
}

function show(stored, outcome) {
  shown = stored;
  render(stored, outcome);
}

/** Read where notices go, and show it. */
export async function showNotices() {
  show((await ask("GET", "notices")).document);
}

/** Show that an address is confirmed, once it is: nothing else changes by itself. */
export async function refreshNotices() {
  if (!shown?.email || shown.is_confirmed) return;
  const { document: stored } = await ask("GET", "notices");
  if (stored.is_confirmed && !isBusy) show(stored);
}
