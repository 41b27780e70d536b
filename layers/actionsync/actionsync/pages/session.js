// Who is signed in: OIDC authorization code with PKCE (RFC 7636), token in this tab's storage only.

const meta = (name) => document.querySelector(`meta[name="${name}"]`).content;
const KEY = "actionsync.session";
const PENDING = "actionsync.sign-in";
const channel = new BroadcastChannel("actionsync.sign-in");
const callback = () => new URL("settings", location.href).href;

const base64url = (bytes) =>
  btoa(String.fromCharCode(...bytes)).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
const random = () => base64url(crypto.getRandomValues(new Uint8Array(32)));

export class SessionEnded extends Error {}

/** Return `{token, email}`, or null where nobody is signed in or the token has run out. */
export function session() {
  const saved = JSON.parse(sessionStorage.getItem(KEY) ?? "null");
  return saved && saved.expires > Date.now() ? saved : null;
}

/** Return whether the user has not signed out, though the session may have run out meanwhile. */
export const isHere = () => sessionStorage.getItem(KEY) !== null;

async function authorizeUrl(pending) {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(pending.verifier));
  return `${meta("authorize-url")}?${new URLSearchParams({
    response_type: "code",
    client_id: meta("client-id"),
    redirect_uri: callback(),
    scope: "openid email",
    state: pending.state,
    code_challenge: base64url(new Uint8Array(digest)),
    code_challenge_method: "S256",
  })}`;
}

/** Leave for the sign-in page; it comes back to /settings. */
export async function signIn() {
  const pending = { verifier: random(), state: random(), back: location.href };
  sessionStorage.setItem(PENDING, JSON.stringify(pending));
  location.assign(await authorizeUrl(pending));
}

/** Sign in again in a window of its own, so that this page keeps what was typed. */
export async function signInAgain() {
  const pending = { verifier: random(), state: `window.${random()}` };
  const opened = window.open("about:blank", "_blank", "popup,width=480,height=640");
  if (!opened) throw new Error("The browser blocked the sign-in window. Allow it and try again.");
  opened.location.assign(await authorizeUrl(pending));
  return new Promise((resolve, reject) => {
    channel.onmessage = ({ data }) => {
      if (data.state === pending.state) redeem(data, pending).then(resolve, reject);
    };
  });
}

/** Finish a sign-in that came back to this page. Return false where this window is only its messenger. */
export async function finishSignIn() {
  const came = Object.fromEntries(new URLSearchParams(location.search));
  if (!came.state) return true;
  history.replaceState(null, "", callback());
  if (came.state.startsWith("window.")) {
    channel.postMessage(came);
    window.close();
    return false;
  }
  const pending = JSON.parse(sessionStorage.getItem(PENDING) ?? "null");
  sessionStorage.removeItem(PENDING);
  if (pending?.state !== came.state) {
    throw new Error("This sign-in was not started here. Sign in again.");
  }
  await redeem(came, pending);
  if (pending.back !== location.href) location.replace(pending.back);
  return true;
}

async function redeem({ code, error, error_description: why }, { verifier }) {
  if (error) throw new Error(`Sign-in failed: ${why ?? error}`);
  const answer = await fetch(meta("token-url"), {
    method: "POST",
    body: new URLSearchParams({
      grant_type: "authorization_code",
      client_id: meta("client-id"),
      redirect_uri: callback(),
      code,
      code_verifier: verifier,
    }),
  });
  const tokens = await answer.json();
  if (!answer.ok) throw new Error(`Sign-in failed: ${tokens.error_description ?? tokens.error}`);
  const claims = tokens.id_token ? claimsOf(tokens.id_token) : {};
  sessionStorage.setItem(KEY, JSON.stringify({
    token: tokens.access_token,
    email: claims.email ?? claims.name ?? "Signed in",
    expires: Date.now() + (tokens.expires_in ?? 3600) * 1000,
  }));
}

/** The claims are shown, never trusted: API Gateway checks the signature of every call. */
function claimsOf(token) {
  const bytes = atob(token.split(".")[1].replace(/-/g, "+").replace(/_/g, "/"));
  return JSON.parse(new TextDecoder().decode(Uint8Array.from(bytes, (c) => c.charCodeAt(0))));
}

export function signOut() {
  sessionStorage.removeItem(KEY);
  const query = new URLSearchParams({ client_id: meta("client-id"), logout_uri: callback() });
  location.assign(`${meta("logout-url")}?${query}`);
}

/** A problem that the API answered, or a network that failed; `fields` maps fields to messages. */
export class Problem extends Error {
  constructor(status, document) {
    super(document.detail ?? document.message ?? `The API answered ${status}.`);
    this.status = status;
    this.fields = Object.fromEntries((document.errors ?? []).map((e) => [e.field, e.message]));
  }
}

/** Call the API as the user. Return `{document, text, headers, etag}`; throw Problem, or SessionEnded on a 401. */
export async function call(method, path, body, headers = {}) {
  const who = session();
  if (!who) throw new SessionEnded();
  let answer;
  try {
    answer = await fetch(new URL(`api/servicenow/${path}`, location.href), {
      method,
      headers: {
        ...headers,
        Authorization: `Bearer ${who.token}`,
        ...(body === undefined ? {} : { "Content-Type": "application/json" }),
      },
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: AbortSignal.timeout(35000),
    });
  } catch {
    throw new Problem(0, { detail: "The API cannot be reached. Check your network and try again." });
  }
  if (answer.status === 401) throw new SessionEnded();
  const text = await answer.text();
  let document = {};
  try {
    document = text ? JSON.parse(text) : {};
  } catch {
    // A gateway in between may answer without JSON; its status still tells.
  }
  if (!answer.ok) throw new Problem(answer.status, document);
  return { document, text, headers: answer.headers, etag: answer.headers.get("etag") };
}
