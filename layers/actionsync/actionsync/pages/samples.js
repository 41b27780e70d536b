// A call of the API as a command for a shell, and as Python: each runs as it is copied.

const shell = (text) => `'${text.replaceAll("'", "'\\''")}'`;

/** A JSON value as Python writes it. */
export function python(value, indent = "") {
  const inner = `${indent}    `;
  if (value === null) return "None";
  if (value === true) return "True";
  if (value === false) return "False";
  if (typeof value === "string") return JSON.stringify(value).replace(/[\u007f-\uffff]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`).replace(/(?:\\ud[89ab][0-9a-f]{2})(?:\\ud[c-f][0-9a-f]{2})/g, (pair) => `\\U${JSON.parse(`"${pair}"`).codePointAt(0).toString(16).padStart(8, "0")}`);
  if (typeof value !== "object") return String(value);
  const isList = Array.isArray(value);
  const parts = isList ? value.map((each) => python(each, inner)) : Object.entries(value).map(([name, each]) => `${python(name)}: ${python(each, inner)}`);
  if (!parts.length) return isList ? "[]" : "{}";
  return `${isList ? "[" : "{"}\n${parts.map((part) => `${inner}${part},\n`).join("")}${indent}${isList ? "]" : "}"}`;
}

/** The call as curl; `body` is the text that is sent, or undefined. */
export function curlOf({ method, url, headers, body }) {
  return [
    `curl --fail-with-body -X ${method} ${shell(url)}`,
    ...Object.entries(headers).map(([name, value]) => `-H ${shell(`${name}: ${value}`)}`),
    ...(body === undefined ? [] : [`--data-binary ${shell(body)}`]),
  ].join(" \\\n  ");
}

/** The call in Python, with httpx; a body that is no JSON goes as it is typed. */
export function pythonOf({ method, url, headers, body }) {
  let given = [];
  if (body !== undefined) {
    try {
      given = [`    json=${python(JSON.parse(body), "    ")},`];
    } catch {
      given = [`    content=${python(body)}.encode(),`];
    }
  }
  return [
    "import httpx", "",
    "answer = httpx.request(",
    `    ${python(method)},`,
    `    ${python(url)},`,
    `    headers=${python(headers, "    ")},`,
    ...given,
    ")",
    "print(answer.status_code, answer.text)",
  ].join("\n");
}
