// The smallest identity provider that the npm package samlp makes.
"use strict";
const fs = require("fs");
const { createRequire } = require("module");

const config = JSON.parse(fs.readFileSync(process.argv[2], "utf8"));
const need = createRequire(config.modules);
const express = need("express");
const samlp = need("samlp");

const own = { issuer: config.issuer, cert: config.cert, key: config.key };
const states = new Map();
const store = {
  save(request, state, done) { const id = String(states.size + 1); states.set(id, state); done(null, id); },
  load(request, id, options, done) { done(null, states.get(id)); },
  update(request, id, state, done) { states.set(id, state); done(null, state); },
  destroy(request, id, done) { states.delete(id); done(); },
};
const SessionParticipants = need("samlp/lib/sessionParticipants");
const participants = new SessionParticipants([]);

function profile(user) {
  return {
    getNameIdentifier() { return { nameIdentifier: user.id, nameIdentifierFormat: "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified" }; },
    getClaims() { return { email: user.email, displayName: user.name, groups: user.groups }; },
  };
}

const app = express();
app.use(express.urlencoded({ extended: false }));
const signIn = (request, response, next) => {
  const index = `_${Math.random().toString(16).slice(2)}`;
  participants._participants.push({
    serviceProviderId: config.service.entity_id, nameId: config.user.id,
    nameIdFormat: "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified", sessionIndex: index,
    serviceProviderLogoutURL: config.service.logout_url, cert: config.service.cert,
  });
  samlp.auth({
    ...own, sessionIndex: index, signResponse: config.sign_response,
    destination: config.service.acs_url, recipient: config.service.acs_url,
    getPostURL: (audience, dom, req, done) => done(null, config.service.acs_url),
    getUserFromRequest: () => config.user, profileMapper: profile,
    ...(config.encrypt ? { encryptionPublicKey: config.encrypt.key, encryptionCert: config.encrypt.cert } : {}),
  })(request, response, next);
};
app.get("/sso", signIn);
app.post("/sso", signIn);
app.get("/FederationMetadata/2007-06/FederationMetadata.xml", samlp.metadata({ ...own, redirectEndpointPath: "/sso", postEndpointPath: "/sso", logoutEndpointPaths: { redirect: "/logout" } }));
const leave = samlp.logout({
  ...own, deflate: true, store, protocolBinding: "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect",
  sessionParticipants: participants,
});
app.get("/logout", leave);
app.post("/logout", leave);
app.use((error, request, response, next) => { console.error(error); response.status(500).send(String(error)); });
app.listen(config.port, "127.0.0.1");
