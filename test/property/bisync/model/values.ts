/**
 * Every value that is written is unique, and each part of it tells which one it is: a mixture or a
 * piece of values is seen as such.
 */
export const SIZES = [24, 24, 24, 70_000, 2_300_000] as const;

export interface Value {
  id: number;
  size: number;
  /** What it replaced where it was written, and so was known to whoever wrote it. */
  parents: number[];
  /** Told in violations: who wrote it where. */
  origin: string;
  /** May end in the trash: it was written into a file that had been replaced long before. */
  tooLate: boolean;
}

export function textOf({ id, size }: Pick<Value, 'id' | 'size'>): string {
  const unit = `${String(id).padStart(5, '0')};`;
  return unit.repeat(Math.ceil(size / unit.length)).slice(0, size);
}

/** All values of one run, and which of them somebody replaced or deleted who had seen them. */
export class Values {
  #last = 0;
  readonly all = new Map<number, Value>();
  /** Value id → paths at which it was knowingly replaced or deleted. */
  readonly superseded = new Map<number, Set<string>>();

  create(size: number, parents: readonly (number | undefined)[], origin: string): Value {
    const id = (this.#last += 1);
    const known = parents.filter((parent) => parent !== undefined);
    const value: Value = { id, size, parents: known, origin, tooLate: false };
    this.all.set(id, value);
    return value;
  }

  supersede(id: number | undefined, path: string): void {
    if (id === undefined) return;
    const paths = this.superseded.get(id) ?? new Set();
    this.superseded.set(id, paths.add(path));
  }

  /** It has a name again at which it was superseded. */
  revive(id: number, path: string): void {
    this.superseded.get(id)?.delete(path);
  }

  /** Undefined when a text is no value that was ever written: torn, mixed or foreign. */
  idOf(text: string): number | undefined {
    const value = this.all.get(Number(text.slice(0, 5)));
    return value !== undefined && text === textOf(value) ? value.id : undefined;
  }

  /** Whether whoever wrote `later` knew `earlier`, directly or through others. */
  descends(later: number, earlier: number): boolean {
    if (later === earlier) return true;
    return (this.all.get(later)?.parents ?? []).some((parent) => this.descends(parent, earlier));
  }

  /** Whether it was first written on this device. */
  isOf(id: number, device: string): boolean {
    return this.all.get(id)?.origin.startsWith(`${device}:`) === true;
  }

  describe(id: number): string {
    return `value ${id} (${this.all.get(id)?.origin ?? 'never written'})`;
  }
}
