// Where ServiceNow sends a person back to: the code goes to the API with the person's own token.

import { call, session, signIn } from "./session.js";

const said = document.getElementById("said");

/** The connection that a sign-in is for: its name stands in the state, after that of its team. */
function place(state) {
  const [team, name] = decodeURIComponent(state.slice(state.indexOf(".") + 1)).split("/");
  return name === undefined ? { name: team, query: "" } : { name, query: `?owner=team/${encodeURIComponent(team)}` };
}

async function finish() {
  const came = Object.fromEntries(new URLSearchParams(location.search));
  if (came.error) throw new Error(`ServiceNow refused: ${came.error_description ?? came.error}`);
  if (!came.code || !came.state) throw new Error("ServiceNow sent no code along. Begin the sign-in again.");
  if (!session()) {
    await signIn();
    return;
  }
  const { name, query } = place(came.state);
  history.replaceState(null, "", "sign-in");
  const path = `connections/${encodeURIComponent(name)}/sign-in${query}`;
  const { document: connection } = await call("POST", path, { code: came.code, state: came.state });
  said.textContent = `The connection ${connection.name} goes by ${connection.signed_in_as} from now on.`;
}

finish().catch((error) => {
  said.textContent = error.message || "Sign in to ActionSync, then begin again.";
});
