#!/usr/bin/env node
// Builds, then runs: for working on the CLI itself (`node bin/dev.js mount --help`).
import { execFileSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
execFileSync(process.execPath, [join(root, 'scripts', 'build.ts')], { stdio: 'inherit' });
await import('./run.js');
