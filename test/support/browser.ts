import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { Browser } from 'playwright-core';

/** A Chromium of the system, or undefined. `CLOUD_TEST_CHROMIUM` names one elsewhere. */
export function findChromium(env: NodeJS.ProcessEnv = process.env): string | undefined {
  const given = env['CLOUD_TEST_CHROMIUM'];
  if (given !== undefined && given !== '') return given;
  const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
  return (env['PATH'] ?? '')
    .split(delimiter)
    .flatMap((folder) => names.map((name) => join(folder, name)))
    .find((path) => existsSync(path));
}

/** Headless; without its sandbox, which root and containers cannot have. */
export async function openChromium(executablePath: string): Promise<Browser> {
  const { chromium } = await import('playwright-core');
  return chromium.launch({
    executablePath,
    args: ['--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu'],
    timeout: 90_000,
  });
}
