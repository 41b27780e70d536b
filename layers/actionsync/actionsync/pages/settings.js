// The Settings page: connect, test, change and delete a ServiceNow connection.

import { call, finishSignIn, Problem, session, SessionEnded, signIn, signOut } from "./session.js";
import { $, again } from "./shared.js";
import { showViews } from "./views.js";

const METHODS = {
  basic: { names: ["username"], secrets: ["password"], hint: "A ServiceNow user of its own for this." },
  oauth_client_credentials: {
    names: ["client_id"], secrets: ["client_secret"],
    hint: "An OAuth application with a user of its own. The instance has to allow client credentials.",
  },
  oauth_password: {
    names: ["username", "client_id"], secrets: ["password", "client_secret"],
    hint: "An OAuth application, and a user who signs in through it.",
  },
  oauth_refresh_token: {
    names: ["client_id"], secrets: ["client_secret", "refresh_token"],
    hint: "An OAuth application, and the refresh token that a user's sign-in left. It lasts for 100 days by default.",
  },
  api_key: { names: [], secrets: ["api_key"], hint: "An inbound API key of a ServiceNow user." },
};
const FIELDS = ["instance_url", "auth_method", "username", "password", "client_id", "client_secret", "refresh_token", "api_key"];
const STAGES = {
  reachable: "Instance reachable",
  signed_in: "Signed in",
  read_incidents: "Read incidents",
  write_incidents: "Write incidents",
  write_change_requests: "Write change requests",
};
const MARKS = { passed: ["✓", "works"], failed: ["!", "does not work"], unknown: ["?", "not known"], skipped: ["–", "not tried"] };

let stored = null; // the connection as it is stored, or null
let etag = null;

const method = () => METHODS[$("auth_method").value];
const identity = () => ["instance_url", "auth_method", ...method().names];
const valueOf = (name) => (method().secrets.includes(name) ? $(name).value : $(name).value.trim());
const storedAs = (name) => stored?.[name] ?? (name === "auth_method" ? "basic" : "");
const sent = () => method().secrets.filter((name) => valueOf(name) !== "");
const isDirty = () => sent().length > 0 || identity().some((name) => $(name).value !== storedAs(name));
const needsSecrets = () => !stored || identity().some((name) => valueOf(name).replace(/\/$/, "") !== storedAs(name));

/** What is sent: who calls where, and the secrets that were typed. */
const body = () => Object.fromEntries([...identity(), ...sent()].map((name) => [name, valueOf(name)]));

function show(name) {
  for (const id of ["loading", "failed", "connection"]) $(id).hidden = id !== name;
}

function tell(text, kind) {
  $("outcome").hidden = !text;
  $("outcome").className = `notice ${kind ?? ""}`;
  $("outcome").textContent = text;
}

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
  for (const name of identity()) if (!valueOf(name)) fields[name] = "is missing";
  if (needsSecrets() || sent().length) {
    for (const name of method().secrets) {
      if (!valueOf(name)) fields[name] = stored ? "is needed again when anything of this changes" : "is missing";
    }
  }
  return fields;
}

function render() {
  const dirty = isDirty();
  $("state").textContent = !stored ? "Not connected" : dirty ? "Unsaved changes" : "Saved";
  $("state").className = `badge ${!stored ? "" : dirty ? "warn" : "good"}`;
  $("since").textContent = stored ? `Last changed ${new Date(stored.updated_at).toLocaleString()}` : "";
  const used = [...identity(), ...method().secrets];
  for (const name of FIELDS) {
    const field = $(`${name}-field`);
    if (field) field.hidden = !used.includes(name);
  }
  $("auth_method-hint").textContent = method().hint;
  for (const name of method().secrets) {
    $(`${name}-hint`).textContent = !stored ? "" : needsSecrets()
      ? "Type it again: it belongs to one URL and one identity there."
      : "One is stored. Leave this empty to keep it.";
  }
  $("save").textContent = stored ? "Save changes" : "Save";
  $("discard").hidden = !(stored && dirty);
  $("delete").hidden = !stored;
}

function fill() {
  for (const name of FIELDS) $(name).value = storedAs(name);
  showErrors({});
  render();
}

function renderReport(report) {
  const failed = report.checks.filter((check) => check.status === "failed").map((check) => STAGES[check.name]);
  $("report-summary").textContent = report.success
    ? report.message
    : `It does not work yet. Look at: ${failed.join(", ")}.`;
  $("stages").replaceChildren(...report.checks.map((check) => {
    const item = document.createElement("li");
    item.className = check.status;
    const [sign, words] = MARKS[check.status];
    const mark = Object.assign(document.createElement("span"), { className: "mark", textContent: sign });
    mark.setAttribute("aria-hidden", "true");
    const text = document.createElement("div");
    const add = (tag, content) =>
      text.append(Object.assign(document.createElement(tag), { textContent: content }));
    add("h3", STAGES[check.name] ?? check.name);
    text.firstChild.append(Object.assign(document.createElement("span"), { className: "visually-hidden", textContent: `: ${words}` }));
    add("p", check.message);
    const said = check.servicenow;
    if (said) add("blockquote", `ServiceNow said ${said.status}: ${[said.message, said.detail].filter(Boolean).join(" — ")}`);
    item.append(mark, text);
    return item;
  }));
}

/** Do something with the API while its button says so; failures end up beside what caused them. */
async function work(button, label, doing) {
  const buttons = [...$("form").querySelectorAll("button")];
  const before = button.textContent;
  buttons.forEach((other) => { other.disabled = true; });
  button.textContent = label;
  tell("");
  try {
    await doing();
  } catch (error) {
    if (error instanceof SessionEnded) {
      await again();
      buttons.forEach((other) => { other.disabled = false; });
      button.textContent = before;
      return work(button, label, doing);
    }
    if (!(error instanceof Problem)) throw error;
    const here = Object.keys(error.fields).some((name) => FIELDS.includes(name));
    if (!here) tell(error.status === 412 ? "The connection was changed elsewhere meanwhile. Reload to see it." : error.message, "bad");
    buttons.forEach((other) => { other.disabled = false; });
    showErrors(error.fields);
  } finally {
    buttons.forEach((other) => { other.disabled = false; });
    button.textContent = before;
    render();
  }
}

async function load() {
  show("loading");
  try {
    ({ document: stored, etag } = await call("GET", "config"));
  } catch (error) {
    if (error instanceof SessionEnded) {
      await again();
      return load();
    }
    if (error.status !== 404) {
      $("failure").textContent = error.message;
      return show("failed");
    }
    stored = null;
  }
  fill();
  show("connection");
}

const test = () => work($("test"), "Testing …", async () => {
  const fields = missing();
  showErrors(fields);
  if (Object.keys(fields).length) return;
  $("report-summary").textContent = "Asking ServiceNow …";
  $("stages").replaceChildren();
  try {
    renderReport((await call("POST", "test", body())).document);
  } catch (error) {
    $("report-summary").textContent = "The test could not be made.";
    throw error;
  }
});

const save = () => work($("save"), "Saving …", async () => {
  const fields = missing();
  showErrors(fields);
  if (Object.keys(fields).length) return;
  const made = stored
    ? await call("PUT", "config", body(), etag ? { "If-Match": etag } : {})
    : await call("POST", "config", body());
  ({ document: stored, etag } = made);
  fill();
  tell("Saved.", "good");
});

const remove = () => work($("delete"), "Deleting …", async () => {
  await call("DELETE", "config");
  stored = null;
  etag = null;
  fill();
  $("stages").replaceChildren();
  $("report-summary").textContent = "Test the connection to see what it may do, before or after you save it.";
  tell("The connection and its secrets are deleted.", "good");
});

function listen() {
  $("sign-out").onclick = signOut;
  $("retry").onclick = load;
  $("test").onclick = test;
  $("discard").onclick = () => { fill(); tell(""); $("instance_url").focus(); };
  $("form").onsubmit = (event) => { event.preventDefault(); save(); };
  $("form").oninput = (event) => {
    const name = event.target.name;
    if (name) {
      $(`${name}-error`).textContent = "";
      event.target.removeAttribute("aria-invalid");
    }
    render();
  };
  $("auth_method").onchange = render; // not every browser tells of a choice as of input
  for (const button of $("form").querySelectorAll("[data-reveals]")) {
    button.onclick = () => {
      const input = $(button.dataset.reveals);
      const shown = input.type === "password";
      input.type = shown ? "text" : "password";
      button.textContent = shown ? "Hide" : "Show";
      button.setAttribute("aria-pressed", String(shown));
    };
  }
  $("delete").onclick = () => {
    $("confirm-host").textContent = new URL(stored.instance_url).host;
    $("confirm-delete").showModal();
  };
  $("confirm-no").onclick = () => $("confirm-delete").close();
  $("confirm-yes").onclick = () => { $("confirm-delete").close(); remove(); };
  // Only closing "expired" by signing in ends it.
  $("expired").oncancel = (event) => event.preventDefault();
  window.addEventListener("beforeunload", (event) => {
    if (session() && isDirty()) event.preventDefault();
  });
}

async function start() {
  let failure = "";
  try {
    if (!(await finishSignIn())) return;
  } catch (error) {
    failure = error.message;
  }
  const who = session();
  $("sign-in").onclick = signIn;
  $("welcome").hidden = Boolean(who);
  $("sign-in-error").textContent = failure;
  $("sign-in-error").hidden = !failure;
  if (!who) return;
  $("who").hidden = $("signed-in").hidden = false;
  $("email").textContent = who.email;
  listen();
  showViews();
  await load();
}

start();
