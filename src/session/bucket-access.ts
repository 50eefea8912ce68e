/** What a feature needs to reach a tenant's bucket. The secret stays in memory. */
export interface BucketAccess {
  /** Which context of the configuration this belongs to. */
  contextName: string;
  /** Base URL of the server that issued the keys. */
  server: string;
  tenant: { id: string; slug: string };
  bucket: string;
  /** S3 endpoint URL and region as the server returned them. */
  endpoint: string;
  region: string;
  /** Our server's id of the credential (a UUID). */
  credentialId: string;
  accessKeyId: string;
  secretAccessKey: string;
  permission: 'rw' | 'ro';
  /** RFC 3339, or null when it does not end by itself. */
  expiresAt: string | null;
}
