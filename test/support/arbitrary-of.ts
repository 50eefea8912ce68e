import fc from 'fast-check';

export interface JsonSchema {
  type?: string | string[];
  enum?: unknown[];
  const?: unknown;
  anyOf?: JsonSchema[];
  oneOf?: JsonSchema[];
  properties?: Record<string, JsonSchema>;
  required?: string[];
  additionalProperties?: boolean | JsonSchema;
  items?: JsonSchema;
  format?: string;
  pattern?: string;
  minLength?: number;
  maxLength?: number;
  minimum?: number;
  maximum?: number;
  minItems?: number;
  maxItems?: number;
}

/** Values that a JSON schema takes; nearly always, where it says what fast-check cannot make. */
export function arbitraryOf(schema: JsonSchema): fc.Arbitrary<unknown> {
  if ('const' in schema) return fc.constant(schema.const);
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum);
  const options = schema.anyOf ?? schema.oneOf;
  if (options !== undefined) return fc.oneof(...options.map(arbitraryOf));
  if (Array.isArray(schema.type)) {
    return fc.oneof(...schema.type.map((type) => arbitraryOf({ ...schema, type })));
  }
  const { minimum: min = -1e6, maximum: max = 1e6 } = schema;
  switch (schema.type) {
    case 'string':
      return strings(schema);
    case 'integer':
      return fc.integer({ min: Math.ceil(min), max: Math.min(Math.floor(max), 2 ** 31) });
    case 'number':
      return fc.double({ min, max, noNaN: true });
    case 'boolean':
      return fc.boolean();
    case 'null':
      return fc.constant(null);
    case 'array':
      return fc.array(arbitraryOf(schema.items ?? {}), {
        minLength: schema.minItems ?? 0,
        maxLength: Math.min(schema.maxItems ?? 3, 3),
      });
    case 'object':
      return objects(schema);
    default:
      return fc.jsonValue();
  }
}

function objects({ properties = {}, required = [] }: JsonSchema): fc.Arbitrary<unknown> {
  const fields = Object.entries(properties).map(
    ([name, each]) => [name, arbitraryOf(each)] as const,
  );
  return fc.record(Object.fromEntries(fields), { requiredKeys: required });
}

const FORMATS: Readonly<Record<string, () => fc.Arbitrary<string>>> = {
  uuid: () => fc.uuid(),
  email: () => fc.emailAddress(),
  uri: () => fc.webUrl({ validSchemes: ['https'] }),
  'date-time': () => fc.date({ noInvalidDate: true }).map((date) => date.toISOString()),
};

function strings({ format = '', pattern, minLength = 0, maxLength = 64 }: JsonSchema) {
  const made = FORMATS[format]?.();
  if (made !== undefined) return made;
  const bounded = fc.string({ minLength, maxLength: Math.max(minLength, Math.min(maxLength, 64)) });
  if (pattern === undefined) return bounded;
  const form = new RegExp(pattern, 'u');
  const fits = (text: string): boolean =>
    form.test(text) && text.length >= minLength && text.length <= maxLength;
  try {
    return fc.stringMatching(form).filter(fits);
  } catch {
    // Look-around and properties of letters are beyond it; plain words fit most of ours.
    return fc.oneof(fc.stringMatching(/^[a-z]{3,10}$/), fc.constant('notes/')).filter(fits);
  }
}
