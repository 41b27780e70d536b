// The API reference: openapi.json, readable, with every call as samples and to try.

import { curlOf, pythonOf } from "./samples.js";
import { session } from "./session.js";
import { $, make } from "./shared.js";

const resolved = (api, node) =>
  node?.$ref ? node.$ref.slice(2).split("/").reduce((at, part) => at[part], api) : node;
const json = (value) => JSON.stringify(value, null, 2);
const nameOf = (node) => node?.$ref?.split("/").at(-1);

function typeOf(api, schema = {}) {
  if (schema.$ref) {
    const real = resolved(api, schema);
    return real.properties ? nameOf(schema) : typeOf(api, real);
  }
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  const parts = schema.anyOf ?? schema.oneOf;
  if (parts) return [...new Set(parts.map((part) => typeOf(api, part)))].join(" | ");
  if (schema.type === "array") return `list of ${typeOf(api, schema.items)}`;
  if (schema.type === "object" && typeof schema.additionalProperties === "object") return `object of ${typeOf(api, schema.additionalProperties)}`;
  return schema.format ?? [schema.type ?? "any"].flat().join(" | ");
}

/** The schemas with fields of their own that a schema leads to, each once, itself first. */
function* within(api, schema, seen = new Set()) {
  if (!schema || typeof schema !== "object") return;
  const name = nameOf(schema);
  if (name && seen.has(name)) return;
  if (name) seen.add(name);
  const real = resolved(api, schema);
  if (name && real.properties) yield [name, real];
  const inner = [...Object.values(real.properties ?? {}), real.items, real.additionalProperties, ...(real.anyOf ?? real.oneOf ?? [])];
  for (const part of inner) yield* within(api, part, seen);
}

const code = (text) => text.split("`").map((part, at) => (at % 2 ? make("code", { textContent: part }) : part));

function table(caption, heads, rows) {
  return make("table", {}, make("caption", { className: "visually-hidden", textContent: caption }),
    make("thead", {}, make("tr", {}, ...heads.map((textContent) => make("th", { scope: "col", textContent })))),
    make("tbody", {}, ...rows.map(([first, ...rest]) => make("tr", {},
      make("th", { scope: "row" }, ...[first].flat()), ...rest.map((cell) => make("td", {}, ...[cell].flat()))))));
}

function fields(api, schema) {
  return [...within(api, schema)].map(([name, real], at) => {
    const rows = Object.entries(real.properties).map(([field, part]) => [
      [make("code", { textContent: field }), real.required?.includes(field) ? make("span", { title: "required", textContent: " *" }) : ""],
      typeOf(api, part), code(part.description ?? resolved(api, part).description ?? ""),
    ]);
    const found = table(`Fields of ${name}`, ["Field", "Type", "Meaning"], rows);
    if (!at) return found;
    return make("details", { className: "inner" }, make("summary", { textContent: name }), found);
  });
}

function block(label, text) {
  return make("pre", { tabIndex: 0, "aria-label": label, role: "group", dir: "auto", textContent: text });
}

/** What is typed below a call, as a request; `token` stands for the caller's. */
function requestOf(method, path, inputs, body, token) {
  let target = path;
  const query = new URLSearchParams();
  const headers = { Authorization: `Bearer ${token}` };
  for (const { parameter, input } of inputs) {
    if (parameter.in === "path") target = target.replace(`{${parameter.name}}`, encodeURIComponent(input.value));
    else if (input.value && parameter.in === "query") query.set(parameter.name, input.value);
    else if (input.value) headers[parameter.name] = input.value;
  }
  const text = body?.value.trim() ? body.value : undefined;
  if (text !== undefined) headers["Content-Type"] = "application/json";
  return { method, url: new URL(target.slice(1) + (query.size ? `?${query}` : ""), location.href).href, headers, body: text };
}

function sample(title, write, request) {
  const pre = block(`${title} sample`, "");
  const copy = make("button", { type: "button", textContent: "Copy", "aria-label": `Copy the ${title} sample, with your token`, onclick: async () => {
    await navigator.clipboard.writeText(write(request($("token").value || "$TOKEN")));
    copy.textContent = "Copied";
    setTimeout(() => { copy.textContent = "Copy"; }, 2000);
  } });
  const show = () => { pre.textContent = write(request($("token").value ? `${$("token").value.slice(0, 6)}...` : "$TOKEN")); };
  return [make("div", { className: "sample" }, make("h4", { textContent: title }), copy), pre, show];
}

function tryIt(method, path, parameters, example) {
  const name = `${method}-${path}`.replace(/\W+/g, "-");
  const inputs = parameters.map((parameter) => {
    const input = make("input", { id: `${name}-${parameter.name}`, value: parameter.in === "path" ? parameter.example ?? "" : "", spellcheck: false, autocomplete: "off" });
    return { parameter, input, row: make("div", { className: "field" }, make("label", { htmlFor: input.id, textContent: `${parameter.name} (${parameter.in})` }), input) };
  });
  const body = example === undefined ? null : make("textarea", { id: `${name}-body`, value: json(example), spellcheck: false });
  const request = (token) => requestOf(method, path, inputs, body, token);
  const button = make("button", { type: "button", className: "primary", textContent: "Send" });
  const output = make("pre", { hidden: true, tabIndex: 0, dir: "auto", "aria-label": "Answer", role: "status" });
  button.onclick = async () => {
    button.disabled = true;
    const { url, ...options } = request($("token").value);
    try {
      const answer = await fetch(url, options);
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
  const [curl, curlText, showCurl] = sample("curl", curlOf, request);
  const [python, pythonText, showPython] = sample("Python", pythonOf, request);
  const show = () => { showCurl(); showPython(); };
  const whole = make("div", { oninput: show }, make("h3", { textContent: "Try it" }), ...rows, button, output,
    make("h3", { textContent: "Samples" }), curl, curlText, python, pythonText);
  $("token").addEventListener("input", show);
  show();
  return whole;
}

/** What an operation's entry has inside, made when it is opened: the document has some 2,000 fields. */
function inside(api, path, method, operation) {
  const parameters = (operation.parameters ?? []).map((parameter) => resolved(api, parameter));
  const media = operation.requestBody?.content["application/json"];
  const node = make("div", {}, make("p", { textContent: operation.description ?? "" }));
  if (parameters.length) {
    node.append(make("h3", { textContent: "Parameters" }), table("Parameters", ["Name", "In", "Type", "Meaning"], parameters.map((p) =>
      [[make("code", { textContent: p.name }), p.required ? " *" : ""], p.in, typeOf(api, p.schema), code(p.description ?? "")])));
  }
  if (media) node.append(make("h3", { textContent: "Body" }), ...fields(api, media.schema));
  if (operation.security?.length !== 0) node.append(tryIt(method.toUpperCase(), path, parameters, media?.example));
  const answers = Object.entries(operation.responses).map(([status, answer]) => [status, resolved(api, answer)]);
  const isGood = ([status]) => status < 400;
  for (const [status, answer] of answers.filter(isGood)) {
    const good = answer.content?.["application/json"];
    node.append(make("h3", { textContent: `Answer ${status}` }), make("p", { textContent: answer.description }));
    if (good) node.append(...fields(api, good.schema), ...(good.example ? [block("Example", json(good.example))] : []));
  }
  const failures = answers.filter((answer) => !isGood(answer));
  if (failures.length) {
    node.append(make("h3", { textContent: "Errors" }), ...failures.map(([status, answer]) => make("details", { className: "inner" },
      make("summary", {}, make("code", { textContent: status }), ` ${answer.description}`),
      ...Object.values(answer.content ?? {}).flatMap(({ example }) => (example ? [block(`Example of ${status}`, json(example))] : [])))));
  }
  return node;
}

function render(api, path, method, operation) {
  const node = make("details", { className: "card operation", id: operation.operationId }, make("summary", {},
    make("span", { className: "method", textContent: method.toUpperCase() }), make("code", { textContent: path }),
    make("span", { className: "title", textContent: operation.summary })));
  node.ontoggle = () => { if (node.open && node.children.length === 1) node.append(inside(api, path, method, operation)); };
  return node;
}

function find() {
  const part = $("find").value.trim().toLowerCase();
  for (const section of $("operations").children) {
    const entries = [...section.querySelectorAll(":scope > details")];
    for (const entry of entries) entry.hidden = !entry.firstChild.textContent.toLowerCase().includes(part);
    section.hidden = entries.every((entry) => entry.hidden);
  }
  $("found").textContent = part ? `${$("operations").querySelectorAll("section:not([hidden]) > details:not([hidden])").length} calls found.` : "";
}

function openLinked() {
  const linked = location.hash && $(location.hash.slice(1));
  if (linked instanceof HTMLDetailsElement) {
    linked.open = true;
    linked.scrollIntoView();
  }
}

async function start() {
  $("token").value = session()?.token ?? "";
  try {
    const answer = await fetch("openapi.json");
    if (!answer.ok) throw new Error(`it answered ${answer.status}`);
    const api = await answer.json();
    const calls = Object.entries(api.paths).flatMap(([path, methods]) => Object.entries(methods).map(([method, operation]) => [path, method, operation]));
    const tags = [...new Set([...api.tags.map(({ name }) => name), ...calls.flatMap(([, , { tags: of = [] }]) => of)])];
    for (const tag of tags) {
      $("operations").append(make("section", {}, make("h2", { textContent: tag }),
        ...calls.filter(([, , operation]) => operation.tags?.includes(tag)).map((call) => render(api, ...call))));
      await new Promise((resolve) => { setTimeout(resolve); }); // no long task, so that the page answers meanwhile
    }
    $("about").textContent = `${calls.length} calls of version ${api.info.version}.`;
    $("find").oninput = find;
    window.addEventListener("hashchange", openLinked);
    openLinked();
  } catch (error) {
    $("about").textContent = `The document cannot be read: ${error.message}. Reload to try again.`;
  }
}

start();
