// The Settings page: who is signed in, whose things are shown, and its views.

import { finishSignIn, session, signIn, signOut } from "./session.js";
import { $, owned, owner } from "./shared.js";
import { showViews } from "./views.js";

/** Offer the teams that the user is in, where there are any; what is chosen stands in the address. */
async function offerTeams() {
  const { teams } = await owned();
  const here = teams.find(({ name }) => `team/${name}` === owner);
  $("owner").replaceChildren(new Option("Mine", ""), ...teams.map(({ name }) => new Option(name, `team/${name}`)));
  $("owner").value = owner;
  $("owner-field").hidden = !teams.length;
  $("owner").onchange = () => {
    const chosen = $("owner").value;
    const query = chosen ? `?${new URLSearchParams({ owner: chosen })}` : "";
    location.assign(`settings${query}${location.hash}`);
    $("owner").value = owner; // where the user stays, since something is not saved
  };
  if (!here) return;
  $("of-team").hidden = false;
  $("of-team").textContent = here.role === "editor"
    ? `What you see and change is the team's: ${here.name}.`
    : `What you see is the team's: ${here.name}. You may use it; its editors change it.`;
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
  $("sign-out").onclick = signOut;
  // Only closing "expired" by signing in ends it.
  $("expired").oncancel = (event) => event.preventDefault();
  showViews();
  offerTeams().catch((error) => {
    $("of-team").hidden = !owner;
    $("of-team").replaceChildren(`${owner}: ${error.message} `, Object.assign(document.createElement("a"), { href: "settings", textContent: "Show what is yours" }));
  });
}

start();
