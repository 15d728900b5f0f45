/** Labels that say what is in a frame's body, of the captures of real programs and of bytes that lie. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { captureFile } from '../../../src/capture/capture-file.ts';
import { inspect } from '../../../src/capture/inspect/inspect.ts';
import { requestedServer } from '../../../src/capture/inspect/labels/client-hello.ts';
import type { Labels } from '../../../src/capture/inspect/labels/label.ts';
import { labelsOf } from '../../../src/capture/inspect/labels/labels.ts';

/** The labels of a conversation, with an arrow each. */
async function labelsIn(file: string, conversation: number): Promise<string[]> {
  const labels: string[] = [];
  for await (const events of inspect(captureFile(`test/golden/captures/${file}`), { only: conversation })) {
    for (const event of events) {
      if (event.type === 'frame') labels.push(`${event.from === 'client' ? '→' : '←'} ${event.label}`);
    }
  }
  return labels;
}

describe('the captures of real programs', () => {
  test('a frame of TLS names the messages of the handshake, and the server that is asked for', async () => {
    expect(await labelsIn('tls.pcapng', 0)).toEqual([
      '→ ClientHello sluice.example',
      ...['← ServerHello', '← Certificate', '← ServerKeyExchange', '← ServerHelloDone'],
      ...['→ ClientKeyExchange', '→ change cipher spec', '→ encrypted handshake'],
      ...['← NewSessionTicket', '← change cipher spec', '← encrypted handshake', '→ application data'],
      ...['← application data', '← application data', '← application data'],
      ...['← encrypted alert', '→ encrypted alert'],
    ]);
  });

  test('a frame of Kafka names the operation, and a response that of its request', async () => {
    expect(await labelsIn('kafka.pcapng', 0)).toEqual([
      ...['→ ApiVersions v3 #1', '← ApiVersions response #1'],
      ...['→ Metadata v4 #2', '→ Metadata v4 #3'],
      ...['← Metadata response #2', '← Metadata response #3'],
    ]);
  });

  test('a frame of SMB names the command, and a response how it went', async () => {
    const labels = await labelsIn('smb.pcap', 0);
    expect(labels.slice(0, 5)).toEqual([
      ...['→ Negotiate', '← Negotiate response', '→ SessionSetup'],
      ...['← SessionSetup response MORE_PROCESSING_REQUIRED', '→ SessionSetup'],
    ]);
    expect(labels).toContain('← QueryDirectory response NO_MORE_FILES');
  });

  test('a frame of MySQL names the command with its text, and how the answer begins', async () => {
    const labels = await labelsIn('mysql.pcap', 0);
    expect(labels.slice(0, 9)).toEqual([
      ...['← Handshake', '→ HandshakeResponse', '← OK', '→ COM_QUERY create database demo', '← OK'],
      ...['→ COM_QUERY SELECT DATABASE()', '← sequence 1', '← sequence 2', '← EOF'],
    ]);
    expect(labels.filter((label) => label.startsWith('← ERR'))).toEqual(['← ERR 1054']);
  });

  test('a frame of PostgreSQL that goes on with TLS names the messages of the handshake', async () => {
    expect((await labelsIn('postgresql-tls.pcap', 0)).slice(0, 4)).toEqual([
      ...['→ SSLRequest', '→ TLS ClientHello', '← TLS: yes', '← TLS ServerHello'],
    ]);
  });
});

const record = (type: number, ...fragment: number[]): Uint8Array =>
  Uint8Array.of(type, 3, 3, fragment.length >> 8, fragment.length & 0xff, ...fragment);
const message = (type: number, length: number): number[] => [
  ...[type, 0, 0, length],
  ...Array.from({ length }, () => 0),
];
const label = (labels: Labels, from: 'client' | 'server', bytes: Uint8Array, head = 5): string | null =>
  labels.of({ from, bytes, head, length: bytes.length - head });

describe('TLS', () => {
  test('a record with several messages of a handshake names them all', () => {
    const labels = labelsOf('tls')!;
    const all = record(22, ...message(2, 5), ...message(11, 9), ...message(14, 0));
    expect(label(labels, 'server', all)).toBe('ServerHello, Certificate, ServerHelloDone');
  });

  test('a message in two records is named in both, and what comes behind it is', () => {
    const labels = labelsOf('tls')!;
    const certificate = message(11, 50);
    expect(label(labels, 'server', record(22, ...certificate.slice(0, 30)))).toBe('Certificate');
    const rest = record(22, ...certificate.slice(30), ...message(14, 0));
    expect(label(labels, 'server', rest)).toBe('Certificate (continued), ServerHelloDone');
  });

  test('a hello behind HelloRetryRequest is one, though the cipher spec was changed', () => {
    const labels = labelsOf('tls')!;
    label(labels, 'client', record(20, 1));
    expect(label(labels, 'client', record(22, ...message(1, 40)))).toBe('ClientHello');
    expect(label(labels, 'client', record(22, ...message(20, 12).slice(2)))).toBe('encrypted handshake');
  });

  test('an alert has its name, unless it is encrypted', () => {
    const labels = labelsOf('tls')!;
    expect(label(labels, 'server', record(21, 2, 40))).toBe('alert: handshake failure');
    expect(label(labels, 'server', record(21, ...new Array<number>(24).fill(7)))).toBe('encrypted alert');
  });

  test('no hello makes a name of bytes that are not there', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => requestedServer(bytes) !== undefined),
    );
    const name = Buffer.from('sluice.example');
    const extension = [0, 0, 0, name.length + 5, 0, name.length + 3, 0, 0, name.length, ...name];
    const hello = [
      3,
      3,
      ...new Array<number>(32).fill(1),
      0,
      0,
      2,
      19,
      1,
      1,
      0,
      0,
      extension.length,
      ...extension,
    ];
    expect(requestedServer(Uint8Array.from(hello))).toBe('sluice.example');
    expect(requestedServer(Uint8Array.from(hello.slice(0, -1)))).toBeNull();
  });
});

test('no bytes make a label throw, of any preset and either side', () => {
  const frames = fc.array(fc.tuple(fc.boolean(), fc.uint8Array({ minLength: 1, maxLength: 80 })), {
    maxLength: 8,
  });
  fc.assert(
    fc.property(fc.constantFrom('kafka', 'mysql', 'postgresql', 'smb', 'tls'), frames, (preset, all) => {
      const labels = labelsOf(preset)!;
      for (const [isClient, bytes] of all) {
        const said = label(labels, isClient ? 'client' : 'server', bytes, Math.min(5, bytes.length));
        expect(said === null || said.length > 0).toBe(true);
      }
    }),
  );
});

test('requests of Kafka that are never answered are forgotten', () => {
  const labels = labelsOf('kafka')!;
  const request = (id: number) => Uint8Array.of(0, 0, 0, 8, 0, 3, 0, 1, 0, 0, id >> 8, id & 0xff);
  const response = (id: number) => Uint8Array.of(0, 0, 0, 4, 0, 0, id >> 8, id & 0xff);
  for (let id = 0; id < 300; id++) label(labels, 'client', request(id), 4);
  expect(label(labels, 'server', response(299), 4)).toBe('Metadata response #299');
  expect(label(labels, 'server', response(0), 4)).toBe('response #0');
});
