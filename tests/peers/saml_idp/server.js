#!/usr/bin/env node
// A second identity provider for the tests: Auth0's samlp behind node's http server.
//
// In: AuthnRequests by HTTP-Redirect and HTTP-POST, and a name on the login page.
// Out: Responses by HTTP-POST, signed by xml-crypto. It shares no line with pysaml2_idp.py, only the
// people (users.json), the pages' addresses and most options.
//
//     node server.js --sp-metadata https://localhost:8443/saml/metadata --insecure
//
// It prints `ready URL` when it answers, and ends on SIGTERM.
'use strict';

const { execFileSync } = require('node:child_process');
const crypto = require('node:crypto');
const fs = require('node:fs');
const http = require('node:http');
const https = require('node:https');
const os = require('node:os');
const path = require('node:path');
const { parseArgs } = require('node:util');
const { DOMParser } = require('@auth0/xmldom');
const samlp = require('samlp');

const METADATA = 'urn:oasis:names:tc:SAML:2.0:metadata';
const HTTP_POST = 'urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST';

const { values: asked } = parseArgs({
  options: {
    port: { type: 'string', default: '0' }, // 0 takes a free one
    'sp-metadata': { type: 'string' }, // URL or file
    insecure: { type: 'boolean', default: false }, // do not verify the TLS of that URL
    'entity-id': { type: 'string' }, // default: the URL of the metadata
    sign: { type: 'string', default: 'assertion' }, // response, assertion or both
    'name-id-format': { type: 'string', default: 'unspecified' }, // or email
    'want-authn-requests-signed': { type: 'boolean', default: false },
    logout: { type: 'boolean', default: false }, // single logout, at /slo
    encrypt: { type: 'boolean', default: false }, // assertions, by AES-256-GCM
    lifetime: { type: 'string', default: '300' }, // of an assertion, in seconds
    'only-post': { type: 'boolean', default: false }, // its metadata lists no HTTP-Redirect
    'only-post-logout': { type: 'boolean', default: false }, // likewise, for logout
    key: { type: 'string' }, // in PEM; default: a new one
    certificate: { type: 'string' }, // of that key
    published: { type: 'string' }, // another certificate in its metadata instead
    told: { type: 'string' }, // JSON with any of these, read again before each request
    users: { type: 'string', default: path.join(__dirname, '..', 'users.json') },
  },
});
let options = asked;
let told;

const users = JSON.parse(fs.readFileSync(options.users, 'utf8'));
const sessions = new Map(); // cookie -> user
const participants = new Map(); // user -> the session that the service provider has
const flows = new Map(); // handle -> a logout that is under way
const waiting = new Map(); // ticket on the login page -> SAMLRequest and what came with it
let base; // known when the port is
let credentials;
let serviceProviders; // their metadata, read at the first login, not at the start: each needs the other's metadata

async function route(req, res) {
  listen();
  const url = new URL(req.url, base);
  req.query = req.method === 'GET' ? Object.fromEntries(url.searchParams) : {};
  req.body = req.method === 'POST' ? await form(req) : {};
  switch (`${req.method} ${url.pathname}`) {
    case 'GET /metadata':
      return metadata(req, res);
    case 'GET /sso/redirect':
      return signOn(req, res, { query: req.query, body: {}, originalUrl: req.url, method: 'GET' });
    case 'POST /sso/post':
      // A browser leaves our Lax cookie out of a POST that another site made, and sends it with
      // the GET that follows.
      return redirect(res, `/sso/continue?ticket=${keep({ query: {}, body: req.body, method: 'POST' })}`);
    case 'GET /sso/continue':
      return signOn(req, res, kept(req.query.ticket));
    case 'POST /login': {
      const user = known(req.body.username);
      const secret = crypto.randomUUID();
      sessions.set(secret, user);
      res.setHeader('Set-Cookie', `${cookieName()}=${secret}; Path=/; HttpOnly; SameSite=Lax`);
      return answer(res, user, kept(req.body.ticket));
    }
    case 'GET /idp-initiated': {
      const message = { query: {}, body: {}, method: 'GET', relayState: req.query.relay_state };
      message.sp = req.query.sp;
      const user = req.query.user || sessions.get(cookie(req));
      return user ? answer(res, known(user), message) : loginPage(res, message);
    }
    case 'GET /slo':
    case 'POST /slo':
      return logout(req, res);
    case 'GET /logout':
      sessions.delete(cookie(req));
      res.setHeader('Set-Cookie', `${cookieName()}=; Path=/; Max-Age=0`);
      return page(res, 200, '<h1>Signed out</h1>');
    default:
      return page(res, 404, '<h1>Not found</h1>');
  }
}

async function signOn(req, res, message) {
  const user = sessions.get(cookie(req));
  const request = await parse(message);
  if (user && request.forceAuthn !== 'true') return answer(res, user, message);
  return loginPage(res, message);
}

function loginPage(res, message) {
  return page(
    res,
    200,
    `<h1>Contoso Login</h1>
<form id="login" method="post" action="/login">
  <input type="hidden" name="ticket" value="${keep(message)}">
  <p><label>User name <input id="username" name="username" autofocus></label></p>
  <p><button id="sign-in">Sign in</button></p>
</form>`,
  );
}

// The page that posts the Response to the service provider.
async function answer(res, user, message) {
  const sp = await readServiceProvider(message.sp);
  const sessionIndex = '_' + crypto.randomBytes(16).toString('hex');
  const email = options['name-id-format'] === 'email';
  participants.set(user, {
    nameId: email ? users[user].mail : user,
    nameIdFormat: `urn:oasis:names:tc:SAML:1.1:nameid-format:${email ? 'emailAddress' : 'unspecified'}`,
    sessionIndex,
  });
  const handler = samlp.auth({
    ...signing(),
    issuer: entityId(),
    // Without an AuthnRequest nothing names the service provider.
    audience: sp.entityId,
    destination: sp.acs,
    recipient: sp.acs,
    lifetimeInSeconds: Number(options.lifetime),
    ...(options.encrypt ? encryption(sp) : {}),
    sessionIndex,
    authnContextClassRef: 'urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport',
    nameIdentifierFormat: `urn:oasis:names:tc:SAML:1.1:nameid-format:${
      options['name-id-format'] === 'email' ? 'emailAddress' : 'unspecified'
    }`,
    RelayState: message.relayState,
    getUserFromRequest: () => passportProfile(user),
    getPostURL: (audience, request, req, callback) => {
      const wanted = request && request.documentElement.getAttribute('AssertionConsumerServiceURL');
      if (wanted && wanted !== sp.acs) return callback(new Error(`unknown ACS ${wanted}`));
      return callback(null, sp.acs);
    },
  });
  return run(handler, message, res);
}

// Both directions: with a message of the service provider's, or begun here, by ?user= or whoever is
// signed in. samlp goes on to whoever else is in the list, so that is one person's.
async function logout(req, res) {
  const sp = await readServiceProvider();
  const flow = flows.get(req.query.RelayState || req.body.RelayState);
  const whose = [...participants].find(([, one]) => flow && one.nameId === flow.nameId);
  const user = req.query.user || (whose ? whose[0] : sessions.get(cookie(req)));
  const all = user ? [participants.get(user)] : [...participants.values()];
  const binding = req.method === 'POST' ? 'HTTP-POST' : req.query.by || sp.logoutBy;
  const list = all.filter(Boolean).map((one) => ({
    ...one,
    serviceProviderId: sp.entityId,
    serviceProviderLogoutURL: sp.slo,
    cert: sp.certificate,
  }));
  const SessionParticipants = require('samlp/lib/sessionParticipants');
  const handler = samlp.logout({
    ...signing(),
    issuer: entityId(),
    deflate: true,
    reference: "//*[local-name(.)='LogoutRequest']",
    protocolBinding: 'urn:oasis:names:tc:SAML:2.0:bindings:' + binding,
    sessionParticipants: new SessionParticipants(list),
    clearIdPSession: (callback) => {
      for (const [key, value] of sessions) if (!user || value === user) sessions.delete(key);
      if (user) participants.delete(user);
      else participants.clear();
      callback();
    },
    store: {
      save: (_, state, callback) => {
        const handle = crypto.randomUUID();
        flows.set(handle, state);
        callback(null, handle);
      },
      load: (_, handle, __, callback) => callback(null, flows.get(handle)),
    },
  });
  const message = { query: req.query, body: req.body, method: req.method, url: req.url };
  return new Promise((resolve, reject) => {
    const express = {
      set: (name, value) => res.setHeader(name, value),
      redirect: (location) => resolve(redirect(res, location)),
      send: (body) => resolve(page(res, 200, typeof body === 'number' ? '<h1>Signed out</h1>' : body)),
    };
    handler({ headers: req.headers, originalUrl: req.url, ...message }, express, reject);
  });
}

function metadata(req, res) {
  const endpoints = options['only-post-logout'] ? { post: '/slo' } : { redirect: '/slo', post: '/slo' };
  const handler = samlp.metadata({
    ...signing(),
    ...(options.published ? { cert: fs.readFileSync(options.published) } : {}),
    issuer: entityId(),
    redirectEndpointPath: '/sso/redirect',
    postEndpointPath: '/sso/post',
    logoutEndpointPaths: options.logout ? endpoints : {},
  });
  req.originalUrl = req.url;
  req.protocol = 'http';
  // samlp always lists both: whoever wants one alone takes the other line out.
  const redirect = /<SingleSignOnService Binding="[^"]*HTTP-Redirect"[^>]*>/;
  return run(handler, req, res, (body) => (options['only-post'] ? body.replace(redirect, '') : body));
}

// Takes what --told says by now.
function listen() {
  if (!asked.told) return;
  const now = fs.readFileSync(asked.told, 'utf8');
  if (now === told) return;
  told = now;
  options = { ...asked, ...JSON.parse(now) };
  credentials = { key: fs.readFileSync(options.key), cert: fs.readFileSync(options.certificate) };
  serviceProviders = undefined;
}

// To the first encryption key of the service provider.
function encryption(sp) {
  return {
    encryptionCert: sp.encryption,
    encryptionPublicKey: new crypto.X509Certificate(sp.encryption).publicKey.export({
      type: 'spki',
      format: 'pem',
    }),
  };
}

function signing() {
  return {
    cert: credentials.cert,
    key: credentials.key,
    signatureAlgorithm: 'rsa-sha256',
    digestAlgorithm: 'sha256',
    signResponse: options.sign !== 'assertion',
    signAssertion: options.sign !== 'response',
  };
}

// AuthnRequest with its signature checked where one is demanded. samlp takes one certificate: with
// two in the metadata, the one or the other has to fit.
async function parse(message) {
  const sp = await readServiceProvider();
  const demanded = options['want-authn-requests-signed'];
  let failed;
  for (const signingCert of demanded ? sp.certificates : [undefined]) {
    try {
      return await parseWith(message, signingCert);
    } catch (error) {
      failed = error;
    }
  }
  throw failed;
}

function parseWith(message, signingCert) {
  const signed = signingCert ? { signingCert } : {};
  return new Promise((resolve, reject) => {
    if (message.query.Signature) {
      signed.signature = message.query.Signature;
      signed.sigAlg = message.query.SigAlg;
      signed.relayState = message.query.RelayState;
    }
    samlp.parseRequest(message, signed, (error, request) =>
      error ? reject(error) : resolve(request || {}),
    );
  });
}

// samlp is written for express, of which it needs two functions and the headers.
function run(handler, req, res, change = (body) => body) {
  return new Promise((resolve, reject) => {
    const express = {
      set: (name, value) => res.setHeader(name, value),
      send: (body) =>
        resolve(page(res, typeof body === 'number' ? body : 200, change(String(body)))),
    };
    handler({ headers: {}, ...req, headers: req.headers || {} }, express, reject);
  });
}

function passportProfile(user) {
  const person = users[user];
  const profile = {
    id: options['name-id-format'] === 'email' ? person.mail : user,
    emails: [{ value: person.mail }],
    displayName: person.displayName,
    name: { givenName: person.givenName, familyName: person.sn },
    uid: user,
  };
  for (const name of ['department', 'title', 'employeeNumber', 'manager', 'groups']) {
    if (person[name].length > 0) profile[name] = person[name];
  }
  return profile;
}

// The one with this entityID, or the first.
async function readServiceProvider(entityId) {
  // The promise at once: whoever is told something else meanwhile does not get what was read before.
  serviceProviders ??= Promise.all([options['sp-metadata'] || []].flat().map(read));
  const reading = serviceProviders;
  const texts = await reading.catch((error) => {
    if (serviceProviders === reading) serviceProviders = undefined;
    throw error;
  });
  const all = texts.map(parseServiceProvider);
  const found = entityId ? all.find((sp) => sp.entityId === entityId) : all[0];
  if (!found) throw new Error(`no service provider is called ${entityId}`);
  return found;
}

function parseServiceProvider(text) {
  const document = new DOMParser().parseFromString(text);
  const services = Array.from(document.getElementsByTagNameNS(METADATA, 'AssertionConsumerService'));
  const acs = services.find((service) => service.getAttribute('Binding') === HTTP_POST);
  const keys = Array.from(document.getElementsByTagNameNS(METADATA, 'KeyDescriptor'));
  const certificates = (other) =>
    keys.filter((key) => key.getAttribute('use') !== other).map((key) => pem(key.textContent));
  const logout = document.getElementsByTagNameNS(METADATA, 'SingleLogoutService')[0];
  return {
    entityId: document.documentElement.getAttribute('entityID'),
    acs: acs.getAttribute('Location'),
    certificates: certificates('encryption'),
    certificate: certificates('encryption')[0],
    encryption: certificates('signing')[0],
    slo: logout && logout.getAttribute('Location'),
    logoutBy: logout && logout.getAttribute('Binding').split(':').pop(),
  };
}

function read(place) {
  if (!place.includes('://')) return fs.promises.readFile(place, 'utf8');
  const client = place.startsWith('https:') ? https : http;
  return new Promise((resolve, reject) => {
    client
      .get(place, { rejectUnauthorized: !options.insecure }, (res) => {
        if (res.statusCode !== 200) return reject(new Error(`${place}: ${res.statusCode}`));
        return collect(res).then(resolve, reject);
      })
      .on('error', reject);
  });
}

async function collect(stream) {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}

async function form(req) {
  return Object.fromEntries(new URLSearchParams(await collect(req)));
}

function pem(base64) {
  const lines = base64.replace(/\s/g, '').match(/.{1,64}/g).join('\n');
  return `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`;
}

function known(user) {
  if (!Object.hasOwn(users, user || '')) throw new Error(`nobody is called ${user}`);
  return user;
}

function keep(message) {
  const ticket = crypto.randomUUID();
  waiting.set(ticket, message);
  return ticket;
}

// Not removed: whoever goes back to the login page may send it again, as at real ones.
function kept(ticket) {
  const message = waiting.get(ticket);
  if (!message) throw new Error('this login page is from another time');
  return message;
}

// Cookies do not know ports, and several of us may run on one machine.
function cookieName() {
  return `idp_session_${new URL(base).port}`;
}

function cookie(req) {
  const all = (req.headers.cookie || '').split(/;\s*/).map((pair) => pair.split('='));
  const ours = all.find(([name]) => name === cookieName());
  return ours && ours[1];
}

function entityId() {
  return options['entity-id'] || `${base}/metadata`;
}

function redirect(res, location) {
  res.writeHead(303, { Location: location, 'Cache-Control': 'no-store' });
  res.end();
}

function page(res, status, body) {
  if (!res.hasHeader('Content-Type')) res.setHeader('Content-Type', 'text/html; charset=utf-8');
  res.setHeader('Cache-Control', 'no-store');
  res.writeHead(status);
  res.end(body);
}

// Node has no call that makes a certificate; openssl is everywhere that node is.
function keyPair() {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'saml-idp-'));
  const key = path.join(folder, 'idp.key');
  const cert = path.join(folder, 'idp.crt');
  const request = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '365'];
  execFileSync('openssl', [...request, '-subj', '/CN=saml-idp', '-keyout', key, '-out', cert], {
    stdio: 'ignore',
  });
  const pair = { key: fs.readFileSync(key), cert: fs.readFileSync(cert) };
  fs.rmSync(folder, { recursive: true });
  return pair;
}

if (!asked['sp-metadata'] && !asked.told) {
  console.error('--sp-metadata URL|FILE is missing');
  process.exit(2);
}
const server = http.createServer((req, res) => {
  route(req, res).catch((error) => {
    console.error(error);
    page(res, 400, `<h1>Refused</h1><p>${error.message.replace(/[<>&]/g, ' ')}</p>`);
  });
});
for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => process.exit(0));
if (!asked.told) credentials = keyPair();
server.listen(Number(asked.port), '127.0.0.1', () => {
  base = `http://127.0.0.1:${server.address().port}`;
  console.log(`ready ${base}`);
});
