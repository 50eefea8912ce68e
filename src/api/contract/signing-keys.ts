import * as z from 'zod/mini';

export const SigningKey = z.object({
  /** RFC 7638 thumbprint, the `kid` of tokens. */
  id: z.string(),
  /** `next` is published and does not sign yet; `retired` only checks what it signed. */
  status: z.enum(['next', 'active', 'retired']),
  algorithm: z.literal('EdDSA'),
  created_at: z.string(),
  activated_at: z.nullable(z.string()),
  retired_at: z.nullable(z.string()),
});
export type SigningKey = z.infer<typeof SigningKey>;

/** `GET /api/v1/admin/signing-keys` (scope `instance`), newest first. */
export const SigningKeyList = z.object({ signing_keys: z.array(SigningKey) });
export type SigningKeyList = z.infer<typeof SigningKeyList>;

/**
 * Optional body of `POST /api/v1/admin/signing-keys/rotate`, 200 with `SigningKeyList`.
 * `compromised`: what the old key signed is not accepted any more. 409 `rotated-just-now`.
 */
export const RotateSigningKeys = z.strictObject({ compromised: z.optional(z.boolean()) });
export type RotateSigningKeys = z.infer<typeof RotateSigningKeys>;
