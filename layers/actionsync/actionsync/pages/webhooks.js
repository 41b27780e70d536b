// GitHub's webhooks: listed, made and removed beside the rules for its events.

import { $, ask, busy, failure, make, moment } from "./shared.js";

let list = null;

/** Show the webhooks in a card. */
export function webhooks(card) {
  const made = make("div", { role: "status" });
  list = make("div", { "aria-busy": "true" }, make("div", { className: "skeleton" }));
  const button = make("button", { type: "button", id: "webhook-new", textContent: "Make a webhook", onclick: () => create(button, made) });
  card.replaceChildren(
    make("h2", { id: "example-title", textContent: "Webhooks" }),
    make("p", { className: "hint", textContent: "One for each repository or organisation. Its failed workflows, deployments and alerts become errors and deployments, under the rules for those." }),
    list, make("div", { className: "actions" }, button), made);
  read();
}

async function read() {
  try {
    const { document: { webhooks: found } } = await ask("GET", "webhooks/github");
    list.replaceChildren(found.length ? make("ul", { className: "webhooks" }, ...found.map(row))
      : make("p", { className: "empty", textContent: "There is none yet." }));
  } catch (error) {
    list.replaceChildren(failure(`The webhooks cannot be read: ${error.message}`, read));
  }
  list.removeAttribute("aria-busy");
}

function row(webhook) {
  const button = make("button", { type: "button", className: "quiet danger", textContent: "Remove", onclick: () => remove(webhook, button) });
  button.setAttribute("aria-label", `Remove the webhook of ${moment(webhook.created_at)}`);
  return make("li", {}, make("div", {}, make("code", { textContent: `…${webhook.id.slice(-8)}` }),
    make("span", { className: "hint", textContent: `made ${moment(webhook.created_at)}` })), button);
}

const create = (button, made) => busy(button, "Making it …", async () => {
  try {
    const { document: hook } = await ask("POST", "webhooks/github");
    const value = (label, text) => make("div", { className: "field" },
      make("label", { textContent: label, htmlFor: `hook-${label}` }),
      make("input", { id: `hook-${label}`, value: text, readOnly: true, spellcheck: false, onfocus: (event) => event.target.select() }));
    made.replaceChildren(
      make("p", { className: "notice good", textContent: "Made. In GitHub, under Settings, Webhooks, Add webhook, give these three, and let it send the events that count. The secret is shown this once." }),
      value("Payload URL", new URL(hook.path, location.href).href),
      value("Content type", hook.content_type), value("Secret", hook.secret));
    await read();
  } catch (error) {
    made.replaceChildren(make("p", { className: "notice bad", textContent: error.message }));
  }
});

function remove(webhook, button) {
  $("confirm-webhook").showModal();
  $("webhook-no").onclick = () => $("confirm-webhook").close();
  $("webhook-yes").onclick = () => {
    $("confirm-webhook").close();
    busy(button, "Removing …", async () => {
      try {
        await ask("DELETE", `webhooks/github/${webhook.id}`);
        await read();
      } catch (error) {
        list.prepend(make("p", { className: "notice bad", role: "alert", textContent: error.message }));
      }
    });
  };
}
