// The next key or certificate of a connection: stored beside the one in use, tested, then used or dropped.

import { showReport } from "./report.js";
import { $, ask, busy, CHANGED, confirmed, make, moment, tell, wordsOf } from "./shared.js";
import { METHODS } from "./tables.js";

const WORDS = { client_certificate: "certificate", oauth_jwt_bearer: "key" };
const HINTS = {
  client_certificate: "Its private key comes with it. Register it in ServiceNow beside the first, for the same user.",
  oauth_jwt_bearer: "Its ID is a name of yours: the Kid of its own JWT verifier map in ServiceNow, beside the first.",
};
const PEM = /-----BEGIN ([A-Z0-9 ]+)-----[\s\S]+?-----END \1-----/g;

let connection = null; // the one that is shown
let changed = () => {}; // called with the connection as it is stored by now
let said = ""; // what came of the last step, until it is shown

const path = (rest) => `connections/${encodeURIComponent(connection.name)}${rest}`;
const word = () => WORDS[connection.auth_method];
const isOf = (name) => name === "key_id" || METHODS[connection.auth_method].secrets.includes(name);
const fields = () => [...METHODS[connection.auth_method].names, ...METHODS[connection.auth_method].secrets].filter(isOf);

/** What texts hold as PEM: certificates, and private keys. */
export function pemOf(text) {
  const blocks = [...text.matchAll(PEM)];
  const those = (isIt) => blocks.filter(([, kind]) => isIt(kind)).map(([block]) => `${block}\n`).join("");
  return { certificate: those((kind) => kind === "CERTIFICATE"), private_key: those((kind) => kind.endsWith("PRIVATE KEY")) };
}

/** Show what is pending of a connection, or the form that stores it; `onChange` gets the changed connection. */
export function showPending(shown, onChange) {
  connection = shown;
  changed = onChange;
  const outcome = make("div", { className: "notice", id: "pending-outcome", role: "status", hidden: true });
  $("pending").replaceChildren(
    make("h2", { id: "pending-title", tabIndex: -1, textContent: `The next ${word()}` }),
    ...(shown.pending ? waiting(shown.pending, outcome) : form(outcome)));
  if (!said) return;
  tell(outcome, said, "good");
  $("pending-title").focus();
  said = "";
}

/** Take a step with the API while its button says so, and say what is refused; `mark` shows it at its fields first. */
async function step(button, label, outcome, doing, mark) {
  tell(outcome, "");
  try {
    await busy(button, label, doing);
  } catch (error) {
    const words = mark ? wordsOf(error, mark(error.fields ?? {}), "A field is wrong; it is marked above.") : error.message;
    tell(outcome, error.status === 412 ? CHANGED : words, "bad");
  }
}

function done(saved, text) {
  said = text;
  changed(saved);
}

// ---- what is stored, and not in use yet

function waiting(pending, outcome) {
  const summary = make("p", { role: "status" });
  const stages = make("ol", { className: "stages" });
  const button = (id, textContent, act, className = "") => make("button", { type: "button", id, className, textContent, onclick: ({ target }) => act(target) });
  const forget = () => { summary.textContent = ""; stages.replaceChildren(); };
  const test = (target) => step(target, "Testing …", outcome, async () => {
    forget();
    const { document: report } = await ask("POST", path("/test?version=pending"));
    showReport(report, summary, stages);
  });
  const use = (target) => step(target, "Signing in with it …", outcome, async () => {
    forget();
    done((await ask("POST", path("/promote"))).document,
      `The ${word()} is in use. Leave the one before registered in ServiceNow for two minutes more.`);
  });
  const drop = (target) => step(target, "Dropping …", outcome, async () =>
    done((await ask("PUT", path(""), { pending: null }, version())).document, `The ${word()} is dropped. The one in use goes on.`));
  return [
    make("div", { className: "status" }, make("span", { className: "badge warn", textContent: "Not in use yet" }),
      make("span", { textContent: `Stored ${moment(pending.stored_at)}` })),
    make("ul", { className: "notes" }, ...[
      pending.ends_at && `The certificate is good until ${moment(pending.ends_at)}.`,
      pending.key_id && `Its key ID is ${pending.key_id}.`,
      pending.signing_key && `The key in AWS KMS needs the alias ${pending.signing_key}.`,
      `Register it in ServiceNow beside the one in use, which goes on until you use this one. It is used only if it signs in.`,
    ].filter(Boolean).map((textContent) => make("li", { textContent }))),
    outcome,
    make("div", { className: "actions" },
      button("pending-use", "Use it now", use, "primary"),
      button("pending-test", "Test it", test),
      button("pending-drop", "Drop it", (target) => confirmed(`Drop the next ${word()}?`,
        "It is deleted here. The one in use goes on.", "Drop it", () => drop(target)), "quiet danger")),
    summary, stages,
  ];
}

const version = () => ({ "If-Match": `"${connection.version}"` });

// ---- what is to be stored

function form(outcome) {
  const error = (name, text) => {
    $(`pending-${name}-error`).textContent = text;
    $(`pending-${name}`).setAttribute("aria-invalid", String(Boolean(text)));
  };
  /** Put each message beside its field, and return what belongs to none. */
  const showErrors = (found) => {
    const rest = Object.entries(found).filter(([name]) => !isOf(name));
    for (const name of fields()) error(name, found[name] ? `${titleOf(name)} ${found[name]}` : "");
    const first = fields().find((name) => found[name]);
    if (first) $(`pending-${first}`).focus();
    return rest.map(([, message]) => message).join(" ");
  };
  const store = (event) => {
    event.preventDefault();
    const valueOf = (name) => name === "key_id" ? $(`pending-${name}`).value.trim() : $(`pending-${name}`).value;
    const typed = Object.fromEntries(fields().map((name) => [name, valueOf(name)]));
    const empty = fields().filter((name) => !typed[name]);
    showErrors(Object.fromEntries(empty.map((name) => [name, "is missing"])));
    if (empty.length) return;
    step($("pending-store"), "Storing …", outcome, async () =>
      done((await ask("PUT", path("?pending=true"), typed, version())).document,
        `Stored. The ${word()} in use goes on: test this one, and use it once it works.`), showErrors);
  };
  return [
    make("p", { className: "hint", textContent: `It is stored beside the one in use, and tested before it is used: nothing stops meanwhile. ${HINTS[connection.auth_method]}` }),
    make("details", {}, make("summary", { textContent: `Store the next ${word()}` }),
      make("form", { noValidate: true, autocomplete: "off", onsubmit: store, oninput: ({ target }) => { if (target.name) error(target.name, ""); } },
        ...(isOf("certificate") ? [files(error)] : []), ...fields().map(field),
        make("div", { className: "actions" }, make("button", { type: "submit", className: "primary", id: "pending-store", textContent: `Store the next ${word()}` })))),
    outcome,
  ];
}

const titleOf = (name) => document.querySelector(`label[for=${name}]`).textContent;

function field(name) {
  const id = `pending-${name}`;
  const isLong = isOf("certificate");
  const properties = { id, name, spellcheck: false, autocomplete: "off", "aria-describedby": `${id}-error` };
  const input = isLong ? make("textarea", { ...properties, rows: 4, maxLength: 20000, placeholder: $(name).placeholder })
    : make("input", { ...properties, type: name === "key_id" ? "text" : "password", maxLength: $(name).maxLength });
  return make("div", { className: "field" }, make("label", { htmlFor: id, textContent: titleOf(name) }), input,
    make("p", { className: "error", id: `${id}-error` }));
}

/** Files whose certificate and key are put into their fields. */
function files(error) {
  const input = make("input", { id: "pending-files", type: "file", multiple: true, accept: ".pem,.crt,.cer,.key", "aria-describedby": "pending-files-hint pending-files-error",
    onchange: async () => {
      const texts = await Promise.all([...input.files].map((file) => file.text()));
      const found = Object.entries(pemOf(texts.join("\n"))).filter(([, text]) => text);
      for (const [name, text] of found) {
        $(`pending-${name}`).value = text;
        error(name, "");
      }
      error("files", found.length ? "" : "There is neither a certificate nor a private key in it, as PEM.");
      input.value = "";
    } });
  return make("div", { className: "field" }, make("label", { htmlFor: input.id, textContent: "From files" }), input,
    make("p", { className: "hint", id: "pending-files-hint", textContent: "PEM, one file or two. What they hold is put into the fields below." }),
    make("p", { className: "error", id: "pending-files-error" }));
}
