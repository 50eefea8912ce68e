/**
 * The main job from nothing to a mounted and synced bucket, with the real command line, a real
 * server and a few hundred real files. Exits non-zero when anything differs.
 *
 *   npm run demo             everything, then clean up
 *   npm run demo -- --keep   leave server and folders, and say how to go on
 */
import { Proofs } from './demo/proofs.ts';
import { makeTree, treeChecksums, changeLocally, type Change } from './demo/tree.ts';
import { openStage, type Stage } from './demo/stage.ts';
import { Bucket } from './demo/bucket.ts';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const keep = process.argv.includes('--keep');
const proofs = new Proofs();
const stage = await openStage();
process.once('SIGINT', () => {
  void stage.close().then(() => process.exit(130));
});

let failed = false;
try {
  await demo(stage);
} catch (error) {
  failed = true;
  console.error(`\nThe demo failed: ${error instanceof Error ? error.message : String(error)}`);
}
if (keep && !failed) {
  stage.explainKept();
} else {
  await stage.close();
}
console.log(proofs.summary(failed));
process.exit(failed || !proofs.allHold ? 1 : 0);

async function demo({ cloud, say, folders, env, startServer }: Stage): Promise<void> {
  say('A server on its embedded defaults, and a tenant');
  const server = await startServer();
  const key = (
    await cloud(
      [
        'admin',
        'tenant',
        'add',
        '--slug',
        'demo',
        '--name',
        'Demo',
        '--print-token',
        '--server',
        server.url,
      ],
      { env: { CLOUD_ADMIN_TOKEN_FILE: server.adminTokenFile }, secret: true },
    )
  ).stdout.trim();

  say('A new user with a folder of real files, and one command');
  const files = await makeTree(folders.sync);
  console.log(`  ${files} Markdown and TypeScript files in ${folders.sync}`);
  await cloud(['setup', '--server', server.url, '--mode', 'bisync', '--token-stdin', '--yes'], {
    input: key,
  });
  const bucket = await Bucket.open(server.url, key);
  await proofs.sameTree('after the first sync', folders.sync, bucket, files);

  say('Changes on both sides, then a sync');
  const changes: Change[] = [...(await changeLocally(folders.sync)), ...(await bucket.change())];
  for (const { where, what, count } of changes) console.log(`  ${where}: ${what} ${count}`);
  await cloud(['bisync']);
  await proofs.sameTree('after changes on both sides', folders.sync, bucket);
  await proofs.hasTexts('both versions of the file edited on both sides are there', folders.sync, [
    'edited here, on the laptop\n',
    'edited there, on another device\n',
  ]);
  const quiet = await cloud(['bisync', '--json']);
  proofs.holds(
    'a second sync finds nothing to do',
    /"uploaded":\s*0/.test(quiet.stdout) && /"downloaded":\s*0/.test(quiet.stdout),
  );

  say('The same bucket as a folder');
  await cloud(['mount', '--profile', 'fast', '--path', folders.mount]);
  await cloud(['mount-status']);
  const before = await treeChecksums(folders.mount);
  proofs.equalMaps('the mount shows the bucket, file by file', before, await bucket.checksums());
  const text = `written through the mount at ${new Date().toISOString()}\n`;
  await writeFile(join(folders.mount, 'through-the-mount.md'), text);
  await cloud(['unmount']);
  proofs.holds(
    'the file written through the mount is in the bucket once unmount has returned',
    (await bucket.read('through-the-mount.md')) === text,
  );
  await cloud(['bisync']);
  proofs.holds(
    'and the next sync brings it to the synced folder',
    (await readFile(join(folders.sync, 'through-the-mount.md'), 'utf8')) === text,
  );

  say('One set of keys, and no secret left behind');
  const again = await cloud(['setup', '--mode', 'bisync', '--yes', '--json']);
  proofs.holds(
    'a second set-up reuses the bucket key',
    (await bucket.activeKeys()) === 1 && again.exitCode === 0,
  );
  await proofs.noSecretIn('files of the command line', env.CLOUD_HOME, [key]);
  if (!keep) {
    await cloud(['logout']);
    proofs.holds(
      'after logout no bucket key of this machine is left',
      (await bucket.activeKeys()) === 0,
    );
  }
}
