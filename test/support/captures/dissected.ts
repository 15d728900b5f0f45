/** Runs tshark with the Wireshark dissector, and reads the items of Sluice that it finds in each packet. */
import { execFile } from 'node:child_process';
import { copyFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
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

interface Answer {
  readonly id: number;
  readonly error?: unknown;
  readonly result?: unknown;
}

/**
 * Asks sharkd, which is Wireshark without its window, and returns the results in the order of the requests. The dissector
 * is installed by a copy in the plugin folder, as in its README.
 *
 * @param home a folder for this call alone.
 */
async function ofSharkd(
  asked: readonly { readonly method: string; readonly params: object }[],
  home: string,
): Promise<unknown[]> {
  const plugins = join(home, '.local/lib/wireshark/plugins');
  await mkdir(plugins, { recursive: true });
  await copyFile(dissector, join(plugins, 'sluice.lua'));
  const program = pathOf('sharkd');
  if (program === null) throw new Error('there is no sharkd, though it comes with tshark');
  const env = { ...process.env, HOME: home, XDG_CONFIG_HOME: join(home, '.config') };
  const asking = run(program, ['-'], { env, maxBuffer: 1 << 28 });
  asking.child.stdin?.end(
    [...asked, { method: 'bye' }]
      .map((request, id) => `${JSON.stringify({ jsonrpc: '2.0', id: id + 1, ...request })}\n`)
      .join(''),
  );
  const { stdout } = await asking;
  const answers = stdout
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Answer);
  return asked.map(({ method, params }, i) => {
    const answer = answers.find(({ id }) => id === i + 1);
    if (answer?.result === undefined)
      throw new Error(`sharkd says of ${method} ${JSON.stringify(params)}: ${JSON.stringify(answer?.error)}`);
    return answer.result;
  });
}

/**
 * Asks for single packets, in this order, and returns the titles of Sluice's trees in each. Wireshark's window asks the
 * dissector in the same way.
 *
 * @param home a folder for this call alone.
 */
export async function askedInOrder(
  path: string,
  packets: readonly number[],
  home: string,
): Promise<string[][]> {
  const frames = packets.map((frame) => ({ method: 'frame', params: { frame, proto: true } }));
  const [, ...shown] = await ofSharkd([{ method: 'load', params: { file: path } }, ...frames], home);
  return shown.map((packet) => {
    const { tree = [] } = packet as { readonly tree?: readonly { readonly l: string }[] };
    return tree.map(({ l }) => l).filter((title) => title.startsWith('Sluice'));
  });
}

/**
 * The numbers of the packets that a display filter finds in each file.
 *
 * @param home a folder for this call alone.
 */
export async function foundIn(paths: readonly string[], filter: string, home: string): Promise<number[][]> {
  const requests = paths.flatMap((file, i) => [
    { method: 'load', params: { file } },
    // What it has found by a text it keeps, though another file is loaded; by this text it has not looked yet.
    { method: 'frames', params: { filter: filter + ' '.repeat(i) } },
  ]);
  const results = await ofSharkd(requests, home);
  return paths.map((_, i) =>
    (results[2 * i + 1] as readonly { readonly num: number }[]).map(({ num }) => num),
  );
}
