/** The details of the item under the pointer, or of the selected one. */

import { count, countOf } from '../../shell/words.ts';
import { type Chunk, type Frame, type Item, type Lane, nameOfFault, sampleOf } from '../model/items.ts';
import { inUnit } from '../model/scale.ts';
import { hexDump } from './hex.ts';

const arrow = { client: '→ client', server: '← server' } as const;
const time = (nanos: number): string => inUnit('time', nanos);

export function Details({ item, lane }: { readonly item: Item | null; readonly lane: Lane | null }) {
  if (item === null || lane === null) {
    return (
      <section id="details" class="card details" aria-live="polite" aria-label="Details">
        <p class="hint">Point at a chunk or a frame to see its bytes; click to keep it here.</p>
      </section>
    );
  }
  return (
    <section id="details" class="card details" aria-live="polite" aria-label="Details">
      <div class="about">
        <h3 class={`kind ${item.kind}`}>{titleOf(item)}</h3>
        <dl>
          {factsOf(item, lane)
            .filter(([, value]) => value !== '')
            .map(([name, value]) => (
              <>
                <dt>{name}</dt>
                <dd>{value}</dd>
              </>
            ))}
        </dl>
      </div>
      {(item.kind === 'chunk' || item.kind === 'frame') && <Bytes item={item} lane={lane} />}
    </section>
  );
}

function Bytes({ item, lane }: { readonly item: Chunk | Frame; readonly lane: Lane }) {
  const sample = sampleOf(lane, item);
  const more = item.end - item.position - sample.length;
  return (
    <div class="bytes">
      {/* It may scroll, so it must be reachable by keyboard. */}
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: see above. */}
      <pre tabIndex={0}>{hexDump(sample, item.position)}</pre>
      {more > 0 && <p class="hint">{countOf(more, 'byte')} more, not in this page</p>}
    </div>
  );
}

function titleOf(item: Item): string {
  const from = arrow[item.side];
  switch (item.kind) {
    case 'frame':
      return `${from} · frame #${item.number}${item.label === '' ? '' : ` · ${item.label}`}`;
    case 'chunk':
      return `${from} · chunk ${item.at + 1}`;
    case 'gap':
      return `${from} · gap`;
    case 'conflict':
      return `${from} · conflict: bytes came twice and differed`;
    case 'fault':
      return `${from} · ${nameOfFault(item)}`;
  }
}

function factsOf(item: Item, lane: Lane): [name: string, value: string][] {
  switch (item.kind) {
    case 'frame':
      return [
        ['position', count(item.position)],
        ['length', `${count(item.head)} head + ${countOf(item.length, 'byte')} of body`],
        ['carried by', carriedBy(item.chunks, item.firstShared, item.lastShared)],
        ['began', time(item.captured)],
        [
          'whole',
          `${time(item.time)}${item.time > item.captured ? `, ${time(item.time - item.captured)} later` : ''}`,
        ],
        [
          'packets',
          item.firstPacket === item.lastPacket
            ? String(item.firstPacket)
            : `${item.firstPacket} to ${item.lastPacket}`,
        ],
        ['missing', item.missing > 0 ? `${countOf(item.missing, 'byte')}: ${item.state}` : ''],
      ];
    case 'chunk': {
      const held = item.to - item.from;
      const first = lane.frames[item.from];
      const last = lane.frames[item.to - 1];
      const which = first === last ? `#${first?.number}` : `#${first?.number} to #${last?.number}`;
      return [
        ['position', count(item.position)],
        ['length', countOf(item.end - item.position, 'byte')],
        ['carries', held <= 0 ? '' : `${countOf(held, 'frame')} or parts of them: ${which}`],
        ['captured', time(item.captured)],
        ['deliverable', item.time > item.captured ? `${time(item.time)}: it came out of order` : ''],
        ['packet', String(item.packet)],
      ];
    }
    case 'gap':
      return [
        ['position', count(item.position)],
        ['length', countOf(item.end - item.position, 'byte')],
        ['why', item.reason],
      ];
    case 'conflict':
      return [
        ['position', count(item.position)],
        ['length', countOf(item.end - item.position, 'byte')],
        ['dropped', `the bytes of packet ${item.packet}: those that came first count`],
      ];
    case 'fault':
      return [
        ['position', count(item.position)],
        ['what', item.message],
        ['known at', time(item.time)],
        ['packet', String(item.packet)],
      ];
  }
}

function carriedBy(chunks: number, first: number, last: number): string {
  if (chunks === 1) {
    return first === 0 ? 'a chunk of its own' : `one chunk, glued to ${countOf(first, 'other frame')}`;
  }
  const shared = [
    first > 0 ? `the first shared with ${count(first)}` : '',
    last > 0 ? `the last shared with ${count(last)}` : '',
  ].filter((each) => each !== '');
  return [`cut over ${countOf(chunks, 'chunk')}`, ...shared].join(', ');
}
