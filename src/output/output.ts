import { styleText } from 'node:util';
import { redact } from './redact.ts';
import { formatTable, formatTsv, type Cell, type Row } from './table.ts';
import { toRecord, toTable, toTsvRow, tsvColumns, type View } from './view.ts';

export type OutputFormat = 'table' | 'tsv' | 'json';

export interface OutputOptions {
  format: OutputFormat;
  quiet: boolean;
  verbose: boolean;
  /** Colours and in-place updates allowed on that stream. */
  color: boolean;
  /** What is under way may be drawn in place. */
  animated: boolean;
  /** Questions may be asked: stdin and stdout are terminals and nobody said otherwise. */
  interactive: boolean;
  stdout: {
    write(text: string): unknown;
    columns?: number | undefined;
    rows?: number | undefined;
    isTTY?: boolean | undefined;
  };
  stderr: {
    write(text: string): unknown;
    columns?: number | undefined;
    rows?: number | undefined;
    isTTY?: boolean | undefined;
  };
}

export type Style = 'bold' | 'dim' | 'green' | 'yellow' | 'red' | 'cyan';

/**
 * Everything a command says goes through here. Results go to stdout; progress, notes and warnings
 * to stderr, so that a pipe gets only the result. Under `--json` people's lines are not written.
 */
export class Output {
  readonly options: OutputOptions;
  constructor(options: OutputOptions) {
    this.options = options;
  }

  get json(): boolean {
    return this.options.format === 'json';
  }

  /** Width of the terminal in characters; 80 in a pipe. */
  get width(): number {
    const { columns } = this.options.stdout;
    // A terminal that does not know its size says 0.
    return columns === undefined || columns === 0 ? 80 : columns;
  }

  /** Of a table or a sentence: that of the terminal; in a pipe nothing is cut or broken. */
  get tableWidth(): number {
    return this.options.stdout.isTTY === true ? this.width : Infinity;
  }

  style(style: Style, text: string): string {
    return this.options.color ? styleText(style, text, { validateStream: false }) : text;
  }

  /** A line for people on stdout, part of what was asked for. */
  line(text = ''): void {
    if (!this.json) this.options.stdout.write(`${redact(text)}\n`);
  }

  /** Progress for people on stderr; `--quiet` hides it. */
  note(text: string): void {
    if (!this.json && !this.options.quiet) this.options.stderr.write(`${redact(text)}\n`);
  }

  /** A reason or detail on stderr, only with `--verbose`. */
  detail(text: string): void {
    if (!this.json && this.options.verbose) {
      this.options.stderr.write(`${this.style('dim', redact(text))}\n`);
    }
  }

  /** Something a person should know although the command goes on. */
  warn(text: string): void {
    if (this.json) this.options.stderr.write(`${JSON.stringify({ warning: redact(text) })}\n`);
    else this.options.stderr.write(`${this.style('yellow', 'Warning:')} ${redact(text)}\n`);
  }

  /** One line of NDJSON of a long-running command; nothing for people. */
  event(event: { type: string } & Record<string, unknown>): void {
    if (this.json) this.options.stdout.write(`${redact(JSON.stringify(event))}\n`);
  }

  /** A line of a document that is NDJSON in every form, and is not changed by a byte. */
  ndjson(line: string): void {
    this.options.stdout.write(line);
  }

  /** The result, once: `document` of it for programs, or what `present` says for people. */
  result<T>(
    data: T,
    present: (data: T, output: Output) => string,
    document: (data: T) => unknown = (same) => same,
  ): void {
    if (this.json)
      this.options.stdout.write(`${redact(JSON.stringify(document(data), null, 2))}\n`);
    else if (this.options.format === 'tsv') {
      this.options.stdout.write(`${redact(tsvOf(document(data)))}\n`);
    } else {
      const text = present(data, this);
      if (text !== '') this.options.stdout.write(`${redact(text)}\n`);
    }
  }

  /** The same at the end of a long run, whose JSON form is a line for each event. */
  final<T extends object>(data: T, present: (data: T, output: Output) => string): void {
    if (this.json) this.event({ ...data, type: 'result' });
    else this.result(data, present);
  }

  /**
   * A secret that its owner asked to see, once: with `secrets` the only way past the redactor. For
   * people the bare value on a line of its own, for programs `data` as it is, in TSV as a row.
   */
  secret(data: unknown, value: string): void {
    const { format, stdout } = this.options;
    if (format === 'json') stdout.write(`${JSON.stringify(data, null, 2)}\n`);
    else stdout.write(`${format === 'tsv' ? tsvOf(data) : value}\n`);
  }

  /** Things of one kind: a table, TSV with a header, or a JSON array of objects; the same fields. */
  list<T>(items: readonly T[], view: View<T>): void {
    if (this.options.format === 'table' && items.length === 0) this.note(view.empty);
    else this.options.stdout.write(`${redact(this.#listed(items, view, this.tableWidth))}\n`);
  }

  /** The same past the redactor, as `secret`. Nothing is cut: half a secret is none. */
  secrets<T>(items: readonly T[], view: View<T>): void {
    this.options.stdout.write(`${this.#listed(items, view, Infinity)}\n`);
  }

  #listed<T>(items: readonly T[], view: View<T>, width: number): string {
    if (this.options.format === 'table') {
      const { rows, columns } = toTable(view, items);
      return formatTable(rows, columns, width);
    }
    if (this.json) {
      const records = items.map((item) => toRecord(view, item));
      return JSON.stringify(records, null, 2);
    }
    const rows = items.map((item) => toTsvRow(view, item));
    return formatTsv(rows, tsvColumns(view));
  }

  /** One of them: what `present` says for people, one row of TSV, or a flat JSON object. */
  show<T>(item: T, view: View<T>, present: (item: T, output: Output) => string): void {
    if (this.options.format === 'tsv') this.list([item], view);
    else this.result(item, present, (same) => toRecord(view, same));
  }
}

/** A row for each of several things, or one row; what is no single value is left to JSON. */
function tsvOf(document: unknown): string {
  const rows = (Array.isArray(document) ? document : [document]).map(flatRow);
  const columns = Object.keys(rows[0] ?? {}).map((key) => ({ key, title: key }));
  return formatTsv(rows, columns);
}

function flatRow(value: unknown): Row {
  const fields = Object.entries(typeof value === 'object' && value !== null ? value : { value });
  return Object.fromEntries(
    fields.filter(
      (field): field is [string, Cell] => typeof field[1] !== 'object' || field[1] === null,
    ),
  );
}
