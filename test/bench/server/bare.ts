/** What the framework alone takes: a route that verifies the same token and looks nothing up. */
import { createPublicKey, type JsonWebKey } from 'node:crypto';
import fastify from 'fastify';
import { jwtVerify } from 'jose';

const [jwks = '{}', issuer = ''] = process.argv.slice(2);
const { keys } = JSON.parse(jwks) as { keys: (JsonWebKey & { kid: string })[] };
const byId = new Map(keys.map((jwk) => [jwk.kid, createPublicKey({ key: jwk, format: 'jwk' })]));
const app = fastify();
app.get('/tenant/mount/info', async (request) => {
  const token = request.headers.authorization?.slice('Bearer '.length) ?? '';
  const { payload } = await jwtVerify(token, ({ kid }) => byId.get(kid ?? '')!, {
    algorithms: ['EdDSA'],
    typ: 'at+jwt',
    issuer,
    audience: 'cloud-api',
    requiredClaims: ['iat', 'exp', 'sub', 'jti', 'scope'],
  });
  return {
    tenant_id: payload['tenant_id'],
    bucket_name: 'cloud-bench-0123456789abcdef',
    has_credentials: true,
    credentials_created_at: '2026-01-01T00:00:00.000Z',
  };
});
await app.listen({ host: '127.0.0.1', port: 0 });
const address = app.server.address();
process.stdout.write(
  `${JSON.stringify({ type: 'listening', url: `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}` })}\n`,
);
