import type { FastifyRequest } from 'fastify';
import { HttpProblem } from '../errors.ts';

/**
 * Browsers say where a form was sent from. One that says nothing at all is held by its ticket.
 *
 * @throws HttpProblem 403 `foreign-form`
 */
export function assertOwnForm({ headers }: FastifyRequest, issuer: string): void {
  const { origin } = headers;
  const site = headers['sec-fetch-site'];
  const isOwn = origin === undefined ? site !== 'cross-site' : isOwnOrigin(origin, issuer);
  if (isOwn && (site === undefined || site === 'same-origin' || site === 'none')) return;
  throw new HttpProblem(403, 'foreign-form', 'This form was sent from another site.', {
    detail: `Open ${issuer}/device yourself, and type the code that your device shows.`,
  });
}

function isOwnOrigin(origin: string, issuer: string): boolean {
  const [given, own] = [URL.parse(origin), new URL(issuer)];
  if (given === null) return false;
  if (given.origin === own.origin) return true;
  // On one machine people type localhost.
  return (
    LOOPBACK.has(given.hostname) &&
    LOOPBACK.has(own.hostname) &&
    given.port === own.port &&
    given.protocol === own.protocol
  );
}

const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]']);
