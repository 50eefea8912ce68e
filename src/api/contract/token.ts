import { crc32 } from 'node:zlib';

/**
 * Opaque tokens: `cloud_<kind>_<id>_<secret><crc>`. `adm` administers, `key` is an API key, `rt` a
 * refresh token. The id (12 characters) names the row; the secret is 256 bits, base64url without
 * padding (43 characters); the CRC-32 of everything before it (8 hex digits) lets a typo be
 * refused without a request.
 */
export type TokenKind = 'adm' | 'key' | 'rt';

export interface ParsedToken {
  kind: TokenKind;
  id: string;
  secret: string;
}

const FORM = /^cloud_(adm|key|rt)_([A-Za-z0-9]{12})_([A-Za-z0-9_-]{43})([0-9a-f]{8})$/;

export function formatToken(token: ParsedToken): string {
  const body = `cloud_${token.kind}_${token.id}_${token.secret}`;
  return body + checksum(body);
}

/** The token's parts, or undefined when it is not one of ours or was mistyped. */
export function parseToken(text: string): ParsedToken | undefined {
  const match = FORM.exec(text);
  if (match === null) return undefined;
  const [, kind, id, secret, crc] = match;
  if (id === undefined || secret === undefined || checksum(text.slice(0, -8)) !== crc) {
    return undefined;
  }
  return { kind: kind as TokenKind, id, secret };
}

function checksum(text: string): string {
  return crc32(text).toString(16).padStart(8, '0');
}
