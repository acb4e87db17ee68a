"use strict";
const button = document.getElementById("passkey");
const problem = document.getElementById("passkey-problem");
const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (x) => x.charCodeAt(0));
const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer)))
  .replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
const send = (path, body) => fetch(path, {
  method: "POST", credentials: "same-origin",
  headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
});

async function signIn() {
  problem.hidden = true;
  try {
    const asked = await send("/login/passkey/options", { return_to: button.dataset.returnTo });
    if (!asked.ok) throw new Error("refused");
    const options = await asked.json();
    options.challenge = bytes(options.challenge);
    options.allowCredentials = (options.allowCredentials || []).map((x) => ({ ...x, id: bytes(x.id) }));
    const key = await navigator.credentials.get({ publicKey: options });
    const answer = await send("/login/passkey", {
      id: key.id, rawId: text(key.rawId), type: key.type,
      response: {
        clientDataJSON: text(key.response.clientDataJSON),
        authenticatorData: text(key.response.authenticatorData),
        signature: text(key.response.signature),
        userHandle: key.response.userHandle ? text(key.response.userHandle) : null,
      },
    });
    if (!answer.ok) throw new Error("refused");
    location.assign((await answer.json()).location);
  } catch (error) {
    problem.hidden = false;
  }
}

if (button && window.PublicKeyCredential) {
  button.hidden = false;
  button.addEventListener("click", signIn);
}
