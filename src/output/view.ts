import { shortTime } from './format.ts';
import type { Cell, Column, Row } from './table.ts';

type Scalar = string | number | boolean | null;

/** A value as programs get it: RFC 3339 for times, null for what is not known. */
export type Field = Scalar | readonly string[] | Readonly<Record<string, Scalar>>;

/** How things of one kind are shown: the same fields as TSV and JSON, chosen columns for people. */
export interface View<T> {
  /** Flat, in the order of the columns of TSV. */
  fields: Readonly<Record<string, (item: T) => Field>>;
  columns: readonly ViewColumn<T>[];
  /** What people read when there is nothing. */
  empty: string;
}

interface ViewColumn<T> {
  title: string;
  align?: 'left' | 'right';
  /** Left out where the table would be cut otherwise, the last such column first. */
  ifRoom?: boolean;
  /** To be copied: cut only when nothing else is left. */
  whole?: boolean;
  /** A field; a time of one is shortened. */
  key?: string;
  /** What people see in place of the field. */
  show?: (item: T) => Cell;
}

/** The fields of a thing that are shown as they are. */
export function fieldsNamed<Name extends string>(
  ...names: readonly Name[]
): Record<Name, (item: Record<Name, Field>) => Field> {
  const entries = names.map((name) => [name, (item: Record<Name, Field>) => item[name]] as const);
  return Object.fromEntries(entries) as Record<Name, (item: Record<Name, Field>) => Field>;
}

/** The flat object that programs get. */
export function toRecord<T>({ fields }: View<T>, item: T): Record<string, Field> {
  return Object.fromEntries(Object.entries(fields).map(([key, read]) => [key, read(item)]));
}

/** The same for TSV: a list is separated by spaces, an object stays JSON. */
export function toTsvRow<T>(view: View<T>, item: T): Row {
  const entries = Object.entries(toRecord(view, item));
  return Object.fromEntries(entries.map(([key, value]) => [key, toCell(value)]));
}

export function tsvColumns<T>({ fields }: View<T>): Column[] {
  return Object.keys(fields).map((key) => ({ key, title: key }));
}

/** Rows and columns for people. */
export function toTable<T>(view: View<T>, items: readonly T[]): { rows: Row[]; columns: Column[] } {
  const columns = view.columns.map(
    ({ title, align = 'left', ifRoom = false, whole = false }, index) => {
      return { key: String(index), title, align, ifRoom, whole };
    },
  );
  const rows = items.map((item) =>
    Object.fromEntries(view.columns.map((column, index) => [index, cellOf(view, column, item)])),
  );
  return { rows, columns };
}

function cellOf<T>(view: View<T>, { key = '', show }: ViewColumn<T>, item: T): Cell {
  if (show !== undefined) return plain(show(item));
  const value = view.fields[key]?.(item) ?? null;
  if (typeof value === 'boolean') return value ? 'yes' : '';
  if (typeof value === 'string' && key.endsWith('_at')) return shortTime(value);
  return plain(toCell(value));
}

function toCell(value: Field): Cell {
  if (typeof value !== 'object' || value === null) return value;
  return Array.isArray(value) ? value.join(' ') : JSON.stringify(value);
}

/** A name that came from elsewhere must not move the cursor. */
function plain(cell: Cell): Cell {
  return typeof cell === 'string' ? cell.replace(/\p{Cc}/gu, '?') : cell;
}
