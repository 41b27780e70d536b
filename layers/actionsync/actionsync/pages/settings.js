// The Settings page: connect, test, change and delete a ServiceNow connection.

import { call, finishSignIn, Problem, session, SessionEnded, signIn, signOut } from "./session.js";
import { $, again } from "./shared.js";
import { showViews } from "./views.js";

const FIELDS = ["instance_url", "username", "password"];
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

const typed = () => Object.fromEntries(FIELDS.map((name) => [name, $(name).value]));
const trimmed = () => ({ ...typed(), instance_url: $("instance_url").value.trim(), username: $("username").value.trim() });
const isDirty = () => {
  const now = typed();
  return now.password !== "" || now.instance_url !== (stored?.instance_url ?? "") || now.username !== (stored?.username ?? "");
};
const needsPassword = () => {
  const now = trimmed();
  return !stored || now.instance_url.replace(/\/$/, "") !== stored.instance_url || now.username !== stored.username;
};

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
  const now = trimmed();
  const fields = {};
  if (!now.instance_url) fields.instance_url = "is missing";
  if (!now.username) fields.username = "is missing";
  if (!now.password && needsPassword()) {
    fields.password = stored ? "is needed again for another URL or username" : "is missing";
  }
  return fields;
}

function render() {
  const dirty = isDirty();
  $("state").textContent = !stored ? "Not connected" : dirty ? "Unsaved changes" : "Saved";
  $("state").className = `badge ${!stored ? "" : dirty ? "warn" : "good"}`;
  $("since").textContent = stored ? `Last changed ${new Date(stored.updated_at).toLocaleString()}` : "";
  $("password-hint").textContent = !stored ? "" : needsPassword()
    ? "Type the password again: it belongs to one URL and one username."
    : "A password is stored. Leave this empty to keep it.";
  $("save").textContent = stored ? "Save changes" : "Save";
  $("discard").hidden = !(stored && dirty);
  $("delete").hidden = !stored;
}

function fill() {
  $("instance_url").value = stored?.instance_url ?? "";
  $("username").value = stored?.username ?? "";
  $("password").value = "";
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
  const body = trimmed();
  if (!body.password) delete body.password;
  $("report-summary").textContent = "Asking ServiceNow …";
  $("stages").replaceChildren();
  try {
    renderReport((await call("POST", "test", body)).document);
  } catch (error) {
    $("report-summary").textContent = "The test could not be made.";
    throw error;
  }
});

const save = () => work($("save"), "Saving …", async () => {
  const fields = missing();
  showErrors(fields);
  if (Object.keys(fields).length) return;
  const body = trimmed();
  if (!body.password) delete body.password;
  const made = stored
    ? await call("PUT", "config", body, etag ? { "If-Match": etag } : {})
    : await call("POST", "config", body);
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
  tell("The connection and its password are deleted.", "good");
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
  $("reveal").onclick = () => {
    const shown = $("password").type === "password";
    $("password").type = shown ? "text" : "password";
    $("reveal").textContent = shown ? "Hide" : "Show";
    $("reveal").setAttribute("aria-pressed", String(shown));
  };
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
