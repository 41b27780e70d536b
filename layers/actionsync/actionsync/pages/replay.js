// Replay: what rules that are not saved would have made of an owner's newest events.

import { $, ask, busy, make, moment, plural, wordsOf } from "./shared.js";

const SHOWN = 50;

/** What became of a key, in words: how often each thing happened, in the order of the first. */
export function summary(outcomes) {
  const counts = new Map();
  for (const { outcome } of outcomes) counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
  return [...counts].map(([outcome, count]) => (count > 1 ? `${outcome} ${count} times` : outcome)).join(", ") || "nothing";
}

function row(key) {
  return make("tr", {},
    make("th", { scope: "row", dir: "auto", textContent: key.title || key.name || key.key },
      make("span", { className: "hint", textContent: ` ${key.source}` })),
    make("td", { dir: "auto", textContent: key.rule }),
    make("td", {}, summary(key.outcomes), key.group ? make("span", { className: "hint", textContent: ", in a ticket for many" }) : null,
      key.outcomes.length ? make("span", { className: "hint", textContent: ` ${moment(key.outcomes.at(-1).at)}` }) : null));
}

function show({ events, unread, totals, keys }) {
  if (!events) {
    return [make("p", { className: "empty", textContent: "There is no event of the last seven days to replay." })];
  }
  const said = Object.entries(totals).map(([outcome, count]) => `${count} ${outcome}`).join(", ");
  return [
    make("p", { className: "notice", textContent: `${plural(events, "event")}: ${said || "nothing would have happened"}.${unread ? ` ${unread} could not be read.` : ""}` }),
    make("div", { className: "wide", tabIndex: 0, role: "group", "aria-label": "What would have become of them" }, make("table", {},
      make("thead", {}, make("tr", {}, ...["Event", "Rule", "What would have become of it"].map((textContent) => make("th", { scope: "col", textContent })))),
      make("tbody", {}, ...keys.slice(0, SHOWN).map(row)))),
    keys.length > SHOWN ? make("p", { className: "hint", textContent: `and ${keys.length - SHOWN} more.` }) : "",
  ];
}

/** Offer to replay; `draft` returns the rules, and `refused` shows which fields of them are wrong. */
export function offerReplay(draft, refused) {
  $("replay").onclick = () => busy($("replay"), "Replaying …", async () => {
    try {
      const { document: result } = await ask("POST", "rules/replay", { rules: draft() });
      $("replayed").replaceChildren(...show(result));
    } catch (error) {
      const words = wordsOf(error, refused(error.fields ?? {}), "A field is wrong; it is marked.");
      $("replayed").replaceChildren(make("p", { className: "notice bad", textContent: words }));
    }
  });
}

/** Take the result away, since the rules have changed. */
export const forget = () => $("replayed").replaceChildren();
