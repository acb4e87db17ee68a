// The smallest OpenID provider that the npm package oidc-provider makes.
import fs from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const config = JSON.parse(fs.readFileSync(process.argv[2], "utf8"));
const place = createRequire(config.modules).resolve("oidc-provider");
const { Provider } = await import(pathToFileURL(place).href);

const provider = new Provider(config.issuer, {
  clients: config.clients,
  jwks: { keys: config.keys },
  cookies: { names: { session: "oidc-provider-session", interaction: "oidc-provider-interaction", resume: "oidc-provider-resume" }, keys: ["k"] },
  claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["name"], groups: ["groups"] },
  scopes: ["openid", "profile", "email", "groups"],
  // False puts what scopes ask for into the ID token too; true leaves it to userinfo.
  conformIdTokenClaims: config.claims_by_userinfo,
  pkce: { required: () => true },
  features: {
    devInteractions: { enabled: true },
    backchannelLogout: { enabled: true },
    rpInitiatedLogout: { enabled: true },
    pushedAuthorizationRequests: { enabled: true },
    jwtUserinfo: { enabled: true },
  },
  // Without its own guard, which would not let it speak to loopback.
  fetch: (url, { dispatcher, ...options }) => fetch(url, options),
  findAccount: (context, id) => ({
    accountId: id,
    claims: () => ({ sub: id, ...config.people[id] }),
  }),
});
provider.on("server_error", (context, error) => console.error(error));
provider.on("backchannel.error", (context, error) => console.error(error));
provider.listen(config.port, "127.0.0.1");
