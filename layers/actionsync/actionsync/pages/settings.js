// The Settings page: connect, test, change and delete a ServiceNow connection.

import { call, finishSignIn, Problem, session, SessionEnded, signIn, signOut } from "./session.js";
import { $, again, busy, entry, make, tell as say } from "./shared.js";
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
const MARKS = {
  passed: ["✓", "works", "passed"], failed: ["!", "does not work", "failed"],
  unknown: ["?", "not known", "unknown"], skipped: ["–", "not tried", "skipped"],
};

const CAPABILITIES = {
  roles: "Roles",
  incident_close_codes: "Close codes of incidents",
  change_close_codes: "Close codes of changes",
  mandatory_to_open_incident: "Mandatory to open an incident",
  mandatory_to_close_incident: "Mandatory to resolve an incident",
  mandatory_to_open_change: "Mandatory to open a change",
  mandatory_to_close_change: "Mandatory to close a change",
  incident_states: "States of incidents",
  change_states: "States of changes",
  change_models: "Change models",
  language: "Language",
  time_zone: "Time zone",
  journals: "Work notes can be read",
  own_approval: "May approve its own changes",
};
const UNTESTED = "Test the connection to see what it may do, before or after you save it.";

let stored = null; // the connection as it is stored, or null
let etag = null;
let tested = null; // what the report on the page is about, as JSON, or null without one

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
  $("next").hidden = $("try").hidden = !stored || dirty;
  $("discard").hidden = !(stored && dirty);
  $("delete").hidden = !stored;
}

function fill() {
  for (const name of FIELDS) $(name).value = storedAs(name);
  showErrors({});
  render();
}

/** A report never outlives what it tested. */
function forgetReport(text = UNTESTED) {
  tested = null;
  $("report-summary").textContent = text;
  $("stages").replaceChildren();
  $("capabilities").hidden = true;
  say($("try-outcome"), "");
}

function renderReport(report) {
  const failed = report.checks.filter((check) => check.status === "failed").map((check) => STAGES[check.name]);
  $("report-summary").textContent = report.success
    ? report.message
    : `It does not work yet. Look at: ${failed.join(", ")}.`;
  $("stages").replaceChildren(...report.checks.map((check) => {
    const said = check.servicenow;
    return entry(MARKS[check.status], [STAGES[check.name] ?? check.name],
      make("p", { textContent: check.message }),
      said && make("blockquote", {
        textContent: `ServiceNow said ${said.status}: ${[said.message, said.detail].filter(Boolean).join(" — ")}`,
      }));
  }));
}

/** What the instance allows, and what an administrator can change; asked once the connection works. */
async function showCapabilities() {
  const about = tested;
  const { document: found } = await call("GET", "capabilities");
  if (tested !== about) return;
  $("capabilities-list").replaceChildren(...found.capabilities.map(({ name, status, values, means, remedy }) =>
    entry(MARKS[remedy ? (status === "unknown" ? "unknown" : "failed") : "passed"], [CAPABILITIES[name] ?? name],
      values.length ? make("p", { textContent: values.join(", ") }) : null,
      make("p", { textContent: [means, remedy].filter(Boolean).join(" ") }))));
  $("capabilities").hidden = false;
}

/** Test what is typed, or what is stored, and show what came of it. */
async function report() {
  const about = JSON.stringify(body());
  forgetReport("Asking ServiceNow …");
  try {
    const { document: found } = await call("POST", "test", body());
    tested = about;
    renderReport(found);
    if (found.success && stored && !isDirty()) await showCapabilities().catch(() => {});
    return found;
  } catch (error) {
    forgetReport("The test could not be made.");
    throw error;
  }
}

/** Open an incident and close it again, as proof that says more than a test. */
const tryIncident = () => busy($("try-incident"), "Sending …", async () => {
  const outcome = $("try-outcome");
  say(outcome, "");
  const link = (ticket) => make("a", { href: ticket.url, target: "_blank", rel: "noopener", textContent: ticket.number });
  let made = null;
  try {
    ({ document: made } = await call("POST", "incidents", {
      short_description: "Test of ActionSync: please ignore", urgency: "3", impact: "3",
    }, { "Idempotency-Key": crypto.randomUUID() }));
    const code = (await call("GET", "choices/incident/close_code")).document.choices[0]?.value;
    await call("POST", `incidents/${made.sys_id}/close`,
      { close_notes: "A test of ActionSync.", ...(code ? { close_code: code } : {}) });
    say(outcome, "", "good");
    outcome.append(link(made), " was opened and resolved.");
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    say(outcome, "", "bad");
    if (made) outcome.append(link(made), " was opened, and could not be resolved: ");
    outcome.append(error.message);
  }
  outcome.hidden = false;
});

/** Do something with the API while its button says so; failures end up beside what caused them. */
async function work(button, label, doing) {
  const focused = document.activeElement;
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
    // A button that could not be pressed for a while has lost the focus.
    if (document.activeElement === document.body) focused.focus({ preventScroll: true });
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
  const made = stored
    ? await call("PUT", "config", body(), etag ? { "If-Match": etag } : {})
    : await call("POST", "config", body());
  ({ document: stored, etag } = made);
  fill();
  tell("Saved. Testing it …", "good");
  try {
    const { success } = await report();
    tell(success ? "Saved." : "Saved, but it does not work yet: see what works.", success ? "good" : "bad");
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    tell(`Saved, but not tested: ${error.message}`, "bad");
  }
});

const remove = () => work($("delete"), "Deleting …", async () => {
  await call("DELETE", "config");
  stored = null;
  etag = null;
  fill();
  forgetReport();
  tell("The connection and its secrets are deleted.", "good");
});

function listen() {
  $("sign-out").onclick = signOut;
  $("retry").onclick = load;
  $("test").onclick = test;
  $("try-incident").onclick = tryIncident;
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
