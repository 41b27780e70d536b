// What a test of a connection found, what its instance allows, and a test ticket as proof.

import { $, ask, busy, entry, make, tell, ticketLink } from "./shared.js";
import { Problem } from "./session.js";

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

/** Take the report away: it never outlives what it tested. */
export function clear(text = UNTESTED) {
  $("report-summary").textContent = text;
  $("stages").replaceChildren();
  $("capabilities").hidden = true;
  tell($("try-outcome"), "");
}

/** Show a report: in one sentence, and stage by stage. */
export function showReport(report, summary = $("report-summary"), stages = $("stages")) {
  const failed = report.checks.filter((check) => check.status === "failed").map((check) => STAGES[check.name]);
  summary.textContent = report.success
    ? report.message
    : `It does not work yet. Look at: ${failed.join(", ")}.`;
  stages.replaceChildren(...report.checks.map((check) => {
    const said = check.servicenow;
    return entry(MARKS[check.status], [STAGES[check.name] ?? check.name],
      make("p", { textContent: check.message }),
      said && make("blockquote", { dir: "auto",
        textContent: `ServiceNow said ${said.status}: ${[said.message, said.detail].filter(Boolean).join(" — ")}`,
      }));
  }));
}

/** What the instance allows a connection by now, and what an administrator can change. */
export async function showCapabilities(connection, isWanted) {
  const { document: found } = await ask("GET", `capabilities?fresh=true&connection=${connection}`);
  if (!isWanted()) return;
  $("capabilities-list").replaceChildren(...found.capabilities.map(({ name, status, values, means, remedy }) =>
    entry(MARKS[remedy ? (status === "unknown" ? "unknown" : "failed") : "passed"], [CAPABILITIES[name] ?? name],
      values.length ? make("p", { textContent: values.join(", ") }) : null,
      make("p", { textContent: [means, remedy].filter(Boolean).join(" ") }))));
  $("capabilities").hidden = false;
}

/** Open an incident and close it again, as proof that says more than a test. */
export const tryIncident = (connection) => busy($("try-incident"), "Sending …", async () => {
  const outcome = $("try-outcome");
  tell(outcome, "");
  const query = `?connection=${connection}`;
  let made = null;
  try {
    ({ document: made } = await ask("POST", `incidents${query}`, {
      short_description: "Test of ActionSync: please ignore", urgency: "3", impact: "3",
    }, { "Idempotency-Key": crypto.randomUUID() }));
    const code = (await ask("GET", `choices/incident/close_code${query}`)).document.choices[0]?.value;
    await ask("POST", `incidents/${made.sys_id}/close${query}`,
      { close_notes: "A test of ActionSync.", ...(code ? { close_code: code } : {}) });
    tell(outcome, "", "good");
    outcome.append(ticketLink(made), " was opened and resolved.");
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    tell(outcome, "", "bad");
    if (made) outcome.append(ticketLink(made), " was opened, and could not be resolved: ");
    outcome.append(error.message);
  }
  outcome.hidden = false;
});
