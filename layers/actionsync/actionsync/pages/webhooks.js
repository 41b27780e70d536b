// The Webhooks view: addresses that tools send to, what came of the last deliveries, and sending one again.

import { $, ask, busy, confirmed, connections, entry, failure, make, moment, reconcile, tell } from "./shared.js";
import { SENDERS } from "./tables.js";

const TITLES = Object.fromEntries(SENDERS.map(([name, title]) => [name, title]));
const OWN_SECRET = new Set(SENDERS.filter(([, , isItsOwn]) => isItsOwn).map(([name]) => name));
const pathOf = ({ source, id }) => `webhooks/${source}/${id}`;

/** Show the view; `source` is who is chosen as sender. */
export function open() {
  const senders = $("webhook-source");
  if (!senders.options.length) {
    senders.append(...SENDERS.map(([value, title]) => make("option", { value, textContent: title })));
    senders.value = "github";
    senders.onchange = showForm;
    $("webhook-form").onsubmit = create;
    showForm();
  }
  offerConnections().catch(() => {}); // its field stays hidden: what comes goes to the default one
  read();
}

function showForm() {
  $("webhook-secret-field").hidden = !OWN_SECRET.has($("webhook-source").value);
}

/** Where there are several connections, a webhook may name one. */
async function offerConnections() {
  const names = (await connections()).map(({ name }) => name);
  const chosen = $("webhook-connection").value;
  $("webhook-connection").replaceChildren(new Option("default", ""), ...names.filter((name) => name !== "default").map((name) => new Option(name, name)));
  $("webhook-connection").value = names.includes(chosen) ? chosen : "";
  $("webhook-connection-field").hidden = names.length < 2;
}

async function read() {
  const list = $("webhooks");
  try {
    const [{ document: { webhooks } }, owned] = await Promise.all([ask("GET", "webhooks"), connections().catch(() => null)]);
    const shown = list.querySelector("ul") ?? make("ul", { className: "webhooks" });
    reconcile(shown, webhooks, ({ id }) => id, (webhook) => row(webhook, owned));
    if (!shown.isConnected || !webhooks.length) list.replaceChildren(webhooks.length ? shown
      : make("p", { className: "empty", textContent: "There is none yet. Make one, and give its address and secret to the tool that sends." }));
  } catch (error) {
    list.replaceChildren(failure(`The webhooks cannot be read: ${error.message}`, read));
  }
  list.removeAttribute("aria-busy");
}

/** A webhook; `owned` are the owner's connections, null where they cannot be read. */
function row(webhook, owned) {
  const called = `${TITLES[webhook.source]}: ${webhook.name}`;
  const outcome = make("p", { className: "notice", role: "status", hidden: true });
  const deliveries = make("details", {}, make("summary", { textContent: "Last deliveries" }), make("div"));
  deliveries.ontoggle = () => deliveries.open && showDeliveries(webhook, deliveries);
  const change = (button, doing, doIt) => busy(button, doing, async () => {
    try {
      await doIt();
      await read();
    } catch (error) {
      tell(outcome, error.message, "bad");
    }
  });
  const mode = make("button", {
    type: "button", textContent: webhook.dry_run ? "Let it make tickets" : "Dry run",
    onclick: async ({ target }) => {
      await change(target, "Changing …", () => ask("PATCH", pathOf(webhook), { dry_run: !webhook.dry_run }));
      $("webhooks").querySelector(`[data-key="${webhook.id}"] .actions button`)?.focus();
    },
  });
  mode.setAttribute("aria-label", `${mode.textContent}: ${called}`);
  const remove = make("button", { type: "button", className: "quiet danger", textContent: "Remove", onclick: ({ target }) =>
    confirmed("Remove this webhook?", "Deliveries to it are refused from then on. Remove it at the sender, too.", "Remove webhook",
      () => change(target, "Removing …", () => ask("DELETE", pathOf(webhook)))) });
  remove.setAttribute("aria-label", `Remove ${called}`);
  return make("li", {},
    make("h3", {}, make("span", {}, `${TITLES[webhook.source]}: `, make("bdi", { textContent: webhook.name })), webhook.dry_run ? make("span", { className: "badge", textContent: "dry run" }) : null),
    make("p", { className: "hint" }, make("code", { textContent: webhook.path }), ` made ${moment(webhook.created_at)}`),
    webhook.connection ? make("p", { className: "hint" }, "Its tickets go through the connection ", make("strong", { textContent: webhook.connection }),
      owned?.every(({ name }) => name !== webhook.connection) ? ", which is not stored: what comes waits for it." : ", unless a rule names another.") : null,
    outcome, make("div", { className: "actions" }, mode, remove),
    OWN_SECRET.has(webhook.source) ? ownSecret(webhook, called, outcome) : null, deliveries);
}

/** The sender's own secret, which is known once the sender knows the address. */
function ownSecret(webhook, called, outcome) {
  const input = make("input", { id: `secret-${webhook.id}`, type: "password", autocomplete: "off", maxLength: 512, "aria-describedby": `secret-${webhook.id}-error`,
    oninput: () => refuse("") });
  const error = make("p", { className: "error", id: `secret-${webhook.id}-error` });
  const refuse = (text) => {
    error.textContent = text;
    input.setAttribute("aria-invalid", String(Boolean(text)));
    if (text) input.focus();
  };
  const store = (event) => {
    event.preventDefault();
    if (!input.value) return refuse("The secret is missing");
    return busy(button, "Storing …", async () => {
      tell(outcome, "");
      try {
        await ask("PATCH", pathOf(webhook), { secret: input.value });
        input.value = "";
        details.open = false;
        details.firstChild.focus();
        tell(outcome, "The secret is stored. Deliveries are checked by it from now on.", "good");
      } catch (problem) {
        if (problem.fields?.secret) refuse(`The secret: ${problem.fields.secret}`);
        else tell(outcome, problem.message, "bad");
      }
    });
  };
  const button = make("button", { type: "submit", textContent: "Store the secret", "aria-label": `Store the secret of ${called}` });
  const details = make("details", {}, make("summary", { textContent: "The sender's own secret" }),
    make("form", { noValidate: true, onsubmit: store },
      make("div", { className: "field" }, make("label", { htmlFor: input.id, textContent: `${TITLES[webhook.source]}'s secret` }), input,
        make("p", { className: "hint", textContent: "It replaces the one that is stored." }), error),
      make("div", { className: "actions" }, button)));
  return details;
}

async function showDeliveries(webhook, details) {
  const place = details.lastChild;
  place.replaceChildren(make("div", { className: "skeleton" }));
  try {
    const { document: { deliveries } } = await ask("GET", `${pathOf(webhook)}/deliveries`);
    place.replaceChildren(...(deliveries.length
      ? [make("ol", { className: "stages" }, ...deliveries.map((delivery) => deliveryRow(webhook, delivery, details)))]
      : [make("p", { className: "empty", textContent: "Nothing has come in the last seven days." })]));
  } catch (error) {
    place.replaceChildren(failure(`The deliveries cannot be read: ${error.message}`, () => showDeliveries(webhook, details)));
  }
}

const BAD = new Set(["failed", "dropped", "unreadable"]);

function deliveryRow(webhook, delivery, details) {
  const isBad = delivery.events.some(({ outcome }) => BAD.has(outcome));
  const outcome = make("p", { className: "notice", role: "status", hidden: true });
  const again = make("button", { type: "button", textContent: "Send again", onclick: ({ target }) => busy(target, "Sending …", async () => {
    try {
      await ask("POST", `${pathOf(webhook)}/deliveries/${delivery.id}/send-again`);
      tell(outcome, "Sent. What becomes of it is seen here within seconds.", "good");
    } catch (error) {
      tell(outcome, error.message, "bad");
    }
  }) });
  again.setAttribute("aria-label", `Send the delivery of ${moment(delivery.at)} again`);
  return entry(isBad ? ["!", "failed", "failed"] : ["✓", "taken", "passed"],
    [make("time", { dateTime: delivery.at, textContent: moment(delivery.at) })],
    ...delivery.events.map((event) => make("p", {}, make("bdi", { textContent: event.name || "An event" }), `: ${event.outcome.replaceAll("_", " ")}`,
      event.ticket ? make("span", {}, ", ", make("a", { href: event.ticket.url, textContent: event.ticket.number, rel: "noreferrer" })) : null,
      event.detail ? make("span", { className: "hint" }, " ", make("bdi", { textContent: event.detail })) : null)),
    outcome,
    make("div", { className: "actions" },
      delivery.events.some((event) => event.can_be_sent_again) ? again : null,
      make("button", { type: "button", className: "quiet", textContent: "Refresh", onclick: async () => {
        await showDeliveries(webhook, details);
        details.firstChild.focus();
      } })));
}

/** A value that is copied whole, by a button or by hand. */
function value(title, text) {
  const id = `hook-${title.toLowerCase().replaceAll(" ", "-")}`;
  const isLong = text.includes("\n");
  const field = make(isLong ? "textarea" : "input", { id, value: text, readOnly: true, spellcheck: false, onfocus: (event) => event.target.select() });
  const copy = make("button", { type: "button", textContent: "Copy", onclick: async ({ target }) => {
    await navigator.clipboard.writeText(text);
    target.textContent = "Copied";
  } });
  copy.setAttribute("aria-label", `Copy ${title}`);
  return make("div", { className: "field" }, make("label", { textContent: title, htmlFor: id }), make("div", { className: "with-button" }, field, copy));
}

function create(event) {
  event.preventDefault();
  const made = $("webhook-made");
  const source = $("webhook-source").value;
  const named = { name: $("webhook-name").value.trim(), secret: $("webhook-secret").value };
  const body = { dry_run: $("webhook-dry-run").checked, ...(named.name && { name: named.name }),
    ...(OWN_SECRET.has(source) && named.secret && { secret: named.secret }),
    ...($("webhook-connection").value && { connection: $("webhook-connection").value }) };
  busy($("webhook-new"), "Making it …", async () => {
    try {
      const { document: hook } = await ask("POST", `webhooks/${source}`, body);
      made.replaceChildren(
        make("p", { className: "notice good", tabIndex: -1, textContent: `Made. ${hook.steps} The secret is shown this once.` }),
        value("Address", new URL(hook.path, location.href).href),
        ...(OWN_SECRET.has(source) && named.secret ? [] : [value("Secret", hook.secret)]),
        ...(hook.header ? [value(`Header ${hook.header.name}`, hook.header.value)] : []),
        ...(hook.body ? [value("Body", hook.body.trim())] : []));
      made.firstChild.focus();
      $("webhook-name").value = $("webhook-secret").value = "";
      await read();
    } catch (error) {
      made.replaceChildren(make("p", { className: "notice bad", role: "alert", textContent: error.message }));
    }
  });
}
