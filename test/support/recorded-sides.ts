/** STAND-IN: the bytes as tshark follows them, in pieces of 100 bytes. */
import { conversations, follow } from './tshark.ts';

export interface RecordedSide {
  readonly node: string;
  readonly port: number;
  readonly pieces: readonly (Uint8Array | number)[];
}

export async function goldenStreams(file: string) {
  const all = await conversations(file);
  return Promise.all(
    all.map(async (_, index) => {
      const { nodes, bytes } = await follow(file, index);
      const side = (i: 0 | 1): RecordedSide => ({
        node: nodes[i],
        port: Number(nodes[i].split(':').at(-1)),
        pieces: Array.from({ length: Math.ceil(bytes[i].length / 100) }, (_, n) =>
          bytes[i].slice(n * 100, n * 100 + 100),
        ),
      });
      const packets = all.find(({ a, b }) => [a, b].includes(nodes[0]))?.packets ?? 0;
      return { index, client: side(0), server: side(1), packets };
    }),
  );
}
