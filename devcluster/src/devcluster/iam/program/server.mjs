// A development OpenID provider that answers like an INDIGO IAM (WLCG token profile).
//
// Not for production: passwords lie in a file, sessions and refresh tokens live in memory. Keys come from
// files, so tokens that are out stay valid over a restart. usage: node server.mjs CONFIG.json
// SIGHUP: read the file of users again. Groups change while people are logged in.
import { createPrivateKey, createPublicKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';

import { jwtTokens } from './jwt_tokens.mjs';
import { interactions, logout } from './login.mjs';
import { makeProvider } from './provider.mjs';
import { leniency } from './requests.mjs';

const config = JSON.parse(readFileSync(process.argv[2]));
const { issuer, clients, listen, tls } = config;
const readUsers = () => JSON.parse(readFileSync(config.users));
const users = readUsers();
const privateKey = createPrivateKey(readFileSync(config.signing_key));

const provider = makeProvider({
  issuer,
  clients,
  users,
  cookieKey: config.cookie_key,
  signingKey: { ...privateKey.export({ format: 'jwk' }), use: 'sig', alg: 'RS256' },
});

provider.use(async (ctx, next) => {
  if (ctx.path !== '/healthz') return next();
  ctx.body = 'ok\n';
  return undefined;
});
provider.use(jwtTokens({ provider, issuer, users, verifyKey: createPublicKey(privateKey) }));
provider.use(leniency(clients));
provider.use(interactions({ provider, users }));
provider.use(logout(provider));

const answer = provider.callback();
const server = createServer({ cert: readFileSync(tls.cert), key: readFileSync(tls.key) }, (request, response) => {
  // An issuer that ends in "/" makes some clients (libscitokens) ask for "//.well-known/...".
  request.url = request.url.replace(/^\/{2,}/, '/');
  answer(request, response);
});
server.listen(listen.port, listen.host, () => console.log(JSON.stringify({ event: 'listening', issuer })));

process.on('SIGHUP', () => users.splice(0, users.length, ...readUsers()));
for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => process.exit(0));
