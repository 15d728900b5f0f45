/** What tshark says of a capture with the dissector: every item of Sluice's, packet by packet. */
import { execFile, execFileSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

export const dissector = fileURLToPath(new URL('../../src/capture/wireshark/sluice.lua', import.meta.url));
const run = promisify(execFile);

/** Whether tshark is there. In CI it has to be. */
export function hasTshark(): boolean {
  try {
    execFileSync('tshark', ['--version'], { stdio: 'ignore' });
    return true;
  } catch (error) {
    if (process.env.CI)
      throw new Error('tshark is not installed, and in CI nothing is skipped', { cause: error });
    console.warn('tshark is not installed: what it would say of the dissector is not tested');
    return false;
  }
}

/** One tree of Sluice's. A field has as many values as it is there times. */
export interface Item {
  readonly packet: number;
  readonly connection: number;
  readonly from: 'client' | 'server';
  /** The first line of the tree. */
  readonly title: string;
  readonly fields: Readonly<Record<string, readonly string[]>>;
}

const unescapedXml = (text: string): string =>
  text
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replace(/&#x([0-9a-f]+);/gi, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16)))
    .replaceAll('&apos;', "'")
    .replaceAll('&amp;', '&');

const attribute = (tag: string, name: string): string =>
  unescapedXml(new RegExp(` ${name}="([^"]*)"`).exec(tag)?.[1] ?? '');

function itemsOf(pdml: string): Item[] {
  return pdml.split('<packet>').flatMap((packet) => {
    const field = (name: string) => new RegExp(`<field name="${name}"[^>]* show="([^"]*)"`).exec(packet)?.[1];
    const blocks = [...packet.matchAll(/<proto name="sluice"([^>]*)>([\s\S]*?)<\/proto>/g)];
    return blocks.map(([, tag, body]): Item => {
      const fields: Record<string, string[]> = {};
      for (const [one] of body!.matchAll(/<field [^>]*>/g)) {
        const name = attribute(one, 'name');
        if (name !== '') (fields[name] ??= []).push(attribute(one, 'show'));
      }
      return {
        packet: Number(field('frame.number')),
        connection: Number(field('tcp.stream')),
        from: Number(field('tcp.srcport')) >= 40_000 ? 'client' : 'server',
        title: attribute(tag!, 'showname'),
        fields,
      };
    });
  });
}

/**
 * @throws Error when tshark fails, or anything it prints speaks of an error in Lua.
 * @param options more arguments: `-2`, `-o tcp.reassemble_out_of_order:TRUE`.
 */
export async function tsharkText(
  folder: string,
  capture: Buffer,
  options: readonly string[],
): Promise<string> {
  const path = process.env.KEEP
    ? join(process.env.KEEP, capture.length + '.pcap')
    : join(folder, `${crypto.randomUUID()}.pcap`);
  await writeFile(path, capture);
  const { stdout, stderr } = await run(
    'tshark',
    ['-X', `lua_script:${dissector}`, '-n', ...options, '-r', path],
    {
      maxBuffer: 1 << 30,
    },
  );
  const complaint = /^.*(lua.?error|\.lua:\d+|dissector bug).*$/im.exec(stdout + stderr);
  if (complaint) throw new Error(`tshark says: ${complaint[0]}`);
  return stdout;
}

export async function dissected(
  folder: string,
  capture: Buffer,
  options: readonly string[],
): Promise<Item[]> {
  const pdml = await tsharkText(folder, capture, ['-T', 'pdml', '-J', 'frame tcp sluice', ...options]);
  return itemsOf(pdml);
}
