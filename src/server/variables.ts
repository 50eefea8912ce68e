import { readFile } from 'node:fs/promises';
import { ServerStartError } from './errors.ts';

export const PREFIX = 'CLOUD_SERVER_';

/** These have the name that every host of applications gives them, and need no prefix. */
const PLAIN = new Set(['DATABASE_URL', 'DATABASE_URL_FILE']);

/** The environment, one variable at a time; an empty one counts as not set. */
export class Variables {
  readonly #env: NodeJS.ProcessEnv;
  constructor(env: NodeJS.ProcessEnv) {
    this.#env = env;
  }

  text(name: string): string | undefined {
    const value = this.#env[variable(name)];
    return value === undefined || value === '' ? undefined : value;
  }

  port(name: string): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const port = /^\d{1,5}$/.test(text) ? Number(text) : -1;
    if (port < 0 || port > 65_535) throw invalid(name, 'is not a port (0 to 65535)');
    return port;
  }

  number(name: string, least: number, most: number): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const number = /^\d{1,9}$/.test(text) ? Number(text) : -1;
    if (number >= least && number <= most) return number;
    throw invalid(name, `is not a number from ${least} to ${most}`);
  }

  count(name: string): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    if (!/^\d{1,7}$/.test(text)) throw invalid(name, 'is not a whole number');
    return Number(text);
  }

  flag(name: string): boolean {
    const value = this.text(name);
    if (value !== undefined && value !== '0' && value !== '1') throw invalid(name, 'is not 0 or 1');
    return value === '1';
  }

  url(name: string): string | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const url = URL.parse(text);
    const plain = url?.search === '' && url.hash === '' && url.username === '';
    if (!plain || !['http:', 'https:'].includes(url.protocol)) {
      throw invalid(name, 'is not an http or https address');
    }
    return text.replace(/\/+$/, '');
  }

  /** A value from the variable or from the file that `…_FILE` names; the last line end is cut. */
  async secret(name: string): Promise<string | undefined> {
    const value = this.text(name);
    const path = this.text(`${name}_FILE`);
    if (path === undefined) return value;
    if (value !== undefined) throw invalid(name, `and ${variable(name)}_FILE are both set`);
    let text: string;
    try {
      text = await readFile(path, 'utf8');
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? String(error.code) : 'unreadable';
      throw invalid(`${name}_FILE`, `names a file that cannot be read (${code})`);
    }
    const secret = text.replace(/\r?\n$/, '');
    if (secret === '') throw invalid(`${name}_FILE`, 'names an empty file');
    return secret;
  }
}

/** @returns what says which variable is wrong, never its value */
export function invalid(name: string, what: string): ServerStartError {
  return new ServerStartError('invalid-setting', `${variable(name)} ${what}.`);
}

function variable(name: string): string {
  return PLAIN.has(name) ? name : PREFIX + name;
}
