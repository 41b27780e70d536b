// The Connections view: an owner's ServiceNow connections, tested, stored, signed in to, changed and deleted.

import { clear, showCapabilities, showReport, tryIncident } from "./report.js";
import { $, ask, CHANGED, confirmed, isUrgent, make, moment, notesOf, owned, tell as say } from "./shared.js";
import { isHere, Problem } from "./session.js";
import { METHODS } from "./tables.js";

const HINTS = {
  basic: "A ServiceNow user of its own for this. New instances restrict it: OAuth or an API key last longer.",
  oauth_client_credentials: "An OAuth application with a user of its own. The instance has to allow client credentials.",
  oauth_password: "An OAuth application, and a user who signs in through it.",
  oauth_refresh_token: "An OAuth application, and the refresh token that a user's sign-in left. It lasts for 100 days by default.",
  oauth_authorization_code: `An OAuth application, then your own sign-in, as with single sign-on. Its redirect URL is ${new URL("sign-in", location.href).href}`,
  oauth_jwt_bearer: "An OAuth application with a JWT verifier map, and a key in AWS KMS that nobody holds. Its alias is said once this is saved.",
  api_key: "An inbound API key of a ServiceNow user.",
  client_certificate: "A certificate that the instance maps to a user, and its key, as PEM.",
};
const DEFAULT = "default";
const FIELDS = ["name", "instance_url", "auth_method", ...new Set(Object.values(METHODS).flatMap(({ names, secrets }) => [...names, ...secrets]))];

let all = []; // the owner's connections
let stored = null; // the one that is shown as it is stored, or null for a new one
let tested = null; // what the report on the page is about, as JSON, or null without one

const method = () => METHODS[$("auth_method").value];
const isLearned = () => Boolean(method().learned);
/** Whether it can be tested once it is stored only: with a person's sign-in, or a key. */
const isTestedAsStored = () => method().is_tested_as_stored;
const identity = () => ["instance_url", "auth_method", ...method().names];
const valueOf = (name) => (method().secrets.includes(name) ? $(name).value : $(name).value.trim());
const storedAs = (name) => stored?.[name] ?? { auth_method: "basic", name: all.length ? "" : DEFAULT }[name] ?? "";
const sent = () => method().secrets.filter((name) => valueOf(name) !== "");
const isDirty = () => sent().length > 0 || identity().some((name) => $(name).value !== storedAs(name));
const isTyped = () => isDirty() || [...$("pending").querySelectorAll("input, textarea")].some(({ value }) => value);
const needsSecrets = () => !stored || identity().some((name) => valueOf(name).replace(/\/$/, "") !== storedAs(name));
const nameNow = () => stored?.name ?? $("name").value.trim();
const path = (rest = "") => `connections/${encodeURIComponent(nameNow())}${rest}`;

/** What is sent: who calls where, and the secrets that were typed. */
const body = () => Object.fromEntries([...identity(), ...sent()].map((name) => [name, valueOf(name)]));

function show(name) {
  for (const id of ["loading", "failed", "connection"]) $(id).hidden = id !== name;
}

const tell = (text, kind) => say($("outcome"), text, kind);

function showErrors(fields) {
  for (const name of FIELDS) {
    const message = fields[name] ?? "";
    $(`${name}-error`).textContent = message && `${document.querySelector(`label[for=${name}]`).textContent} ${message}`;
    $(name).setAttribute("aria-invalid", String(Boolean(message)));
  }
  const first = FIELDS.find((name) => fields[name]);
  if (first) $(first).focus();
}

/** What can be seen without asking the API. */
function missing() {
  const fields = {};
  for (const name of ["name", ...identity()]) if (!valueOf(name)) fields[name] = "is missing";
  if (needsSecrets() || sent().length) {
    for (const name of method().secrets) {
      if (!valueOf(name)) fields[name] = stored ? "is needed again when anything of this changes" : "is missing";
    }
  }
  return fields;
}

// ---- what is shown

function renderList() {
  const buttons = all.map(({ name }) => make("button", {
    type: "button", textContent: name, "aria-pressed": String(name === stored?.name), onclick: () => choose(name),
  }));
  $("connections-list").replaceChildren(...buttons, make("button", {
    type: "button", textContent: "Add a connection", "aria-pressed": String(!stored), onclick: () => choose(null),
  }));
  $("connections-list").hidden = !all.length;
}

/** A text with the names of ways to sign in as the form has them. */
const inWords = (text) => [...$("auth_method").options].filter(({ value }) => value.includes("_"))
  .reduce((said, { value, label }) => said.replaceAll(value, label), text);

function renderNotes() {
  const { signed_in_as: person, signed_in_at: at, ends_at: end, signing_key: key } = stored ?? {};
  const notes = notesOf(stored ?? {}).map(inWords);
  const texts = [
    person && `Signed in as ${person}${at ? `, ${moment(at)}` : ""}.`,
    key && `It signs with the key in AWS KMS that has the alias ${key}.`,
    end && !notes.length && `The certificate is good until ${moment(end)}.`,
    ...notes,
  ].filter(Boolean);
  $("notes").replaceChildren(...texts.map((textContent) =>
    make("li", { dir: "auto", className: isUrgent(stored) && notes.includes(textContent) ? "warn" : "", textContent })));
  $("notes").hidden = !texts.length;
}

/** What is registered in ServiceNow is replaced by the next one in steps of their own. */
async function renderPending() {
  const shown = stored;
  const isIts = Boolean(stored && METHODS[stored.auth_method].is_registered);
  $("pending").hidden = !isIts;
  $("pending").replaceChildren();
  if (!isIts) return;
  const { showPending } = await import("./pending.js");
  if (shown === stored) showPending(stored, keep);
}

/** Show a connection as it is stored by now. */
function keep(saved) {
  all = [...all.filter(({ name }) => name !== saved.name), saved].sort((one, other) => one.name.localeCompare(other.name));
  stored = saved;
  owned({ again: true }).catch(() => {});
  fill();
  forgetReport();
}

function render() {
  const dirty = isDirty();
  $("state").textContent = !stored ? "Not connected" : dirty ? "Unsaved changes" : "Saved";
  $("state").className = `badge ${!stored ? "" : dirty ? "warn" : "good"}`;
  $("since").textContent = stored ? `Last changed ${moment(stored.updated_at)}` : "";
  $("name-field").hidden = Boolean(stored) || !all.length;
  const used = [...identity(), ...method().secrets];
  for (const name of FIELDS) if (name !== "name") $(`${name}-field`)?.toggleAttribute("hidden", !used.includes(name));
  $("auth_method-hint").textContent = HINTS[$("auth_method").value];
  for (const name of method().secrets) {
    $(`${name}-hint`).textContent = !stored ? "" : needsSecrets()
      ? "Type it again: it belongs to one URL and one identity there."
      : "One is stored. Leave this empty to keep it.";
  }
  const isUsable = stored && !dirty && (!isLearned() || stored.signed_in_as);
  $("save").textContent = stored ? "Save changes" : "Save";
  $("test").hidden = isTestedAsStored() && !isUsable;
  $("person-signs-in").hidden = !(stored && isLearned() && !dirty);
  $("person-signs-in").textContent = stored?.signed_in_as ? "Sign in to ServiceNow again" : "Sign in to ServiceNow";
  $("next").hidden = $("try").hidden = !isUsable;
  $("discard").hidden = !(stored && dirty);
  $("delete").hidden = !stored;
}

function fill() {
  for (const name of FIELDS) $(name).value = storedAs(name);
  showErrors({});
  renderList();
  renderNotes();
  renderPending();
  render();
}

/** A report never outlives what it tested. */
function forgetReport(text) {
  tested = null;
  clear(text);
}

/** Show one of the connections, or the form of a new one. */
function choose(name) {
  if (isTyped() && !confirm("Leave what is not saved?")) return;
  stored = all.find((connection) => connection.name === name) ?? null;
  fill();
  forgetReport();
  tell("");
  (stored || !all.length ? $("connections-list").querySelector("[aria-pressed=true]") : $("name"))?.focus();
}

// ---- what is done

/** Test what is typed, or what is stored, and show what came of it. */
async function report() {
  const about = JSON.stringify(body());
  forgetReport("Asking ServiceNow …");
  try {
    const { document: found } = await ask("POST", path("/test"), isTestedAsStored() ? undefined : body());
    tested = about;
    showReport(found);
    if (found.success && stored && !isDirty()) await showCapabilities(stored.name, () => tested === about).catch(() => {});
    return found;
  } catch (error) {
    forgetReport("The test could not be made.");
    throw error;
  }
}

/** Do something with the API while its button says so; failures end up beside what caused them. */
async function work(button, label, doing) {
  const focused = document.activeElement;
  const buttons = [...$("form").querySelectorAll("button"), ...$("connections-list").children];
  const before = button.textContent;
  buttons.forEach((other) => { other.disabled = true; });
  button.textContent = label;
  tell("");
  try {
    await doing();
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    const here = Object.keys(error.fields).some((name) => FIELDS.includes(name));
    if (!here) tell(error.status === 412 ? CHANGED : error.message, "bad");
    showErrors(error.fields);
  } finally {
    buttons.forEach((other) => { other.disabled = false; });
    button.textContent = before;
    render();
    // A button that could not be pressed for a while has lost the focus.
    if (document.activeElement === document.body) focused.focus({ preventScroll: true });
  }
}

async function load() {
  show("loading");
  try {
    ({ connections: all } = await owned({ again: true }));
  } catch (error) {
    $("failure").textContent = error.message;
    return show("failed");
  }
  stored = all.find(({ name }) => name === stored?.name) ?? all.find(({ name }) => name === DEFAULT) ?? all[0] ?? null;
  fill();
  forgetReport();
  show("connection");
}

const test = () => work($("test"), "Testing …", async () => {
  const fields = missing();
  showErrors(fields);
  if (Object.keys(fields).length) return;
  await report();
  $("report-title").focus();
});

const save = () => work($("save"), "Saving …", async () => {
  const fields = missing();
  showErrors(fields);
  if (Object.keys(fields).length) return;
  const { document: saved } = stored
    ? await ask("PUT", path(), body(), { "If-Match": `"${stored.version}"` })
    : await ask("POST", "connections", { name: nameNow(), ...body() });
  keep(saved);
  if (isLearned() && !stored.signed_in_as) {
    tell("Saved. Now sign in to ServiceNow: the connection goes by whoever does.", "good");
    return;
  }
  tell("Saved. Testing it …", "good");
  try {
    const { success } = await report();
    tell(success ? "Saved." : "Saved, but it does not work yet: see what works.", success ? "good" : "bad");
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    tell(`Saved, but not tested: ${error.message}`, "bad");
  }
});

const signInAsPerson = () => work($("person-signs-in"), "Going to ServiceNow …", async () => {
  const { document: { url } } = await ask("GET", path("/sign-in"));
  location.assign(url);
});

const remove = () => work($("delete"), "Deleting …", async () => {
  await ask("DELETE", path());
  all = all.filter(({ name }) => name !== stored.name);
  stored = all[0] ?? null;
  owned({ again: true }).catch(() => {});
  fill();
  forgetReport();
  tell("The connection and its secrets are deleted.", "good");
});

function listen() {
  $("retry").onclick = load;
  $("test").onclick = test;
  $("person-signs-in").onclick = signInAsPerson;
  $("try-incident").onclick = () => tryIncident(stored.name);
  $("discard").onclick = () => { fill(); forgetReport(); tell(""); $("instance_url").focus(); };
  $("form").onsubmit = (event) => { event.preventDefault(); save(); };
  $("form").oninput = (event) => {
    const name = event.target.name;
    if (name) {
      $(`${name}-error`).textContent = "";
      event.target.removeAttribute("aria-invalid");
    }
    if (tested !== null && tested !== JSON.stringify(body())) forgetReport("Changed since the test. Test it again.");
    render();
  };
  $("auth_method").onchange = () => $("form").oninput({ target: $("auth_method") }); // not every browser sends input
  // People paste the address of a page of theirs.
  $("instance_url").onchange = ({ target }) => {
    const text = target.value.trim();
    if (URL.canParse(text) && /^https:\/\/[^@]*$/.test(text)) target.value = new URL(text).origin;
    render();
  };
  for (const button of $("form").querySelectorAll("[data-reveals]")) {
    button.onclick = () => {
      const input = $(button.dataset.reveals);
      const shown = input.type === "password";
      input.type = shown ? "text" : "password";
      button.textContent = shown ? "Hide" : "Show";
      button.setAttribute("aria-pressed", String(shown));
    };
  }
  $("delete").onclick = () => confirmed("Delete this connection?",
    `Its secrets are deleted, too, and tickets are no longer written to ${new URL(stored.instance_url).host}. `
    + "Events that need it wait for up to 14 days. Tickets that exist stay as they are.", "Delete connection", remove);
  window.addEventListener("beforeunload", (event) => {
    if (isHere() && isTyped()) event.preventDefault();
  });
}

let isOpen = false;

/** Show the view; what is typed in it stays. */
export async function open() {
  if (isOpen) return;
  isOpen = true;
  listen();
  await load();
}
