/** Runs tshark with the Wireshark dissector, and reads the items of Sluice that it finds in each packet. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { pathOf } from '../install-tools.ts';

export const dissector = fileURLToPath(new URL('../../../src/capture/wireshark/sluice.lua', import.meta.url));
const run = promisify(execFile);

/** One tree of Sluice's protocol. A field has a value for each of its occurrences. */
export interface Item {
  readonly packet: number;
  readonly connection: number;
  /** The one with the higher port is the client. */
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
        if (name !== '') fields[name] = [...(fields[name] ?? []), attribute(one, 'show')];
      }
      return {
        packet: Number(field('frame.number')),
        connection: Number(field('tcp.stream')),
        from: Number(field('tcp.srcport')) > Number(field('tcp.dstport')) ? 'client' : 'server',
        title: attribute(tag!, 'showname'),
        fields,
      };
    });
  });
}

/**
 * Runs tshark on a capture file with the dissector, and returns what it prints.
 *
 * @param options more arguments: `-2`, `-o tcp.reassemble_out_of_order:TRUE`.
 * @throws Error when tshark fails, or prints an error of Lua.
 */
export async function tsharkText(path: string, options: readonly string[]): Promise<string> {
  const program = pathOf('tshark');
  if (program === null) throw new Error('there is no tshark: ask need("tshark") first');
  const args = ['-X', `lua_script:${dissector}`, ...options, '-r', path];
  const { stdout, stderr } = await run(program, args, { maxBuffer: 1 << 30 });
  const complaint = /^.*(lua.?error|\.lua:\d+|dissector bug).*$/im.exec(stdout + stderr);
  if (complaint) throw new Error(`tshark says: ${complaint[0]}`);
  return stdout;
}

/** All items of Sluice's protocol in a capture file, in order. */
export async function dissected(path: string, options: readonly string[]): Promise<Item[]> {
  return itemsOf(await tsharkText(path, ['-T', 'pdml', '-J', 'frame tcp sluice', ...options]));
}
