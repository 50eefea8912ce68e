import * as z from 'zod/mini';

/** Of the query of a list that comes in pages: how many, and after which. */
export const pageQuery = {
  limit: z.optional(z.coerce.number().check(z.int(), z.minimum(1), z.maximum(500))),
  after: z.optional(z.string().check(z.minLength(1), z.maxLength(256))),
};
export const PageQuery = z.strictObject(pageQuery);
export type PageQuery = z.infer<typeof PageQuery>;

/** `after` of the next page; null: this was the last one. */
export const Next = z.nullable(z.string());

export const DEFAULT_PAGE = 100;
