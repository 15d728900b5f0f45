/** Vitest's globalSetup: a folder for the engines that tests of this run start, all of which are ended with it. */
import { execFile } from 'node:child_process';
import { chmodSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);

export default function endEngines(): () => Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-engines-'));
  // PostgreSQL is another user, who must get to its own folder in there.
  chmodSync(folder, 0o711);
  // Workers start with the environment of this process.
  process.env.TEST_ENGINES = folder;
  // When this process is killed, what it has started ends by itself.
  process.env.ENGINE_OWNER = String(process.pid);
  return async () => {
    await Promise.all(readdirSync(folder).map((engine) => down(folder, engine)));
    rmSync(folder, { recursive: true, force: true });
  };
}

/** Its folder begins with its name. */
async function down(folder: string, engine: string): Promise<void> {
  const [name] = engine.split('-');
  const script = fileURLToPath(new URL(`./${name}.sh`, import.meta.url));
  await run(script, ['down', join(folder, engine)], { timeout: 60_000 });
}
