// Userinfo, introspection and revocation of JWT access tokens.
//
// oidc-provider treats JWTs as opaque to itself: its userinfo refuses any token that has an audience, its
// introspection and revocation refuse structured tokens. IAM serves all three, so they are answered here;
// other tokens (refresh tokens) go on to oidc-provider.
import { jwtVerify } from 'jose';

import { basicCredentials, readForm } from './requests.mjs';
import { groupClaim, userClaims } from './wlcg.mjs';

const IS_JWT = /^[\w-]+\.[\w-]+\.[\w-]+$/;

function userinfo(user, payload) {
  const scopes = (payload.scope ?? '').split(' ');
  if (!user || !scopes.includes('openid')) throw new Error('the token has no user or no openid scope');
  const all = userClaims(user);
  return {
    sub: all.sub,
    ...(scopes.includes('profile') ? { name: all.name, preferred_username: all.preferred_username } : {}),
    ...(scopes.includes('email') ? { email: all.email, email_verified: true } : {}),
    ...groupClaim(payload['wlcg.groups']), // the token's, which may hold less than the user has
  };
}

async function authenticate(provider, ctx, parameters) {
  const { id, secret } = basicCredentials(ctx.get('authorization'))
    ?? { id: parameters.get('client_id'), secret: parameters.get('client_secret') };
  const client = id && await provider.Client.find(id);
  return Boolean(client && secret && await client.compareClientSecret(secret));
}

export function jwtTokens({ provider, issuer, users, verifyKey }) {
  const revoked = new Set();

  async function verify(token) {
    const { payload } = await jwtVerify(token, verifyKey, { issuer });
    if (revoked.has(payload.jti)) throw new Error('the token was revoked');
    return payload;
  }

  async function answerUserinfo(ctx) {
    const bearer = /^Bearer (.+)$/i.exec(ctx.get('authorization'))?.[1] ?? '';
    try {
      const payload = await verify(bearer);
      ctx.body = userinfo(users.find((user) => user.sub === payload.sub), payload);
    } catch (error) {
      ctx.status = 401;
      ctx.set('WWW-Authenticate', `Bearer error="invalid_token", error_description="${error.message.replace(/"/g, "'")}"`);
      ctx.body = { error: 'invalid_token', error_description: error.message };
    }
  }

  async function answerTokenQuestion(ctx, parameters) {
    if (!await authenticate(provider, ctx, parameters)) {
      ctx.status = 401;
      ctx.body = { error: 'invalid_client' };
      return;
    }
    const payload = await verify(parameters.get('token')).catch(() => undefined);
    if (ctx.path === '/introspect') {
      ctx.body = payload ? { active: true, token_type: 'Bearer', ...payload } : { active: false };
    } else {
      if (payload) revoked.add(payload.jti);
      ctx.status = 200; // RFC 7009: an invalid token is as good as a revoked one
      ctx.body = '';
    }
  }

  return async (ctx, next) => {
    if (ctx.path === '/userinfo') return answerUserinfo(ctx);
    if (ctx.method === 'POST' && ['/introspect', '/revoke'].includes(ctx.path)) {
      const parameters = await readForm(ctx.req);
      if (IS_JWT.test(parameters.get('token') ?? '')) return answerTokenQuestion(ctx, parameters);
      ctx.req.body = Object.fromEntries(parameters);
    }
    return next();
  };
}
