// What happens to a request before oidc-provider sees it: the places where IAM is more lenient.
import { takeAudience } from './wlcg.mjs';

export async function readForm(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  return new URLSearchParams(Buffer.concat(chunks).toString());
}

/** The client's id in a token request: HTTP Basic (its halves are form-encoded, RFC 6749 2.3.1) or in the body. */
export function basicCredentials(authorization) {
  const encoded = /^Basic +(\S+)$/i.exec(authorization ?? '')?.[1];
  if (!encoded) return undefined;
  const [id, ...secret] = Buffer.from(encoded, 'base64').toString().split(':').map((part) => {
    try { return decodeURIComponent(part.replace(/\+/g, ' ')); } catch { return part; }
  });
  return { id, secret: secret.join(':') };
}

/** /authorize: oidc-provider drops offline_access in silence unless consent is asked for; IAM does not. */
function prepareAuthorization(ctx) {
  const query = new URLSearchParams(ctx.querystring);
  ctx.req.wantedAudience = takeAudience(query);
  const scopes = (query.get('scope') ?? '').split(' ');
  if (scopes.includes('offline_access') && !query.has('prompt')) query.set('prompt', 'consent');
  ctx.querystring = query.toString();
}

/** /token: audience aside; a client that names no scope gets all that it is registered for, as from IAM. */
async function prepareToken(ctx, clients) {
  const parameters = await readForm(ctx.req);
  ctx.req.wantedAudience = takeAudience(parameters);
  const id = basicCredentials(ctx.get('authorization'))?.id ?? parameters.get('client_id');
  const registered = clients.find((client) => client.client_id === id)?.scope;
  if (parameters.get('grant_type') === 'client_credentials' && !parameters.get('scope') && registered) {
    parameters.set('scope', registered);
  }
  ctx.req.body = Object.fromEntries(parameters); // oidc-provider takes a body that was read already
}

export function leniency(clients) {
  return async (ctx, next) => {
    if (ctx.path === '/authorize') prepareAuthorization(ctx);
    if (ctx.path === '/token' && ctx.method === 'POST') await prepareToken(ctx, clients);
    return next();
  };
}
