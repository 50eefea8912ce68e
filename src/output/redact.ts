const MASK = '[redacted]';

/** Forms of our own and of S3's secrets, wherever they turn up. */
const PATTERNS: readonly [RegExp, string][] = [
  // Tokens of ours: cloud_adm_…, cloud_key_…, cloud_rt_… ; the identifier stays readable.
  [/\b(cloud_(?:adm|key|rt)_[A-Za-z0-9]+)_[A-Za-z0-9_-]+/g, `$1_${MASK}`],
  // JSON Web Tokens.
  [/\beyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*/g, MASK],
  // Tigris secret keys; a secret can contain '+' and '/'.
  [/\btsec_[A-Za-z0-9+/=_-]+/g, MASK],
  [/\b(Bearer|Basic)\s+[A-Za-z0-9._~+/=-]+/gi, `$1 ${MASK}`],
  [/\b(Signature=|X-Amz-Signature=|X-Amz-Security-Token=)[A-Za-z0-9%+/=]+/g, `$1${MASK}`],
  [
    /(["']?(?:secret_access_key|secret_key|secretAccessKey|secretKey|password|refresh_token|access_token|AWS_SECRET_ACCESS_KEY)["']?\s*[:=]\s*["']?)(?!null(?:[\s,}]|$))[^\s"',}&]+/g,
    `$1${MASK}`,
  ],
];

const known = new Set<string>();

/** Makes `redact` hide this very value in whatever form it appears. Short values are not taken. */
export function registerSecret(value: string): void {
  if (value.length >= 8) {
    known.add(value);
    known.add(encodeURIComponent(value));
  }
}

/** The one redactor: every text that leaves the process for a log, an error or JSON goes through. */
export function redact(text: string): string {
  let clean = text;
  for (const secret of known) clean = clean.replaceAll(secret, MASK);
  for (const [pattern, replacement] of PATTERNS) clean = clean.replace(pattern, replacement);
  return clean;
}
