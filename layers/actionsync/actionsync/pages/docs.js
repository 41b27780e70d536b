// The API reference: openapi.json, readable, with every call to try.

import { session } from "./session.js";

const $ = (id) => document.getElementById(id);

function make(tag, properties = {}, ...children) {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
}

const resolved = (api, node) =>
  node?.$ref ? node.$ref.slice(2).split("/").reduce((at, part) => at[part], api) : node;
const json = (value) => JSON.stringify(value, null, 2);

function typeOf(api, schema) {
  const real = resolved(api, schema) ?? {};
  if (real.enum) return real.enum.map((value) => JSON.stringify(value)).join(" | ");
  if (real.const !== undefined) return JSON.stringify(real.const);
  if (real.anyOf) return real.anyOf.map((part) => typeOf(api, part)).join(" | ");
  if (real.type === "array") return `list of ${typeOf(api, real.items)}`;
  return real.format ?? real.type ?? "any";
}

function table(heads, rows) {
  return make("table", {},
    make("thead", {}, make("tr", {}, ...heads.map((text) => make("th", { scope: "col", textContent: text })))),
    make("tbody", {}, ...rows.map((row) => make("tr", {}, ...row.map((text) => make("td", { textContent: text }))))));
}

function fieldsOf(api, schema) {
  const real = resolved(api, schema);
  return Object.entries(real?.properties ?? {}).map(([name, property]) => [
    name + (real.required?.includes(name) ? " *" : ""), typeOf(api, property), resolved(api, property).description ?? property.description ?? "",
  ]);
}

function tryIt(method, path, parameters, example) {
  const name = `${method}-${path}`.replace(/\W+/g, "-");
  const inputs = parameters.map((parameter) => {
    const input = make("input", { id: `${name}-${parameter.name}`, value: parameter.example ?? "" });
    if (parameter.in !== "path") input.value = "";
    return { parameter, input, row: make("div", { className: "field" }, make("label", { htmlFor: input.id, textContent: `${parameter.name} (${parameter.in})` }), input) };
  });
  const body = example === undefined ? null : make("textarea", { id: `${name}-body`, value: json(example), spellcheck: false });
  const button = make("button", { type: "button", className: "primary", textContent: "Send" });
  const output = make("pre", { hidden: true, tabIndex: 0, ariaLabel: "Answer" });
  output.setAttribute("role", "status");
  button.onclick = async () => {
    button.disabled = true;
    let target = path;
    const query = new URLSearchParams();
    const headers = { Authorization: `Bearer ${$("token").value}` };
    for (const { parameter, input } of inputs) {
      if (parameter.in === "path") target = target.replace(`{${parameter.name}}`, encodeURIComponent(input.value));
      else if (input.value && parameter.in === "query") query.set(parameter.name, input.value);
      else if (input.value) headers[parameter.name] = input.value;
    }
    if (body?.value.trim()) headers["Content-Type"] = "application/json";
    try {
      const url = new URL(target.slice(1) + (query.size ? `?${query}` : ""), location.href);
      const answer = await fetch(url, { method, headers, body: body?.value.trim() ? body.value : undefined });
      const text = await answer.text();
      let shown = text;
      try { shown = json(JSON.parse(text)); } catch { /* not JSON: shown as it came */ }
      output.textContent = `${answer.status} ${answer.statusText}\n\n${shown}`;
    } catch (error) {
      output.textContent = `The call failed: ${error.message}`;
    }
    output.hidden = false;
    button.disabled = false;
  };
  const rows = inputs.map(({ row }) => row);
  if (body) rows.push(make("div", { className: "field" }, make("label", { htmlFor: body.id, textContent: "Body" }), body));
  return make("div", {}, make("h3", { textContent: "Try it" }), ...rows, button, output);
}

function render(api, path, method, operation) {
  const parameters = (operation.parameters ?? []).map((parameter) => resolved(api, parameter));
  const media = operation.requestBody?.content["application/json"];
  const inside = make("div", {}, make("p", { textContent: operation.description ?? "" }));
  if (parameters.length) {
    inside.append(make("h3", { textContent: "Parameters" }), table(["Name", "In", "Type", "Meaning"], parameters.map((p) =>
      [p.name + (p.required ? " *" : ""), p.in, typeOf(api, p.schema), p.description ?? ""])));
  }
  if (media) inside.append(make("h3", { textContent: "Body" }), table(["Field", "Type", "Meaning"], fieldsOf(api, media.schema)));
  inside.append(make("h3", { textContent: "Answers" }), table(["Status", "Meaning"], Object.entries(operation.responses).map(
    ([status, answer]) => [status, resolved(api, answer).description])));
  const shown = Object.values(operation.responses).map((answer) => answer.content?.["application/json"]?.example).find(Boolean);
  if (shown) inside.append(make("h3", { textContent: "Example" }), make("pre", { tabIndex: 0, ariaLabel: "Example", role: "group", textContent: json(shown) }));
  if (operation.security?.length !== 0) inside.append(tryIt(method.toUpperCase(), path, parameters, media?.example));
  return make("details", { className: "card operation", id: operation.operationId }, make("summary", {},
    make("span", { className: "method", textContent: method.toUpperCase() }), make("code", { textContent: path }),
    make("span", { className: "title", textContent: operation.summary })), inside);
}

async function start() {
  $("token").value = session()?.token ?? "";
  try {
    const answer = await fetch("openapi.json");
    if (!answer.ok) throw new Error(`it answered ${answer.status}`);
    const api = await answer.json();
    $("about").textContent = `${api.info.description} Version ${api.info.version}.`;
    for (const tag of api.tags) {
      $("operations").append(make("h2", { textContent: tag.name }));
      for (const [path, methods] of Object.entries(api.paths)) {
        for (const [method, operation] of Object.entries(methods)) {
          if (operation.tags?.includes(tag.name)) $("operations").append(render(api, path, method, operation));
        }
      }
    }
  } catch (error) {
    $("about").textContent = `The document cannot be read: ${error.message}. Reload to try again.`;
  }
}

start();
