// The two things a person is asked: name and password (a page), consent (always given, never shown); and how they leave.
import { readForm } from './requests.mjs';
import { ANY_AUDIENCE } from './wlcg.mjs';

const escapeHtml = (text) => String(text).replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);

const page = (message, rest = '') => `<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Development IAM</title>
<h1>Development IAM</h1>
<p id="message">${escapeHtml(message)}</p>
${rest}</html>`;

const FORM = `<form method="post">
  <label>User name <input name="username" autocomplete="username" autofocus></label>
  <label>Password <input name="password" type="password" autocomplete="current-password"></label>
  <button type="submit" id="login">Sign in</button>
</form>`;

async function loginResult(ctx, users) {
  const given = ctx.method === 'POST' ? await readForm(ctx.req) : undefined;
  const user = given && users.find((candidate) => candidate.username === given.get('username'));
  if (user && user.password === given.get('password')) return { login: { accountId: user.sub } };
  ctx.status = given ? 403 : 200;
  ctx.type = 'html';
  ctx.body = page(given ? 'Wrong user name or password.' : 'Sign in to go on.', FORM);
  return undefined;
}

async function consentResult(provider, { grantId, params, session }) {
  const known = grantId && await provider.Grant.find(grantId);
  const grant = known || new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
  grant.addOIDCScope(params.scope);
  grant.addResourceScope(ANY_AUDIENCE, params.scope);
  return { consent: { grantId: await grant.save() } };
}

export function interactions({ provider, users }) {
  return async (ctx, next) => {
    if (!/^\/interaction\/[\w-]+$/.test(ctx.path)) return next();
    const details = await provider.interactionDetails(ctx.req, ctx.res);
    const result = details.prompt.name === 'login'
      ? await loginResult(ctx, users)
      : await consentResult(provider, details);
    if (!result) return undefined;
    ctx.status = 303;
    ctx.redirect(await provider.interactionResult(ctx.req, ctx.res, result, { mergeWithLastSubmission: true }));
    return undefined;
  };
}

/** IAM's own way out, which discovery doesn't announce: the browser's session ends, tokens that are out stay. */
export function logout(provider) {
  return async (ctx, next) => {
    if (ctx.path !== '/logout') return next();
    const session = await provider.Session.get(ctx);
    if (session.accountId) await session.destroy();
    ctx.type = 'html';
    ctx.body = page('You are signed out.');
    return undefined;
  };
}
