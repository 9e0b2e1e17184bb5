// oidc-provider set up with IAM's paths, life times and habits.
import { Provider } from 'oidc-provider';

import { ALL_SCOPES, ANY_AUDIENCE, accessTokenClaims, finishAccessToken, userClaims } from './wlcg.mjs';

// Seconds. IAM's defaults, but for the refresh token, which IAM keeps for ever.
const LIFETIMES = { access: 3600, id: 600, refresh: 30 * 86400, session: 86400, interaction: 600 };

const PATHS = {
  authorization: '/authorize',
  token: '/token',
  userinfo: '/userinfo',
  jwks: '/jwk',
  introspection: '/introspect',
  revocation: '/revoke',
  device_authorization: '/devicecode',
  code_verification: '/device',
};

/** Client metadata that oidc-provider understands; `groups` and `access_token_seconds` are ours. */
function registration({ groups, access_token_seconds: _seconds, ...client }) {
  const interactive = client.grant_types.includes('authorization_code');
  return {
    redirect_uris: [],
    response_types: interactive ? ['code'] : [],
    token_endpoint_auth_method: 'client_secret_basic',
    ...client,
  };
}

export function makeProvider({ issuer, clients, users, signingKey, cookieKey }) {
  const user = (sub) => users.find((candidate) => candidate.sub === sub);
  const client = (id) => clients.find((candidate) => candidate.client_id === id);
  const accessSeconds = (id) => client(id)?.access_token_seconds ?? LIFETIMES.access;

  const lifetime = (_ctx, token) => token.resourceServer?.accessTokenTTL ?? LIFETIMES.access;

  const provider = new Provider(issuer, {
    clients: clients.map(registration),
    jwks: { keys: [signingKey] },
    cookies: { keys: [cookieKey] },
    scopes: ALL_SCOPES, // what a client may be registered for
    claims: {
      openid: ['sub'],
      profile: ['name', 'preferred_username'],
      email: ['email', 'email_verified'],
      'wlcg.groups': ['wlcg.groups'],
    },
    conformIdTokenClaims: false, // IAM puts names and groups into the ID token too
    findAccount: (_ctx, sub) => user(sub) && { accountId: sub, claims: () => userClaims(user(sub)) },
    pkce: { required: () => false }, // offered (S256), not demanded, as in IAM
    rotateRefreshToken: false,
    expiresWithSession: () => false,
    clientAuthMethods: ['client_secret_basic', 'client_secret_post', 'none'],
    responseTypes: ['code'],
    routes: PATHS,
    interactions: { url: (_ctx, interaction) => `/interaction/${interaction.uid}` },
    features: {
      devInteractions: { enabled: false },
      rpInitiatedLogout: { enabled: false }, // IAM announces no end_session_endpoint
      clientCredentials: { enabled: true },
      deviceFlow: { enabled: true },
      introspection: { enabled: true, allowedPolicy: () => true },
      revocation: { enabled: true, allowedPolicy: () => true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => ANY_AUDIENCE,
        useGrantedResource: () => true,
        getResourceServerInfo: (_ctx, _resource, caller) => ({
          scope: ALL_SCOPES.join(' '),
          accessTokenFormat: 'jwt',
          accessTokenTTL: accessSeconds(caller.clientId),
          jwt: { sign: { alg: 'RS256' } },
        }),
      },
    },
    extraTokenClaims: (_ctx, token) => accessTokenClaims(
      token.accountId ? user(token.accountId) : client(token.clientId),
      new Set((token.scope ?? '').split(' ')),
    ),
    formats: { customizers: { jwt: (ctx, _token, jwt) => finishAccessToken(ctx?.req.wantedAudience, jwt) } },
    ttl: {
      // A number here would win over the resource server's accessTokenTTL, the client's own life time.
      AccessToken: lifetime,
      ClientCredentials: lifetime,
      DeviceCode: LIFETIMES.interaction,
      Grant: LIFETIMES.refresh,
      IdToken: LIFETIMES.id,
      Interaction: LIFETIMES.interaction,
      RefreshToken: LIFETIMES.refresh,
      Session: LIFETIMES.session,
    },
    async renderError(ctx, out) {
      ctx.type = 'json';
      ctx.body = out;
    },
  });

  for (const event of ['authorization.error', 'grant.error', 'introspection.error', 'revocation.error', 'server_error']) {
    provider.on(event, (_ctx, error) => {
      console.error(JSON.stringify({ event, error: error.message, detail: error.error_detail ?? error.error_description }));
    });
  }
  return provider;
}
