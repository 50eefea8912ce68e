import type { FastifyInstance } from 'fastify';
import type * as z from 'zod/mini';
import { HttpProblem } from '../errors.ts';
import { duplicateKey } from './duplicate-keys.ts';

/** A value that the contract's schema refuses. `field` is its path: `prefix`, `items.0.name`. */
export class InvalidFieldError extends Error {
  override readonly name = 'InvalidFieldError';
  readonly field: string;
  constructor(field: string, message: string) {
    super(message);
    this.field = field;
  }
}

/** Routes are validated by the schemas of the contract; the parsed value takes the raw one's place. */
export function useContractSchemas(app: FastifyInstance): void {
  app.setValidatorCompiler<z.ZodMiniType>(({ schema }) => (value: unknown) => {
    const parsed = schema.safeParse(value);
    if (parsed.success) return { value: parsed.data };
    const [issue] = parsed.error.issues;
    return { error: new InvalidFieldError(fieldOf(issue), describe(issue)) };
  });
  app.setSchemaErrorFormatter(([error]) =>
    // Fastify hands back what the compiler above gave it, wrapped in a list.
    (error as unknown) instanceof Error
      ? (error as unknown as Error)
      : new InvalidFieldError('', 'not valid'),
  );
}

/** `application/json` without a body is a request without a body (SPEC-8's POST). */
export function useBodies(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  const parse = app.getDefaultJsonParser('error', 'error');
  app.addContentTypeParser<string>(
    'application/json',
    { parseAs: 'string' },
    (request, body, done) => {
      if (body === '') done(null, undefined);
      else {
        void parse(request, body, (error, value) => {
          const twice = error === null ? duplicateKey(body) : undefined;
          done(twice === undefined ? error : doubled(twice), value);
        });
      }
    },
  );
}

function doubled(field: string): HttpProblem {
  return new HttpProblem(400, 'duplicate-field', 'A field is there twice.', {
    field: field.slice(0, 100),
  });
}

function fieldOf(issue: z.core.$ZodIssue | undefined): string {
  if (issue === undefined) return '';
  const path = issue.code === 'unrecognized_keys' ? issue.keys.slice(0, 1) : issue.path;
  return path.map(String).join('.');
}

/** What is wrong, without the value itself: it may be a secret in the wrong place. */
function describe(issue: z.core.$ZodIssue | undefined): string {
  switch (issue?.code) {
    case 'unrecognized_keys':
      return 'There is no such field.';
    case 'invalid_type':
      return `Expected ${issue.expected}.`;
    case 'too_small':
      return `At least ${String(issue.minimum)} expected.`;
    case 'too_big':
      return `At most ${String(issue.maximum)} expected.`;
    case 'invalid_value':
      return `Expected one of ${issue.values.map(String).join(', ')}.`;
    default:
      return 'It has not the form that is expected.';
  }
}
