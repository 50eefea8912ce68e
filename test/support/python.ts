import { execFileSync } from 'node:child_process';

/**
 * What a strict parser of Python's library reads, as JSON.
 *
 * @param program prints JSON; `data` is what was handed in, as bytes
 */
export function python(program: string, input: string | Uint8Array): unknown {
  const whole = `import json, sys\ndata = sys.stdin.buffer.read()\n${program}`;
  const env = { ...process.env, PYTHONUTF8: '1' };
  return JSON.parse(
    execFileSync('python3', ['-c', whole], { input, encoding: 'utf8', env }),
  ) as unknown;
}
