import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { version } from '../../../src/files/protocol/version.ts';

test("the version that hello answers is the package's", () => {
  const manifest = readFileSync(new URL('../../../package.json', import.meta.url), 'utf8');
  expect(version).toBe(JSON.parse(manifest).version);
});
