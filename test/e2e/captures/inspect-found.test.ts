/** `sluice inspect` of a capture that lost a packet: frames are found again, and where is told. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { handshake, pcapOf, segments } from '../../support/captures/tcp-pcap.ts';
import { endAll, jsonLines, sluiceInRunner } from '../../support/processes/cli.ts';
import { bytesFrom } from '../../support/random/seeded.ts';
import { tempFolder } from '../../support/stores/temp-folder.ts';

afterEach(endAll);

test('frames are found again behind a packet that was not captured, and the table, JSON and page say where', async () => {
  const records = Array.from({ length: 30 }, (_, i) =>
    Buffer.concat([Buffer.from([23, 3, 3, 0, 200]), bytesFrom(i + 1, 200)]),
  );
  const bytes = Buffer.concat(records);
  const packets = [...handshake(0), ...segments(0, 'client', bytes, [1000])];
  const lost = 4;
  const file = join(tempFolder(), 'lossy.pcap');
  writeFileSync(
    file,
    pcapOf(
      packets.filter((_, at) => at !== lost),
      443,
    ),
  );
  const table = await sluiceInRunner(['inspect', file, '--preset', 'tls']);
  expect(table).toMatchObject({ status: 0, stderr: '' });
  expect(table.stdout.replaceAll(/\s+/g, ' ')).toMatch(
    / gap .* fault .* found .* frames again from [\d,]+ on, in packet \d+; passed over: [\d,]+ bytes, and 950 missing/,
  );
  const events = jsonLines((await sluiceInRunner(['inspect', file, '--preset', 'tls', '--json'])).stdout);
  const [found] = events.filter(({ type }) => type === 'found-again');
  expect(found).toMatchObject({ conversation: 0, from: 'client', reason: 'gap', missing: 950 });
  const behind = events.filter(
    ({ type, position }) => type === 'frame' && Number(position) >= Number(found!.position),
  );
  expect(behind.length).toBeGreaterThan(8);
  for (const { position, head, length } of behind)
    expect([Number(position) % 205, head, length]).toEqual([0, 5, 200]);
  const page = join(tempFolder(), 'page.html');
  expect(await sluiceInRunner(['inspect', file, '--preset', 'tls', '--html', page])).toMatchObject({
    status: 0,
  });
});
