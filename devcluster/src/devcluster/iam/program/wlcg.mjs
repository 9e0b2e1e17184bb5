// The WLCG token profile: which claims a token carries, for whom it is meant, which scopes exist.
//
// INDIGO IAM issues self-contained (JWT) access tokens whose audience is any string that the caller
// names; oidc-provider issues a JWT only for a resource and accepts only absolute URIs there. So every
// token is made for the profile's "any" resource and the caller's wish is written into `aud` last.

export const ANY_AUDIENCE = 'https://wlcg.cern.ch/jwt/v1/any';

const IDENTITY_SCOPES = ['openid', 'profile', 'email', 'offline_access', 'wlcg.groups'];

const CAPABILITY_SCOPES = [
  'wlcg', 'compute.read', 'compute.create', 'compute.modify', 'compute.cancel',
  'storage.read:/', 'storage.create:/', 'storage.modify:/', 'storage.stage:/',
];

export const ALL_SCOPES = [...IDENTITY_SCOPES, ...CAPABILITY_SCOPES];

// IAM takes the audience under its own two names and under the one of RFC 8707.
const AUDIENCE_PARAMETERS = ['audience', 'aud', 'resource'];

/** Removes the audience parameters (oidc-provider would refuse them) and returns the audiences asked for. */
export function takeAudience(parameters) {
  const wanted = AUDIENCE_PARAMETERS.flatMap((name) => parameters.getAll(name));
  AUDIENCE_PARAMETERS.forEach((name) => parameters.delete(name));
  return wanted.flatMap((value) => value.split(' ')).filter(Boolean);
}

/** Group claim as IAM writes it: absent, never empty, for somebody without groups. */
export function groupClaim(groups) {
  return groups?.length ? { 'wlcg.groups': groups } : {};
}

export function userClaims(user) {
  return {
    sub: user.sub,
    name: user.name,
    preferred_username: user.username,
    email: user.email,
    email_verified: true,
    ...groupClaim(user.groups),
  };
}

/** Claims that an access token has beyond the registered ones; `owner` is a user or a service client. */
export function accessTokenClaims(owner, scopes) {
  if (!owner || !scopes?.has('wlcg.groups')) return { 'wlcg.ver': '1.0' };
  const name = owner.username ? { preferred_username: owner.username } : {};
  return { 'wlcg.ver': '1.0', ...name, ...groupClaim(owner.groups) };
}

/** Last touch on a JWT access token: audience as asked for, and the not-before time that IAM adds. */
export function finishAccessToken(wantedAudience, jwt) {
  if (wantedAudience?.length) jwt.payload.aud = wantedAudience.length === 1 ? wantedAudience[0] : wantedAudience;
  jwt.payload.nbf = jwt.payload.iat;
}
