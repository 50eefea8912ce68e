import type { TenantSummary } from '../api/contract/auth.ts';
import type { OAuthError, Problem } from '../api/contract/problem.ts';

/** Why the server did not start; `message` is a sentence for people. */
export class ServerStartError extends Error {
  override readonly name = 'ServerStartError';
  readonly code:
    | 'invalid-setting'
    | 'invalid-flag'
    | 'port-taken'
    | 'address-not-available'
    | 'folder-not-writable'
    | 'database-newer'
    | 'database-unreadable'
    | 'database-unreachable'
    | 'database-foreign'
    | 'storage-unusable'
    | 'signing-key-locked'
    | 'no-server'
    | 'backup-exists'
    | 'backup-elsewhere';
  readonly suggestions: string[];
  constructor(
    code: ServerStartError['code'],
    message: string,
    options: { suggestions?: string[]; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? {} : { cause: options.cause });
    this.code = code;
    this.suggestions = options.suggestions ?? [];
  }
}

interface ProblemOptions {
  detail?: string;
  field?: string;
  tenants?: TenantSummary[];
  /** Which limit was reached. */
  limit?: number;
  headers?: Record<string, string>;
  cause?: unknown;
}

/** A refusal that becomes problem+json (RFC 9457). `code` is stable and kebab-case. */
export class HttpProblem extends Error {
  override readonly name = 'HttpProblem';
  readonly status: number;
  readonly code: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly #options: ProblemOptions;

  constructor(status: number, code: string, title: string, options: ProblemOptions = {}) {
    super(title, options.cause === undefined ? {} : { cause: options.cause });
    this.status = status;
    this.code = code;
    this.headers = options.headers ?? {};
    this.#options = options;
  }

  toBody(): Problem {
    const { detail, field, tenants, limit } = this.#options;
    return {
      type: `urn:cloud-cli:problem:${this.code}`,
      title: this.message,
      status: this.status,
      ...(detail === undefined ? {} : { detail }),
      code: this.code,
      ...(field === undefined ? {} : { field }),
      ...(tenants === undefined ? {} : { tenants }),
      ...(limit === undefined ? {} : { limit }),
    };
  }
}

/** A field of the request is right in form and still not possible; `field` '' for the whole. */
export function invalidField(field: string, detail: string): HttpProblem {
  return new HttpProblem(422, 'invalid-field', 'A field of the request is not valid.', {
    detail,
    ...(field === '' ? {} : { field }),
  });
}

/** A refusal of an OAuth endpoint. RFC 6749 §5.2 knows few codes, and its errors are 400. */
export class OAuthProblem extends Error {
  override readonly name = 'OAuthProblem';
  readonly status: number;
  readonly body: OAuthError;
  constructor(
    error: string,
    description: string,
    status = 400,
    more: Pick<OAuthError, 'tenants'> = {},
  ) {
    super(error);
    this.status = status;
    this.body = { error, error_description: description, ...more };
  }
}
