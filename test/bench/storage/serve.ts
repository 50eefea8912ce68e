import { startObjectStore } from '../../../src/object-store/index.ts';

/** The store in a process of its own, as a client meets it. Ends with its standard input. */
const [folder = ''] = process.argv.slice(2);
const store = await startObjectStore({
  folder,
  admin: { accessKeyId: 'bench', secretAccessKey: 'bench-secret' },
});
process.stdout.write(`${store.url}\n`);
process.stdin.resume();
process.stdin.on('end', () => void store.close().then(() => process.exit(0)));
