/** The dissector's tables, held to the code they are written from. */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { settingTable } from '../../src/cli/settings/table.ts';
import { replyFields, structuredFields, wiresharkTables } from '../support/captures/wireshark-tables.ts';

const path = fileURLToPath(new URL('../../src/capture/wireshark/sluice.lua', import.meta.url));
const marks = /(?<=^-- tables: begin\n)[\s\S]*(?=^-- tables: end\n)/m;
const defaultPort = settingTable.port.default as number;

describe('the tables of the dissector', () => {
  // After a change of the protocol: WRITE_TABLES=1 npx vitest run test/capture/wireshark-tables.test.ts
  test('the tables of the dissector are those of the code', () => {
    const file = readFileSync(path, 'utf8');
    const tables = wiresharkTables(defaultPort);
    if (process.env.WRITE_TABLES)
      writeFileSync(
        path,
        file.replace(marks, () => tables),
      );
    expect(readFileSync(path, 'utf8').match(marks)?.[0]).toBe(tables);
  });

  test('the tables of the dissector have every field of every ack that is one value', () => {
    const document = readFileSync(new URL('../../src/files/protocol/README.md', import.meta.url), 'utf8');
    const [, acks = ''] = document.split('| `ack`      | Fields');
    const rows = acks.split('\n\n')[0]!.split('\n').slice(2);
    expect(rows.length).toBeGreaterThanOrEqual(11);
    const named = new Set(
      rows.flatMap((row) => [...row.split('|')[2]!.matchAll(/`(\w+)`/g)].map(([, name]) => name!)),
    );
    const tables = wiresharkTables(defaultPort);
    const missing = [...named].filter((name) => !tables.includes(`{ name = '${name}',`));
    expect(missing.sort()).toEqual([...structuredFields].sort());
    expect(Object.keys(replyFields).filter((name) => !named.has(name))).toEqual([]);
  });
});
