import type { AccessKeys, Identity } from './access-keys.ts';
import { S3Error } from './errors.ts';
import { readClaim, type SignedParts } from './sigv4-claim.ts';
import { UNSIGNED_PAYLOAD, verifyClaim, type VerifiedSignature } from './sigv4.ts';

export interface Authenticated {
  identity: Identity;
  signature: VerifiedSignature;
  payloadHash: string;
}

/**
 * Who signed a request. Nothing is anonymous here.
 *
 * @param services names that the credential scope may carry
 * @param bodyHash SHA-256 of a body that has been read already, for requests that do not name it
 * @throws S3Error AccessDenied, InvalidAccessKeyId, SignatureDoesNotMatch, RequestTimeTooSkewed …
 */
export function authenticate(
  parts: SignedParts,
  keys: AccessKeys,
  nowMs: number,
  services: readonly string[],
  bodyHash?: string,
): Authenticated {
  const claim = readClaim(parts);
  if (claim === undefined) throw new S3Error('AccessDenied', 'Access Denied');
  if (!services.includes(claim.service)) {
    throw new S3Error(
      'AuthorizationHeaderMalformed',
      `The authorization header is malformed; incorrect service "${claim.service}".`,
    );
  }
  const payloadHash = bodyHash ?? readPayloadHash(parts, claim.expiresIn !== undefined);
  const identity = keys.identify(claim.accessKeyId);
  if (identity === undefined) throw unknownKey();
  const signature = verifyClaim(claim, parts, identity.secret, payloadHash, nowMs);
  if (!identity.active) throw unknownKey();
  return { identity, signature, payloadHash };
}

/** The same words for a key that is gone and one that is inactive, as with AWS. */
function unknownKey(): S3Error {
  return new S3Error(
    'InvalidAccessKeyId',
    'The AWS Access Key Id you provided does not exist in our records.',
  );
}

function readPayloadHash(parts: SignedParts, presigned: boolean): string {
  const header = parts.headers.get('x-amz-content-sha256');
  if (presigned) return header ?? UNSIGNED_PAYLOAD;
  if (header === undefined) {
    throw new S3Error(
      'InvalidRequest',
      'Missing required header for this request: x-amz-content-sha256',
    );
  }
  if (!/^([0-9a-f]{64}|UNSIGNED-PAYLOAD|STREAMING-[A-Z0-9-]+)$/.test(header)) {
    throw new S3Error(
      'InvalidArgument',
      'x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-… or a valid sha256 value.',
    );
  }
  return header;
}
